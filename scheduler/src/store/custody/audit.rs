//! Compares the records of a store with what its custody log states about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use stage_core::shown;

use super::{Custody, Digests, Entry, Line, read_chain};
use crate::store::forget::FORGOTTEN;
use crate::store::{CheckpointHash, Lookup, RunId, Store, StoreError};

/// A record, as the log identifies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The IDs and the secret of the case.
    Case,
    /// A run, by number.
    Run(i64),
    /// The end of a run.
    RunEnd(i64),
    /// A recording, by the SHA-256 of its bytes.
    Recording(String),
    /// A place of a recording: the SHA-256 of its bytes, and the salted hash of the path.
    Place(String, String),
    /// An artifact, by fingerprint.
    Artifact(String),
    /// A window checkpoint of an incomplete artifact: its fingerprint and the window's index.
    Checkpoint(String, u32),
    /// A written file, by the salted hash of its path.
    Output(String),
    /// An incident, by run and number in the run.
    Incident(i64, usize),
    /// A failure, by run and the salted hash of the path.
    Failure(i64, String),
    /// A quarantined recording, by fingerprint.
    Quarantine(String),
    /// A statement of a reviewer, by ID.
    Review(String),
    /// A recording whose content was deleted, by the SHA-256 of its bytes, and how often it was deleted before.
    Forgotten(String, usize),
    /// The texts that were deleted with a recording, by the line of the log, from 1.
    Texts(usize),
}

/// How a record of the store disagrees with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The log states it, and the store does not have it: it was deleted.
    Missing,
    /// The store has it, and the log does not state it: it was added.
    Unlogged,
    /// It is not the record that the log states: it was changed.
    Changed,
    /// The log states it a second time, although nothing was replaced: it was deleted in between.
    Repeated,
    /// The log states that its text was deleted, but not with a recording that was forgotten, as this program does.
    Unfounded,
}

/// A record that disagrees with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The record.
    pub subject: Subject,
    /// Its name for the user.
    pub name: String,
    /// How it disagrees.
    pub difference: Difference,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, difference, .. } = self;
        match difference {
            Difference::Missing => write!(f, "{name}: in the custody log, but not in the store: deleted"),
            Difference::Unlogged => write!(f, "{name}: in the store, but not in the custody log: added"),
            Difference::Changed => write!(f, "{name}: not as the custody log states it: changed"),
            Difference::Repeated => {
                write!(f, "{name}: the custody log states it a second time: it was deleted in between")
            }
            Difference::Unfounded => {
                write!(
                    f,
                    "{name}: the custody log states that it was deleted, but with no recording that was forgotten"
                )
            }
        }
    }
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Records that disagree with the log, by subject.
    pub disagreements: Vec<Disagreement>,
    /// Number of records that were compared.
    pub records: usize,
}

/// Records by what identifies them, with the hash of their content.
type Records = BTreeMap<Subject, String>;

/// After the hash of a record from which a text was deleted.
const WITHOUT_TEXT: &str = " without text";

/// Compares the records of a store with the lines of its log. `lines` are those that were read before the records.
/// The lines are read again afterwards, so that what a run writes meanwhile does not count.
///
/// # Errors
/// The store cannot be read.
pub fn audit(store: &dyn Store, lines: &[Line]) -> Result<Audit, StoreError> {
    let (before, invalid) = stated(lines);
    let custody = store.custody()?;
    let found = found(store, &custody)?;
    let custody = store.custody()?;
    let (after, _) = stated(&read_chain(custody.lines.iter().map(String::as_str)).0);
    let subjects: BTreeSet<_> = before.keys().chain(found.records.keys()).chain(invalid.keys()).collect();
    let compare = |subject: &&Subject| {
        let difference = match (found.records.get(subject), before.get(subject), after.get(subject)) {
            _ if invalid.contains_key(*subject) => invalid[*subject],
            (None, Some(_), Some(_)) => Difference::Missing,
            (Some(_), None, None) => Difference::Unlogged,
            (Some(_), before, after)
                if ![before, after].into_iter().flatten().any(|stated| found.is(subject, stated)) =>
            {
                Difference::Changed
            }
            _ => return None,
        };
        let name = found.names.get(subject).cloned().unwrap_or_else(|| subject.to_string());
        Some(Disagreement { subject: (*subject).clone(), name, difference })
    };
    let records = subjects.len();
    Ok(Audit { disagreements: subjects.iter().filter_map(compare).collect(), records })
}

