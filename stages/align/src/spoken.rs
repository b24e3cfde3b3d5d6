//! Written words as they are spoken: `3,500원` is 삼천오백원 to the ear, `2:30` two thirty or half past two.
//!
//! A written word may be spoken in several ways, and only the sound tells which; [`readings`] lists them, and alignment
//! takes the one that fits.

mod english;
mod korean;
mod parts;

use parts::{Part, digits_of, parts};

/// Ways that are tried of one written word.
const MOST: usize = 4;

/// A language's way with numbers. Every answer is likeliest first and never empty.
trait Numerals {
    /// The ways of saying a number as it stands in a word: digits with thousands separators and a decimal point.
    /// `after` is what follows, in the word or as the next one.
    fn number(&self, number: &str, after: &str) -> Vec<String>;
    /// A time of day.
    fn clock(&self, hour: u64, minute: u64) -> Vec<String>;
    /// An amount with the currency's sign before it.
    fn amount(&self, sign: char, number: &str, after: &str) -> Vec<String>;
    /// Digits one by one, in groups: a telephone number.
    fn digits(&self, groups: &[&str]) -> Vec<String>;
    /// A sign or unit after a number, or a sign of its own.
    fn sign(&self, sign: &str) -> Option<Vec<String>>;
}

/// The ways in which a written word may be spoken, likeliest first; at most four. A word without digits or signs has
/// one: itself. `next` is the word after it (3 before 시 is 세), `language` a code such as `ko`; of languages other than
/// Korean and English the digits stay as they are.
pub(crate) fn readings(word: &str, next: Option<&str>, language: &str) -> Vec<String> {
    let numerals: &dyn Numerals = match language {
        "ko" => &korean::Korean,
        "en" => &english::English,
        _ => return vec![word.to_owned()],
    };
    let core = word.trim_matches(|c: char| c.is_ascii_punctuation() && !"$%#@&+=".contains(c));
    if !core.contains(|c: char| c.is_ascii_digit() || SIGNS.contains(c)) {
        return vec![word.to_owned()];
    }
    let mut found = whole(core, next.unwrap_or_default(), numerals).unwrap_or_else(|| combined(core, next, numerals));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|reading| seen.insert(reading.clone()));
    found.truncate(MOST);
    found
}

/// Signs that are spoken.
const SIGNS: &str = "$£€¥₩%#@&+=";
/// Signs of currencies, which are written before the number and spoken after it.
const CURRENCIES: &str = "$£€¥₩";

/// What is spoken as a whole: a time, an amount, a telephone number.
fn whole(word: &str, next: &str, numerals: &dyn Numerals) -> Option<Vec<String>> {
    if let Some((hour, minute, rest)) = clock(word) {
        let space = if rest.starts_with(|c: char| c.is_ascii_alphabetic()) { " " } else { "" };
        return Some(numerals.clock(hour, minute).into_iter().map(|said| format!("{said}{space}{rest}")).collect());
    }
    let mut characters = word.chars();
    if let Some(sign) = characters.next().filter(|first| CURRENCIES.contains(*first)) {
        let rest = characters.as_str();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || ".,".contains(c))).unwrap_or(rest.len());
        let after = if end == rest.len() { next } else { &rest[end..] };
        return (end > 0).then(|| numerals.amount(sign, &rest[..end], after));
    }
    let groups: Vec<&str> = word.split('-').collect();
    let all_digits = groups.iter().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let length: usize = groups.iter().map(|group| group.len()).sum();
    (all_digits && groups.len() > 1 && length >= 6).then(|| numerals.digits(&groups))
}

/// Hour and minute of `2:30`, `14:05에` or `9:00pm`, and what follows them.
fn clock(word: &str) -> Option<(u64, u64, &str)> {
    let (hour, after) = word.split_once(':')?;
    let (minute, rest) = (after.get(..2)?, after.get(2..)?);
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    let ends = !rest.starts_with(|c: char| c.is_ascii_digit() || c == ':');
    (hour < 25 && minute < 60 && ends).then_some((hour, minute, rest))
}

/// Part by part: the first way of each, then the second, as long as one has another.
fn combined(word: &str, next: Option<&str>, numerals: &dyn Numerals) -> Vec<String> {
    let parts = parts(word);
    let ways: Vec<Vec<String>> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| match part {
            Part::Number(number) => {
                let after = parts.get(at + 1).map_or(next.unwrap_or_default(), Part::text);
                numerals.number(number, after)
            }
            Part::Other(text) => numerals.sign(text).unwrap_or_else(|| vec![(*text).to_owned()]),
        })
        .collect();
    let most = ways.iter().map(Vec::len).max().unwrap_or(1);
    let say = |way: usize| {
        let spoken = ways.iter().map(|ways| ways[way.min(ways.len() - 1)].as_str());
        spoken.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    };
    (0..most).map(say).collect()
}

#[cfg(test)]
mod tests;
