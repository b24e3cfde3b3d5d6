//! The results that a case has or had. A statement about an earlier result is a fact that must not be lost, although the
//! result may no longer be stored: the custody log states every artifact that ever was.

use std::collections::{HashMap, HashSet};

use scheduler::store::{Custody, Entry, Lookup, Store, StoreError, StoredArtifact, read_chain};
use stage_core::forensics::ForensicRecord;
use stage_core::{AlignedWords, Fingerprint, Transcript, full_message};

use super::{Review, ReviewError, Target};
use crate::error::Error;

/// Why a statement is not about a result of a case.
#[derive(Debug, thiserror::Error)]
pub(super) enum PastError {
    #[error("the case has no such recording")]
    NoRecording,
    #[error("{0}: the recording never had the result with this artifact_sha256, by the custody log of the case")]
    NoResult(Target),
    #[error("{target}: the stored result was altered ({reason}): see `earwitness verify`")]
    Altered { target: Target, reason: String },
    #[error("{target}: the result cannot be read: {}", full_message(.reason))]
    Store { target: Target, reason: StoreError },
    #[error(transparent)]
    Item(#[from] ReviewError),
}

/// What identifies an artifact for a reviewer: recording, stage, and SHA-256.
type Seen = (String, String, String);

/// The results that a case has or had.
pub(super) struct PastResults<'a> {
    store: &'a dyn Store,
    recordings: HashSet<String>,
    logged: HashMap<Seen, Fingerprint>,
    /// The texts of the items of artifacts that were read, by SHA-256; `None` if the artifact is no longer stored, or has
    /// the format of another version.
    texts: HashMap<String, Option<Vec<String>>>,
}

impl<'a> PastResults<'a> {
    pub(super) fn of(store: &'a dyn Store, custody: &Custody) -> Result<Self, Error> {
        let recordings = store.recordings().map_err(Error::store)?;
        let recordings = recordings.into_iter().map(|entry| entry.file_sha256).collect();
        // The lines behind a break of the chain are worth nothing; `verify` reports it.
        let (lines, _) = read_chain(custody.lines.iter().map(String::as_str));
        let artifact = |entry: Entry| match entry {
            Entry::Artifact { recording, stage, fingerprint, sha256, .. } => {
                Some(((recording, stage.to_string(), sha256), fingerprint))
            }
            _ => None,
        };
        let logged = lines.into_iter().filter_map(|line| artifact(line.entry)).collect();
        Ok(Self { store, recordings, logged, texts: HashMap::new() })
    }

    /// Checks that a statement is about a result of this case, and states what the result states, if it is still stored.
    pub(super) fn check(&mut self, review: &Review) -> Result<(), PastError> {
        let statement = &review.statement;
        let target = statement.target;
        if !self.recordings.contains(&review.recording) {
            return Err(PastError::NoRecording);
        }
        let seen = (review.recording.clone(), target.stage().to_owned(), statement.artifact_sha256.clone());
        let fingerprint = *self.logged.get(&seen).ok_or(PastError::NoResult(target))?;
        let Some(texts) = self.texts(target, fingerprint, &statement.artifact_sha256)? else { return Ok(()) };
        match texts.get(target.index()) {
            None => Err(ReviewError::NoItem(target).into()),
            Some(found) if *found != statement.old => {
                let (old, found) = (statement.old.clone(), found.clone());
                Err(ReviewError::OtherText { target, old, found }.into())
            }
            Some(_) => Ok(()),
        }
    }

    fn texts(
        &mut self,
        target: Target,
        fingerprint: Fingerprint,
        sha256: &str,
    ) -> Result<Option<&Vec<String>>, PastError> {
        if !self.texts.contains_key(sha256) {
            let found = self.store.artifact(&fingerprint).map_err(|reason| PastError::Store { target, reason })?;
            let texts = match found {
                Lookup::Sound(stored) if stored.body_sha256 == sha256 => item_texts(target, &stored),
                Lookup::Sound(_) | Lookup::Missing => None,
                Lookup::Altered(reason) => return Err(PastError::Altered { target, reason: reason.to_string() }),
            };
            self.texts.insert(sha256.to_owned(), texts);
        }
        Ok(self.texts.get(sha256).and_then(Option::as_ref))
    }
}

/// The texts of the items of an artifact, if it has the format of this version.
fn item_texts(target: Target, stored: &StoredArtifact) -> Option<Vec<String>> {
    let body = &stored.artifact.body;
    Some(match target {
        Target::Evidence(_) => {
            let record: ForensicRecord = serde_json::from_str(body).ok()?;
            record.evidence.into_iter().map(|item| item.text).collect()
        }
        Target::Segment(_) => {
            let transcript: Transcript = serde_json::from_str(body).ok()?;
            transcript.segments.into_iter().map(|segment| segment.text).collect()
        }
        Target::Word(_) => {
            let aligned: AlignedWords = serde_json::from_str(body).ok()?;
            aligned.words.into_iter().map(|word| word.text).collect()
        }
    })
}
