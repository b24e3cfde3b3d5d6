//! Parses the file names of phone recorders: contact, number, direction and local time.
//!
//! ```text
//! name -> UTF-8 or CP949 -> NFC -> patterns of the user -> time at the end or start -> prefix, direction, number, contact
//! ```

mod party;
mod pattern;
mod time;

use std::path::Path;

use unicode_normalization::UnicodeNormalization;

pub(crate) use self::party::Direction;
use self::pattern::NamePattern;
pub use self::pattern::NamePatternError;
use self::time::NamedTime;

/// What the name of a file says about a call. Since files can be renamed, these are claims: they are exported beside the
/// evidence and are not part of any fingerprint. Texts are in NFC.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedRecording {
    pub(crate) contact: Option<String>,
    /// The phone number as it is written, or that it was withheld.
    pub(crate) number: Option<String>,
    pub(crate) direction: Option<Direction>,
    /// ISO 8601 without a time zone: the recorder's local time, or its date if the name has no time of day.
    pub(crate) recorded_at: Option<String>,
    /// Whether the year in the name has four digits.
    pub(crate) has_century: bool,
    /// The encoding in which a name that is not UTF-8 was read: a guess.
    pub(crate) encoding: Option<&'static str>,
}

/// Parses names with patterns of the user and, where none matches, with the forms of known recorders.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameParser {
    patterns: Vec<NamePattern>,
    texts: Vec<String>,
}

impl NameParser {
    /// A parser with these patterns. The first one that matches applies.
    ///
    /// # Errors
    /// The first pattern that is invalid, with the reason.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, NamePatternError> {
        let parsed = patterns.iter().map(|pattern| NamePattern::new(pattern)).collect::<Result<_, _>>()?;
        Ok(Self { patterns: parsed, texts: patterns.to_vec() })
    }

    /// The patterns of the user.
    pub(crate) fn patterns(&self) -> &[String] {
        &self.texts
    }

    /// Parses the name of a file, without its folder and extension.
    pub(crate) fn parse(&self, path: &Path) -> NamedRecording {
        let stem = path.file_stem().unwrap_or_default();
        let (text, encoding) = decoded(stem.as_encoded_bytes());
        let named = self.parse_text(&nfc(&text));
        let says_something = named != NamedRecording::default();
        NamedRecording { encoding: encoding.filter(|_| says_something), ..named }
    }

    fn parse_text(&self, stem: &str) -> NamedRecording {
        let mut name = stem.trim();
        loop {
            let of_pattern = self.patterns.iter().find_map(|pattern| pattern.parse(name));
            if let Some(named) = of_pattern.or_else(|| of_recorder(name)) {
                return named;
            }
            match without_copy_mark(name) {
                Some(original) => name = original,
                None => return NamedRecording::default(),
            }
        }
    }
}

/// A name in the form of a known recorder: with a time.
fn of_recorder(name: &str) -> Option<NamedRecording> {
    let (name, direction) = party::take_direction(name);
    let of_source = || time::at_start(party::without_prefix(name));
    // Only this recorder omits the time of day; eight digits elsewhere may be a number.
    let of_day = || name.to_lowercase().starts_with("[t전화").then(|| time::date_at_end(name)).flatten();
    let (rest, NamedTime { iso, has_century }) = time::at_end(name).or_else(of_source).or_else(of_day)?;
    let party = party::parse(rest);
    Some(NamedRecording {
        contact: party.contact,
        number: party.number,
        direction: direction.or(party.direction),
        recorded_at: Some(iso),
        has_century,
        encoding: None,
    })
}

/// The name without a mark that file managers add to copies: `(1)`, `_1`, ` - 복사본`, ` copy 2`.
fn without_copy_mark(name: &str) -> Option<&str> {
    const MARKS: [&str; 4] = ["복사본", "사본", "copy", "Copy"];
    let without_number = |text: &'_ str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if let Some((before, number)) = name.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
        let is_number = (1..=3).contains(&number.len()) && without_number(number) == 0;
        return is_number.then(|| before.trim_end()).filter(|before| !before.is_empty());
    }
    let unnumbered = &name[..without_number(name)];
    if let Some(before) = MARKS.iter().find_map(|mark| unnumbered.trim_end().strip_suffix(mark)) {
        let before = before.strip_suffix(" - ").or_else(|| before.strip_suffix([' ', '_', '-']));
        return before.map(str::trim_end).filter(|before| !before.is_empty());
    }
    let digits = name.len() - unnumbered.len();
    let before = unnumbered.strip_suffix(['_', '-', ' ', '~']).filter(|_| (1..=2).contains(&digits))?;
    (!before.is_empty()).then_some(before)
}

/// Text in the normal form in which equal names are equal.
fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// The text of a name, and its encoding if that was guessed. Archives from Korean systems have names in CP949.
fn decoded(name: &[u8]) -> (String, Option<&'static str>) {
    if let Ok(text) = std::str::from_utf8(name) {
        return (text.to_owned(), None);
    }
    match encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(name) {
        Some(text) => (text.into_owned(), Some("cp949")),
        None => (String::from_utf8_lossy(name).into_owned(), None),
    }
}

#[cfg(test)]
mod tests;
