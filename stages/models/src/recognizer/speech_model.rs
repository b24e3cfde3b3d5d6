//! A speech model whose files have been found and checked, before it is configured.

use std::fmt::Debug;

use super::{Recognizer, TranscribeConfig};
use crate::{Compute, ModelError, ModelFiles};

/// A speech model of any family. It describes the model and creates its recognizer.
pub trait SpeechModel: Debug + Send + Sync {
    /// The family's name (`whisper`).
    fn family(&self) -> &'static str;

    /// The model's files.
    fn files(&self) -> &ModelFiles;

    /// The longest window that the model accepts, in seconds.
    fn window_s(&self) -> f64;

    /// Codes of the languages that can be chosen (`en`, `ko`). Empty if the model supports one unnamed language.
    fn languages(&self) -> Vec<&str>;

    /// Whether the model reads a setting (a field of [`TranscribeConfig`]). Settings that it does not read must keep
    /// their defaults.
    fn reads(&self, _setting: &str) -> bool {
        true
    }

    /// Checks the contents that opening did not read: every value of the weights, using all threads. Call it once,
    /// before work is distributed to workers.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file.
    fn check_contents(&self) -> Result<(), ModelError> {
        self.files().check_values()
    }

    /// Creates a recognizer that computes as `compute` says, and checks that the settings fit the model.
    ///
    /// # Errors
    /// [`ModelError::Language`], [`ModelError::Setting`] or [`ModelError::SpecialToken`] for the first setting that
    /// does not fit.
    fn recognizer(
        self: Box<Self>,
        config: TranscribeConfig,
        compute: Compute,
    ) -> Result<Box<dyn Recognizer>, ModelError>;

    /// The model's display name: `embedded`, the directory's name or the hub id.
    fn name(&self) -> &str {
        self.files().name()
    }

    /// SHA-256, as hex, over every file that a transcript depends on. The first call reads the weights.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, if the weights cannot be read.
    fn sha256(&self) -> Result<&str, ModelError> {
        self.files().sha256()
    }
}
