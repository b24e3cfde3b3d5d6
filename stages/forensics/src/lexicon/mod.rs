//! Lexicons: rules that find phrases in normalized words, and the cues that change what a phrase means.

mod cues;
mod load;
mod pattern;
mod token;
mod view;

use self::cues::{Cue, Cues, Phrase};
use self::pattern::{Passing, Pattern, Taken};

pub(crate) use self::load::Lexicons;
pub use self::load::{RuleSummary, built_in};
pub(crate) use self::token::{Token, is_mark, tokens_of};
pub(crate) use self::view::View;

/// One lexicon file, parsed and verified.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// SHA-256 of the file's contents, hex.
    pub(crate) sha256: String,
    /// Code of the language that it covers.
    pub(crate) language: String,
    pub(crate) rules: Vec<Rule>,
    cues: Cues,
    /// Words that may stand between the words of any phrase.
    fillers: Vec<Pattern>,
}

/// Patterns to search for, and the category and severity of a match.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) category: String,
    pub(crate) kind: String,
    pub(crate) severity: f64,
    patterns: Vec<Pattern>,
    /// Cues around the phrase that give the patterns another meaning, so that there is no match.
    unless: Cue,
    /// Whether the rule ignores negation, because it does not change the meaning or is part of the phrase.
    ignore_negation: bool,
    /// Whether a lawful act in the same sentence discounts a match.
    lawful: bool,
    /// Whether a match in a question is discounted.
    not_in_questions: bool,
    /// Whether the speaker reports what somebody else did.
    pub(crate) reported: bool,
}

/// What the words around a phrase make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The speaker says it.
    Counts,
    /// The speaker reports what somebody else said or did.
    Reported,
    /// With the words that negate it.
    Negated(String),
    /// With the words that mark it as a quotation.
    Quoted(String),
    /// With the words that announce a lawful act.
    Lawful(String),
    /// The speaker asks.
    Asked,
}

/// One match of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    /// Indices of the matched tokens, ascending, never empty.
    pub(crate) tokens: Vec<usize>,
    pub(crate) standing: Standing,
}

impl Match {
    /// Whether the match is evidence: of what the speaker says, or of what somebody else did.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.standing, Standing::Counts | Standing::Reported)
    }
}

impl Lexicon {
    /// The tokens as the rules of this lexicon see them.
    pub(crate) fn view<'a>(&self, tokens: &'a [Token]) -> View<'a> {
        View::new(tokens, &self.fillers)
    }

    /// Finds the matches of one of its rules, from left to right and without overlap.
    pub(crate) fn find(&self, rule: &Rule, view: &View<'_>) -> Vec<Match> {
        self.find_any(rule, &rule.patterns, view)
    }

    fn find_any(&self, rule: &Rule, patterns: &[Pattern], view: &View<'_>) -> Vec<Match> {
        let mut matches = Vec::new();
        let mut at = 0;
        while at < view.tokens.len() {
            match self.match_at(rule, patterns, view, at) {
                Some((found, end)) => {
                    matches.push(found);
                    at = end;
                }
                None => at += 1,
            }
        }
        matches
    }

    /// Returns the match that begins at `at`, and the index after it. The longest pattern is used; matches without a
    /// negator inside are preferred.
    fn match_at(&self, rule: &Rule, patterns: &[Pattern], view: &View<'_>, at: usize) -> Option<(Match, usize)> {
        let longest = |negated| {
            let passing = Passing { negators: &self.cues.negation.inside, negated, folded: true };
            let ways = patterns.iter().filter_map(|pattern| pattern.match_at(view, at, passing, &|_| true));
            ways.max_by_key(|taken| taken.tokens.len())
        };
        let negatable = !rule.ignore_negation;
        let Taken { tokens, negators } = longest(false).or_else(|| negatable.then(|| longest(true)).flatten())?;
        let end = tokens.last()? + 1;
        let phrase = Phrase { view, start: at, end };
        if rule.unless.around(phrase).is_some() {
            return None;
        }
        Some((Match { tokens, standing: self.standing(rule, phrase, &negators) }, end))
    }

    fn standing(&self, rule: &Rule, phrase: Phrase<'_>, negators: &[usize]) -> Standing {
        let negation = || (!rule.ignore_negation).then(|| self.cues.negation(phrase, negators)).flatten();
        let lawful = || rule.lawful.then(|| self.cues.lawful.around(phrase)).flatten();
        if let Some(cue) = negation() {
            Standing::Negated(cue)
        } else if let Some(cue) = self.cues.quotation(phrase) {
            Standing::Quoted(cue)
        } else if rule.not_in_questions && phrase.view.asks(phrase.end - 1) {
            Standing::Asked
        } else if rule.reported || self.cues.report.attributes(phrase).is_some() {
            Standing::Reported
        } else if let Some(cue) = lawful() {
            Standing::Lawful(cue)
        } else {
            Standing::Counts
        }
    }
}
