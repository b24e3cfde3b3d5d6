//! Patterns for names of recorders that the program does not know: `--name-pattern` and `run.name_patterns`.

use std::collections::BTreeMap;

use super::time::{self, NamedTime};
use super::{NamedRecording, nfc, party};

/// A compiled pattern. Text and fields in braces match the whole name of a file without its extension.
#[derive(Debug, Clone)]
pub(super) struct NamePattern(Vec<Element>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Contact,
    Number,
    Direction,
    Any,
    LongYear,
    ShortYear,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

const FIELDS: [(&str, Field); 12] = [
    ("contact", Field::Contact),
    ("number", Field::Number),
    ("direction", Field::Direction),
    ("*", Field::Any),
    ("YYYY", Field::LongYear),
    ("YY", Field::ShortYear),
    ("MM", Field::Month),
    ("DD", Field::Day),
    ("hh", Field::Hour),
    ("mm", Field::Minute),
    ("ss", Field::Second),
    ("ms", Field::Millisecond),
];

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name pattern `{}`: {}", stage_core::printable(pattern), stage_core::printable(reason))]
pub struct NamePatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Field {
    /// Number of digits, for a field of digits.
    const fn digits(self) -> Option<usize> {
        match self {
            Self::Contact | Self::Number | Self::Direction | Self::Any => None,
            Self::LongYear => Some(4),
            Self::Millisecond => Some(3),
            _ => Some(2),
        }
    }

    fn name(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

impl NamePattern {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &str) -> Result<Self, NamePatternError> {
        let checked = elements(&nfc(pattern)).and_then(|elements| check(&elements).map(|()| Self(elements)));
        checked.map_err(|reason| NamePatternError { pattern: pattern.to_owned(), reason })
    }

    /// The fields of a name that matches as a whole and whose date exists.
    pub(super) fn parse(&self, stem: &str) -> Option<NamedRecording> {
        let mut found = BTreeMap::new();
        matches(&self.0, stem, &mut found).then_some(())?;
        let text = |field| found.get(&field).map(|text: &String| text.trim().to_owned());
        let time = self.time(&found)?;
        Some(NamedRecording {
            contact: text(Field::Contact),
            number: text(Field::Number),
            direction: text(Field::Direction).and_then(|word| direction(&word)),
            has_century: time.as_ref().is_some_and(|time| time.has_century),
            recorded_at: time.map(|time| time.iso),
            encoding: None,
        })
    }

    /// The time, `Some(None)` if the pattern has none, or `None` if there is no such time.
    fn time(&self, found: &BTreeMap<Field, String>) -> Option<Option<NamedTime>> {
        let text = |field| found.get(&field).map(String::as_str);
        let Some(year) = text(Field::LongYear).or_else(|| text(Field::ShortYear)) else { return Some(None) };
        let date = [year, text(Field::Month)?, text(Field::Day)?];
        let time: Vec<_> = [Field::Hour, Field::Minute, Field::Second].into_iter().filter_map(text).collect();
        time::from_fields(date, &time, text(Field::Millisecond)).map(Some)
    }
}

fn direction(word: &str) -> Option<party::Direction> {
    party::take_direction(&format!("x_{word}")).1
}

/// Splits a pattern into text and fields. `{{` and `}}` stand for braces.
fn elements(pattern: &str) -> Result<Vec<Element>, String> {
    let (mut elements, mut text, mut rest) = (Vec::new(), String::new(), pattern);
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            text.push(c);
            rest = after;
        } else if c == '{' {
            let (name, after) = rest[1..].split_once('}').ok_or("a `{` has no `}`; write `{{` for a brace")?;
            let known = || FIELDS.map(|(name, _)| format!("{{{name}}}")).join(", ");
            let field = FIELDS.iter().find(|(known, _)| *known == name);
            let (_, field) = field.ok_or_else(|| format!("{{{name}}} is not one of {}", known()))?;
            if !text.is_empty() {
                elements.push(Element::Text(std::mem::take(&mut text)));
            }
            elements.push(Element::Field(*field));
            rest = after;
        } else if c == '}' {
            return Err("a `}` has no `{`; write `}}` for a brace".to_owned());
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !text.is_empty() {
        elements.push(Element::Text(text));
    }
    Ok(elements)
}

fn check(elements: &[Element]) -> Result<(), String> {
    let fields: Vec<Field> =
        elements.iter().filter_map(|part| if let Element::Field(field) = part { Some(*field) } else { None }).collect();
    let has = |field| fields.contains(&field);
    if let Some(twice) = fields.iter().find(|field| fields.iter().filter(|other| other == field).count() > 1) {
        return Err(format!("{{{}}} occurs twice", twice.name()));
    }
    let free = |part: &Element| matches!(part, Element::Field(field) if field.digits().is_none());
    if elements.windows(2).any(|pair| pair.iter().all(free)) {
        return Err("two fields of free length need text between them".to_owned());
    }
    let has_year = has(Field::LongYear) || has(Field::ShortYear);
    if has(Field::LongYear) && has(Field::ShortYear) {
        return Err("{YYYY} and {YY} are both years".to_owned());
    }
    if [has_year, has(Field::Month), has(Field::Day)].iter().any(|one| *one != has_year) {
        return Err("a date needs a year ({YYYY} or {YY}), {MM} and {DD}".to_owned());
    }
    if has(Field::Hour) != has(Field::Minute) || (has(Field::Hour) && !has_year) {
        return Err("a time needs {hh}, {mm} and a date".to_owned());
    }
    if (has(Field::Second) && !has(Field::Hour)) || (has(Field::Millisecond) && !has(Field::Second)) {
        return Err("{ss} needs {hh} and {mm}, and {ms} needs {ss}".to_owned());
    }
    if has_year || has(Field::Contact) || has(Field::Number) {
        Ok(())
    } else {
        Err("it has neither {contact} nor {number} nor a date".to_owned())
    }
}

/// Matches the whole text, the longest contact first, and collects the fields.
fn matches(elements: &[Element], text: &str, found: &mut BTreeMap<Field, String>) -> bool {
    let Some((first, others)) = elements.split_first() else { return text.is_empty() };
    let field = match first {
        Element::Text(own) => return text.strip_prefix(own.as_str()).is_some_and(|rest| matches(others, rest, found)),
        Element::Field(field) => *field,
    };
    let ends: Vec<usize> = match field.digits() {
        Some(digits) => text.get(..digits).filter(|text| is_digits(text)).map(str::len).into_iter().collect(),
        None => text.char_indices().map(|(at, c)| at + c.len_utf8()).rev().collect(),
    };
    ends.into_iter().any(|end| {
        let (own, rest) = text.split_at(end);
        let fits = match field {
            Field::Number => party::is_number(own, 3),
            Field::Direction => direction(own).is_some(),
            Field::Contact => !own.trim().is_empty(),
            _ => true,
        };
        let is_match = fits && matches(others, rest, found);
        if is_match {
            found.insert(field, own.to_owned());
        }
        is_match
    })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
