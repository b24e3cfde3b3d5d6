//! `case.toml` in the folder of a case: its title and reference number, the people with their numbers and names, and
//! the exhibits. It is written by hand or by `earwitness case set`, and read when results are exported.
//!
//! ```text
//! case.toml -> source (no links, limited size) -> parse (checks, with lines) -> CaseFile -> facts of a recording
//! ```

mod compare;
mod edit;
mod error;
mod facts;
mod parse;
mod source;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

pub(crate) use self::compare::{name as comparable_name, number as comparable_number};
pub(crate) use self::edit::{Edit, PersonEdit, RecordingEdit};
pub use self::error::CaseFileError;
pub(crate) use self::facts::PartyMatch;
pub use self::facts::{CaseFacts, PersonFacts, Speaker, Voice};
pub(crate) use self::parse::is_voice;
pub(crate) use self::source::{path, read as read_text};

/// What a `case.toml` states. Texts are in NFC, without white space around them.
///
/// # Examples
/// ```
/// use earwitness::case_file::CaseFile;
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(
///     folder.path().join("case.toml"),
///     "title = \"갑 대 을\"\n[[person]]\nid = \"kim\"\nname = \"김민수\"\nnumbers = [\"010-1234-5678\"]\n",
/// )?;
/// let case = CaseFile::read(folder.path())?.expect("the file exists");
/// let facts = case.facts(&"0".repeat(64), None, Some("+82 10 1234 5678"), 2);
/// assert_eq!(facts.party.map(|person| person.name).as_deref(), Some("김민수"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseFile {
    /// The title of the case.
    pub title: Option<String>,
    /// The reference number of the case, as the court or the office writes it.
    pub reference: Option<String>,
    /// The people, in the order of the file.
    pub people: Vec<Person>,
    /// The recordings about which the file states something, in the order of the file.
    pub recordings: Vec<CaseRecording>,
    /// SHA-256 of the file's bytes.
    pub file_sha256: String,
    index: Index,
}

/// A person of the case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Short name for commands and for the channels of recordings; unique.
    pub id: String,
    /// The name. Two people may have the same one.
    pub name: String,
    /// The role in the case.
    pub role: Option<String>,
    /// Phone numbers, as they are written.
    pub numbers: Vec<String>,
    /// Further names, such as those of contacts in phones.
    pub aliases: Vec<String>,
    /// The channel on which the person is recorded in calls with several channels.
    pub channel: Option<u16>,
}

/// What the file states about one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseRecording {
    /// SHA-256 of the recording's bytes, in lowercase: its identity, under any name.
    pub sha256: String,
    /// The exhibit number.
    pub exhibit: Option<String>,
    /// The id of the person on each channel, instead of the default channels of people.
    pub channels: Option<BTreeMap<u16, String>>,
    /// The id of the person who is a voice, by the voice's label (`S1`), as in the results of the recording.
    pub voices: BTreeMap<String, String>,
    /// A note.
    pub note: Option<String>,
}

/// Where people and recordings are, by what distinguishes them.
#[derive(Debug, Clone, Default)]
struct Index {
    ids: HashMap<String, usize>,
    /// By comparable number.
    numbers: HashMap<String, usize>,
    /// By comparable name or alias. Several people may have a name; one may have it twice.
    names: HashMap<String, Vec<usize>>,
    /// By SHA-256.
    recordings: HashMap<String, usize>,
}

impl CaseFile {
    /// Reads the file of a case; `None` if the folder has none.
    ///
    /// # Errors
    /// The file is a link, too large or unreadable, or states something impossible; the message names the line.
    pub fn read(folder: &Path) -> Result<Option<Self>, CaseFileError> {
        let path = source::path(folder);
        source::read(&path)?.map(|text| Self::parse(&path, &text)).transpose()
    }

    /// Parses the text of the file at `path`, which errors name.
    ///
    /// # Errors
    /// The text states something impossible.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, CaseFileError> {
        parse::parse(text).map_err(|(line, reason)| CaseFileError::Invalid { path: path.to_owned(), line, reason })
    }

    /// The person with an id.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.index.ids.get(id).and_then(|at| self.people.get(*at))
    }

    /// Whether there is a person with this id, in any case.
    pub(crate) fn has_person(&self, id: &str) -> bool {
        self.people.iter().any(|person| compare::name(&person.id) == compare::name(id))
    }

    /// What the file states about the recording with this SHA-256, in lowercase.
    #[must_use]
    pub fn recording(&self, sha256: &str) -> Option<&CaseRecording> {
        self.index.recordings.get(sha256).and_then(|at| self.recordings.get(*at))
    }
}
