//! Date and time in the names of recorders, at the end or at the start of a name.

use jiff::civil::{Date, DateTime, Time};

/// A time in a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedTime {
    /// ISO 8601 without a time zone; a date alone if the name has no time of day.
    pub(super) iso: String,
    /// Whether the year has four digits.
    pub(super) has_century: bool,
}

/// Lengths of the groups of digits that are a date and a time, longest first.
const FORMS: [&[usize]; 6] = [&[4, 2, 2, 2, 2, 2], &[8, 6, 3], &[8, 6], &[6, 6], &[17], &[14]];
/// Recorders of calls are younger than this year.
const FIRST_YEAR: i16 = 1990;
/// Characters between the groups, and between them and the rest of the name.
const SEPARATORS: [char; 6] = ['_', '-', ' ', '.', 'T', ':'];

/// The text before a time at the end of `name`, and the time.
pub(super) fn at_end(name: &str) -> Option<(&str, NamedTime)> {
    FORMS.iter().find_map(|form| {
        let mut rest = name;
        let mut groups = Vec::new();
        for (index, length) in form.iter().rev().enumerate() {
            if index > 0 {
                rest = rest.strip_suffix(SEPARATORS)?;
            }
            let start = rest.len() - digits_at_end(rest);
            groups.push(&rest[start..]);
            rest = (rest.len() - start == *length).then_some(&rest[..start])?;
        }
        groups.reverse();
        let before = if rest.is_empty() { rest } else { rest.strip_suffix(['_', '-', ' '])? };
        Some((before, time_of(&groups)?))
    })
}

/// The text after a time at the start of `name`, and the time. A time zone after it is skipped.
pub(super) fn at_start(name: &str) -> Option<(&str, NamedTime)> {
    FORMS.iter().find_map(|form| {
        let mut rest = name;
        let mut groups = Vec::new();
        for (index, length) in form.iter().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix(SEPARATORS)?;
            }
            let (group, after) = rest.split_at(digits_at_start(rest));
            groups.push(group);
            rest = (group.len() == *length).then_some(after)?;
        }
        let time = time_of(&groups)?;
        let rest = without_zone(rest);
        let after = if rest.is_empty() { rest } else { rest.strip_prefix(['_', '-', ' '])? };
        Some((after, time))
    })
}

/// The text before a date at the end of `name`, and the date.
pub(super) fn date_at_end(name: &str) -> Option<(&str, NamedTime)> {
    let (before, date) = name.split_at(name.len() - digits_at_end(name));
    let date = (date.len() == 8).then(|| date_of(&[date])).flatten()?;
    let before = if before.is_empty() { before } else { before.strip_suffix(['_', '-', ' '])? };
    Some((before, NamedTime { iso: date.to_string(), has_century: true }))
}

/// Whether digits are a date of eight digits, and therefore not likely a phone number.
pub(super) fn is_date(digits: &str) -> bool {
    digits.len() == 8 && date_of(&[digits]).is_some()
}

/// Fields of a time, each of digits; the time of day has three fields or is empty.
pub(super) fn from_fields(date: [&str; 3], time: &[&str], fraction: Option<&str>) -> Option<NamedTime> {
    let date_value = date_of(&date)?;
    let has_century = date[0].len() == 4;
    if time.is_empty() {
        return Some(NamedTime { iso: date_value.to_string(), has_century });
    }
    let field = |index: usize| time.get(index).map_or(Some(0), |digits| digits.parse::<i8>().ok());
    let nanoseconds = fraction.map_or(Some(0), |ms| ms.parse::<i32>().ok().map(|ms| ms * 1_000_000))?;
    let time = Time::new(field(0)?, field(1)?, field(2)?, nanoseconds).ok()?;
    Some(NamedTime { iso: DateTime::from_parts(date_value, time).to_string(), has_century })
}

fn digits_at_end(text: &str) -> usize {
    text.bytes().rev().take_while(u8::is_ascii_digit).count()
}

fn digits_at_start(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `-0400`, `Z` or `+09:00` removed from the start.
fn without_zone(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('Z') {
        return rest;
    }
    match text.strip_prefix(['+', '-']) {
        Some(zone) if digits_at_start(zone) == 4 => &zone[4..],
        Some(zone) if digits_at_start(zone) == 2 && zone[2..].starts_with(':') && digits_at_start(&zone[3..]) == 2 => {
            &zone[5..]
        }
        _ => text,
    }
}

/// The time of groups in one of [`FORMS`].
fn time_of(groups: &[&str]) -> Option<NamedTime> {
    let all = groups.concat();
    let year = if all.len() == 12 { 2 } else { 4 };
    let (date, time) = all.split_at(year + 4);
    let fields = [&date[..year], &date[year..year + 2], &date[year + 2..]];
    from_fields(fields, &[&time[..2], &time[2..4], &time[4..6]], time.get(6..).filter(|ms| !ms.is_empty()))
}

/// The date of year, month and day, or of eight digits. Two digits of a year are 20YY.
fn date_of(fields: &[&str]) -> Option<Date> {
    let all = fields.concat();
    let all = if all.len() == 6 { format!("20{all}") } else { all };
    let small = |text: &str| text.parse::<i8>().ok();
    let date = Date::new(all.get(..4)?.parse().ok()?, small(all.get(4..6)?)?, small(all.get(6..)?)?).ok()?;
    (FIRST_YEAR..2100).contains(&date.year()).then_some(date)
}
