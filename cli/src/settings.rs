//! The settings of the stages, checked once and sent to every worker.

use std::collections::BTreeSet;
use std::path::PathBuf;

use align::AlignModel;
use segment::VadChoice;
use serde::{Deserialize, Serialize};
use transcribe::{ModelSource, ParseModelSourceError, TranscribeConfig};

use crate::args::StageSettingArgs;
use crate::config::{self, ConfigError};

/// Settings of all stages of a run. The coordinator computes fingerprints from them; workers build stages from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) model: ModelSource,
    /// Decoding options. The device in them differs between workers.
    pub(crate) transcribe: TranscribeConfig,
    pub(crate) vad: VadChoice,
    /// Decoding options from the command line, as pairs of option and setting. An option that the model does not read
    /// is an error.
    pub(crate) given: Vec<(String, String)>,
    /// Whether crosstalk between channels is also transcribed.
    pub(crate) keep_crosstalk: bool,
    pub(crate) aligner: AlignModel,
    /// Lexicons in addition to the built-in ones: path and text.
    pub(crate) lexicons: Vec<(PathBuf, String)>,
    pub(crate) deception: bool,
    /// Folder for samples that exceed the memory budget.
    pub(crate) spill_dir: PathBuf,
    /// Memory for the samples of one recording, in bytes.
    pub(crate) pcm_budget_bytes: u64,
}

/// Keeps an hour of mono, or half an hour of stereo, in memory.
const PCM_BUDGET_BYTES: u64 = 256 << 20;

/// An invalid setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("--model {0}")]
    Model(ParseModelSourceError),
    #[error("--aligner {0}, or attention")]
    Aligner(ParseModelSourceError),
    #[error("--vad {0}: expected silero, silero:FILE, energy or off")]
    Vad(String),
    #[error("--language {0}: expected auto, or language codes such as ko or ko,en")]
    Language(String),
    #[error("{0}: cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error(transparent)]
    Decoding(#[from] ConfigError),
}

impl Settings {
    /// Checks the arguments and reads the files that they name.
    pub(crate) fn from_args(args: &StageSettingArgs) -> Result<Self, SettingsError> {
        Ok(Self {
            model: args.model.source().map_err(SettingsError::Model)?,
            transcribe: transcribe(args)?,
            vad: vad(&args.vad)?,
            given: args.decoding.given(&args.language),
            keep_crosstalk: args.keep_crosstalk,
            aligner: args.aligner().map_err(SettingsError::Aligner)?,
            lexicons: args.lexicon.iter().map(read).collect::<Result<_, _>>()?,
            deception: args.deception,
            spill_dir: std::env::temp_dir(),
            pcm_budget_bytes: PCM_BUDGET_BYTES,
        })
    }
}

/// Options from the file of `--decoding`, overridden by the arguments.
fn transcribe(args: &StageSettingArgs) -> Result<TranscribeConfig, SettingsError> {
    let decoding = &args.decoding;
    let base: TranscribeConfig = decoding.decoding.as_deref().map(config::parse).transpose()?.unwrap_or_default();
    Ok(TranscribeConfig {
        languages: languages(&args.language)?,
        task: decoding.task.unwrap_or(base.task),
        beam_size: decoding.beam_size.unwrap_or(base.beam_size),
        timestamps: decoding.timestamps,
        initial_prompt: decoding.initial_prompt.clone(),
        hotwords: decoding.hotwords.clone(),
        condition_on_previous_text: decoding.condition_on_previous_text,
        ..base
    })
}

/// Empty for `auto`; otherwise each code once, sorted, so that their order does not affect any fingerprint.
fn languages(text: &str) -> Result<Vec<String>, SettingsError> {
    if text == "auto" {
        return Ok(Vec::new());
    }
    let is_code = |code: &str| (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase());
    let codes: BTreeSet<&str> = text.split(',').map(str::trim).collect();
    if !codes.iter().copied().all(is_code) {
        return Err(SettingsError::Language(text.to_owned()));
    }
    Ok(codes.into_iter().map(ToOwned::to_owned).collect())
}

fn vad(text: &str) -> Result<VadChoice, SettingsError> {
    match (text, text.split_once(':')) {
        ("silero", _) => Ok(VadChoice::Silero),
        ("energy", _) => Ok(VadChoice::Energy),
        ("off", _) => Ok(VadChoice::Off),
        (_, Some(("silero", path))) if !path.is_empty() => {
            let path = PathBuf::from(path);
            path.canonicalize().map(VadChoice::SileroAt).map_err(|error| SettingsError::Unreadable(path, error))
        }
        _ => Err(SettingsError::Vad(text.to_owned())),
    }
}

fn read(path: &PathBuf) -> Result<(PathBuf, String), SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable(path.clone(), error))?;
    Ok((path.clone(), text))
}
