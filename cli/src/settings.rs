//! The settings of the stages, as the coordinator sends them to every worker: the configuration, with what it names.

use std::path::{Path, PathBuf};

use align::{AlignModel, ParseAlignModelError};
use decode::DecodeConfig;
use forensics::LexiconSource;
use segment::VadChoice;
use serde::{Deserialize, Serialize};
use transcribe::{ModelSource, ParseModelSourceError, Precision};

use crate::config::Config;

/// Settings of all stages of a run. The coordinator computes fingerprints from them; workers build stages from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The configuration, with absolute paths.
    pub(crate) config: Config,
    pub(crate) model: ModelSource,
    pub(crate) precision: Precision,
    pub(crate) aligner: AlignModel,
    /// Lexicons in addition to the built-in ones, as they were when the run was planned.
    pub(crate) lexicons: Vec<LexiconSource>,
}

/// An invalid setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("--model {0}")]
    Model(ParseModelSourceError),
    #[error("--aligner {0}")]
    Aligner(ParseAlignModelError),
    #[error("{}: cannot be read: {reason}", stage_core::shown(path))]
    Unreadable { path: PathBuf, reason: std::io::Error },
}

impl Settings {
    /// The settings of a configuration, with the contents of the files that it names.
    ///
    /// # Errors
    /// A model's name is malformed, or a file cannot be read.
    pub(crate) fn new(config: &Config, precision: Precision) -> Result<Self, SettingsError> {
        let mut config = config.clone();
        if let VadChoice::SileroAt(path) = &mut config.segment.vad {
            let real = path.canonicalize().map_err(unreadable(path))?;
            // The setting is text. A worker starts in the same folder.
            if real.to_str().is_some() {
                *path = real;
            }
        }
        Ok(Self {
            model: config.models.speech_source().map_err(SettingsError::Model)?,
            precision,
            aligner: config.models.aligner_source().map_err(SettingsError::Aligner)?,
            lexicons: config.lexicons.iter().map(|path| read_lexicon(path)).collect::<Result<_, _>>()?,
            config,
        })
    }

    /// Makes the paths of models absolute, for workers that start in another folder.
    pub(crate) fn make_absolute(&mut self) {
        let aligner = match &mut self.aligner {
            AlignModel::Ctc(source) => Some(source),
            AlignModel::Phones | AlignModel::Attention => None,
        };
        for source in std::iter::once(&mut self.model).chain(aligner) {
            if let ModelSource::Directory(path) = source
                && let Ok(absolute) = std::path::absolute(&*path)
            {
                *path = absolute;
            }
        }
    }

    /// The settings of decode.
    pub(crate) fn decode(&self) -> DecodeConfig {
        decode_config(&self.config)
    }
}

/// The settings of decode in a configuration.
pub(crate) fn decode_config(config: &Config) -> DecodeConfig {
    let limits = &config.limits;
    DecodeConfig {
        memory_budget_bytes: limits.samples_memory_mib << 20,
        spill_dir: limits.spill_folder.clone().unwrap_or_else(std::env::temp_dir),
        settings: config.decode.clone(),
    }
}

/// A lexicon, with its path as its name.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_lexicon(path: &Path) -> Result<LexiconSource, SettingsError> {
    let text = stage_core::require_file(path).and_then(|_| std::fs::read_to_string(path));
    let text = text.map_err(unreadable(path))?;
    Ok(LexiconSource { name: stage_core::path_text(path).into_owned(), text })
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> SettingsError {
    let path = path.to_owned();
    |reason| SettingsError::Unreadable { path, reason }
}
