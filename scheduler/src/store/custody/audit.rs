//! Compares the records of a store with what its custody log states about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use stage_core::shown;

use super::{Custody, Digests, Entry, Line, read_chain};
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
    /// A recording whose content was deleted, by the SHA-256 of its bytes.
    Forgotten(String),
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

/// Compares the records of a store with the lines of its log. `lines` are those that were read before the records.
/// The lines are read again afterwards, so that what a run writes meanwhile does not count.
///
/// # Errors
/// The store cannot be read.
pub fn audit(store: &dyn Store, lines: &[Line]) -> Result<Audit, StoreError> {
    let before = stated(lines);
    let (found, names) = found(store)?;
    let custody = store.custody()?;
    let after = stated(&read_chain(custody.lines.iter().map(String::as_str)).0);
    let subjects: BTreeSet<_> = before.keys().chain(found.keys()).collect();
    let compare = |subject: &&Subject| {
        let difference = match (found.get(subject), before.get(subject), after.get(subject)) {
            (None, Some(_), Some(_)) => Difference::Missing,
            (Some(_), None, None) => Difference::Unlogged,
            (Some(found), before, after) if Some(found) != before && Some(found) != after => Difference::Changed,
            _ => return None,
        };
        let name = names.get(subject).cloned().unwrap_or_else(|| subject.to_string());
        Some(Disagreement { subject: (*subject).clone(), name, difference })
    };
    let records = subjects.len();
    Ok(Audit { disagreements: subjects.iter().filter_map(compare).collect(), records })
}

/// The checkpoints that the lines of a log do not state, or state otherwise.
pub(in crate::store) fn unlogged_checkpoints(lines: &[String], found: Vec<CheckpointHash>) -> Vec<CheckpointHash> {
    let stated = stated(&read_chain(lines.iter().map(String::as_str)).0);
    let is_stated = |found: &CheckpointHash| {
        stated.get(&Subject::Checkpoint(found.fingerprint.clone(), found.index)) == Some(&found.sha256)
    };
    found.into_iter().filter(|found| !is_stated(found)).collect()
}

/// What the lines of a log state about the records of the store.
fn stated(lines: &[Line]) -> Records {
    let mut stated = Stated::default();
    lines.iter().for_each(|line| stated.read(line.entry.clone()));
    stated.records
}

/// What the lines of a log state, up to one of them.
#[derive(Default)]
struct Stated {
    records: Records,
    /// Number of incidents of each run.
    incidents: BTreeMap<i64, usize>,
    /// What is about each recording, to be deleted with it.
    of_recordings: BTreeMap<String, Vec<Subject>>,
}

impl Stated {
    fn read(&mut self, entry: Entry) {
        match entry {
            Entry::Case { case, chain, salt_sha256, .. } => {
                self.put(Subject::Case, case_content(&case, &chain, &salt_sha256));
            }
            Entry::RunBegan { run, record, .. } | Entry::RunForgotten { run, record } => {
                self.put(Subject::Run(run), record);
            }
            Entry::RunEnded { run, record, .. } => self.put(Subject::RunEnd(run), record),
            Entry::Recording { sha256, place, name, .. } => {
                self.put_of(&sha256, Subject::Place(sha256.clone(), place), String::new());
                self.put_of(&sha256, Subject::Recording(sha256.clone()), name);
                // A recording that was forgotten may be taken up again.
                self.records.remove(&Subject::Forgotten(sha256));
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
            Entry::Output { name, recording, record, .. } => match recording {
                Some(recording) => self.put_of(&recording, Subject::Output(name), record),
                None => self.put(Subject::Output(name), record),
            },
            Entry::OutputForgotten { name } => self.remove(&Subject::Output(name)),
            Entry::Incident { run, record, .. } => {
                let number = self.incidents.entry(run).or_default();
                *number += 1;
                let number = *number;
                self.put(Subject::Incident(run, number), record);
            }
            Entry::IncidentForgotten { run, number, record } => self.put(Subject::Incident(run, number), record),
            Entry::Failure { run, place, record, .. } => self.put(Subject::Failure(run, place), record),
            Entry::FailureForgotten { run, place } => self.remove(&Subject::Failure(run, place)),
            Entry::Quarantined { fingerprint, record } => {
                self.put(Subject::Quarantine(fingerprint.to_string()), record);
            }
            Entry::QuarantineLifted { fingerprint } => self.remove(&Subject::Quarantine(fingerprint.to_string())),
            Entry::Review { id, recording, record, .. } => self.put_of(&recording, Subject::Review(id), record),
            Entry::Forgotten { recording, record } => {
                for subject in self.of_recordings.remove(&recording).unwrap_or_default() {
                    self.records.remove(&subject);
                }
                self.put(Subject::Forgotten(recording), record);
            }
            Entry::Adopted { .. }
            | Entry::Clock { .. }
            | Entry::Repaired { .. }
            | Entry::Copied { .. }
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

/// The records of the store, and names for them.
fn found(store: &dyn Store) -> Result<(Records, BTreeMap<Subject, String>), StoreError> {
    let Custody { case, chain, salt, .. } = store.custody()?;
    let mut all = Found { digests: Digests(&salt), records: Records::new(), names: BTreeMap::new() };
    all.put(Subject::Case, case_content(&case, &chain, &salt.sha256()), "the IDs of the case".to_owned());
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
    for forgotten in store.forgotten()? {
        let (subject, record) = (Subject::Forgotten(forgotten.sha256.clone()), all.digests.forgotten(&forgotten)?);
        all.put(subject, record, format!("forgotten recording {}", forgotten.sha256));
    }
    for entry in store.quarantines()? {
        let (subject, record) = (Subject::Quarantine(entry.fingerprint.to_string()), all.digests.quarantine(&entry)?);
        all.put(subject, record, format!("quarantine of {}", shown(&entry.path)));
    }
    Ok((all.records, all.names))
}

/// The records found so far.
struct Found<'a> {
    digests: Digests<'a>,
    records: Records,
    names: BTreeMap<Subject, String>,
}

impl Found<'_> {
    fn put(&mut self, subject: Subject, content: String, name: String) {
        self.names.insert(subject.clone(), name);
        self.records.insert(subject, content);
    }

    fn runs(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for run in store.runs(usize::MAX)? {
            let RunId(id) = run.id;
            self.put(Subject::Run(id), self.digests.run_began(&run)?, format!("run {id}"));
            if let Some(record) = self.digests.run_ended(&run)? {
                self.put(Subject::RunEnd(id), record, format!("the end of run {id}"));
            }
            for (index, incident) in store.incidents(run.id)?.iter().enumerate() {
                let name = format!("incident {} of run {id} ({})", index + 1, incident.kind.label());
                self.put(Subject::Incident(id, index + 1), self.digests.incident(incident)?, name);
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
            Self::Forgotten(sha256) => write!(f, "forgotten recording {sha256}"),
        }
    }
}
