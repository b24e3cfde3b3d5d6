//! Cues around a phrase that negate it (negation) or attribute it to somebody else (quotation).

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::Token;
use super::pattern::{Passing, Pattern, Sets};

/// Maximum distance from the start of a cue to the phrase after it, in tokens.
const REACH: usize = 8;

/// Cues as written in a lexicon file.
#[derive(Debug, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CueTexts {
    /// Patterns directly before the phrase.
    pub(super) before: Vec<String>,
    /// Single words anywhere inside the phrase.
    pub(super) inside: Vec<String>,
    /// Patterns directly after the phrase.
    pub(super) after: Vec<String>,
    /// Forms of the phrase's last word.
    pub(super) last: Vec<String>,
}

/// The cues of one lexicon.
#[derive(Debug)]
pub(super) struct Cues {
    pub(super) negation: Cue,
    pub(super) quotation: Cue,
}

#[derive(Debug)]
pub(super) struct Cue {
    before: Vec<Pattern>,
    pub(super) inside: Vec<Pattern>,
    after: Vec<Pattern>,
    last: Vec<Pattern>,
}

impl Cue {
    /// # Errors
    /// The pattern that cannot be parsed, and the problem.
    pub(super) fn parse(texts: &CueTexts, sets: &Sets) -> Result<Self, (String, &'static str)> {
        let parse = |texts: &[String]| {
            let parse = |text: &String| Pattern::parse(text, sets).map_err(|problem| (text.clone(), problem));
            texts.iter().map(parse).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            before: parse(&texts.before)?,
            inside: parse(&texts.inside)?,
            after: parse(&texts.after)?,
            last: parse(&texts.last)?,
        })
    }

    /// Returns the words of the cue around the phrase `start..end`, if there is one. A cue before the phrase must be in
    /// the same clause, a cue after it in the same sentence.
    pub(super) fn around(&self, tokens: &[Token], start: usize, end: usize) -> Option<String> {
        let exact = Passing { negators: &[], negated: false };
        let clause = (start.saturating_sub(REACH)..start).rev().take_while(|&at| !tokens[at].ends_clause);
        for at in clause {
            if self.before.iter().any(|cue| cue.match_at(tokens, at, exact, &|to| to == start).is_some()) {
                return Some(plain(&tokens[at..start]));
            }
        }
        if self.last.iter().any(|cue| cue.matches_token(&tokens[end - 1])) {
            return Some(plain(&tokens[end - 1..end]));
        }
        if tokens[end - 1].ends_sentence {
            return None;
        }
        let after = self.after.iter().find_map(|cue| cue.match_at(tokens, end, exact, &|_| true))?;
        Some(plain(&tokens[end..=*after.tokens.last()?]))
    }
}

impl Cues {
    /// Returns the negation of the phrase `start..end`, if any. `negators` are the tokens found inside the phrase.
    pub(super) fn negation(&self, tokens: &[Token], start: usize, end: usize, negators: &[usize]) -> Option<String> {
        let inside = negators.first().map(|&negator| plain(&tokens[negator..=negator]));
        inside.or_else(|| self.negation.around(tokens, start, end)).map(|cue| format!("negated: {cue}"))
    }

    /// Returns the cue that marks the phrase `start..end` as a quotation, if any.
    pub(super) fn quotation(&self, tokens: &[Token], start: usize, end: usize) -> Option<String> {
        if tokens[start..end].iter().all(|token| token.quoted) {
            return Some("quoted: between quotation marks".to_owned());
        }
        self.quotation.around(tokens, start, end).map(|cue| format!("quoted: {cue}"))
    }
}

/// Formats tokens as readable text.
fn plain(tokens: &[Token]) -> String {
    let texts: Vec<String> = tokens.iter().map(|token| token.text.nfc().collect()).collect();
    texts.join(" ")
}
