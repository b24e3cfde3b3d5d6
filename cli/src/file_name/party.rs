//! The other party of a call in the name of a recorder: contact, number and direction.

use super::time::is_date;

/// The direction of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The other party called.
    Incoming,
    /// The other party was called.
    Outgoing,
}

impl Direction {
    /// Its name in results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
        }
    }
}

/// What a name says about the other party.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) contact: Option<String>,
    pub(super) number: Option<String>,
    pub(super) direction: Option<Direction>,
}

/// Words that recorders write before the party, with any of the separators after them.
const PREFIXES: [&str; 11] = [
    "[t전화통화녹음]",
    "[t전화 통화녹음]",
    "[t전화]",
    "통화 녹음",
    "통화녹음",
    "call recording",
    "callrecording",
    "call_recording",
    "callrecord",
    "call record",
    "(phone)",
];
/// Words that do not name a contact: they stand alone or before an underscore.
const WORDS: [&str; 12] =
    ["call", "calls", "phone", "record", "recording", "recorder", "voice", "통화", "녹음", "음성", "전화", "whatsapp"];
/// What recorders write for a number that was withheld.
const HIDDEN: [&str; 10] = [
    "발신번호표시제한",
    "발신번호 표시제한",
    "발신번호 표시 제한",
    "발신자표시제한",
    "발신자 표시제한",
    "표시제한",
    "private number",
    "withheld",
    "unknown number",
    "unknown",
];
const DIRECTIONS: [(&str, Direction); 10] = [
    ("in", Direction::Incoming),
    ("incoming", Direction::Incoming),
    ("수신", Direction::Incoming),
    ("수신전화", Direction::Incoming),
    ("↙", Direction::Incoming),
    ("out", Direction::Outgoing),
    ("outgoing", Direction::Outgoing),
    ("발신", Direction::Outgoing),
    ("발신전화", Direction::Outgoing),
    ("↗", Direction::Outgoing),
];

/// Parses the part of a name without its time.
pub(super) fn parse(text: &str) -> Party {
    let (text, direction) = take_direction(without_prefix(text));
    let text = without_sim(without_prefix(text));
    Party { direction, ..contact_and_number(trimmed(text)) }
}

/// The text without words of the recorder at its start.
pub(super) fn without_prefix(text: &str) -> &str {
    let mut rest = text.trim();
    loop {
        let long = PREFIXES.iter().find_map(|prefix| strip_word(rest, prefix, &[' ', '_', '-']));
        let word = || WORDS.iter().find_map(|word| strip_word(rest, word, &['_']));
        match long.or_else(word) {
            Some(after) => rest = after,
            None => return rest,
        }
    }
}

/// The direction that stands as a part of its own at the end or the start, and the rest. A name that consists of it alone
/// is a contact.
pub(super) fn take_direction(text: &str) -> (&str, Option<Direction>) {
    for (word, direction) in DIRECTIONS {
        for part in [format!("({word})"), format!("[{word}]"), word.to_owned()] {
            let separators: &[char] = if word.is_ascii() && part == word { &['_'] } else { &['_', ' ', '-'] };
            let at_start = strip_word(text, &part, separators).filter(|rest| !rest.is_empty());
            let at_end = || {
                let rest = text.get(..text.len().checked_sub(part.len())?)?;
                let is_it = text[rest.len()..].eq_ignore_ascii_case(&part);
                rest.strip_suffix(separators).filter(|rest| is_it && !trimmed(rest).is_empty())
            };
            if let Some(rest) = at_start.or_else(at_end) {
                return (rest, Some(direction));
            }
        }
    }
    (text, None)
}

/// Whether a text is a phone number of at least `least` digits, or says that the number was withheld.
pub(super) fn is_number(text: &str, least: usize) -> bool {
    let (text, digits) = (text.trim(), text.bytes().filter(u8::is_ascii_digit).count());
    let is_part = |(at, c): (usize, char)| c.is_ascii_digit() || "-. ()*#".contains(c) || (c == '+' && at == 0);
    let plain: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_phone = (least..=15).contains(&digits)
        && text.char_indices().all(is_part)
        && text.starts_with(|c: char| c.is_ascii_digit() || "+(*#".contains(c))
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '#')
        && !is_date(&plain);
    is_phone || HIDDEN.contains(&text.to_lowercase().as_str())
}

/// Digits of the shortest number: 112, 114.
const SHORTEST: usize = 3;
/// Digits of the shortest number beside a contact.
const SHORTEST_BESIDE: usize = 7;

fn contact_and_number(text: &str) -> Party {
    let party = |contact: &str, number: Option<&str>| Party {
        contact: Some(trimmed(contact)).filter(|contact| !contact.is_empty()).map(str::to_owned),
        number: number.map(|number| number.trim().to_owned()),
        direction: None,
    };
    if is_number(text, SHORTEST) {
        return party("", Some(text));
    }
    let beside = |number: &str| is_number(number, SHORTEST_BESIDE);
    // `contact (number)`, `contact@number`, `contact_number`, `number_contact`, `number (contact)`, `contact number`.
    let in_brackets = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    let splits = [in_brackets, text.rsplit_once('@'), text.rsplit_once('_')];
    if let Some((contact, number)) = splits.into_iter().flatten().find(|(_, number)| beside(number)) {
        return party(contact, Some(number));
    }
    let before_brackets = in_brackets.map(|(number, contact)| (number.trim_end(), contact));
    let splits = [text.split_once('_'), before_brackets];
    if let Some((number, contact)) = splits.into_iter().flatten().find(|(number, _)| beside(number)) {
        return party(contact, Some(number));
    }
    let is_long = |number: &str| number.starts_with(['0', '+']) && is_number(number, 9);
    match text.rsplit_once(' ').filter(|(_, number)| is_long(number)) {
        Some((contact, number)) => party(contact, Some(number)),
        None => party(text, None),
    }
}

/// `sim1_` removed from the start.
fn without_sim(text: &str) -> &str {
    match text.split_once('_') {
        Some((sim, rest)) if sim.strip_prefix("sim").is_some_and(|slot| matches!(slot, "1" | "2")) => rest,
        _ => text,
    }
}

/// The text after a word and a separator, or an empty text after the word alone; letters of ASCII in any case.
fn strip_word<'a>(text: &'a str, word: &str, separators: &[char]) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    let is_it = start.eq_ignore_ascii_case(word);
    let rest = if rest.is_empty() { Some(rest) } else { rest.strip_prefix(separators).map(str::trim_start) };
    rest.filter(|_| is_it)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '_')
}
