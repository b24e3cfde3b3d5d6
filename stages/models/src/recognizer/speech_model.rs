//! A speech model whose files were found and checked, before its settings are known.

use std::fmt::Debug;

use super::{Recognizer, TranscribeConfig};
use crate::{ModelError, ModelFiles};

/// A speech model of any family: its description, and its recognizer.
pub trait SpeechModel: Debug + Send + Sync {
    /// The family's name (`whisper`).
    fn family(&self) -> &'static str;

    /// Its files.
    fn files(&self) -> &ModelFiles;

    /// The longest window that it takes, in seconds.
    fn window_s(&self) -> f64;

    /// Codes of the languages that can be chosen (`en`, `ko`); empty where the model has one that it does not name.
    fn languages(&self) -> Vec<&str>;

    /// Whether the model reads a setting (a field of [`TranscribeConfig`]); an option that it does not read cannot be
    /// given.
    fn reads(&self, _setting: &str) -> bool {
        true
    }

    /// Checks the parts that finding the files did not read: every number of the weights, on all threads. Call it once,
    /// before work is given to workers.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file.
    fn check_contents(&self) -> Result<(), ModelError> {
        self.files().check_values()
    }

    /// Checks that settings fit the model.
    ///
    /// # Errors
    /// [`ModelError::Language`], [`ModelError::Setting`] or [`ModelError::SpecialToken`] for the first that does not.
    fn recognizer(self: Box<Self>, config: TranscribeConfig) -> Result<Box<dyn Recognizer>, ModelError>;

    /// The model's name, for people: `embedded`, the directory's name or the hub id.
    fn name(&self) -> &str {
        self.files().name()
    }

    /// SHA-256 over every file that a transcript depends on, as hex. The first call reads the weights.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, where they cannot be read.
    fn sha256(&self) -> Result<&str, ModelError> {
        self.files().sha256()
    }
}
