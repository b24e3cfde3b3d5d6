//! Errors of creating the stage, and of running it.

use stage_core::forensics::ForensicRecord;
use stage_core::{Artifact, StageName};

/// Name of the stage.
pub(crate) const NAME: StageName = ForensicRecord::NAME.stage();

/// An invalid setting or lexicon. All of these errors are found before the first recording is read. The message names
/// what to correct.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForensicsError {
    /// A setting is outside its range.
    #[error("{setting} is {value}: {expected} is expected")]
    Setting {
        /// Name of the setting.
        setting: String,
        /// Value of the setting.
        value: f64,
        /// Valid values.
        expected: &'static str,
    },
    /// The measure does not exist, or its settings cannot be parsed.
    #[error("measures.{measure}: {message}")]
    Measure {
        /// Name of the measure.
        measure: String,
        /// The problem with it.
        message: String,
    },
    /// A lexicon is not valid TOML, or a field is missing, unknown or of another type.
    #[error("lexicon {lexicon}: {message}")]
    Syntax {
        /// The file.
        lexicon: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A pattern cannot be parsed.
    #[error("lexicon {lexicon}, rule {rule}: pattern `{pattern}`: {problem}")]
    Pattern {
        /// The file.
        lexicon: String,
        /// The rule, or the section of the file that contains the pattern.
        rule: String,
        /// The pattern.
        pattern: String,
        /// The problem with it.
        problem: &'static str,
    },
    /// A rule violates a requirement of the format.
    #[error("lexicon {lexicon}, rule {rule}: {problem}")]
    Rule {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The problem with it.
        problem: &'static str,
    },
    /// The rule does not match an example under `matches`, or matches it only as negated or quoted.
    #[error("lexicon {lexicon}, rule {rule}: the example `{example}` must match and does not")]
    ExampleMissed {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The example.
        example: String,
    },
    /// An example under `rejects` counts as a match of the rule.
    #[error("lexicon {lexicon}, rule {rule}: the example `{example}` must not match and does")]
    ExampleMatched {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The example.
        example: String,
    },
    /// Two rules have the same id, so evidence could not name its rule.
    #[error("lexicon {lexicon}, rule {rule}: another rule has this id")]
    DuplicateRule {
        /// The file of the second rule.
        lexicon: String,
        /// The id.
        rule: String,
    },
    /// A lexicon adds a category to a score that does not exist.
    #[error("lexicon {lexicon}: the category `{category}` counts in `{score}`, which is none of `scores`")]
    UnknownScore {
        /// The file.
        lexicon: String,
        /// The category.
        category: String,
        /// The score.
        score: String,
    },
    /// No score counts the category of a rule, so its evidence would affect no score.
    #[error(
        "lexicon {lexicon}, rule {rule}: category `{category}` counts in no score: add it to `[categories]` of the lexicon, or to one of `scores`"
    )]
    UnscoredCategory {
        /// The file.
        lexicon: String,
        /// The rule.
        rule: String,
        /// The category.
        category: String,
    },
}
