//! The recipes that an operation of a backend has read or written, so that recordings share them.

use std::sync::Arc;

use stage_core::{Recipe, sha256_hex};

use super::{StoreError, raw};

/// Recipes by their number in the store.
#[derive(Debug, Default)]
pub(super) struct RecipeCache(Vec<(i64, Arc<Recipe>)>);

impl RecipeCache {
    /// The recipe with this number, if it is known.
    pub(super) fn get(&self, id: i64) -> Option<Arc<Recipe>> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, recipe)| Arc::clone(recipe))
    }

    /// The number of a recipe, if it is known.
    pub(super) fn id_of(&mut self, recipe: &Arc<Recipe>) -> Option<i64> {
        if let Some((id, _)) = self.0.iter().find(|(_, known)| Arc::ptr_eq(known, recipe)) {
            return Some(*id);
        }
        let (id, known) = self.0.iter_mut().find(|(_, known)| known == recipe)?;
        // The next entry probably shares this recipe and is then found by its address.
        *known = Arc::clone(recipe);
        Some(*id)
    }

    /// Adds a recipe.
    pub(super) fn put(&mut self, id: i64, recipe: &Arc<Recipe>) {
        self.0.push((id, Arc::clone(recipe)));
    }

    /// Adds the recipe with this stored text.
    pub(super) fn parse(&mut self, id: i64, body: String) -> Result<Arc<Recipe>, StoreError> {
        let recipe = Arc::new(raw::json("recipe", body)?);
        self.put(id, &recipe);
        Ok(recipe)
    }
}

/// A recipe's text in the store, and its hash.
pub(super) fn recipe_text(recipe: &Recipe) -> Result<(String, String), StoreError> {
    let body = serde_json::to_string(recipe)?;
    let sha256 = sha256_hex(body.as_bytes());
    Ok((body, sha256))
}
