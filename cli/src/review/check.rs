//! Checks a review: its own fields, and against the document of its recording.

use stage_core::is_unprintable;

use super::{Action, Review, Statement, Target};
use crate::export::{Document, utc};

/// Longest text of a review, in characters.
const LONGEST: usize = 10_000;
/// Longest name of a reviewer or a speaker, in characters.
const LONGEST_NAME: usize = 200;
/// Hex digits of an ID.
const ID_DIGITS: usize = 16;
/// 1990-01-01, in milliseconds since 1970. No reviewer stated something earlier.
const EARLIEST_MS: u64 = 631_152_000_000;
/// How far the clock of a reviewer may be ahead, in milliseconds: a day.
const AHEAD_MS: u64 = 24 * 60 * 60 * 1000;

/// A review before it is compared with the artifact.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) action: Action,
    pub(crate) target: Target,
    pub(crate) new: Option<String>,
    pub(crate) note: Option<String>,
}

/// Why a review cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReviewError {
    #[error("{0}: the recording has no such item")]
    NoItem(Target),
    #[error("{0}: the stage that it is about has not been computed")]
    NoArtifact(Target),
    #[error("{target}: it is {found:?}, not {old:?}: the review is of another result")]
    OtherText { target: Target, old: String, found: String },
    #[error("the ID {:?} has not {ID_DIGITS} lower-case hexadecimal digits", start(.0))]
    Id(String),
    #[error("the time {} is not between 1990 and a day after now", utc(*.0))]
    Time(u64),
    #[error("the author is empty, longer than {LONGEST_NAME} characters, or has characters that cannot be printed")]
    Author,
    #[error("the speaker is empty, longer than {LONGEST_NAME} characters, or has characters that cannot be printed")]
    Speaker,
    #[error("a text is empty, longer than {LONGEST} characters, or has characters that cannot be printed")]
    Text,
    #[error("{0} needs a new text, and only corrections and withdrawals have one")]
    New(&'static str),
    #[error("only the text or speaker of a segment or a word can be corrected")]
    NotCorrectable,
    #[error("a note needs a text: --note TEXT")]
    NoNote,
}

/// Completes a draft with the artifact and what it states now.
pub(crate) fn complete(draft: Draft, document: &Document) -> Result<Statement, ReviewError> {
    let Draft { action, target, new, note } = draft;
    let artifact_sha256 = artifact(document, target).ok_or(ReviewError::NoArtifact(target))?;
    let old = text(document, target).ok_or(ReviewError::NoItem(target))?;
    Ok(Statement { action, target, artifact_sha256, old, new, note })
}

impl Review {
    /// Checks what needs no result: ID, author, time and texts.
    pub(crate) fn check(&self, now_ms: u64) -> Result<(), ReviewError> {
        let Self { id, author, at_ms, statement, .. } = self;
        if !is_id(id) {
            return Err(ReviewError::Id(id.clone()));
        }
        if !is_name(author) {
            return Err(ReviewError::Author);
        }
        if !(EARLIEST_MS..=now_ms.saturating_add(AHEAD_MS)).contains(at_ms) {
            return Err(ReviewError::Time(*at_ms));
        }
        check_texts(statement)
    }
}

fn check_texts(statement: &Statement) -> Result<(), ReviewError> {
    let Statement { action, target, new, note, old, .. } = statement;
    let needs_new = match action {
        Action::Confirm | Action::Reject | Action::Note => None,
        Action::CorrectText => Some("correct-text"),
        Action::CorrectSpeaker => Some("correct-speaker"),
        Action::Withdraw => Some("withdraw"),
    };
    if needs_new.is_some() != new.is_some() {
        return Err(ReviewError::New(needs_new.unwrap_or("a confirmation, rejection or note")));
    }
    if *action == Action::Note && note.is_none() {
        return Err(ReviewError::NoNote);
    }
    let corrects = matches!(action, Action::CorrectText | Action::CorrectSpeaker);
    if corrects && matches!(target, Target::Evidence(_)) {
        return Err(ReviewError::NotCorrectable);
    }
    if *action == Action::CorrectSpeaker && !new.as_deref().is_some_and(is_name) {
        return Err(ReviewError::Speaker);
    }
    // What a result states may have any characters: it is escaped where it is shown.
    let is_short = old.chars().nth(LONGEST).is_none();
    let are_texts = [new, note].into_iter().flatten().all(|text| is_text(text));
    if is_short && are_texts { Ok(()) } else { Err(ReviewError::Text) }
}

