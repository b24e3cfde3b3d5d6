//! Lexicons: rules that find phrases in normalized words, with negation and quotation.

mod cues;
mod load;
mod pattern;
mod token;

use self::cues::{Cue, Cues};
use self::pattern::{Passing, Pattern, Taken};

pub(crate) use self::load::Lexicons;
pub(crate) use self::token::{Token, is_mark, tokens_of};

/// One lexicon file, parsed and verified.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// SHA-256 of the file's contents, hex.
    pub(crate) sha256: String,
    /// Code of the language that it covers.
    pub(crate) language: String,
    pub(crate) rules: Vec<Rule>,
    cues: Cues,
}

/// Patterns to search for, and the category and severity of a match.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) category: String,
    pub(crate) subcategory: String,
    pub(crate) severity: f64,
    patterns: Vec<Pattern>,
    /// Cues around the phrase that give the patterns another meaning, so that there is no match.
    unless: Cue,
    /// Whether the rule ignores negation, because it does not change the meaning or is part of the phrase.
    ignore_negation: bool,
}

/// One match of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    /// Indices of the matched tokens, ascending, never empty.
    pub(crate) tokens: Vec<usize>,
    /// Reason why the match does not count; `None` if it counts.
    pub(crate) discounted: Option<String>,
}

/// Finds the matches of `rule` of `lexicon`, from left to right and without overlap.
pub(crate) fn find(lexicon: &Lexicon, rule: &Rule, tokens: &[Token]) -> Vec<Match> {
    let mut matches = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match match_at(lexicon, rule, tokens, at) {
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
fn match_at(lexicon: &Lexicon, rule: &Rule, tokens: &[Token], at: usize) -> Option<(Match, usize)> {
    let longest = |negated| {
        let passing = Passing { negators: &lexicon.cues.negation.inside, negated };
        let ways = rule.patterns.iter().filter_map(|pattern| pattern.match_at(tokens, at, passing, &|_| true));
        ways.max_by_key(|taken| taken.tokens.len())
    };
    let negatable = !rule.ignore_negation;
    let Taken { tokens: taken, negators } = longest(false).or_else(|| negatable.then(|| longest(true)).flatten())?;
    let end = taken.last()? + 1;
    if rule.unless.around(tokens, at, end).is_some() {
        return None;
    }
    let negation = negatable.then(|| lexicon.cues.negation(tokens, at, end, &negators)).flatten();
    let discounted = negation.or_else(|| lexicon.cues.quotation(tokens, at, end));
    Some((Match { tokens: taken, discounted }, end))
}
