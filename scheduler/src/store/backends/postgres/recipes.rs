//! Recipes. Each is stored once, identified by the hash of its text, and shared by its recordings.

use std::sync::Arc;

use stage_core::Recipe;

use super::error::Result;
use super::runs::text;
use super::session::Db;
use crate::store::recipe_cache::{RecipeCache, recipe_text};

/// The recipes of a database, with a cache of those that were read or written.
#[derive(Default)]
pub(super) struct Recipes(RecipeCache);

impl Recipes {
    /// The recipe with this number.
    pub(super) fn get(&mut self, db: &mut Db<'_>, id: i64) -> Result<Arc<Recipe>> {
        if let Some(recipe) = self.0.get(id) {
            return Ok(recipe);
        }
        let body = text(&db.one("SELECT body FROM recipe WHERE id = $1", &[&id])?, 0)?;
        Ok(self.0.parse(id, body)?)
    }

    /// The number of a recipe, which is stored if it is new.
    pub(super) fn id_of(&mut self, db: &mut Db<'_>, recipe: &Arc<Recipe>) -> Result<i64> {
        if let Some(id) = self.0.id_of(recipe) {
            return Ok(id);
        }
        let (body, sha256) = recipe_text(recipe)?;
        let sql = "INSERT INTO recipe (body, body_sha256) VALUES ($1, $2) ON CONFLICT (body_sha256) DO NOTHING";
        db.execute(sql, &[&body.as_bytes(), &sha256])?;
        let id = db.one("SELECT id FROM recipe WHERE body_sha256 = $1", &[&sha256])?.try_get(0)?;
        self.0.put(id, recipe);
        Ok(id)
    }
}
