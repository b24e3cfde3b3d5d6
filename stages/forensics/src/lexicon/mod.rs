//! Lexicons: rules that find phrases in normalized words, with negation and quotation.

mod cues;
mod find;
mod load;
mod pattern;
mod token;

use self::cues::{Cue, Cues};
use self::pattern::Pattern;

pub(crate) use self::find::{Match, find};
pub(crate) use self::load::Lexicons;
pub(crate) use self::token::{Token, is_mark, tokens_of};

/// One lexicon file, read and verified.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// SHA-256 of the file's contents, hex.
    pub(crate) sha256: String,
    /// Code of the language that it covers.
    pub(crate) language: String,
    pub(crate) rules: Vec<Rule>,
    cues: Cues,
}

/// What to look for, and what a find means.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) category: String,
    pub(crate) subcategory: String,
    pub(crate) severity: f64,
    patterns: Vec<Pattern>,
    /// Surroundings in which the patterns mean something else.
    unless: Cue,
    /// Whether the phrase means the same with a negation around it, or holds one itself.
    ignore_negation: bool,
}
