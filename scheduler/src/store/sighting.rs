//! A recording that a run has found, compared with what the store knows about it and about its places.

use std::path::{Path, PathBuf};

use stage_core::shown;

use super::custody::Salt;
use super::{Entry, Incident, IncidentKind, RecordingEntry};
use crate::clock::now_ms;

/// Bytes that were seen at a place before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
}

/// A recording that a run has found.
pub(super) struct Sighting<'a> {
    pub(super) entry: &'a RecordingEntry,
    /// The places at which it was seen before: the last one first. Empty for a new recording.
    pub(super) known: &'a [PathBuf],
    /// Other bytes that were seen last at its places.
    pub(super) before: Vec<Before>,
}

impl Sighting<'_> {
    /// What the custody log states about it, besides incidents.
    pub(super) fn log_entries(&self, salt: &Salt) -> Vec<Entry> {
        let sha256 = &self.entry.file_sha256;
        let mut places = self.entry.found_at();
        let mut entries = Vec::new();
        if let ([], Some(first)) = (self.known, places.next()) {
            let (place, name) = (salt.path(first), salt.hash(self.entry.name.as_bytes()));
            entries.push(Entry::Recording { sha256: sha256.clone(), bytes: self.entry.bytes, place, name });
        } else {
            places = self.entry.found_at();
        }
        let further = places.filter(|place| !self.is_known(place));
        entries.extend(further.map(|place| Entry::Place { recording: sha256.clone(), place: salt.path(place) }));
        entries
    }

    /// What the user must see: its place has other bytes than before, or it is at another place.
    pub(super) fn incidents(&self) -> Vec<Incident> {
        let changed = self.before.iter().map(|before| {
            let (now, then) = (&self.entry.file_sha256, &before.sha256);
            let message = format!("its SHA-256 is {now}, and was {then}: both are kept as recordings of the case");
            (IncidentKind::RecordingChanged, &before.path, message)
        });
        let moved = self.moved().map(|last| {
            let message = format!("this recording was at {} before", shown(last));
            (IncidentKind::RecordingMoved, &self.entry.path, message)
        });
        let incident = |(kind, path, message): (IncidentKind, &PathBuf, String)| Incident {
            at_ms: now_ms(),
            kind,
            worker: None,
            recording: Some(path.clone()),
            message,
        };
        changed.chain(moved).map(incident).collect()
    }

    /// The last place, if the recording is at a new one and not at the last one.
    fn moved(&self) -> Option<&PathBuf> {
        let last = self.known.first()?;
        let is_elsewhere = self.entry.found_at().all(|place| place != last) && !self.is_known(&self.entry.path);
        is_elsewhere.then_some(last)
    }

    fn is_known(&self, place: &Path) -> bool {
        self.known.iter().any(|known| known == place)
    }
}
