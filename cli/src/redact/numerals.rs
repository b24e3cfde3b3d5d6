//! Finds the words of a text that state digits: written in any width, or spelled in Korean or English.

use std::ops::Range;

use super::rules::is_amount;

/// Words for one English digit. `oh` is a zero in numbers that are read out.
const ENGLISH_DIGITS: [(&str, char); 12] = [
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
/// English numbers of two digits that are one word, from 10.
const ENGLISH_TEENS: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
/// English tens, from 20.
const ENGLISH_TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Korean words for one digit. The native ones are used so that digits are not misheard.
const KOREAN_DIGITS: [(&str, char); 21] = [
    ("하나", '1'),
    ("둘", '2'),
    ("셋", '3'),
    ("넷", '4'),
    ("다섯", '5'),
    ("여섯", '6'),
    ("일곱", '7'),
    ("여덟", '8'),
    ("아홉", '9'),
    ("공", '0'),
    ("영", '0'),
    ("일", '1'),
    ("이", '2'),
    ("삼", '3'),
    ("사", '4'),
    ("오", '5'),
    ("육", '6'),
    ("륙", '6'),
    ("칠", '7'),
    ("팔", '8'),
    ("구", '9'),
];
/// What may follow a number in one word: particles and forms of "to be" that do not count anything. Longer ones are
/// before their ends; `|` separates them.
const ENDINGS: &str = "번이에요|번입니다|이라고요|이거든요|번으로|번이요|번이고|입니다|이에요|이라고|이라는|이고요|이구요|\
     이네요|이랑|이요|이고|이야|이죠|으로|에서|예요|에요|라고|라는|고요|네요|로|번|요|고|야|에|은|는|을|를|가|\
     하고";

/// A word of a text, or several, with their digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numeral {
    /// Where it is in the text, in bytes, without a particle.
    pub(super) range: Range<usize>,
    pub(super) digits: String,
    /// Whether capital letters are among the digits, as in numbers of passports.
    pub(super) has_letters: bool,
}

/// A word: what is between white space and marks.
pub(super) struct Token<'a> {
    pub(super) start: usize,
    pub(super) word: &'a str,
}

/// The words of a text, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let is_limit = |c: char| c.is_whitespace() || is_mark(c);
    let mut tokens = Vec::new();
    let mut start = 0;
    for part in text.split_inclusive(is_limit) {
        let word = part.trim_end_matches(is_limit);
        if !word.is_empty() {
            tokens.push(Token { start, word });
        }
        start += part.len();
    }
    tokens
}

/// Punctuation between words and inside numbers.
pub(super) const fn is_mark(c: char) -> bool {
    matches!(c, '-' | '.' | ',' | '·' | '(' | ')' | '–' | '~' | '/' | '*' | '…')
        || matches!(c, '?' | '!' | '"' | '\'' | '“' | '”' | '‘' | '’' | ';')
}

/// The numerals of a text, in order, without amounts of money.
pub(super) fn numerals(text: &str) -> Vec<Numeral> {
    let tokens = tokens(text);
    let mut numerals = Vec::new();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let (used, numeral) = english(text, &tokens[index..])
            .map_or_else(|| (1, korean(token).or_else(|| written(token))), |(used, numeral)| (used, Some(numeral)));
        numerals.extend(numeral);
        index += used;
    }
    without_amounts(text, &numerals)
}

/// Groups of thousands (`1,500,000`) are one amount, and so is a number next to a currency.
fn without_amounts(text: &str, numerals: &[Numeral]) -> Vec<Numeral> {
    let is_thousands = |before: &Numeral, after: &Numeral| {
        let has_lengths = before.digits.len() <= 3 && after.digits.len() == 3;
        has_lengths && &text[before.range.end..after.range.start] == ","
    };
    let chains = numerals.chunk_by(is_thousands);
    let kept = chains.filter(|chain| {
        let range = chain[0].range.start..chain[chain.len() - 1].range.end;
        let is_chain = chain.len() > 1 && !chain[0].digits.starts_with('0');
        !is_chain && !is_amount(text, &range)
    });
    kept.flatten().cloned().collect()
}

/// Written digits, the first of the word, perhaps with capital letters among them.
fn written(token: &Token<'_>) -> Option<Numeral> {
    let word = token.word;
    let code = around(word, |c| c.is_numeric() || c.is_ascii_uppercase())?;
    let (before, after) = (&word[..code.start], &word[code.end..]);
    // `iPhone15` and `3rd` are words.
    let is_in_word =
        before.ends_with(|c: char| c.is_ascii_lowercase()) || after.starts_with(|c: char| c.is_ascii_lowercase());
    let range = if is_in_word { around(word, char::is_numeric)? } else { code };
    // Colons belong to times.
    let is_time = word[..range.start].ends_with(':') || word[range.end..].starts_with(':');
    let has_letters = word[range.clone()].contains(|c: char| c.is_ascii_uppercase());
    let digits: Option<String> = word[range.clone()].chars().filter(|c| c.is_numeric()).map(digit).collect();
    let digits = digits.filter(|_| !is_time)?;
    Some(Numeral { range: token.start + range.start..token.start + range.end, digits, has_letters })
}

