//! Review: what people state about results. A layer beside the artifacts, which never change.
//!
//! ```text
//! command | file of a page -> Review (checked against the artifact) -> store and custody log -> `review` in documents
//!                                                                                            \-> reviewed copies
//! ```

mod apply;
mod check;
mod corrected;
mod file;
mod import;
mod past;
mod spread;

use std::fmt;
use std::str::FromStr;

use scheduler::store::ReviewEntry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::apply::blocks;
pub use self::apply::{ReviewBlock, ReviewState};
pub(crate) use self::check::{Draft, ReviewError, complete};
pub use self::corrected::{Judgment, ReviewedBlock, ReviewedItem, TextSource};
pub(crate) use self::corrected::{corrected, reviewed_name};
pub(crate) use self::file::export;
#[cfg(feature = "serve")]
pub(crate) use self::file::{export_of, from_json};
#[cfg(feature = "serve")]
pub(crate) use self::import::import_all;
pub(crate) use self::import::{check_withdrawal, import};

/// What a review is about: an item of an artifact, counted from 0 as in the JSON result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An item of evidence.
    Evidence(usize),
    /// A segment of the transcript.
    Segment(usize),
    /// A word.
    Word(usize),
}

/// What a reviewer states about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is right.
    Confirm,
    /// It is wrong.
    Reject,
    /// A note about it.
    Note,
    /// Its text is `new`.
    CorrectText,
    /// Its speaker is `new`.
    CorrectSpeaker,
    /// An earlier statement, whose ID is `new`, is withdrawn.
    Withdraw,
}

/// A statement of a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Review {
    /// 16 hex digits.
    pub(crate) id: String,
    /// SHA-256 of the recording.
    pub(crate) recording: String,
    pub(crate) author: String,
    pub(crate) at_ms: u64,
    pub(crate) statement: Statement,
}

/// What is stated, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    pub(crate) action: Action,
    pub(crate) target: Target,
    /// SHA-256 of the artifact that the reviewer saw.
    pub(crate) artifact_sha256: String,
    /// What the artifact states there.
    pub(crate) old: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Review {
    pub(crate) fn of(entry: &ReviewEntry) -> Result<Self, serde_json::Error> {
        let ReviewEntry { id, recording, author, at_ms, body } = entry.clone();
        Ok(Self { id, recording, author, at_ms, statement: serde_json::from_str(&body)? })
    }

    pub(crate) fn entry(&self) -> Result<ReviewEntry, serde_json::Error> {
        let Self { id, recording, author, at_ms, statement } = self.clone();
        Ok(ReviewEntry { id, recording, author, at_ms, body: serde_json::to_string(&statement)? })
    }
}

impl Target {
    /// The stage whose main artifact has the item.
    pub(crate) const fn stage(self) -> &'static str {
        match self {
            Self::Evidence(_) => "forensics",
            Self::Segment(_) => "transcribe",
            Self::Word(_) => "align",
        }
    }

    /// Its index in the list of its kind.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Evidence(index) | Self::Segment(index) | Self::Word(index) => index,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, index) = match self {
            Self::Evidence(index) => ("evidence", index),
            Self::Segment(index) => ("segment", index),
            Self::Word(index) => ("word", index),
        };
        write!(f, "{kind}:{index}")
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected evidence:N, segment:N or word:N, counted from 0 as in the JSON result".to_owned();
        let (kind, index) = text.split_once(':').ok_or_else(expected)?;
        let index = index.parse().map_err(|_| expected())?;
        match kind {
            "evidence" => Ok(Self::Evidence(index)),
            "segment" => Ok(Self::Segment(index)),
            "word" => Ok(Self::Word(index)),
            _ => Err(expected()),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_a_kind_and_a_number() {
        for target in [Target::Evidence(0), Target::Segment(3), Target::Word(17)] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for wrong in ["", "word", "word:", "word:-1", "page:1", "word:1:2"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