/// Refuses checkpoints that the lines of a log do not state: a run would make artifacts from them.
///
/// # Errors
/// [`StoreError::CustodyBroken`], with the name of the store.
pub(in crate::store) fn refuse_unlogged_checkpoints(
    found: Vec<CheckpointHash>,
    lines: &[String],
    store: String,
) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    let (stated, _) = stated(&read_chain(lines.iter().map(String::as_str)).0);
    let is_stated = |found: &CheckpointHash| {
        stated.get(&Subject::Checkpoint(found.fingerprint.clone(), found.index)) == Some(&found.sha256)
    };
    match found.into_iter().find(|found| !is_stated(found)) {
        None => Ok(()),
        Some(CheckpointHash { fingerprint, index, .. }) => {
            let reason = format!("the checkpoint {index} of the artifact {fingerprint} is not one that it states");
            Err(StoreError::CustodyBroken { log: store, reason })
        }
    }
}

/// What the lines of a log state about the records of the store, and records about which they state what cannot be.
fn stated(lines: &[Line]) -> (Records, BTreeMap<Subject, Difference>) {
    let mut stated = Stated::default();
    for line in lines {
        stated.read(line);
    }
    stated.end_texts();
    (stated.records, stated.invalid)
}

/// What the lines of a log state, up to one of them.
#[derive(Default)]
struct Stated {
    records: Records,
    /// Number of incidents of each run.
    incidents: BTreeMap<i64, usize>,
    /// What is about each recording, to be deleted with it.
    of_recordings: BTreeMap<String, Vec<Subject>>,
    /// How often each recording was forgotten.
    forgotten: BTreeMap<String, usize>,
    /// Entries about deleted texts that must follow: the line that states them, and how many are missing, if it states
    /// their number.
    texts: Option<(usize, Option<usize>)>,
    /// Records about which the log states what the program does not write.
    invalid: BTreeMap<Subject, Difference>,
}

impl Stated {
    fn read(&mut self, line: &Line) {
        let without_text = |record: &String| Some(record.clone() + WITHOUT_TEXT);
        match &line.entry {
            Entry::RunForgotten { run, record } => return self.text(Subject::Run(*run), without_text(record)),
            Entry::IncidentForgotten { run, number, record } => {
                return self.text(Subject::Incident(*run, *number), without_text(record));
            }
            Entry::FailureForgotten { run, place } => return self.text(Subject::Failure(*run, place.clone()), None),
            Entry::Clock { .. } => return,
            _ => self.end_texts(),
        }
        self.find_repetition(line);
        self.read_record(line);
    }

    /// A text that was deleted: what the record is without it, or nothing. Only after the entry of a forgotten recording.
    fn text(&mut self, subject: Subject, content: Option<String>) {
        match &mut self.texts {
            Some((_, None)) => {}
            Some((_, Some(missing @ 1..))) => *missing -= 1,
            _ => {
                self.invalid.insert(subject, Difference::Unfounded);
                return;
            }
        }
        match content {
            Some(content) => self.put(subject, content),
            None => self.remove(&subject),
        }
    }

    fn end_texts(&mut self) {
        if let Some((line, Some(1..))) = self.texts.take() {
            self.invalid.insert(Subject::Texts(line), Difference::Unfounded);
        }
    }

    /// What is stated once: a second line about it means that the store did not have it any more. Older versions did not
    /// say whether an artifact replaces another.
    fn find_repetition(&mut self, line: &Line) {
        let subject = match &line.entry {
            Entry::RunBegan { run, .. } => Subject::Run(*run),
            Entry::RunEnded { run, .. } => Subject::RunEnd(*run),
            Entry::Review { id, .. } => Subject::Review(id.clone()),
            Entry::Artifact { fingerprint, replaces: false, .. } if line.group.is_some() => {
                Subject::Artifact(fingerprint.to_string())
            }
            Entry::Recording { sha256, .. } if self.forgotten.contains_key(sha256) => {
                self.invalid.insert(Subject::Recording(sha256.clone()), Difference::Repeated);
                return;
            }
            Entry::Recording { sha256, .. } => Subject::Recording(sha256.clone()),
            _ => return,
        };
        if self.records.contains_key(&subject) {
            self.invalid.insert(subject, Difference::Repeated);
        }
    }

