//! Finds digits in a text, written in any script or spelled in Korean or English, and groups them into runs.

use std::ops::Range;

/// Words for digits. `oh` is a zero in English phone numbers.
const ENGLISH: [(&str, char); 12] = [
    ("zero", '0'),
    ("oh", '0'),
    ("one", '1'),
    ("two", '2'),
    ("three", '3'),
    ("four", '4'),
    ("five", '5'),
    ("six", '6'),
    ("seven", '7'),
    ("eight", '8'),
    ("nine", '9'),
    ("niner", '9'),
];
/// Syllables for digits.
const KOREAN: &str = "공0영0일1이2삼3사4오5육6륙6칠7팔8구9";
/// Endings that follow a spelled number in one word.
const ENDINGS: [&str; 12] = ["입니다", "이에요", "예요", "이요", "요", "이고", "고", "으로", "로", "번", "이야", "야"];

/// Digits that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Where they are in the text, in bytes, without what surrounds them.
    pub(super) range: Range<usize>,
    /// The digits of each group: what is between separators.
    pub(super) groups: Vec<String>,
    /// Whether a group was separated by a comma without a space, as in amounts.
    pub(super) has_commas: bool,
}

impl Run {
    /// All digits.
    pub(super) fn digits(&self) -> String {
        self.groups.concat()
    }

    /// The lengths of the groups.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.groups.iter().map(String::len).collect()
    }
}

/// Digits of one piece of a text, without separators inside.
struct Piece {
    range: Range<usize>,
    digits: String,
}

/// The runs of digits in a text, in order.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for piece in pieces(text) {
        let gap = runs.last().map(|run| &text[run.range.end..piece.range.start]);
        match (runs.last_mut(), gap.filter(|gap| is_separator(gap))) {
            (Some(run), Some(gap)) => {
                run.has_commas |= gap == ",";
                run.range.end = piece.range.end;
                run.groups.push(piece.digits);
            }
            _ => runs.push(Run { range: piece.range, groups: vec![piece.digits], has_commas: false }),
        }
    }
    for run in &mut runs {
        take_sign(run, text);
    }
    runs
}

/// Adds what belongs to a number before its first digit: a plus sign, an opening parenthesis, a letter of a passport.
fn take_sign(run: &mut Run, text: &str) {
    let before = &text[..run.range.start];
    let letter = before.chars().next_back().filter(|c| matches!(c, '+' | '('));
    let passport = before.chars().next_back().filter(|c| matches!(c.to_ascii_uppercase(), 'M' | 'S' | 'R' | 'O' | 'D'));
    let is_word = before.chars().rev().nth(1).is_some_and(char::is_alphanumeric);
    if let Some(c) = letter.or(passport.filter(|_| !is_word && run.groups[0].len() == 8)) {
        run.range.start -= c.len_utf8();
    }
}

/// What may be between the groups of one number.
fn is_separator(gap: &str) -> bool {
    let marks = gap.chars().filter(|c| !c.is_whitespace()).count();
    marks <= 2
        && gap.chars().count() <= 3
        && gap.chars().all(|c| c.is_whitespace() || matches!(c, '-' | '.' | ',' | '·' | ')' | '(' | '–' | '~' | '/'))
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for token in text.split_inclusive(|c: char| c.is_whitespace() || is_mark(c)) {
        let word = token.trim_end_matches(|c: char| c.is_whitespace() || is_mark(c));
        pieces.extend(piece(word, start));
        start += token.len();
    }
    pieces
}

const fn is_mark(c: char) -> bool {
    matches!(c, '-' | '.' | ',' | '·' | ')' | '(' | '–' | '~' | '/' | '?' | '!' | '"' | '\'' | '“' | '”' | ';')
}

/// The digits of a word, if it has written ones, or consists of spelled ones.
fn piece(word: &str, start: usize) -> Option<Piece> {
    written(word, start).or_else(|| spelled(word, start))
}

/// Written digits: the first uninterrupted ones of the word.
fn written(word: &str, start: usize) -> Option<Piece> {
    let first = word.find(char::is_numeric)?;
    let rest = &word[first..];
    let length = rest.find(|c: char| !c.is_numeric()).unwrap_or(rest.len());
    let digits: Option<String> = rest[..length].chars().map(digit).collect();
    // Colons belong to times.
    let is_time = word[..first].ends_with(':') || rest[length..].starts_with(':');
    let digits = digits.filter(|_| !is_time)?;
    Some(Piece { range: start + first..start + first + length, digits })
}

/// The ASCII digit of a written digit of any width.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')),
        _ => None,
    }
}

/// A word for one English digit, or Korean syllables for one or more, perhaps with an ending.
fn spelled(word: &str, start: usize) -> Option<Piece> {
    let lower = word.to_lowercase();
    if let Some((_, digit)) = ENGLISH.iter().find(|(name, _)| *name == lower) {
        return Some(Piece { range: start..start + word.len(), digits: digit.to_string() });
    }
    let ending = ENDINGS.iter().find(|ending| word.ends_with(**ending) && word.len() > ending.len());
    let stems = [Some(word), ending.map(|ending| &word[..word.len() - ending.len()])];
    stems.into_iter().flatten().find_map(|stem| {
        let digits: String = stem.chars().map(korean).collect::<Option<_>>()?;
        (!digits.is_empty()).then(|| Piece { range: start..start + stem.len(), digits })
    })
}

fn korean(c: char) -> Option<char> {
    let mut pairs = KOREAN.chars();
    while let (Some(syllable), Some(digit)) = (pairs.next(), pairs.next()) {
        if syllable == c {
            return Some(digit);
        }
    }
    None
}
