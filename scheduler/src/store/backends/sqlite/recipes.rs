//! Recipes. Each is stored once, identified by the hash of its text, and shared by its recordings.

use std::sync::Arc;

use rusqlite::{Connection, params};
use stage_core::Recipe;

use super::error::Result;
use crate::store::recipe_cache::{RecipeCache, recipe_text};

/// The recipes of a database, with a cache of those that were read or written.
pub(super) struct Recipes<'a> {
    db: &'a Connection,
    known: RecipeCache,
}

impl<'a> Recipes<'a> {
    pub(super) fn of(db: &'a Connection) -> Self {
        Self { db, known: RecipeCache::default() }
    }

    /// The recipe with this number.
    pub(super) fn get(&mut self, id: i64) -> Result<Arc<Recipe>> {
        if let Some(recipe) = self.known.get(id) {
            return Ok(recipe);
        }
        let body: String = self.db.query_row("SELECT body FROM recipe WHERE id = ?1", [id], |row| row.get(0))?;
        Ok(self.known.parse(id, body)?)
    }

    /// The number of a recipe, which is stored if it is new.
    pub(super) fn id_of(&mut self, recipe: &Arc<Recipe>) -> Result<i64> {
        if let Some(id) = self.known.id_of(recipe) {
            return Ok(id);
        }
        let (body, sha256) = recipe_text(recipe)?;
        self.db.execute("INSERT OR IGNORE INTO recipe (body, body_sha256) VALUES (?1, ?2)", params![body, sha256])?;
        let id = self.db.query_row("SELECT id FROM recipe WHERE body_sha256 = ?1", [sha256], |row| row.get(0))?;
        self.known.put(id, recipe);
        Ok(id)
    }
}
