//! Parses a `case.toml` and checks what it states. Every error has its line.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use stage_core::{is_unprintable, on_one_line, printable, sha256_hex};
use toml::Spanned;
use unicode_normalization::UnicodeNormalization;

use super::{CaseFile, CaseRecording, Index, Person, compare};

/// Longest id of a person, in characters.
const LONGEST_ID: usize = 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseTable {
    title: Option<Spanned<String>>,
    reference: Option<Spanned<String>>,
    #[serde(default)]
    person: Vec<PersonTable>,
    #[serde(default)]
    recording: Vec<RecordingTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonTable {
    id: Spanned<String>,
    name: Spanned<String>,
    role: Option<Spanned<String>>,
    #[serde(default)]
    numbers: Vec<Spanned<String>>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    channel: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingTable {
    sha256: Spanned<String>,
    exhibit: Option<Spanned<String>>,
    channels: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    #[serde(default)]
    voices: BTreeMap<Spanned<String>, Spanned<String>>,
    note: Option<Spanned<String>>,
}

/// Why a text is refused: the line, from 1, and the reason.
type Refused = (usize, String);

/// Parses the text of the file.
pub(super) fn parse(text: &str) -> Result<CaseFile, Refused> {
    let source = Source(text);
    let table: CaseTable = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| source.line(span.start));
        (line, printable(&on_one_line(error.message())).into_owned())
    })?;
    let (title, reference) = (source.optional(table.title.as_ref())?, source.optional(table.reference.as_ref())?);
    let mut index = Index::default();
    let people = people(source, &table.person, &mut index)?;
    let recordings = recordings(source, &table.recording, &mut index)?;
    Ok(CaseFile { title, reference, people, recordings, file_sha256: sha256_hex(text.as_bytes()), index })
}

/// The text of the file, in which errors have a line.
#[derive(Clone, Copy)]
struct Source<'a>(&'a str);

impl Source<'_> {
    /// Number of the line with a byte, from 1.
    fn line(self, offset: usize) -> usize {
        1 + self.0.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    fn refused<T>(self, at: &Spanned<T>, reason: impl Into<String>) -> Refused {
        (self.line(at.span().start), reason.into())
    }

    /// A text in NFC and without white space around it. It must be on one line and printable, because names are shown
    /// on terminals and pages.
    fn text(self, text: &Spanned<String>) -> Result<String, Refused> {
        let value: String = text.get_ref().trim().nfc().collect();
        if value.is_empty() {
            return Err(self.refused(text, "an empty text: remove the key if there is nothing to state"));
        }
        match value.chars().find(|c| is_unprintable(*c)) {
            Some(c) => {
                let what = "a text on one line is expected, without controls of terminals or of the writing direction";
                Err(self.refused(text, format!("the character U+{:04X}: {what}", u32::from(c))))
            }
            None => Ok(value),
        }
    }

    fn optional(self, text: Option<&Spanned<String>>) -> Result<Option<String>, Refused> {
        text.map(|text| self.text(text)).transpose()
    }

    fn all(self, texts: &[Spanned<String>]) -> Result<Vec<String>, Refused> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    /// The id of a person.
    fn id(self, id: &Spanned<String>) -> Result<String, Refused> {
        let value = self.text(id)?;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !value.chars().all(is_part) || value.chars().count() > LONGEST_ID {
            let reason = format!("the id `{value}`: letters, digits, - _ . are expected, {LONGEST_ID} at most");
            return Err(self.refused(id, reason));
        }
        Ok(value)
    }
}

/// Checks the people and indexes them by id, number, name and alias.
fn people(source: Source<'_>, tables: &[PersonTable], index: &mut Index) -> Result<Vec<Person>, Refused> {
    let (mut people, mut ids) = (Vec::with_capacity(tables.len()), HashMap::new());
    for (at, table) in tables.iter().enumerate() {
        let id = source.id(&table.id)?;
        if let Some(first) = ids.insert(compare::name(&id), table.id.span().start) {
            let reason = format!("the id `{id}` is that of another person (line {})", source.line(first));
            return Err(source.refused(&table.id, reason));
        }
        let person = Person {
            id: id.clone(),
            name: source.text(&table.name)?,
            role: source.optional(table.role.as_ref())?,
            numbers: source.all(&table.numbers)?,
            aliases: source.all(&table.aliases)?,
            channel: table.channel,
        };
        for name in person.aliases.iter().chain([&person.name]) {
            index.names.entry(compare::name(name)).or_default().push(at);
        }
        index.ids.insert(id, at);
        people.push(person);
    }
    index_numbers(source, tables, &people, index)?;
    check_aliases(source, tables, &people, index)?;
    Ok(people)
}