    fn read_record(&mut self, line: &Line) {
        match line.entry.clone() {
            Entry::Case { case, chain, salt_sha256, .. } => {
                self.put(Subject::Case, case_content(&case, &chain, &salt_sha256));
            }
            Entry::RunBegan { run, record, .. } => self.put(Subject::Run(run), record),
            Entry::RunEnded { run, record, .. } => self.put(Subject::RunEnd(run), record),
            Entry::Recording { sha256, place, name, .. } => {
                self.put_of(&sha256, Subject::Place(sha256.clone(), place), String::new());
                self.put_of(&sha256, Subject::Recording(sha256.clone()), name);
            }
            Entry::Place { recording, place } => {
                self.put_of(&recording, Subject::Place(recording.clone(), place), String::new());
            }
            Entry::Checkpoint { fingerprint, index, sha256 } => {
                self.put(Subject::Checkpoint(fingerprint.to_string(), index), sha256);
            }
            Entry::CheckpointsForgotten { fingerprint } => self.forget_checkpoints(&fingerprint.to_string()),
            Entry::Artifact { recording, fingerprint, sha256, record, .. } => {
                self.forget_checkpoints(&fingerprint.to_string());
                self.put_of(&recording, Subject::Artifact(fingerprint.to_string()), sha256 + &record);
            }
            Entry::Output { name, record, .. } => self.put(Subject::Output(name), record),
            Entry::OutputForgotten { name } => self.remove(&Subject::Output(name)),
            Entry::Incident { run, record, .. } => {
                let number = self.incidents.entry(run).or_default();
                *number += 1;
                let number = *number;
                self.put(Subject::Incident(run, number), record);
            }
            Entry::Failure { run, place, record, .. } => self.put(Subject::Failure(run, place), record),
            Entry::Quarantined { fingerprint, record } => {
                self.put(Subject::Quarantine(fingerprint.to_string()), record);
            }
            Entry::QuarantineLifted { fingerprint } => self.remove(&Subject::Quarantine(fingerprint.to_string())),
            Entry::Review { id, recording, record, .. } => self.put_of(&recording, Subject::Review(id), record),
            Entry::Forgotten { recording, record, texts } => {
                for subject in self.of_recordings.remove(&recording).unwrap_or_default() {
                    self.records.remove(&subject);
                }
                let before = self.forgotten.entry(recording.clone()).or_default();
                let subject = Subject::Forgotten(recording, *before);
                *before += 1;
                self.put(subject, record);
                self.texts = Some((line.seq as usize + 1, texts));
            }
            Entry::Adopted { .. }
            | Entry::Clock { .. }
            | Entry::RunForgotten { .. }
            | Entry::IncidentForgotten { .. }
            | Entry::FailureForgotten { .. }
            | Entry::Repaired { .. }
            | Entry::Copied { .. }
            | Entry::Voices { .. }
            | Entry::Manifest { .. }
            | Entry::TimeStamp { .. } => {}
        }
    }

    fn put(&mut self, subject: Subject, content: String) {
        self.records.insert(subject, content);
    }

    fn put_of(&mut self, recording: &str, subject: Subject, content: String) {
        self.of_recordings.entry(recording.to_owned()).or_default().push(subject.clone());
        self.put(subject, content);
    }

    fn remove(&mut self, subject: &Subject) {
        self.records.remove(subject);
    }

    fn forget_checkpoints(&mut self, fingerprint: &str) {
        let of = |index| Subject::Checkpoint(fingerprint.to_owned(), index);
        let stated: Vec<_> = self.records.range(of(0)..=of(u32::MAX)).map(|(subject, _)| subject.clone()).collect();
        stated.iter().for_each(|subject| self.remove(subject));
    }
}

fn case_content(case: &str, chain: &str, salt_sha256: &str) -> String {
    [case, chain, salt_sha256].join(" ")
}

/// The records of the store.
fn found<'a>(store: &dyn Store, custody: &'a Custody) -> Result<Found<'a>, StoreError> {
    let Custody { case, chain, salt, .. } = custody;
    let (records, names, marked) = Default::default();
    let mut all = Found { digests: Digests(salt), records, names, marked };
    all.put(Subject::Case, case_content(case, chain, &salt.sha256()), "the IDs of the case".to_owned());
    all.runs(store)?;
    all.recordings(store)?;
    all.artifacts(store)?;
    for CheckpointHash { fingerprint, index, sha256 } in store.checkpoint_hashes()? {
        let name = format!("checkpoint {index} of the artifact {fingerprint}");
        all.put(Subject::Checkpoint(fingerprint, index), sha256, name);
    }
    for output in store.outputs()? {
        all.put(Subject::Output(salt.path(&output.path)), all.digests.output(&output)?, shown(&output.path));
    }
    for entry in store.reviews(None)? {
        all.put(Subject::Review(entry.id.clone()), all.digests.review(&entry)?, format!("review {}", entry.id));
    }
    let mut before: BTreeMap<String, usize> = BTreeMap::new();
    for forgotten in store.forgotten()? {
        let before = before.entry(forgotten.sha256.clone()).or_default();
        let subject = Subject::Forgotten(forgotten.sha256.clone(), *before);
        *before += 1;
        all.put(subject, all.digests.forgotten(&forgotten)?, format!("forgotten recording {}", forgotten.sha256));
    }
    for entry in store.quarantines()? {
        let (subject, record) = (Subject::Quarantine(entry.fingerprint.to_string()), all.digests.quarantine(&entry)?);
        all.put(subject, record, format!("quarantine of {}", shown(&entry.path)));
    }
    Ok(all)
}

