//! The faults of a Whisper vocabulary.

use std::path::{Path, PathBuf};

use crate::ModelError;

/// A fault of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VocabularyFault {
    /// A special token of Whisper is missing: the tokenizer belongs to another model.
    #[error("the vocabulary lacks {0}")]
    MissingToken(String),
    /// The tokenizer has more tokens than the model: one of the two is from another model.
    #[error("the highest token id is {highest_id}, but the model has {vocab_size} tokens")]
    TooLarge {
        /// Highest id in the vocabulary.
        highest_id: u32,
        /// `vocab_size` of the model.
        vocab_size: usize,
    },
    /// A byte has no token. Whisper's tokenizers are byte-level.
    #[error("no token represents the byte {0:#04x}: this is not a byte-level tokenizer")]
    NoByte(u8),
    /// An id that the model may generate has no token.
    #[error("no token has the id {0}")]
    NoToken(u32),
    /// Two tokens have the same id.
    #[error("{0:?} and {1:?} have the id {2}")]
    SameId(String, String, u32),
    /// One token has two ids.
    #[error("{0:?} has the ids {1} and {2}")]
    TwoIds(String, u32, u32),
    /// The tokens are not in the order of their merges: the ids were changed.
    #[error("{0:?} has the id {1}, which is not in the order of the merges: the ids were changed")]
    Order(String, u32),
    /// Too few ids are left for the timestamps of a window.
    #[error(
        "{found} ids are left for timestamps, a window of the model has {expected}: this is another model's tokenizer"
    )]
    Timestamps {
        /// Number of ids after `<|notimestamps|>`.
        found: usize,
        /// One per 20 ms of the window, and one for its end.
        expected: usize,
    },
    /// Another token has the id of a timestamp.
    #[error("{token:?} has the id {id}, where {expected} is expected")]
    NotTimestamp {
        /// The token.
        token: String,
        /// Its id.
        id: u32,
        /// The expected timestamp.
        expected: String,
    },
    /// The model has more tokens than the tokenizer.
    #[error("the last {0} tokens of the model have no name: this is another model's tokenizer")]
    TooSmall(usize),
    /// A configuration file and the tokenizer disagree on a token's id.
    #[error("{field} is {ids:?}, but {token} {}: one of the two files is another model's", place(*.found, .tokenizer))]
    Mismatch {
        /// The field that names the token.
        field: String,
        /// Its value.
        ids: Vec<u32>,
        /// The token's name.
        token: String,
        /// The token's id in the tokenizer, if it has the token.
        found: Option<u32>,
        /// The tokenizer's file.
        tokenizer: PathBuf,
    },
}

impl VocabularyFault {
    /// Converts the fault to the error of a file.
    pub(super) fn in_file(self, path: &Path) -> ModelError {
        ModelError::Vocabulary { path: path.to_owned(), reason: Box::new(self) }
    }
}

/// Describes where a tokenizer has a token.
fn place(found: Option<u32>, tokenizer: &Path) -> String {
    let tokenizer = tokenizer.display();
    found.map_or_else(|| format!("is not in {tokenizer}"), |id| format!("is {id} in {tokenizer}"))
}
