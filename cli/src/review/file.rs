//! Review files, which pages export and import.

use std::collections::HashMap;
use std::path::Path;

use scheduler::store::{RecordingEntry, ReviewEntry, ReviewOutcome, Store};
use serde::{Deserialize, Serialize};

use super::check::check;
use super::{Review, ReviewError};
use crate::error::{Error, ErrorContext};
use crate::export::{Document, read_document};

/// Version of the file's format.
const VERSION: u32 = 1;
/// Longest file that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// A review file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewFile {
    /// Version of the format.
    earwitness_review: u32,
    /// ID of the case.
    case: String,
    reviews: Vec<Review>,
}

/// The reviews of a case as a file.
///
/// # Errors
/// The store cannot be read, or has a review that was altered.
pub(crate) fn export(store: &dyn Store) -> Result<Vec<u8>, Error> {
    let entries = store.reviews(None).map_err(Error::store)?;
    let reviews = entries.iter().map(Review::of).collect::<Result<_, _>>();
    let reviews = reviews.context("a review in the store cannot be read: it was altered")?;
    let case = store.custody().map_err(Error::store)?.case;
    let file = ReviewFile { earwitness_review: VERSION, case, reviews };
    serde_json::to_vec_pretty(&file).context("the reviews cannot be written as JSON")
}

/// What an import did.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub(crate) written: usize,
    /// Reviews that the case had.
    pub(crate) known: usize,
    /// IDs of reviews that were not added, with the reason.
    pub(crate) refused: Vec<(String, String)>,
}

/// Adds the reviews of a file to a case. Each one is checked; those that fail are not added.
///
/// # Errors
/// The file cannot be read or is of another case, or the store cannot be read or written. Then nothing is added.
pub(crate) fn import(store: &mut dyn Store, path: &Path) -> Result<Imported, Error> {
    let name = path.display();
    let file = read(path).context(format!("{name}: not a review file"))?;
    let case = store.custody().map_err(Error::store)?.case;
    if file.case != case {
        return Err(Error::usage(format!("{name}: it is of the case {}, this is the case {case}", file.case)));
    }
    let recordings = store.recordings().map_err(Error::store)?;
    let mut documents = Documents { store, recordings: &recordings, known: HashMap::new() };
    let (mut imported, mut entries) = (Imported::default(), Vec::new());
    for review in file.reviews {
        let checked = documents.of(&review.recording).and_then(|document| check(&review, document).map_err(reason));
        match checked {
            Ok(()) => entries.push(review.entry().context("a review cannot be stored")?),
            Err(reason) => imported.refused.push((review.id, reason)),
        }
    }
    let outcomes = store.put_reviews(&entries).map_err(Error::store)?;
    count(&mut imported, &entries, &outcomes);
    Ok(imported)
}

fn count(imported: &mut Imported, entries: &[ReviewEntry], outcomes: &[ReviewOutcome]) {
    for (entry, outcome) in entries.iter().zip(outcomes) {
        match outcome {
            ReviewOutcome::Written => imported.written += 1,
            ReviewOutcome::Known => imported.known += 1,
            ReviewOutcome::Conflict => {
                imported.refused.push((entry.id.clone(), "the case has another review with this ID".to_owned()));
            }
        }
    }
}

fn reason(error: ReviewError) -> String {
    error.to_string()
}

fn read(path: &Path) -> Result<ReviewFile, Error> {
    let found = stage_core::require_file(path).map_err(Error::usage)?;
    if found.len() > LONGEST {
        return Err(Error::usage("implausibly long"));
    }
    let bytes = std::fs::read(path).map_err(Error::usage)?;
    let file: ReviewFile = serde_json::from_slice(&bytes).map_err(Error::usage)?;
    match file.earwitness_review {
        VERSION => Ok(file),
        other => Err(Error::usage(format!("version {other} of the format is not known"))),
    }
}

/// The documents of recordings, each read once.
struct Documents<'a> {
    store: &'a dyn Store,
    recordings: &'a [RecordingEntry],
    known: HashMap<String, Result<Document, String>>,
}

impl Documents<'_> {
    fn of(&mut self, sha256: &str) -> Result<&Document, String> {
        let (store, recordings) = (self.store, self.recordings);
        let document = self.known.entry(sha256.to_owned()).or_insert_with(|| {
            let entry = recordings.iter().find(|entry| entry.file_sha256 == sha256);
            let entry = entry.ok_or_else(|| "the case has no such recording".to_owned())?;
            read_document(store, entry).map_err(|error| error.to_string())
        });
        document.as_ref().map_err(Clone::clone)
    }
}
