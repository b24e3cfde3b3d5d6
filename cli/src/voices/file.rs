//! `voices.json`: everything about the voices of a case.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stage_core::{Existing, sha256_hex, shown, write_private_file};

use crate::error::{Error, ErrorContext};

/// Name of the file in the folder of a case.
pub(crate) const FILE: &str = "voices.json";
/// Version of its format.
const FORMAT: u32 = 1;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Voices {
    /// Version of the format.
    pub(crate) voices_version: u32,
    /// What these data are, for whoever opens the file.
    pub(crate) note: String,
    /// SHA-256 of the encoder's weights.
    pub(crate) model_sha256: String,
    /// Similarity from which two speakers are in one group.
    pub(crate) threshold: f64,
    /// The speakers of all recordings.
    pub(crate) speakers: Vec<SpeakerVoice>,
    /// The names of groups.
    pub(crate) names: Vec<Name>,
}

/// A speaker of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeakerVoice {
    /// SHA-256 of the recording.
    pub(crate) recording: String,
    /// The name of its results.
    pub(crate) name: String,
    /// The label of the speaker in it.
    pub(crate) speaker: String,
    /// Speech in the embedding, in seconds.
    pub(crate) speech_s: f64,
    /// The group: `V1`, `V2`...
    pub(crate) group: String,
    /// The embedding, at unit length.
    pub(crate) embedding: Vec<f32>,
}

/// A name that a person gave to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Name {
    /// The group.
    pub(crate) group: String,
    /// The name.
    pub(crate) name: String,
    /// Who gave it.
    pub(crate) by: String,
    /// When, in UTC.
    pub(crate) at: String,
}

/// Where the file of a case is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl Voices {
    /// A file without speakers.
    pub(crate) fn new(model_sha256: &str, threshold: f64) -> Self {
        Self {
            voices_version: FORMAT,
            note: super::LEGAL_NOTE.to_owned(),
            model_sha256: model_sha256.to_owned(),
            threshold,
            speakers: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Reads the file of a case; `None` if there is none.
    ///
    /// # Errors
    /// The file is a link, cannot be read, or is not of this version.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = path(folder);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(found) if !found.is_file() => return Err(Error::usage(format!("{}: is not a file", shown(&path)))),
            _ => {}
        }
        let text = fs::read(&path).map_err(Error::usage).context(shown(&path))?;
        let voices: Self = serde_json::from_slice(&text).map_err(Error::usage).context(shown(&path))?;
        if voices.voices_version != FORMAT {
            let message = format!("{}: of another version: delete it with `earwitness voices forget`", shown(&path));
            return Err(Error::usage(message));
        }
        Ok(Some(voices))
    }

    /// Writes the file, readable for its owner alone, and returns its SHA-256.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<String, Error> {
        let path = path(folder);
        let bytes = serde_json::to_vec_pretty(self).context("the voices cannot be described")?;
        let written = write_private_file(&path, &bytes, Existing::Replace).map_err(Error::usage);
        written.context(format!("{}: cannot be written", shown(&path)))?;
        Ok(sha256_hex(&bytes))
    }

    /// Deletes the file of a case, after overwriting it with zeros. Returns whether there was one.
    ///
    /// # Errors
    /// The file cannot be deleted.
    pub(crate) fn delete(folder: &Path) -> Result<bool, Error> {
        let path = path(folder);
        let Ok(found) = path.symlink_metadata() else { return Ok(false) };
        let deleted = (|| {
            if found.is_file() {
                let file = OpenOptions::new().write(true).open(&path)?;
                io::copy(&mut io::Read::take(io::repeat(0), found.len()), &mut &file)?;
                file.sync_all()?;
            }
            fs::remove_file(&path)
        })();
        deleted.map_err(Error::usage).context(format!("{}: cannot be deleted", shown(&path)))?;
        Ok(true)
    }

    /// The name of a group.
    pub(crate) fn name(&self, group: &str) -> Option<&Name> {
        self.names.iter().find(|name| name.group == group)
    }
}
