//! Edits the text of a `case.toml`. Comments, order and layout of a file that was written by hand stay.

mod layout;

use toml_edit::{Array, DocumentMut, InlineTable, TableLike, TomlError, Value, value};

use self::layout::{find_or_add, push, remove, remove_entry, remove_from_root, set_in_root, set_value, tidy};
use super::compare;

/// The byte order mark, which editors on Windows write.
const BOM: char = '\u{feff}';

/// A text that is being edited. It must have been parsed as a case file; the result must be parsed again before it is
/// used, because edits do not check what they state.
#[derive(Debug)]
pub(crate) struct Edit {
    document: DocumentMut,
    has_bom: bool,
    /// Whether all lines end as on Windows.
    has_crlf: bool,
}

/// Changes of a person. An empty text removes what the file states.
#[derive(Debug, Clone, Default)]
pub(crate) struct PersonEdit {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) role: Option<String>,
    /// Numbers to add. An empty one removes those before it.
    pub(crate) numbers: Vec<String>,
    /// Aliases to add. An empty one removes those before it.
    pub(crate) aliases: Vec<String>,
    /// The default channel; `Some(None)` removes it.
    pub(crate) channel: Option<Option<u16>>,
}

/// Changes of a recording. An empty text removes what the file states.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordingEdit {
    /// Its hash, in lowercase.
    pub(crate) sha256: String,
    pub(crate) exhibit: Option<String>,
    pub(crate) note: Option<String>,
    /// The id of the person on each of these channels; an empty one removes the channel.
    pub(crate) speakers: Vec<(u16, String)>,
    /// The id of the person who is each of these voices, by label; an empty one removes the voice.
    pub(crate) voices: Vec<(String, String)>,
}

impl Edit {
    /// Begins with the text of a file.
    ///
    /// # Errors
    /// The text is not TOML.
    pub(crate) fn new(text: &str) -> Result<Self, TomlError> {
        let unix = text.replace("\r\n", "\n");
        let has_crlf = unix.len() < text.len() && text.len() - unix.len() == unix.matches('\n').count();
        let document = if has_crlf { &unix } else { text };
        Ok(Self { document: document.parse()?, has_bom: text.starts_with(BOM), has_crlf })
    }

    /// The new text.
    pub(crate) fn finish(self) -> String {
        let text = self.document.to_string();
        let text = text.trim_start_matches('\n');
        let text = if self.has_crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        if self.has_bom { format!("{BOM}{text}") } else { text }
    }

    /// Sets the title or the reference; an empty text removes it.
    pub(crate) fn set(&mut self, key: &str, text: &str) {
        if text.trim().is_empty() {
            remove_from_root(&mut self.document, key);
        } else {
            set_in_root(&mut self.document, key, text);
        }
    }

    /// Changes a person, or adds one.
    pub(crate) fn set_person(&mut self, edit: &PersonEdit) {
        let is_it = |id: &str| compare::name(id) == compare::name(&edit.id);
        let Some(person) = find_or_add(&mut self.document, "person", "id", &edit.id, is_it) else { return };
        set_text(person, "name", edit.name.as_deref());
        set_text(person, "role", edit.role.as_deref());
        add_all(person, "numbers", &edit.numbers, |number| {
            compare::number(number).unwrap_or_else(|| number.to_owned())
        });
        add_all(person, "aliases", &edit.aliases, compare::name);
        match edit.channel {
            Some(Some(channel)) => set_value(person, "channel", i64::from(channel).into()),
            Some(None) => remove(person, "channel"),
            None => {}
        }
    }

    /// Removes a person.
    pub(crate) fn remove_person(&mut self, id: &str) {
        let is_it = |found: &str| compare::name(found) == compare::name(id);
        remove_entry(&mut self.document, "person", "id", is_it);
    }

    /// Changes what is stated about a recording.
    pub(crate) fn set_recording(&mut self, edit: &RecordingEdit) {
        let is_it = |sha256: &str| sha256.eq_ignore_ascii_case(&edit.sha256);
        let found = find_or_add(&mut self.document, "recording", "sha256", &edit.sha256, is_it);
        let Some(recording) = found else { return };
        set_text(recording, "exhibit", edit.exhibit.as_deref());
        set_text(recording, "note", edit.note.as_deref());
        for (channel, person) in &edit.speakers {
            set_speaker(recording, "channels", &channel.to_string(), person);
        }
        for (label, person) in &edit.voices {
            set_speaker(recording, "voices", label, person);
        }
    }
}

