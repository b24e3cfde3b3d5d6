//! Copies that show something else than the results as they are. The files in the folder of a case are no such copies.

use super::{Document, DocumentContext};
use crate::redact::{redact, redacted_name};
use crate::review::{ReviewState, corrected, reviewed_name};

/// In place of the names of reviewers in a redacted copy.
const REDACTED_AUTHOR: &str = "(reviewer)";

/// What a copy shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Texts and speakers are those of reviewers.
    pub(crate) reviewed: bool,
    /// The copy is for the other side: numbers and names are masked.
    pub(crate) redacted: bool,
}

impl Variant {
    /// Whether the copy shows something else than the results.
    pub(crate) fn differs(self) -> bool {
        self != Self::default()
    }

    /// What the copy shows of a document. What reviewers wrote is masked too.
    pub(super) fn of(self, document: Document, context: &DocumentContext) -> Document {
        let mut document = if self.reviewed { corrected(document, context.case.as_ref()) } else { document };
        if !self.redacted {
            return document;
        }
        // What the office discussed is not for the other side: only the corrections that the copy shows are.
        document.review.retain(|block| self.reviewed && block.state == ReviewState::Current);
        for block in &mut document.review {
            REDACTED_AUTHOR.clone_into(&mut block.author);
        }
        redact(document)
    }

    /// The base name of the files about a recording whose results have this name.
    pub(super) fn name(self, name: &str, recording: Option<&str>) -> String {
        let redacted = recording.filter(|_| self.redacted).map(redacted_name);
        let name = redacted.unwrap_or_else(|| name.to_owned());
        if self.reviewed { reviewed_name(&name) } else { name }
    }
}
