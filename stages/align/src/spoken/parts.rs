//! A written word taken apart into numbers and the rest.

/// A stretch of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Digits, with thousands separators and a decimal point.
    Number(&'a str),
    /// Anything else.
    Other(&'a str),
}

impl<'a> Part<'a> {
    pub(super) const fn text(&self) -> &'a str {
        match self {
            Self::Number(text) | Self::Other(text) => text,
        }
    }
}

/// The parts of a word, in order. A comma or point belongs to a number where digits follow it.
pub(super) fn parts(word: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_digit() { number_length(rest) } else { other_length(rest) };
        let (part, after) = rest.split_at(end);
        parts.push(if first.is_ascii_digit() { Part::Number(part) } else { Part::Other(part) });
        rest = after;
    }
    parts
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while is_digit(end) || (end > 0 && matches!(bytes.get(end), Some(b',' | b'.')) && is_digit(end + 1)) {
        end += 1;
    }
    end
}

fn other_length(text: &str) -> usize {
    text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len())
}

/// A number without its separators: whole digits, and those after the point.
pub(super) fn digits_of(number: &str) -> (String, Option<&str>) {
    let (whole, fraction) = number.rsplit_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    (whole.chars().filter(char::is_ascii_digit).collect(), fraction)
}
