//! Why a model cannot be used.

use std::path::{Path, PathBuf};

use nn::{DeviceError, DeviceFault, ModelFileError, WeightsError, message};
use stage_core::{ErrorClass, StageError};

use crate::transcriber::NAME;

/// Why a model cannot be used. Every variant names the file or the model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model is missing, cannot be read or is malformed, or the hub did not give it.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// This build holds no embedded model: name another one.
    #[error("this build holds no embedded model: name a folder or a hub id with --model")]
    NotEmbedded,
    /// The tokenizer cannot be parsed: fetch it again.
    #[error("{path}: no tokenizer: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: tokenizers::Error,
    },
    /// A special token that Whisper needs is missing: this is another model's tokenizer.
    #[error("{path}: the vocabulary lacks {token}")]
    MissingToken {
        /// The tokenizer's file.
        path: PathBuf,
        /// The token's name.
        token: String,
    },
    /// The tokenizer knows more tokens than the model: one of them is another model's.
    #[error("{path}: the highest token id is {highest_id}, but the model has {vocab_size} tokens")]
    VocabularyTooLarge {
        /// The tokenizer's file.
        path: PathBuf,
        /// Highest id in the vocabulary.
        highest_id: u32,
        /// `vocab_size` of the model.
        vocab_size: usize,
    },
    /// The tokenizer is not this model's, or is damaged: fetch it again.
    #[error("{path}: {fault}")]
    Vocabulary {
        /// The tokenizer's file.
        path: PathBuf,
        /// What is wrong with it.
        fault: VocabularyFault,
    },
    /// A configuration file and the tokenizer disagree on a token's id: one of them is another model's.
    #[error(transparent)]
    TokenMismatch(Box<TokenMismatch>),
    /// A field has a value that no Whisper has or that is not supported.
    #[error("{path}: {field} is {value}: {expected}")]
    Field {
        /// The file.
        path: PathBuf,
        /// The field's name.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A tensor is missing or its shape contradicts the configuration: weights and configuration are not of one model.
    #[error("{model}: the weights do not fit config.json: {reason}")]
    Tensor {
        /// The model's name.
        model: String,
        /// What candle said; it names the tensor.
        reason: Box<candle_core::Error>,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model does not know the language that was asked for.
    #[error("{model} does not know the language `{language}`; it knows {known}")]
    Language {
        /// The model's name.
        model: String,
        /// The code that was asked for.
        language: String,
        /// The codes that the model knows.
        known: String,
    },
    /// A setting has a value that makes no sense, or that this model cannot do.
    #[error("{setting} is {value}: {expected}")]
    Setting {
        /// The field of [`crate::TranscribeConfig`].
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A prompt or hotword spells one of the model's special tokens: leave it out.
    #[error("`{text}` spells a special token of the model")]
    SpecialToken {
        /// The text.
        text: String,
    },
}

/// A configuration file and the tokenizer disagree on a token's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {field} is {ids:?}, but {token} {}: one of the two files is another model's", place(*.found, .tokenizer))]
pub struct TokenMismatch {
    /// The configuration file.
    pub path: PathBuf,
    /// The field that names the token.
    pub field: String,
    /// Its value.
    pub ids: Vec<u32>,
    /// The token's name.
    pub token: String,
    /// Where the tokenizer has it.
    pub found: Option<u32>,
    /// The tokenizer's file.
    pub tokenizer: PathBuf,
}

/// What is wrong with a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyFault {
    /// A byte cannot be written: Whisper's tokenizers are byte-level.
    #[error("no token stands for the byte {0:#04x}: this is not a byte-level tokenizer")]
    NoByte(u8),
    /// An id that the model may choose has no token.
    #[error("no token has the id {0}")]
    NoToken(u32),
    /// Two tokens have one id.
    #[error("{0:?} and {1:?} have the id {2}")]
    SameId(String, String, u32),
    /// One token has two ids.
    #[error("{0:?} has the ids {1} and {2}")]
    TwoIds(String, u32, u32),
    /// The tokens are not in the order of the merges that make them: their ids were changed.
    #[error("{0:?} has the id {1}, which is out of the order of the merges: the ids were changed")]
    Order(String, u32),
    /// Too few ids are left for the timestamps of a window.
    #[error(
        "{found} ids are left for timestamps, a window of the model has {expected}: this is another model's tokenizer"
    )]
    Timestamps {
        /// Ids behind `<|notimestamps|>`.
        found: usize,
        /// One for each 20 ms of the window, and one for its end.
        expected: usize,
    },
    /// Something else has the id of a timestamp.
    #[error("{token:?} has the id {id}, where {expected} is expected")]
    NotTimestamp {
        /// The token.
        token: String,
        /// Its id.
        id: u32,
        /// The timestamp.
        expected: String,
    },
    /// The model has more tokens than the tokenizer.
    #[error("the last {0} tokens of the model have no name: this is another model's tokenizer")]
    TooSmall(usize),
}

/// Where a tokenizer has a token.
fn place(found: Option<u32>, tokenizer: &Path) -> String {
    let tokenizer = tokenizer.display();
    found.map_or_else(|| format!("is not in {tokenizer}"), |id| format!("is {id} in {tokenizer}"))
}

impl From<WeightsError> for ModelError {
    fn from(error: WeightsError) -> Self {
        ModelFileError::from(error).into()
    }
}

impl From<ModelError> for StageError {
    fn from(error: ModelError) -> Self {
        let (class, code) = match &error {
            ModelError::Device(_) => (ErrorClass::Device, "device-unusable"),
            ModelError::File(error) => error.class_and_code(),
            ModelError::Language { .. } => (ErrorClass::BadInput, "unknown-language"),
            ModelError::Setting { .. } | ModelError::SpecialToken { .. } => (ErrorClass::BadInput, "bad-setting"),
            ModelError::NotEmbedded => (ErrorClass::BadInput, "model-not-embedded"),
            ModelError::Tokenizer { .. }
            | ModelError::MissingToken { .. }
            | ModelError::VocabularyTooLarge { .. }
            | ModelError::Vocabulary { .. }
            | ModelError::TokenMismatch(_)
            | ModelError::Field { .. }
            | ModelError::Tensor { .. } => (ErrorClass::BadInput, "model-malformed"),
        };
        Self::new(NAME, class, code, error.to_string())
    }
}

/// A failure in the middle of the model's work: the device's where the device says so, ours otherwise.
pub(crate) fn inference(error: &candle_core::Error) -> StageError {
    let (class, code) = match DeviceFault::behind(error) {
        Some(DeviceFault::Memory) => (ErrorClass::Memory, "device-memory"),
        Some(DeviceFault::Other) => (ErrorClass::Device, "device-failed"),
        None => (ErrorClass::Bug, "inference-failed"),
    };
    StageError::new(NAME, class, code, message(error))
}
