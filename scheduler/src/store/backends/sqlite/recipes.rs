//! Recipes. Each is stored once, identified by the hash of its text, and shared by its recordings.

use std::sync::Arc;

use rusqlite::{Connection, params};
use stage_core::{Recipe, sha256_hex};

use super::error::Result;
use crate::store::StoreError;

/// The recipes of a database, with a cache of those that were read or written.
pub(super) struct Recipes<'a> {
    db: &'a Connection,
    known: Vec<(i64, Arc<Recipe>)>,
}

impl<'a> Recipes<'a> {
    pub(super) fn of(db: &'a Connection) -> Self {
        Self { db, known: Vec::new() }
    }

    /// The recipe with this number.
    pub(super) fn get(&mut self, id: i64) -> Result<Arc<Recipe>> {
        if let Some((_, recipe)) = self.known.iter().find(|(known, _)| *known == id) {
            return Ok(Arc::clone(recipe));
        }
        let body: String = self.db.query_row("SELECT body FROM recipe WHERE id = ?1", [id], |row| row.get(0))?;
        let recipe = serde_json::from_str(&body).map_err(|_| StoreError::Unreadable { what: "recipe", value: body })?;
        let recipe = Arc::new(recipe);
        self.known.push((id, Arc::clone(&recipe)));
        Ok(recipe)
    }

    /// The number of a recipe, which is stored if it is new.
    pub(super) fn id_of(&mut self, recipe: &Arc<Recipe>) -> Result<i64> {
        if let Some((id, _)) = self.known.iter().find(|(_, known)| Arc::ptr_eq(known, recipe)) {
            return Ok(*id);
        }
        if let Some((id, known)) = self.known.iter_mut().find(|(_, known)| known == recipe) {
            // The next entry probably shares this recipe and is then found by its address.
            *known = Arc::clone(recipe);
            return Ok(*id);
        }
        let body = serde_json::to_string(&**recipe)?;
        let sha256 = sha256_hex(body.as_bytes());
        self.db.execute("INSERT OR IGNORE INTO recipe (body, body_sha256) VALUES (?1, ?2)", params![body, sha256])?;
        let id = self.db.query_row("SELECT id FROM recipe WHERE body_sha256 = ?1", [sha256], |row| row.get(0))?;
        self.known.push((id, Arc::clone(recipe)));
        Ok(id)
    }
}