/// Sets a text; an empty one removes the key, and `None` changes nothing.
fn set_text(table: &mut dyn TableLike, key: &str, text: Option<&str>) {
    match text {
        Some(text) if text.trim().is_empty() => remove(table, key),
        Some(text) => set_value(table, key, text.into()),
        None => {}
    }
}

/// Adds texts to an array, except those that it has. An empty text removes all before it.
fn add_all(table: &mut dyn TableLike, key: &str, texts: &[String], comparable: impl Fn(&str) -> String) {
    for text in texts {
        if text.trim().is_empty() {
            remove(table, key);
            continue;
        }
        let array = table.entry(key).or_insert_with(|| value(Array::new()));
        let Some(array) = array.as_array_mut() else { continue };
        let has_it = array.iter().filter_map(Value::as_str).any(|there| comparable(there) == comparable(text));
        if !has_it {
            push(array, text);
        }
    }
}

/// Sets who speaks on a channel or who a voice is; an empty id removes what is stated, and the last one the whole table.
fn set_speaker(recording: &mut dyn TableLike, table: &str, speaker: &str, person: &str) {
    let speakers = recording.entry(table).or_insert_with(|| value(InlineTable::new()));
    let Some(speakers) = speakers.as_table_like_mut() else { return };
    if person.trim().is_empty() {
        speakers.remove(speaker);
    } else {
        set_value(speakers, speaker, person.into());
    }
    if speakers.is_empty() {
        remove(recording, table);
    } else {
        tidy(recording, table);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use testkit::Random;

    use crate::case_file::CaseFile;

    use super::*;

    /// As people write it: comments everywhere, other quotes, other order, several lines.
    const BY_HAND: &str = r#"# Case of Ms. Lee. Do not send to the other side.

# The title as in the complaint.
title = '갑 대 을'   # short

# --- people ---

# The client.
[[person]] # first
name = "이영희"
id   = "lee"
channel = 0  # left

# The other side.
[[person]]
id = "kim"
role = '피고' # since May
name = "김민수"
numbers = [
  "010-1234-5678", # private
  "02-123-4567" # office
]
aliases = ["민수"]

# --- recordings ---
[[recording]]
sha256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
exhibit = "갑 제1호증" # filed
[recording.channels] # by ear
0 = "kim"
# the end
"#;

    fn edited(text: &str, change: impl FnOnce(&mut Edit)) -> String {
        let mut edit = Edit::new(text).unwrap();
        change(&mut edit);
        let text = edit.finish();
        CaseFile::parse(Path::new("case.toml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        text
    }

    /// Lines that only one of the texts has, marked as in a patch.
    fn difference(before: &str, after: &str) -> Vec<String> {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (before, after) = (lines(before), lines(after));
        let only = |a: &[String], b: &[String], mark| {
            a.iter().filter(|line| !b.contains(line)).map(|line| format!("{mark}{line}")).collect::<Vec<_>>()
        };
        [only(&before, &after, "-"), only(&after, &before, "+")].concat()
    }

    fn person(id: &str) -> PersonEdit {
        PersonEdit { id: id.to_owned(), ..PersonEdit::default() }
    }

    fn recording(digit: &str) -> RecordingEdit {
        RecordingEdit { sha256: digit.repeat(64), ..RecordingEdit::default() }
    }

    #[test]
    fn edit_of_nothing_keeps_every_byte() {
        for text in [BY_HAND.to_owned(), BY_HAND.replace('\n', "\r\n"), format!("{BOM}{BY_HAND}"), String::new()] {
            assert_eq!(edited(&text, |_| {}), text);
        }
    }

    #[test]
    fn edit_changes_only_the_lines_of_its_values() {
        let after = edited(BY_HAND, |edit| {
            edit.set("title", "갑 대 병");
            edit.set("reference", "2026가단1");
            edit.set_person(&PersonEdit { role: Some("증인".to_owned()), channel: Some(Some(1)), ..person("KIM") });
            let (exhibit, speakers) = (Some("갑 제2호증".to_owned()), vec![(1, "lee".to_owned())]);
            edit.set_recording(&RecordingEdit { exhibit, speakers, ..recording("a") });
        });
        let expected = [
            "-title = '갑 대 을'   # short",
            "-role = '피고' # since May",
            "-exhibit = \"갑 제1호증\" # filed",
            "+title = \"갑 대 병\"   # short",
            "+reference = \"2026가단1\"",
            "+role = \"증인\" # since May",
            "+channel = 1",
            "+exhibit = \"갑 제2호증\" # filed",
            "+1 = \"lee\"",
        ];
        assert_eq!(difference(BY_HAND, &after), expected, "{after}");
    }

    #[test]
    fn edit_adds_to_lists_and_keeps_their_comments() {
        let numbers = ["+82 10 1234 5678", "031-1-2345"].map(str::to_owned).to_vec();
        let aliases = ["민수", "Kim"].map(str::to_owned).to_vec();
        let after = edited(BY_HAND, |edit| edit.set_person(&PersonEdit { numbers, aliases, ..person("kim") }));
        assert!(
            after.contains("  \"02-123-4567\", # office\n  \"031-1-2345\",\n]\naliases = [\"민수\", \"Kim\"]\n"),
            "{after}"
        );
        let numbers = vec!["114".to_owned()];
        let after = edited(&after, |edit| edit.set_person(&PersonEdit { numbers, ..person("kim") }));
        assert!(after.contains("  \"031-1-2345\",\n  \"114\",\n]\n"), "{after}");
        let numbers = vec![String::new(), "119".to_owned()];
        let after = edited(&after, |edit| edit.set_person(&PersonEdit { numbers, ..person("kim") }));
        assert!(after.contains("numbers = [\"119\"]\n") && !after.contains("114"), "{after}");
    }

    #[test]
    fn edit_appends_people_and_recordings_to_those_that_are_there() {
        let after = edited(BY_HAND, |edit| {
            edit.set_person(&PersonEdit { name: Some("박".to_owned()), ..person("park") });
            let speakers = vec![(0, "park".to_owned()), (1, "lee".to_owned())];
            let voices = vec![("S2".to_owned(), "lee".to_owned())];
            edit.set_recording(&RecordingEdit { speakers, voices, ..recording("b") });
        });
        let people = "aliases = [\"민수\"]\n\n[[person]]\nid = \"park\"\nname = \"박\"\n\n# --- recordings ---\n";
        assert!(after.contains(people), "{after}");
        let sha256 = "b".repeat(64);
        let end = format!(
            "\n[[recording]]\nsha256 = \"{sha256}\"\nchannels = {{ 0 = \"park\", 1 = \"lee\" }}\nvoices = {{ S2 = \"lee\" }}\n# the end\n"
        );
        assert!(after.ends_with(&end), "{after}");
        let speakers = vec![(0, String::new()), (1, String::new())];
        let removed = RecordingEdit { speakers, voices: vec![("S2".to_owned(), String::new())], ..recording("b") };
        let after = edited(&after, |edit| edit.set_recording(&removed));
        assert!(
            !after.contains("park\", 1")
                && !after.contains("voices")
                && after.contains("[recording.channels] # by ear"),
            "{after}"
        );
    }

    #[test]
    fn edit_that_removes_keeps_the_comments_about_the_rest() {
        let after = edited(BY_HAND, |edit| edit.set("title", ""));
        assert!(
            after.starts_with("# Case of Ms. Lee. Do not send to the other side.\n\n# --- people ---\n"),
            "{after}"
        );
        let after = edited(&after, |edit| edit.remove_person("lee"));
        let start =
            "# Case of Ms. Lee. Do not send to the other side.\n\n# --- people ---\n\n# The other side.\n[[person]]\n";
        assert!(after.starts_with(start), "{after}");
        let after = edited(&after, |edit| {
            let exhibit = Some(String::new());
            let speakers = vec![(0, String::new())];
            edit.set_recording(&RecordingEdit { exhibit, speakers, ..recording("a") });
            edit.remove_person("kim");
        });
        for kept in ["# Case of Ms. Lee", "# --- people ---", "# --- recordings ---", "# the end"] {
            assert!(after.contains(kept), "{kept}\n{after}");
        }
        let after = edited("# header\n\ntitle = 'a'\n# end\n", |edit| edit.set("title", ""));
        assert_eq!(after, "# header\n\n# end\n");
        let after = edited(&after, |edit| edit.set("title", "b"));
        assert_eq!(after, "# header\n\n# end\ntitle = \"b\"\n");
        let after = edited("# header\n\n[[person]]\nid = 'a'\nname = 'A'\n", |edit| edit.set("title", "b"));
        assert_eq!(after, "# header\n\ntitle = \"b\"\n\n[[person]]\nid = 'a'\nname = 'A'\n");
    }

    #[test]
    fn edit_writes_a_new_file() {
        let after = edited("", |edit| {
            edit.set_person(&PersonEdit {
                name: Some("김".to_owned()),
                numbers: vec!["112".to_owned()],
                ..person("kim")
            });
            edit.set("title", "갑 \"대\" 을");
        });
        assert_eq!(after, "title = '갑 \"대\" 을'\n\n[[person]]\nid = \"kim\"\nname = \"김\"\nnumbers = [\"112\"]\n");
    }

    #[test]
    fn edit_of_tables_on_one_line_stays_there() {
        let before = "person = [{ id = 'a', name = 'A' }, # first\n  { id = 'b', name = 'B' }]\n";
        let after = edited(before, |edit| {
            edit.set_person(&PersonEdit { role: Some("증인".to_owned()), ..person("a") });
            edit.set_person(&PersonEdit { name: Some("C".to_owned()), ..person("c") });
            edit.remove_person("b");
        });
        let case = CaseFile::parse(Path::new("case.toml"), &after).unwrap();
        let people: Vec<_> =
            case.people.iter().map(|person| (&*person.id, &*person.name, person.role.as_deref())).collect();
        assert_eq!(people, [("a", "A", Some("증인")), ("c", "C", None)]);
        assert!(after.starts_with("person = [{ id = 'a', name = 'A'"), "{after}");
    }

    /// An edit of any valid file gives a valid file with that change and with all comments.
    #[test]
    fn edit_of_mutated_files_changes_what_it_says_and_nothing_else() {
        let path = Path::new("case.toml");
        let mut random = Random(16);
        let mut valid = 0;
        for _ in 0..20_000 {
            let mut lines: Vec<&str> = BY_HAND.lines().collect();
            for _ in 0..=random.below(4) {
                let (at, to) = (random.below(lines.len()), random.below(lines.len()));
                match random.below(3) {
                    0 => drop(lines.remove(at)),
                    1 => lines.swap(at, to),
                    _ => lines.insert(to, ["", "# more", "  # indented", "note = 'n'", "[[person]]"][random.below(5)]),
                }
            }
            let text = lines.join("\n");
            let Ok(before) = CaseFile::parse(path, &text) else { continue };
            valid += 1;
            let (mut set, mut removed) = (Edit::new(&text).unwrap(), Edit::new(&text).unwrap());
            set.set("title", "new");
            set.set_person(&PersonEdit {
                name: Some("P".to_owned()),
                numbers: vec!["112".to_owned()],
                ..person("park")
            });
            removed.set("title", "");
            removed.set_recording(&RecordingEdit { note: Some(String::new()), ..recording("a") });
            let (set, removed) = (set.finish(), removed.finish());
            let after = CaseFile::parse(path, &set).unwrap_or_else(|error| panic!("{error}\n{text}\n{set}"));
            assert_eq!((after.title.as_deref(), &after.recordings), (Some("new"), &before.recordings), "{text}\n{set}");
            assert_eq!((after.people.split_last().unwrap().1, &after.reference), (&*before.people, &before.reference));
            assert_eq!(set.matches('#').count(), text.matches('#').count(), "{text}\n{set}");
            let after = CaseFile::parse(path, &removed).unwrap_or_else(|error| panic!("{error}\n{text}\n{removed}"));
            assert_eq!((after.title, &after.people), (None, &before.people), "{text}\n{removed}");
        }
        assert!(valid > 1000, "{valid}");
    }

    #[test]
    fn edit_keeps_the_line_ends_of_windows() {
        let after = edited(&BY_HAND.replace('\n', "\r\n"), |edit| edit.set("reference", "r"));
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
        assert_eq!(after.matches('\n').count(), BY_HAND.matches('\n').count() + 1);
    }
}
