//! Parses the file names of phone recorders: `contact_YYMMDD_HHMMSS`.

use jiff::civil::DateTime;

/// Contact and local recording time from the stem of a file name, each if it can be parsed. Since files can be renamed,
/// both are claims: they are exported beside the evidence and are not part of any fingerprint.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedRecording {
    pub(crate) contact: Option<String>,
    /// ISO 8601 without a time zone: the recorder's local time.
    pub(crate) recorded_at: Option<String>,
}

/// Parses `stem`. Two-digit years are read as 20YY; four-digit years (`YYYYMMDD`) are used as they are.
pub(crate) fn parse(stem: &str) -> NamedRecording {
    let mut parts: Vec<&str> = stem.split('_').collect();
    let Some(time) = parts.pop() else { return NamedRecording::default() };
    let Some(date) = parts.pop() else { return NamedRecording::default() };
    let Some(at) = local_time(date, time) else { return NamedRecording::default() };
    let contact = parts.join("_");
    NamedRecording {
        contact: (!contact.trim().is_empty()).then(|| contact.trim().to_owned()),
        recorded_at: Some(at.to_string()),
    }
}

fn local_time(date: &str, time: &str) -> Option<DateTime> {
    let date = match date.len() {
        6 => format!("20{date}"),
        8 => date.to_owned(),
        _ => return None,
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if time.len() != 6 || !digits(&date) || !digits(time) {
        return None;
    }
    let field = |text: &str, at: usize, len: usize| text[at..at + len].parse::<i16>().ok();
    let small = |text: &str, at: usize| field(text, at, 2).and_then(|n| i8::try_from(n).ok());
    DateTime::new(
        field(&date, 0, 4)?,
        small(&date, 4)?,
        small(&date, 6)?,
        small(time, 0)?,
        small(time, 2)?,
        small(time, 4)?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_give_contact_and_time() {
        let named = parse("김민수_241105_093012");
        assert_eq!(named.contact.as_deref(), Some("김민수"));
        assert_eq!(named.recorded_at.as_deref(), Some("2024-11-05T09:30:12"));
        assert_eq!(parse("a_b_20241105_093012").contact.as_deref(), Some("a_b"));
    }

    #[test]
    fn file_names_that_do_not_parse_give_no_time() {
        for stem in ["call", "call_241399_093012", "call_241105", "call_241105_996012", "x_24é105_093012"] {
            assert_eq!(parse(stem), NamedRecording::default(), "{stem}");
        }
    }
}
