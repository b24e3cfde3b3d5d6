//! The reviews of a recording as its document shows them.

use std::collections::{HashMap, HashSet};

use scheduler::store::ReviewEntry;
use schemars::JsonSchema;
use serde::Serialize;

use super::check::artifact;
use super::{Action, Review, Target};
use crate::export::{Document, utc};

/// What a statement counts for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// It is the last one of its kind about this item.
    Current,
    /// A later statement of the same kind is about the same item.
    Superseded,
    /// It was withdrawn.
    Withdrawn,
    /// The artifact that it is about has been computed again since.
    Outdated,
}

/// A statement of a reviewer about an item of the results, which stay as the program made them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct ReviewBlock {
    /// ID of the statement.
    pub id: String,
    /// What it counts for now.
    pub state: ReviewState,
    /// What is stated.
    pub action: Action,
    /// The item: `evidence:N`, `segment:N` or `word:N`, an index into the list of that name, from 0.
    #[schemars(with = "String", extend("pattern" = "^(evidence|segment|word):[0-9]+$"))]
    pub target: Target,
    /// What the program states there.
    pub old: String,
    /// The corrected text or speaker, or the ID of the statement that is withdrawn; null for other statements.
    pub new: Option<String>,
    /// A note of the reviewer.
    pub note: Option<String>,
    /// The reviewer.
    pub author: String,
    /// When it was made (UTC).
    pub at: String,
    /// SHA-256 of the artifact that the reviewer saw.
    pub artifact_sha256: String,
}

/// The kinds of statements that replace one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Judgment,
    Text,
    Speaker,
}

/// The statements about a recording, by time. Statements that cannot be read were altered and are left out: `verify`
/// reports them.
pub(crate) fn blocks(document: &Document, entries: &[ReviewEntry]) -> Vec<ReviewBlock> {
    let reviews: Vec<Review> = entries.iter().filter_map(|entry| Review::of(entry).ok()).collect();
    let withdrawn: HashSet<&str> = reviews
        .iter()
        .filter(|review| review.statement.action == Action::Withdraw)
        .filter_map(|review| review.statement.new.as_deref())
        .collect();
    let is_outdated = |review: &Review| {
        artifact(document, review.statement.target).as_ref() != Some(&review.statement.artifact_sha256)
    };
    let counts = |review: &&Review| !withdrawn.contains(&*review.id) && !is_outdated(review);
    let mut last: HashMap<(Kind, Target), &str> = HashMap::new();
    for review in reviews.iter().filter(counts) {
        if let Some(kind) = kind(review.statement.action) {
            last.insert((kind, review.statement.target), &review.id);
        }
    }
    let state = |review: &Review| match kind(review.statement.action) {
        _ if withdrawn.contains(&*review.id) => ReviewState::Withdrawn,
        _ if is_outdated(review) => ReviewState::Outdated,
        Some(kind) if last.get(&(kind, review.statement.target)) != Some(&&*review.id) => ReviewState::Superseded,
        _ => ReviewState::Current,
    };
    reviews.iter().map(|review| block(review, state(review))).collect()
}

/// The kind of a statement. Notes do not replace one another, and neither do withdrawals.
const fn kind(action: Action) -> Option<Kind> {
    match action {
        Action::Confirm | Action::Reject => Some(Kind::Judgment),
        Action::CorrectText => Some(Kind::Text),
        Action::CorrectSpeaker => Some(Kind::Speaker),
        Action::Note | Action::Withdraw => None,
    }
}

fn block(review: &Review, state: ReviewState) -> ReviewBlock {
    let Review { id, author, at_ms, statement, .. } = review.clone();
    ReviewBlock {
        id,
        state,
        action: statement.action,
        target: statement.target,
        old: statement.old,
        new: statement.new,
        note: statement.note,
        author,
        at: utc(at_ms),
        artifact_sha256: statement.artifact_sha256,
    }
}

#[cfg(test)]
impl ReviewBlock {
    /// A statement without texts.
    pub(crate) fn of_test(state: ReviewState, action: Action, target: Target) -> Self {
        let (id, old, at, artifact_sha256) = Default::default();
        Self { id, state, action, target, old, new: None, note: None, author: "kim".to_owned(), at, artifact_sha256 }
    }
}
