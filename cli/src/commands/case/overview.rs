//! What a case states about its recordings, and what it does not state yet.

use std::collections::{BTreeMap, HashMap, HashSet};

use scheduler::store::{Lookup, RecordingEntry, Store, StoreError};
use serde::Serialize;
use stage_core::{Artifact, Speakers, path_text};

use crate::case_file::{CaseFile, PartyMatch, Person, PersonFacts, Speaker, Voice, comparable_name, comparable_number};
use crate::defects;
use crate::file_name::NameParser;

/// Everything that `case show` prints.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    pub(super) title: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) people: Vec<PersonRow>,
    /// In the order of the file; then those about which it states nothing.
    pub(super) recordings: Vec<RecordingRow>,
    /// Parties that file names state and that are nobody's.
    pub(super) unmatched: Vec<Contact>,
    /// SHA-256 of `case.toml`; null if there is none.
    pub(super) file_sha256: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct PersonRow {
    #[serde(flatten)]
    pub(super) person: PersonFacts,
    pub(super) numbers: Vec<String>,
    pub(super) aliases: Vec<String>,
    pub(super) channel: Option<u16>,
    /// Number of recordings in which the person is the party or a speaker.
    pub(super) recordings: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct RecordingRow {
    /// The name of its results; null if the store does not have it.
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) sha256: String,
    pub(super) exhibit: Option<String>,
    pub(super) note: Option<String>,
    /// The other party, according to the file name.
    pub(super) contact: Option<String>,
    /// Its number, according to the file name.
    pub(super) number: Option<String>,
    pub(super) party: Option<PersonFacts>,
    pub(super) speakers: Vec<Speaker>,
    /// Channels whose speaker is stated and which the recording does not have.
    pub(super) missing_channels: Vec<u16>,
    /// Who the voices are, by label.
    pub(super) voices: Vec<Voice>,
    /// Voices that are stated and that the results do not have.
    pub(super) missing_voices: Vec<String>,
}

/// A party that is nobody's, or that may be several people.
#[derive(Debug, Serialize)]
pub(super) struct Contact {
    pub(super) contact: Option<String>,
    pub(super) number: Option<String>,
    /// Whether several people have the name, or one the name and another one the number.
    pub(super) is_ambiguous: bool,
    /// The names of the recordings' results.
    pub(super) recordings: Vec<String>,
}

/// What the rows of recordings are made from.
struct Source<'a> {
    case: Option<&'a CaseFile>,
    names: &'a NameParser,
    store: &'a dyn Store,
    unmatched: BTreeMap<(Option<String>, Option<String>), Contact>,
}

impl Overview {
    /// Compares a case file with the recordings in a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn new(
        case: Option<&CaseFile>,
        names: &NameParser,
        stored: Option<(&dyn Store, &[RecordingEntry])>,
    ) -> Result<Self, StoreError> {
        let stated = case.map(|case| case.recordings.as_slice()).unwrap_or_default();
        let mut recordings = Vec::new();
        let mut unmatched = Vec::new();
        if let Some((store, entries)) = stored {
            let mut source = Source { case, names, store, unmatched: BTreeMap::new() };
            let order: HashMap<&str, usize> =
                stated.iter().enumerate().map(|(at, recording)| (&*recording.sha256, at)).collect();
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|entry| order.get(&*entry.file_sha256).copied().unwrap_or(usize::MAX));
            recordings = entries.into_iter().map(|entry| source.row(entry)).collect::<Result<_, _>>()?;
            unmatched = source.unmatched.into_values().collect();
        }
        let known: HashSet<String> = recordings.iter().map(|row: &RecordingRow| row.sha256.clone()).collect();
        let absent = stated.iter().filter(|recording| !known.contains(&recording.sha256));
        recordings.extend(absent.map(|recording| absent_row(case, &recording.sha256)));
        let people = case.map(|case| case.people.as_slice()).unwrap_or_default();
        Ok(Self {
            title: case.and_then(|case| case.title.clone()),
            reference: case.and_then(|case| case.reference.clone()),
            people: people.iter().map(|person| person_row(person, &recordings)).collect(),
            recordings,
            unmatched,
            file_sha256: case.map(|case| case.file_sha256.clone()),
        })
    }
}