/// The characters of one kind around the first digit of a word.
fn around(word: &str, is_part: fn(char) -> bool) -> Option<Range<usize>> {
    let first = word.find(char::is_numeric)?;
    let start = word[..first].trim_end_matches(is_part).len();
    let end = word[first..].find(|c| !is_part(c)).map_or(word.len(), |length| first + length);
    Some(start..end)
}

/// The ASCII digit of a written digit of any width.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')),
        _ => None,
    }
}

/// Korean words for digits in one word, perhaps with written ones behind them and with an ending.
fn korean(token: &Token<'_>) -> Option<Numeral> {
    let word = token.word;
    let stem_of = |ending: &str| word.strip_suffix(ending).filter(|stem| !stem.is_empty());
    let stems = ENDINGS.split('|').filter_map(|ending| Some((stem_of(ending)?, ending)));
    [(word, "")].into_iter().chain(stems).find_map(|(stem, ending)| {
        let digits = korean_digits(stem)?;
        // The first syllable of such an ending could be a digit, too.
        let end = stem.len() + if ending.starts_with('이') { '이'.len_utf8() } else { 0 };
        Some(Numeral { range: token.start..token.start + end, digits, has_letters: false })
    })
}

fn korean_digits(word: &str) -> Option<String> {
    let (mut rest, mut digits) = (word, String::new());
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('십') {
            digits.push_str(if digits.is_empty() { "1" } else { "" });
            digits.push_str(if after.is_empty() { "0" } else { "" });
            rest = after;
        } else {
            let (length, digit) = korean_unit(rest).or_else(|| later_digit(rest, &digits))?;
            digits.push(digit);
            rest = &rest[length..];
        }
    }
    Some(digits).filter(|digits| !digits.is_empty())
}

/// The digit that a text starts with, and the length of its word.
fn korean_unit(text: &str) -> Option<(usize, char)> {
    KOREAN_DIGITS.iter().find(|(unit, _)| text.starts_with(unit)).map(|(unit, digit)| (unit.len(), *digit))
}

/// A written digit behind spelled ones.
fn later_digit(text: &str, before: &str) -> Option<(usize, char)> {
    let first = text.chars().next().filter(|_| !before.is_empty())?;
    digit(first).map(|digit| (first.len_utf8(), digit))
}

/// An English number of the first words, and how many words it has.
fn english(text: &str, tokens: &[Token<'_>]) -> Option<(usize, Numeral)> {
    let word = tokens[0].word.to_lowercase();
    // A comma separates numbers.
    let next = tokens.get(1).filter(|next| next.start == tokens[0].start + tokens[0].word.len() + 1);
    let next = next.filter(|next| !text[..next.start].ends_with(',')).map(|next| next.word.to_lowercase());
    let next_unit = next.as_deref().and_then(english_unit);
    let (used, digits) = match (word.as_str(), english_unit(&word), next_unit) {
        ("double", _, Some(digit)) => (2, digit.to_string().repeat(2)),
        ("triple", _, Some(digit)) => (2, digit.to_string().repeat(3)),
        (_, Some(digit), _) if next.as_deref() == Some("hundred") => (2, format!("{digit}00")),
        (_, Some(digit), _) => (1, digit.to_string()),
        _ => english_pair(&word, next_unit)?,
    };
    let last = &tokens[used - 1];
    Some((used, Numeral { range: tokens[0].start..last.start + last.word.len(), digits, has_letters: false }))
}

/// Two digits: a word for both, or one for the tens, perhaps with a unit.
fn english_pair(word: &str, next_unit: Option<char>) -> Option<(usize, String)> {
    if let Some(index) = ENGLISH_TEENS.iter().position(|name| *name == word) {
        return Some((1, (index + 10).to_string()));
    }
    let tens = ENGLISH_TENS.iter().position(|name| *name == word)? + 2;
    Some(match next_unit.filter(|digit| *digit != '0') {
        Some(unit) => (2, format!("{tens}{unit}")),
        None => (1, format!("{tens}0")),
    })
}

fn english_unit(word: &str) -> Option<char> {
    ENGLISH_DIGITS.iter().find(|(name, _)| *name == word).map(|(_, digit)| *digit)
}

/// The text behind a particle or a form of "to be" at its start; the whole text if there is none. `None` if it starts
/// with another word.
pub(super) fn after_ending(text: &str) -> Option<&str> {
    let is_end = |rest: &str| rest.chars().next().is_none_or(|c| c.is_whitespace() || is_mark(c));
    if is_end(text) {
        return Some(text);
    }
    ENDINGS.split('|').filter_map(|ending| text.strip_prefix(ending)).find(|rest| is_end(rest))
}
