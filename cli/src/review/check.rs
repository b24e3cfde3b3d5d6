//! Checks a review against the artifacts that it is about.

use stage_core::is_unprintable;

use super::{Action, Review, Statement, Target};
use crate::export::Document;

/// Longest text of a review, in characters.
const LONGEST: usize = 10_000;
/// Hex digits of an ID.
const ID_DIGITS: usize = 16;

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
    #[error("{0}: it was made from another result of this stage")]
    OtherArtifact(Target),
    #[error("the ID {0:?} has not 16 lower-case hexadecimal digits")]
    Id(String),
    #[error("a text is empty, longer than {LONGEST} characters, or has characters that cannot be printed")]
    Text,
    #[error("{0} needs a new text, and only corrections have one")]
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
    let statement = Statement { action, target, artifact_sha256, old, new, note };
    check_texts(&statement)?;
    Ok(statement)
}

/// Checks a review from a file against what the recording has now.
pub(super) fn check(review: &Review, document: &Document) -> Result<(), ReviewError> {
    let Review { id, author, statement, .. } = review;
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ReviewError::Id(id.clone()));
    }
    if !is_text(author) {
        return Err(ReviewError::Text);
    }
    check_texts(statement)?;
    let target = statement.target;
    if artifact(document, target).ok_or(ReviewError::NoArtifact(target))? != statement.artifact_sha256 {
        return Err(ReviewError::OtherArtifact(target));
    }
    match text(document, target) {
        None => Err(ReviewError::NoItem(target)),
        Some(found) if found != statement.old => {
            Err(ReviewError::OtherText { target, old: statement.old.clone(), found })
        }
        Some(_) => Ok(()),
    }
}

fn check_texts(statement: &Statement) -> Result<(), ReviewError> {
    let needs_new = match statement.action {
        Action::Confirm | Action::Reject | Action::Note => None,
        Action::CorrectText => Some("correct-text"),
        Action::CorrectSpeaker => Some("correct-speaker"),
        Action::Withdraw => Some("withdraw"),
    };
    if needs_new.is_some() != statement.new.is_some() {
        return Err(ReviewError::New(needs_new.unwrap_or("a confirmation, rejection or note")));
    }
    if statement.action == Action::Note && statement.note.is_none() {
        return Err(ReviewError::NoNote);
    }
    let corrects = matches!(statement.action, Action::CorrectText | Action::CorrectSpeaker);
    if corrects && matches!(statement.target, Target::Evidence(_)) {
        return Err(ReviewError::NotCorrectable);
    }
    let texts = [&statement.new, &statement.note];
    if texts.into_iter().flatten().all(|text| is_text(text)) { Ok(()) } else { Err(ReviewError::Text) }
}

fn is_text(text: &str) -> bool {
    let has_line_breaks = |c: char| matches!(c, '\n' | '\t');
    !text.trim().is_empty()
        && text.chars().count() <= LONGEST
        && !text.chars().any(|c| is_unprintable(c) && !has_line_breaks(c))
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