/// The records found so far.
struct Found<'a> {
    digests: Digests<'a>,
    records: Records,
    /// Names for the user.
    names: BTreeMap<Subject, String>,
    /// Records with the mark of a deleted text.
    marked: BTreeSet<Subject>,
}

impl Found<'_> {
    /// Whether a record is the one that the log states. An edited text is not a deleted one, which has a mark.
    fn is(&self, subject: &Subject, stated: &str) -> bool {
        let (record, has_mark) = match stated.strip_suffix(WITHOUT_TEXT) {
            Some(record) => (record, self.marked.contains(subject)),
            None => (stated, true),
        };
        has_mark && self.records.get(subject).is_some_and(|found| found == record)
    }

    fn put(&mut self, subject: Subject, content: String, name: String) {
        self.names.insert(subject.clone(), name);
        self.records.insert(subject, content);
    }

    fn runs(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for run in store.runs(usize::MAX)? {
            let RunId(id) = run.id;
            let record = self.digests.run_began(&run)?;
            self.marked.extend(run.command.contains(FORGOTTEN).then_some(Subject::Run(id)));
            self.put(Subject::Run(id), record, format!("run {id}"));
            if let Some(record) = self.digests.run_ended(&run)? {
                self.put(Subject::RunEnd(id), record, format!("the end of run {id}"));
            }
            for (index, incident) in store.incidents(run.id)?.iter().enumerate() {
                let name = format!("incident {} of run {id} ({})", index + 1, incident.kind.label());
                let record = self.digests.incident(incident)?;
                let subject = Subject::Incident(id, index + 1);
                self.marked.extend((incident.message == FORGOTTEN).then(|| subject.clone()));
                self.put(subject, record, name);
            }
            for failure in store.failures(run.id)? {
                let subject = Subject::Failure(id, self.digests.0.path(&failure.path));
                let name = format!("failure of {} in run {id}", shown(&failure.path));
                self.put(subject, self.digests.failure(&failure)?, name);
            }
        }
        Ok(())
    }

    fn recordings(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for entry in store.recordings()? {
            let sha256 = &entry.file_sha256;
            let name = self.digests.0.hash(entry.name.as_bytes());
            self.put(Subject::Recording(sha256.clone()), name, shown(&entry.path));
            for place in entry.places() {
                let subject = Subject::Place(sha256.clone(), self.digests.0.path(place));
                self.put(subject, String::new(), format!("{}, a place of the recording {sha256}", shown(place)));
            }
        }
        Ok(())
    }

    fn artifacts(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for name in store.artifact_names()? {
            // An artifact that its own hash or key contradicts is not the one of the log either.
            let found = name.parse().ok().map(|fingerprint| store.artifact(&fingerprint)).transpose()?;
            let content = match found {
                Some(Lookup::Sound(stored)) => stored.body_sha256.clone() + &self.digests.artifact(&stored.artifact)?,
                _ => "altered".to_owned(),
            };
            self.put(Subject::Artifact(name.clone()), content, format!("artifact {name}"));
        }
        Ok(())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case => f.write_str("the IDs of the case"),
            Self::Run(run) => write!(f, "run {run}"),
            Self::RunEnd(run) => write!(f, "the end of run {run}"),
            Self::Recording(sha256) => write!(f, "recording {sha256}"),
            Self::Place(recording, place) => write!(f, "place {place} of recording {recording}"),
            Self::Artifact(fingerprint) => write!(f, "artifact {fingerprint}"),
            Self::Checkpoint(fingerprint, index) => write!(f, "checkpoint {index} of the artifact {fingerprint}"),
            Self::Output(name) => write!(f, "written file {name}"),
            Self::Incident(run, number) => write!(f, "incident {number} of run {run}"),
            Self::Failure(run, place) => write!(f, "failure of {place} in run {run}"),
            Self::Quarantine(fingerprint) => write!(f, "quarantine of artifact {fingerprint}"),
            Self::Review(id) => write!(f, "review {id}"),
            Self::Forgotten(sha256, _) => write!(f, "forgotten recording {sha256}"),
            Self::Texts(line) => write!(f, "the texts that line {line} of the custody log states"),
        }
    }
}