impl Source<'_> {
    fn row(&mut self, entry: &RecordingEntry) -> Result<RecordingRow, StoreError> {
        let named = self.names.parse(&entry.path);
        let (contact, number) = (named.contact, named.number);
        // The channels are known once the recording is decoded.
        let channels = defects::decoded(self.store, entry)?.map(|recording| recording.channels);
        let sha256 = entry.file_sha256.clone();
        let facts =
            |case: &CaseFile| case.facts(&sha256, contact.as_deref(), number.as_deref(), channels.unwrap_or_default());
        let facts = self.case.map(facts);
        self.note_party(contact.as_deref(), number.as_deref(), &entry.name);
        let stated = self.case.and_then(|case| case.recording(&sha256)).and_then(|stated| stated.channels.as_ref());
        let labels = labels(self.store, entry)?;
        let (voices, speakers) =
            facts.as_ref().map(|facts| (facts.voices.clone(), facts.speakers.clone())).unwrap_or_default();
        let is_missing = |channel: &u16| channels.is_some_and(|channels| *channel >= channels);
        Ok(RecordingRow {
            name: Some(entry.name.clone()),
            path: Some(path_text(&entry.path).into_owned()),
            exhibit: facts.as_ref().and_then(|facts| facts.exhibit.clone()),
            note: facts.as_ref().and_then(|facts| facts.note.clone()),
            party: facts.as_ref().and_then(|facts| facts.party.clone()),
            speakers,
            missing_channels: stated.into_iter().flat_map(|stated| stated.keys().copied()).filter(is_missing).collect(),
            missing_voices: labels.map_or_else(Vec::new, |labels| missing(&voices, &labels)),
            voices,
            sha256,
            contact,
            number,
        })
    }

    /// Remembers a party that is nobody's. A withheld number can be nobody's.
    fn note_party(&mut self, contact: Option<&str>, number: Option<&str>, name: &str) {
        let key = (contact.map(comparable_name), number.and_then(comparable_number));
        let party = self.case.map_or(PartyMatch::Unknown, |case| case.party(contact, number));
        let is_ambiguous = match party {
            PartyMatch::Unknown => false,
            PartyMatch::Ambiguous => true,
            PartyMatch::Unstated | PartyMatch::Person(_) => return,
        };
        if key == (None, None) {
            return;
        }
        let unmatched = self.unmatched.entry(key).or_insert_with(|| Contact {
            contact: contact.map(str::to_owned),
            number: number.map(str::to_owned),
            is_ambiguous,
            recordings: Vec::new(),
        });
        unmatched.recordings.push(name.to_owned());
    }
}

/// The labels of the voices that diarize found; `None` if it has not run.
fn labels(store: &dyn Store, entry: &RecordingEntry) -> Result<Option<Vec<String>>, StoreError> {
    let Some(fingerprint) = entry.fingerprint(Speakers::NAME) else { return Ok(None) };
    let Lookup::Sound(stored) = store.artifact(&fingerprint)? else { return Ok(None) };
    // An artifact of another version is reported where it is needed.
    let speakers: Option<Speakers> = serde_json::from_str(&stored.artifact.body).ok();
    Ok(speakers.map(|found| found.speakers.into_iter().map(|speaker| speaker.id).collect()))
}

/// The voices that are stated and not found.
fn missing(stated: &[Voice], labels: &[String]) -> Vec<String> {
    stated.iter().map(|voice| voice.speaker.clone()).filter(|label| !labels.contains(label)).collect()
}

/// The row of a recording that the store does not have.
fn absent_row(case: Option<&CaseFile>, sha256: &str) -> RecordingRow {
    let stated = case.and_then(|case| case.recording(sha256));
    RecordingRow {
        name: None,
        path: None,
        sha256: sha256.to_owned(),
        exhibit: stated.and_then(|recording| recording.exhibit.clone()),
        note: stated.and_then(|recording| recording.note.clone()),
        contact: None,
        number: None,
        party: None,
        speakers: Vec::new(),
        missing_channels: Vec::new(),
        voices: Vec::new(),
        missing_voices: Vec::new(),
    }
}

fn person_row(person: &Person, recordings: &[RecordingRow]) -> PersonRow {
    let is_in = |row: &&RecordingRow| {
        let speakers = row.speakers.iter().map(|speaker| &speaker.person);
        let voices = row.voices.iter().map(|voice| &voice.person);
        let mut there = row.party.iter().chain(speakers).chain(voices);
        there.any(|other| other.id == person.id)
    };
    PersonRow {
        person: person.into(),
        numbers: person.numbers.clone(),
        aliases: person.aliases.clone(),
        channel: person.channel,
        recordings: recordings.iter().filter(is_in).count(),
    }
}