/// Indexes the numbers. A number identifies one person.
fn index_numbers(
    source: Source<'_>,
    tables: &[PersonTable],
    people: &[Person],
    index: &mut Index,
) -> Result<(), Refused> {
    for (at, table) in tables.iter().enumerate() {
        for number in &table.numbers {
            let shown = printable(number.get_ref());
            let Some(digits) = compare::number(number.get_ref()) else {
                return Err(source.refused(number, format!("`{shown}` is not a phone number")));
            };
            match index.numbers.insert(digits, at) {
                Some(other) if other != at => {
                    let reason = format!("the number `{shown}` is also that of `{}`", people[other].id);
                    return Err(source.refused(number, reason));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// An alias identifies one person. Only names may be those of several people.
fn check_aliases(source: Source<'_>, tables: &[PersonTable], people: &[Person], index: &Index) -> Result<(), Refused> {
    for (at, table) in tables.iter().enumerate() {
        for (alias, text) in table.aliases.iter().zip(&people[at].aliases) {
            let named = index.names.get(&compare::name(text)).into_iter().flatten();
            if let Some(other) = named.copied().find(|other| *other != at) {
                let reason = format!("the alias `{text}` is also a name or an alias of `{}`", people[other].id);
                return Err(source.refused(alias, reason));
            }
        }
    }
    Ok(())
}

/// Checks the recordings and indexes them by hash. `index` has the people.
fn recordings(source: Source<'_>, tables: &[RecordingTable], index: &mut Index) -> Result<Vec<CaseRecording>, Refused> {
    let (mut recordings, mut exhibits) = (Vec::<CaseRecording>::with_capacity(tables.len()), HashMap::new());
    for (at, table) in tables.iter().enumerate() {
        let sha256 = table.sha256.get_ref().to_ascii_lowercase();
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(
                source.refused(&table.sha256, "sha256: the 64 hex digits of the recording's SHA-256 are expected")
            );
        }
        if let Some(first) = index.recordings.insert(sha256.clone(), at) {
            let first = source.line(tables[first].sha256.span().start);
            return Err(source.refused(&table.sha256, format!("the same recording is on line {first}")));
        }
        let exhibit = source.optional(table.exhibit.as_ref())?;
        if let (Some(text), Some(number)) = (&exhibit, &table.exhibit)
            && let Some(first) = exhibits.insert(compare::exhibit(text), number.span().start)
        {
            let first = source.line(first);
            return Err(source.refused(number, format!("the exhibit `{text}` is another recording (line {first})")));
        }
        let channels = table.channels.as_ref().map(|stated| channels(source, stated, index)).transpose()?;
        let voices = voices(source, &table.voices, index)?;
        recordings.push(CaseRecording {
            sha256,
            exhibit,
            channels,
            voices,
            note: source.optional(table.note.as_ref())?,
        });
    }
    Ok(recordings)
}

fn channels(
    source: Source<'_>,
    stated: &BTreeMap<Spanned<String>, Spanned<String>>,
    index: &Index,
) -> Result<BTreeMap<u16, String>, Refused> {
    let mut channels = BTreeMap::new();
    for (key, person) in stated {
        let digits = key.get_ref();
        // One way to write each channel, so that none is stated twice.
        let channel = digits.parse().ok().filter(|channel: &u16| channel.to_string() == *digits);
        let Some(channel) = channel else {
            let reason = format!("the channel `{}`: a number from 0 to {} is expected", printable(digits), u16::MAX);
            return Err(source.refused(key, reason));
        };
        channels.insert(channel, person_id(source, person, index)?);
    }
    Ok(channels)
}

fn voices(
    source: Source<'_>,
    stated: &BTreeMap<Spanned<String>, Spanned<String>>,
    index: &Index,
) -> Result<BTreeMap<String, String>, Refused> {
    let mut voices = BTreeMap::new();
    for (key, person) in stated {
        let label = key.get_ref();
        if !is_voice(label) {
            let reason = format!("the voice `{}`: a label of the results such as S1 is expected", printable(label));
            return Err(source.refused(key, reason));
        }
        voices.insert(label.clone(), person_id(source, person, index)?);
    }
    Ok(voices)
}

/// Whether a text is the label of a voice: `S` and a number from 1.
pub(crate) fn is_voice(label: &str) -> bool {
    let number = label.strip_prefix('S').and_then(|digits| digits.parse().ok());
    number.is_some_and(|number: u32| number > 0 && format!("S{number}") == label)
}

/// The id of a person of the file.
fn person_id(source: Source<'_>, person: &Spanned<String>, index: &Index) -> Result<String, Refused> {
    let id = source.text(person)?;
    if index.ids.contains_key(&id) {
        return Ok(id);
    }
    let reason = format!("there is no person `{id}`: add a [[person]] with this id, or use another one");
    Err(source.refused(person, reason))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use unicode_normalization::UnicodeNormalization;

    use crate::case_file::CaseFile;

    fn parse(text: &str) -> Result<CaseFile, String> {
        CaseFile::parse(Path::new("case.toml"), text).map_err(|error| error.to_string())
    }

    fn person(id: &str, more: &str) -> String {
        format!("[[person]]\nid = \"{id}\"\nname = \"N\"\n{more}\n")
    }

    fn recording(digit: &str, more: &str) -> String {
        format!("[[recording]]\nsha256 = \"{}\"\n{more}\n", digit.repeat(64))
    }

    #[test]
    fn case_file_with_every_key_is_read() {
        let decomposed: String = "김민수".nfd().collect();
        let text = format!(
            "title = ' 갑 대 을 '\nreference = '2026가단12345'\n{}{}",
            person(
                "kim",
                &format!("role = '피고'\nnumbers = ['010-1234-5678']\naliases = ['{decomposed}']\nchannel = 65535")
            ),
            recording(
                "A",
                "exhibit = '갑 제3호증'\nchannels = { 0 = 'kim', 65535 = 'kim' }\nvoices = { S1 = 'kim', S12 = 'kim' }\nnote = 'n'"
            ),
        );
        let case = parse(&text).unwrap();
        assert_eq!((case.title.as_deref(), case.reference.as_deref()), (Some("갑 대 을"), Some("2026가단12345")));
        let kim = case.person("kim").unwrap();
        assert_eq!((kim.aliases.as_slice(), kim.channel), (&["김민수".to_owned()][..], Some(u16::MAX)));
        let recording = case.recording(&"a".repeat(64)).expect("the hash is in lowercase");
        assert_eq!(recording.channels.as_ref().map(|channels| channels[&u16::MAX].as_str()), Some("kim"));
        assert_eq!(
            recording.voices.iter().map(|(label, id)| format!("{label} {id}")).collect::<Vec<_>>(),
            ["S1 kim", "S12 kim"]
        );
        assert_eq!(case.file_sha256, stage_core::sha256_hex(text.as_bytes()));
        let empty = parse("# nothing yet\n").unwrap();
        assert!(empty.title.is_none() && empty.people.is_empty() && empty.recordings.is_empty());
        assert_eq!(parse("person = [{ id = 'a', name = 'A' }]\nrecording = []").unwrap().people.len(), 1);
    }

    #[test]
    fn case_file_that_states_something_impossible_is_refused_with_its_line() {
        let (kim, lee) = (person("kim", "numbers = ['010-1234-5678']\naliases = ['민수']"), person("lee", ""));
        let nfd: String = "민수".nfd().collect();
        let cases = [
            ("title = 1".to_owned(), 1, "string"),
            ("title = 'a'\nheading = 'b'".to_owned(), 2, "unknown field `heading`"),
            ("\n\ntitle = 'a".to_owned(), 3, "string"),
            (format!("{kim}nickname = 'a'"), 6, "unknown field `nickname`"),
            ("[[person]]\nname = 'a'".to_owned(), 1, "missing field `id`"),
            ("[[person]]\nid = 'a'".to_owned(), 1, "missing field `name`"),
            ("[person]\nid = 'a'".to_owned(), 1, "sequence"),
            ("title = ' '".to_owned(), 1, "an empty text"),
            ("title = 'a'\nreference = \"a\\u202Eb\"".to_owned(), 2, "U+202E"),
            (person("a", "role = \"\"\"\nx\ny\"\"\""), 4, "U+000A"),
            (person("a", "aliases = ['x', \"\\u001b[2J\"]"), 4, "U+001B"),
            (person("a b", ""), 2, "the id `a b`"),
            (person("a=b", ""), 2, "the id `a=b`"),
            (person(&"a".repeat(41), ""), 2, "40 at most"),
            (format!("{kim}{}", person("KIM", "")), 7, "another person (line 2)"),
            (person("a", "numbers = ['call me']"), 4, "`call me` is not a phone number"),
            (format!("{kim}{}", person("a", "numbers = ['+82 10 1234 5678']")), 9, "is also that of `kim`"),
            (format!("{kim}{}", person("a", &format!("aliases = ['{nfd}']"))), 5, "alias of `a`"),
            (format!("{lee}{}", person("a", "aliases = ['n']")), 8, "name or an alias of `lee`"),
            (person("a", "channel = 65536"), 4, "65536"),
            (person("a", "channel = -1"), 4, "-1"),
            ("[[recording]]\nsha256 = 'abc'".to_owned(), 2, "64 hex digits"),
            (format!("[[recording]]\nsha256 = '{}'", "g".repeat(64)), 2, "64 hex digits"),
            (format!("{}{}", recording("a", ""), recording("A", "")), 5, "the same recording is on line 2"),
            (
                format!("{}{}", recording("a", "exhibit = '갑 제1호증'"), recording("b", "exhibit = '갑제1호증'")),
                6,
                "another recording (line 3)",
            ),
            (recording("a", "channels = { 0 = 'kim' }"), 3, "no person `kim`"),
            (format!("{kim}{}", recording("a", "channels = { 65536 = 'kim' }")), 8, "the channel `65536`"),
            (format!("{kim}{}", recording("a", "channels = { 01 = 'kim' }")), 8, "the channel `01`"),
            (recording("a", "voices = { S1 = 'kim' }"), 3, "no person `kim`"),
            (format!("{kim}{}", recording("a", "voices = { 0 = 'kim' }")), 8, "the voice `0`"),
            (format!("{kim}{}", recording("a", "voices = { S01 = 'kim' }")), 8, "the voice `S01`"),
            (format!("{kim}{}", recording("a", "voices = { S0 = 'kim' }")), 8, "the voice `S0`"),
            (format!("{kim}{}", recording("a", "voices = { unknown = 'kim' }")), 8, "the voice `unknown`"),
            (format!("{kim}{}", recording("a", "channels = { -1 = 'kim' }")), 8, "the channel `-1`"),
        ];
        for (text, line, reason) in cases {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(&format!("case.toml: line {line}: ")), "{line}: {error}\n{text}");
            assert!(error.contains(reason) && !error.contains('\n'), "{reason}: {error}\n{text}");
        }
    }

    #[test]
    fn case_file_may_repeat_what_belongs_to_one_person_and_names_of_several() {
        let kim = person("kim", "numbers = ['010-1234-5678', '+82 10 1234 5678']\naliases = ['N', 'n', 'x']");
        let error = parse(&format!("{kim}{}", person("lee", ""))).unwrap_err();
        assert!(error.contains("the alias `N` is also a name or an alias of `lee`"), "{error}");
        parse(&kim).unwrap();
        parse(&format!("{}{}", person("a", ""), person("b", ""))).unwrap();
    }

    #[test]
    fn case_file_of_hostile_nesting_is_refused() {
        let nested = [
            format!("title = {}", "[".repeat(1 << 20)),
            format!("title = {}", "{a=".repeat(1 << 20)),
            format!("{} = 1", vec!["a"; 1 << 20].join(".")),
            format!("[{}]", vec!["a"; 1 << 20].join(".")),
        ];
        for text in nested {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with("case.toml: line 1: ") && error.len() < 1000, "{}", &error[..100]);
        }
    }
}
