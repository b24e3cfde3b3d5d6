//! The format of review files, which pages export and import.

use std::path::Path;

use scheduler::store::{ReviewEntry, Store};
use serde::{Deserialize, Serialize};
use stage_core::shown;

use super::{Action, Review, Statement, Target};
use crate::error::{Error, ErrorContext};
use crate::small_file;

/// Version of the file's format.
const VERSION: u32 = 1;
/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;

const UNWRITABLE: &str = "the reviews cannot be written as JSON";

/// A review file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewFile {
    /// Version of the format.
    earwitness_review: u32,
    /// ID of the case.
    pub(super) case: String,
    pub(super) reviews: Vec<FileReview>,
}

/// A review as files have it: the fields of [`Review`] and of its [`Statement`] side by side. serde cannot flatten them
/// and refuse unknown fields at the same time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileReview {
    id: String,
    recording: String,
    author: String,
    at_ms: u64,
    action: Action,
    target: Target,
    artifact_sha256: String,
    old: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<Review> for FileReview {
    fn from(review: Review) -> Self {
        let Review { id, recording, author, at_ms, statement } = review;
        let Statement { action, target, artifact_sha256, old, new, note } = statement;
        Self { id, recording, author, at_ms, action, target, artifact_sha256, old, new, note }
    }
}

impl From<FileReview> for Review {
    fn from(review: FileReview) -> Self {
        let FileReview { id, recording, author, at_ms, action, target, artifact_sha256, old, new, note } = review;
        Self { id, recording, author, at_ms, statement: Statement { action, target, artifact_sha256, old, new, note } }
    }
}

/// The reviews of a case as a file.
///
/// # Errors
/// The store cannot be read, or has a review that was altered.
pub(crate) fn export(store: &dyn Store) -> Result<Vec<u8>, Error> {
    serde_json::to_vec_pretty(&file_of(store, None)?).context(UNWRITABLE)
}

/// The reviews of a case, or of one recording, as the JSON of a file.
///
/// # Errors
/// As for [`export`].
#[cfg(feature = "serve")]
pub(crate) fn export_of(store: &dyn Store, recording: Option<&str>) -> Result<serde_json::Value, Error> {
    serde_json::to_value(file_of(store, recording)?).context(UNWRITABLE)
}

fn file_of(store: &dyn Store, recording: Option<&str>) -> Result<ReviewFile, Error> {
    let read = |entry: &ReviewEntry| {
        let review = Review::of(entry).context(format!("the review {} cannot be read: it was altered", entry.id))?;
        Ok(FileReview::from(review))
    };
    let entries = store.reviews(recording).map_err(Error::store)?;
    let reviews = entries.iter().map(read).collect::<Result<_, Error>>()?;
    let case = store.case_id().map_err(Error::store)?;
    Ok(ReviewFile { earwitness_review: VERSION, case, reviews })
}

/// The reviews in the JSON of a file. If the `author` is known, they are that author's, whoever they name.
///
/// # Errors
/// The JSON is not in this format; the message names the field.
#[cfg(feature = "serve")]
pub(crate) fn from_json(file: serde_json::Value, author: Option<&str>) -> Result<ReviewFile, Error> {
    let file: Result<ReviewFile, _> = serde_json::from_value(file);
    let mut file = file.map_err(|error| Error::usage(format!("not a review file: {error}")))?;
    known_version(&file).map_err(Error::usage)?;
    if let Some(author) = author {
        file.reviews.iter_mut().for_each(|review| author.clone_into(&mut review.author));
    }
    Ok(file)
}

fn known_version(file: &ReviewFile) -> Result<(), String> {
    match file.earwitness_review {
        VERSION => Ok(()),
        other => Err(format!("version {other} of review files is not known")),
    }
}

/// Reads a review file.
///
/// # Errors
/// It is not a file, is too large, or is not in this format; the message names line and field.
pub(super) fn read(path: &Path) -> Result<ReviewFile, Error> {
    let unusable = |reason: String| Error::usage(format!("{}: {reason}", shown(path)));
    let bytes = small_file::read(path, LARGEST).map_err(|error| unusable(error.to_string()))?;
    let file: ReviewFile = serde_json::from_slice(&bytes).map_err(|error| unusable(described(&error, &bytes)))?;
    known_version(&file).map_err(unusable)?;
    Ok(file)
}

/// The message of an error. If it names no field, that whose value was read last is added.
fn described(error: &serde_json::Error, bytes: &[u8]) -> String {
    let message = format!("not a review file: {error}");
    if message.contains("field `") {
        return message;
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let end = lines.map(<[u8]>::len).sum::<usize>() + error.column();
    let read = &bytes[..bytes.len().min(end)];
    match last_field(&String::from_utf8_lossy(&read[read.len().saturating_sub(NEAR)..])) {
        Some(name) => format!("{message} (at the field {name:?})"),
        None => message,
    }
}

/// Bytes before an error that are searched for the name of the field.
const NEAR: usize = 4096;

/// The last name of a field in the start of a JSON text.
fn last_field(text: &str) -> Option<String> {
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let before_colon = |(at, _)| text[..at].trim_end().strip_suffix('"')?.rsplit('"').next().filter(is_name);
    text.rmatch_indices(':').find_map(before_colon).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reviews: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reviews.json");
        let text = format!("{{\"earwitness_review\": 1, \"case\": \"c\",\n\"reviews\": [\n{reviews}\n]}}");
        std::fs::write(&path, text).unwrap();
        read(&path).unwrap_err().to_string()
    }

    const FIELDS: [&str; 8] = [
        r#""id": "0123456789abcdef""#,
        r#""recording": "r""#,
        r#""author": "kim""#,
        r#""at_ms": 1800000000000"#,
        r#""action": "confirm""#,
        r#""target": "word:1""#,
        r#""artifact_sha256": "a""#,
        r#""old": "x""#,
    ];

    /// A review with one more or another field.
    fn with(field: &str) -> String {
        let name = field.split(':').next().unwrap();
        let kept = FIELDS.into_iter().filter(|other| !other.starts_with(name));
        format!("{{{}}}", kept.chain([field]).collect::<Vec<_>>().join(",\n"))
    }

    #[test]
    fn review_file_with_an_error_names_line_and_field() {
        for (field, reason) in [
            (r#""nots": "misspelled""#, "unknown field `nots`"),
            (r#""at_ms": "soon""#, "(at the field \"at_ms\")"),
            (r#""at_ms": -1"#, "(at the field \"at_ms\")"),
            (r#""at_ms": 1e99"#, "(at the field \"at_ms\")"),
            (r#""target": "page:1""#, "(at the field \"target\")"),
            (r#""action": "praise""#, "unknown variant `praise`"),
            (r#""note": 5"#, "(at the field \"note\")"),
        ] {
            let message = refused(&with(field));
            assert!(message.contains(reason) && message.contains("at line "), "{field}: {message}");
        }
        let twice = refused(&with(r#""note": "a", "note": "b""#));
        assert!(twice.contains("duplicate field `note`"), "{twice}");
        for field in FIELDS {
            let name = field.split('"').nth(1).unwrap();
            let message = refused(&with(field).replace(&format!(",\n{field}"), ""));
            assert!(message.contains(&format!("missing field `{name}`")), "{message}");
        }
        assert!(refused("{").contains("at line 4"));
    }

    #[test]
    fn review_file_gives_back_what_was_written() {
        let text = with(r#""note": "a: \"b\"""#);
        let review: FileReview = serde_json::from_str(&text).unwrap();
        let again = serde_json::to_value(FileReview::from(Review::from(review))).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }
}
