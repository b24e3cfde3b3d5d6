//! What patterns search: the tokens of a run of words, and which of them may be skipped.

use super::Token;
use super::pattern::Pattern;

/// Most tokens of a question that is put behind a sentence.
const TAG: usize = 3;

/// The tokens of a run of words, as the rules of one language see them.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    pub(crate) tokens: &'a [Token],
    /// For each token the index after the fillers that begin with it, or its own index.
    after_fillers: Vec<usize>,
}

impl<'a> View<'a> {
    pub(super) fn new(tokens: &'a [Token], fillers: &[Pattern]) -> Self {
        let plain = Self::plain(tokens);
        let mut after_fillers: Vec<usize> = (0..tokens.len()).collect();
        for at in (0..tokens.len()).rev() {
            let ends = fillers.iter().filter_map(|filler| filler.end_at(&plain, at));
            if let Some(end) = ends.max() {
                after_fillers[at] = after_fillers.get(end).copied().unwrap_or(end);
            }
        }
        Self { tokens, after_fillers }
    }

    /// Tokens of which none may be skipped.
    pub(super) fn plain(tokens: &'a [Token]) -> Self {
        Self { tokens, after_fillers: Vec::new() }
    }

    /// The index after the fillers at `at`.
    pub(super) fn after_fillers(&self, at: usize) -> usize {
        self.after_fillers.get(at).copied().unwrap_or(at)
    }

    /// Whether the sentence of a token is a question. A short question behind it does not make it one: ", right?"
    pub(super) fn asks(&self, at: usize) -> bool {
        let sentence = self.sentence(at);
        let last = sentence.end - 1;
        let clause = (at..last).rev().find(|token| self.tokens[*token].ends_clause).map_or(at, |end| end + 1);
        let is_tag = clause > at && sentence.end - clause <= TAG;
        self.tokens[last].asks && !is_tag
    }

    /// The sentence of a token, as a range of tokens.
    pub(super) fn sentence(&self, at: usize) -> std::ops::Range<usize> {
        let start = (0..at).rev().find(|before| self.tokens[*before].ends_sentence).map_or(0, |end| end + 1);
        let end = (at..self.tokens.len()).find(|after| self.tokens[*after].ends_sentence);
        start..end.map_or(self.tokens.len(), |end| end + 1)
    }
}
