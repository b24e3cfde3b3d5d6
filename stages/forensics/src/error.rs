//! The errors of building the stage, and those of its runs.

use std::io;

use stage_core::forensics::ForensicRecord;
use stage_core::{Artifact, ErrorClass, StageError, StageName};

/// The stage's name.
pub(crate) const NAME: StageName = ForensicRecord::NAME.stage();

/// A setting or a lexicon that cannot be used. All of them are found before the first recording is read; the message
/// names what to correct.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForensicsError {
    /// A setting is out of its range.
    #[error("{setting} is {value}: {expected} is expected")]
    Setting {
        /// The setting's name.
        setting: String,
        /// Its value.
        value: f64,
        /// The values that it may have.
        expected: &'static str,
    },
    /// There is no such measure, or its settings cannot be read.
    #[error("measures.{measure}: {message}")]
    Measure {
        /// The measure's name.
        measure: String,
        /// What is wrong with it.
        message: String,
    },
    /// A lexicon is not TOML, or a field is missing, unknown or of another type.
    #[error("lexicon {lexicon}: {message}")]
    Syntax {
        /// The file.
        lexicon: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A pattern cannot be read.
    #[error("lexicon {lexicon}, rule {rule}: pattern `{pattern}`: {problem}")]
    Pattern {
        /// The file.
        lexicon: String,
        /// The rule, or the part of the file with the pattern.
        rule: String,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A rule breaks a requirement of the format.
    #[error("lexicon {lexicon}, rule {rule}: {problem}")]
    Rule {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An example under `matches` is not matched by its rule, or only negated or quoted.
    #[error("lexicon {lexicon}, rule {rule}: the example `{example}` must match and does not")]
    ExampleMissed {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The example.
        example: String,
    },
    /// An example under `rejects` counts as a match of its rule.
    #[error("lexicon {lexicon}, rule {rule}: the example `{example}` must not match and does")]
    ExampleMatched {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The example.
        example: String,
    },
    /// Two rules share an id, so that evidence could not say which one it comes from.
    #[error("lexicon {lexicon}, rule {rule}: another rule has this id")]
    DuplicateRule {
        /// The file of the second rule.
        lexicon: String,
        /// The id.
        rule: String,
    },
    /// A rule's category counts in no score, so that its evidence would be lost from all of them.
    #[error("lexicon {lexicon}, rule {rule}: category `{category}` counts in no score: add it to one of `scores`")]
    UnscoredCategory {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The category.
        category: String,
    },
}

/// The samples at 16 kHz could not be read.
pub(crate) fn pcm_unreadable(error: io::Error) -> StageError {
    let message = format!("the decoded samples could not be read back: {error}");
    StageError::new(NAME, ErrorClass::Transient, "pcm-unreadable", message)
}
