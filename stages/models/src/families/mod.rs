//! The speech recognizer families. To add one, write its module and add it to this file.

pub mod wav2vec2;
pub mod whisper;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::Diagnostics;

use crate::{ModelError, ModelFolder, ModelSource, SpeechModel, compact_json};

/// All families.
static FAMILIES: &[&Family] = &[&whisper::FAMILY, &wav2vec2::FAMILY];

/// A family of models that share one recognizer implementation.
struct Family {
    /// The family's name in records and messages.
    name: &'static str,
    /// The values of `architectures` in `config.json` that belong to the family.
    architectures: &'static [&'static str],
    /// The value of `model_type`; older folders have only this field.
    model_type: &'static str,
    /// Finds the files of a model and checks that they are consistent.
    open: fn(&ModelFolder) -> Result<Box<dyn SpeechModel>, ModelError>,
}

/// The fields of `config.json` that determine the family.
#[derive(Deserialize)]
struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
}

impl Family {
    fn is_of(&self, config: &Config) -> bool {
        match (&config.architectures, &config.model_type) {
            (Some(names), _) => names.iter().any(|name| self.architectures.contains(&name.as_str())),
            (None, Some(model_type)) => model_type == self.model_type,
            (None, None) => false,
        }
    }
}

/// The `architectures` of all families.
#[must_use]
pub fn architectures() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|family| family.architectures).copied().collect()
}

/// Finds a speech model, selects its family by the `architectures` of `config.json`, and checks that its files are
/// consistent. A hub model that is not in the hub's cache is downloaded first.
///
/// # Errors
/// [`ModelError::UnknownArchitecture`] if no family supports the architecture; otherwise a [`ModelError`] that names
/// the first file that is missing, malformed, truncated or from another model.
pub fn open(source: &ModelSource) -> Result<Box<dyn SpeechModel>, ModelError> {
    let folder = ModelFolder::open(source, whisper::EMBEDDED)?;
    let file = folder.read("config.json")?;
    let config: Config = file.json()?;
    match FAMILIES.iter().find(|family| family.is_of(&config)) {
        Some(family) => (family.open)(&folder),
        None => Err(ModelError::UnknownArchitecture {
            path: file.path,
            found: config.architectures.map_or_else(|| "missing".to_owned(), |names| format!("{names:?}")),
            known: architectures().join(", "),
        }),
    }
}

/// Diagnostics of a segment: the family's name and the fields of the struct `values`.
fn diagnostics<T: Serialize>(family: &str, values: &T) -> Diagnostics {
    let values = match compact_json(values) {
        Value::Object(values) => values,
        _ => serde_json::Map::new(),
    };
    Diagnostics { family: family.to_owned(), values }
}