fn is_id(id: &str) -> bool {
    id.len() == ID_DIGITS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_text(text: &str) -> bool {
    let is_line_break = |c: char| matches!(c, '\n' | '\t');
    !text.trim().is_empty()
        && text.chars().nth(LONGEST).is_none()
        && !text.chars().any(|c| is_unprintable(c) && !is_line_break(c))
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().nth(LONGEST_NAME).is_none() && !text.chars().any(is_unprintable)
}

/// The start of a text that may have any length, for a message.
fn start(text: &str) -> String {
    text.chars().take(2 * ID_DIGITS).collect()
}

/// What an artifact states about an item.
pub(super) fn text(document: &Document, target: Target) -> Option<String> {
    Some(match target {
        Target::Evidence(index) => document.forensics.evidence.get(index)?.text.clone(),
        Target::Segment(index) => document.segments.get(index)?.text.clone(),
        Target::Word(index) => document.words.get(index)?.text.clone(),
    })
}

/// SHA-256 of the artifact that has an item.
pub(super) fn artifact(document: &Document, target: Target) -> Option<String> {
    let is_main = |link: &&crate::export::Provenance| link.stage.as_str() == target.stage() && link.output.is_none();
    document.provenance.iter().find(is_main).map(|link| link.artifact_sha256.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn review(action: Action, target: Target, new: Option<&str>) -> Review {
        let new = new.map(str::to_owned);
        let statement =
            Statement { action, target, artifact_sha256: String::new(), old: String::new(), new, note: None };
        let (id, author) = ("0123456789abcdef".to_owned(), "kim".to_owned());
        Review { id, recording: String::new(), author, at_ms: NOW_MS, statement }
    }

    #[test]
    fn review_has_a_plausible_time() {
        let at = |at_ms| Review { at_ms, ..review(Action::Confirm, Target::Word(0), None) }.check(NOW_MS);
        for wrong in [0, EARLIEST_MS - 1, NOW_MS + AHEAD_MS + 1, u64::MAX] {
            assert_eq!(at(wrong), Err(ReviewError::Time(wrong)));
        }
        for right in [EARLIEST_MS, NOW_MS, NOW_MS + AHEAD_MS] {
            assert_eq!(at(right), Ok(()));
        }
    }

    #[test]
    fn review_has_an_id_and_an_author_on_one_line() {
        let good = review(Action::Confirm, Target::Word(0), None);
        for id in ["", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0"] {
            let wrong = Review { id: id.to_owned(), ..good.clone() };
            assert_eq!(wrong.check(NOW_MS), Err(ReviewError::Id(id.to_owned())));
        }
        for author in ["", " ", "a\nb", "a\u{1b}[31m", "a\u{202e}b", &"k".repeat(LONGEST_NAME + 1)] {
            let wrong = Review { author: author.to_owned(), ..good.clone() };
            assert_eq!(wrong.check(NOW_MS), Err(ReviewError::Author), "{author:?}");
        }
        let longest = Review { author: "김".repeat(LONGEST_NAME), ..good };
        assert_eq!(longest.check(NOW_MS), Ok(()));
    }

    #[test]
    fn review_has_the_texts_of_its_action() {
        let word = Target::Word(0);
        let checked = |action, target, new: Option<&str>| review(action, target, new).check(NOW_MS);
        assert_eq!(checked(Action::CorrectText, word, Some("two\nlines")), Ok(()));
        assert_eq!(checked(Action::CorrectText, word, None), Err(ReviewError::New("correct-text")));
        assert!(matches!(checked(Action::Reject, word, Some("x")), Err(ReviewError::New(_))));
        assert_eq!(checked(Action::Note, word, None), Err(ReviewError::NoNote));
        assert_eq!(checked(Action::CorrectText, Target::Evidence(0), Some("x")), Err(ReviewError::NotCorrectable));
        for wrong in [" ", "a\u{202e}b", &"x".repeat(LONGEST + 1)] {
            assert_eq!(checked(Action::CorrectText, word, Some(wrong)), Err(ReviewError::Text));
        }
        for wrong in [" ", "two\nlines", &"x".repeat(LONGEST_NAME + 1)] {
            assert_eq!(checked(Action::CorrectSpeaker, word, Some(wrong)), Err(ReviewError::Speaker));
        }
        let mut long = review(Action::Confirm, word, None);
        long.statement.old = "x".repeat(LONGEST + 1);
        assert_eq!(long.check(NOW_MS), Err(ReviewError::Text));
    }
}
