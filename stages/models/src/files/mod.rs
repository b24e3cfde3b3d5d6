//! Finds, reads and hashes a model's files: embedded in the program, in a directory, or in the hub's cache.

mod folder;
mod hub;
mod model_files;
mod source;

pub use folder::{EmbeddedModel, ModelFile, ModelFolder, WEIGHTS_FILE};
pub(crate) use folder::{parse_json, regular_file};
pub(crate) use hub::promised_sha256;
pub use hub::{HubError, HubRepository};
pub use model_files::{Layout, ModelFiles, SmallFiles};
pub use source::{ModelSource, ParseModelSourceError};
