//! The manifest of a case: the heads of its custody log, its recordings and its written files, with their hashes.
//!
//! ```text
//! store -> Manifest -> DIR/manifest.json -> signature (DIR/manifest.sig) | RFC 3161 time stamp (DIR/manifest.tsr)
//! ```
//!
//! Signed or time-stamped, it lets others find every later change, also one that is consistent with everything else in
//! the folder.

mod compare;
mod time_stamp;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use scheduler::store::{Custody, Store, StoreError};
use serde::{Deserialize, Serialize};
use stage_core::lossless_path;

pub(crate) use self::compare::compare;
pub(crate) use self::time_stamp::{attach, hash, request};
pub(crate) use self::write::{Written, write};
use crate::export::utc;

/// Version of the file's format.
const VERSION: u32 = 1;
/// Longest manifest that is read, in bytes: about a million recordings.
const LONGEST: u64 = 1 << 30;

/// The manifest, as its file contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of the format.
    pub(crate) earwitness_manifest: u32,
    /// ID of the case.
    pub(crate) case: String,
    /// When it was made, by the clock of the machine (UTC).
    pub(crate) created_at: String,
    /// Version of the program.
    pub(crate) tool_version: String,
    /// Fingerprint of the public key with which its signature is checked; null if it is not signed.
    pub(crate) public_key: Option<String>,
    /// The chains of the custody log.
    pub(crate) chains: Vec<Chain>,
    /// All recordings, by hash.
    pub(crate) recordings: Vec<Recording>,
    /// All written files with results, by path.
    pub(crate) files: Vec<File>,
}

/// A chain of the custody log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chain {
    /// Its ID.
    pub(crate) chain: String,
    /// Number of its lines.
    pub(crate) lines: usize,
    /// SHA-256 of its last line.
    pub(crate) head: String,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recording {
    /// SHA-256 of its bytes.
    pub(crate) sha256: String,
    /// Length in bytes.
    pub(crate) bytes: Option<u64>,
    /// The base name of its files.
    pub(crate) name: String,
    /// Where it was seen last.
    #[serde(with = "lossless_path")]
    pub(crate) path: PathBuf,
}

/// A written file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Its path, relative to the case folder.
    #[serde(with = "lossless_path")]
    pub(crate) path: PathBuf,
    /// SHA-256 of its bytes.
    pub(crate) sha256: String,
    /// Its format.
    pub(crate) format: String,
    /// SHA-256 of the recording.
    pub(crate) recording: String,
}

impl Manifest {
    /// The manifest of a case as it is now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn of(
        store: &dyn Store,
        custody: &Custody,
        now_ms: u64,
        public_key: Option<String>,
    ) -> Result<Self, StoreError> {
        let head = custody.head().unwrap_or_default();
        let recording = |entry: scheduler::store::RecordingEntry| Recording {
            sha256: entry.file_sha256,
            bytes: entry.bytes,
            name: entry.name,
            path: entry.relative.unwrap_or(entry.path),
        };
        let mut recordings: Vec<_> = store.recordings()?.into_iter().map(recording).collect();
        recordings.sort_by(|a, b| a.sha256.cmp(&b.sha256));
        let file = |file: scheduler::store::OutputFile| {
            Some(File { path: file.path, sha256: file.sha256?, format: file.format, recording: file.recording? })
        };
        Ok(Self {
            earwitness_manifest: VERSION,
            case: custody.case.clone(),
            created_at: utc(now_ms),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            public_key,
            chains: vec![Chain { chain: custody.chain.clone(), lines: custody.lines.len(), head }],
            recordings,
            files: store.outputs()?.into_iter().filter_map(file).collect(),
        })
    }

    /// Reads a manifest from the bytes of its file.
    ///
    /// # Errors
    /// The bytes are not a manifest of a known version.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        match manifest.earwitness_manifest {
            VERSION => Ok(manifest),
            other => Err(serde::de::Error::custom(format!("version {other} of the manifest is not known"))),
        }
    }
}

/// The files of a manifest in a case folder.
pub(crate) struct ManifestFiles {
    pub(crate) manifest: PathBuf,
    /// 64 bytes: the ed25519 signature of the manifest's bytes.
    pub(crate) signature: PathBuf,
    /// The request for a time stamp.
    pub(crate) request: PathBuf,
    /// The time stamp.
    pub(crate) time_stamp: PathBuf,
}

impl ManifestFiles {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let file = |end: &str| folder.join(format!("manifest.{end}"));
        Self { manifest: file("json"), signature: file("sig"), request: file("tsq"), time_stamp: file("tsr") }
    }
}

/// Formats of the files of a manifest in the record of written files. They describe the case and are not part of it.
pub(crate) mod format {
    pub(crate) const MANIFEST: &str = "manifest";
    pub(crate) const SIGNATURE: &str = "manifest-signature";
    pub(crate) const REQUEST: &str = "time-stamp-request";
    pub(crate) const TIME_STAMP: &str = "time-stamp";
    pub(crate) const ALL: [&str; 4] = [MANIFEST, SIGNATURE, REQUEST, TIME_STAMP];
}

/// Reads a file of a manifest. `None` if it does not exist.
///
/// # Errors
/// It is not a file, is implausibly long, or cannot be read.
pub(crate) fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match stage_core::require_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(found) if found.len() > LONGEST => Err(io::Error::other("implausibly long")),
        Ok(_) => std::fs::read(path).map(Some),
    }
}
