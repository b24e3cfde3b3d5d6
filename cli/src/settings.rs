//! The settings of the stages, as the coordinator sends them to every worker.

use std::path::{Path, PathBuf};

use align::{AlignConfig, AlignModel};
use decode::DecodeConfig;
use forensics::{ForensicsConfig, LexiconSource};
use segment::{SegmentConfig, VadChoice};
use serde::{Deserialize, Serialize};
use transcribe::{ModelSource, ParseModelSourceError, Precision, TranscribeConfig};

use crate::config::Config;

/// Settings of all stages of a run. The coordinator computes fingerprints from them; workers build stages from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) decode: DecodeConfig,
    pub(crate) segment: SegmentConfig,
    pub(crate) model: ModelSource,
    pub(crate) precision: Precision,
    pub(crate) transcribe: TranscribeConfig,
    pub(crate) aligner: AlignModel,
    pub(crate) align: AlignConfig,
    pub(crate) forensics: ForensicsConfig,
    /// Lexicons in addition to the built-in ones.
    pub(crate) lexicons: Vec<LexiconSource>,
}

/// An invalid setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("--model {0}")]
    Model(ParseModelSourceError),
    #[error("--aligner {0}, or attention")]
    Aligner(ParseModelSourceError),
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
}

impl Settings {
    /// The settings of a configuration, with the contents of the files that it names.
    ///
    /// # Errors
    /// A model's name is malformed, or a file cannot be read.
    pub(crate) fn new(config: &Config, precision: Precision) -> Result<Self, SettingsError> {
        let Config { lexicons, models, segment, transcribe, align, forensics, limits, .. } = config;
        let mut segment = segment.clone();
        if let VadChoice::SileroAt(path) = &mut segment.vad {
            *path = path.canonicalize().map_err(unreadable(path))?;
        }
        Ok(Self {
            decode: DecodeConfig {
                memory_budget_bytes: limits.samples_memory_mib << 20,
                spill_dir: limits.spill_folder.clone().unwrap_or_else(std::env::temp_dir),
            },
            segment,
            model: models.speech_source().map_err(SettingsError::Model)?,
            precision,
            transcribe: transcribe.clone(),
            aligner: models.aligner_source().map_err(SettingsError::Aligner)?,
            align: align.clone(),
            forensics: forensics.clone(),
            lexicons: lexicons.iter().map(|path| read(path)).collect::<Result<_, _>>()?,
        })
    }
}

fn read(path: &Path) -> Result<LexiconSource, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
    Ok(LexiconSource { name: path.to_string_lossy().into_owned(), text })
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> SettingsError {
    let path = path.to_owned();
    |reason| SettingsError::Unreadable { path, reason }
}
