//! What a line of the custody log states.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stage_core::{ErrorCode, Fingerprint, StageName};

use crate::store::{IncidentKind, RunEnd};

/// SHA-256 of each file of a model, as `sha256sum` prints it, by file name.
pub type Files = BTreeMap<String, String>;

/// What happened. Hashes are SHA-256 in hex. Fields named `record`, `place`, `name`, `command` and `message` are salted
/// hashes (see [`super::Salt`]); the others are hashes of bytes as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// The first entry of a chain: it names the case.
    Case {
        /// Version of the log's format.
        format: u32,
        /// ID of the case.
        case: String,
        /// ID of the chain.
        chain: String,
        /// SHA-256 of the store's secret.
        salt_sha256: String,
        /// Heads of the other chains of the case that this coordinator knows, by ID.
        heads: BTreeMap<String, String>,
    },
    /// The entries up to the next run describe what a store of an older version contained when its log began.
    Adopted {
        /// Version of the store's schema before.
        schema: i64,
    },
    /// A run began.
    RunBegan {
        /// Its number.
        run: i64,
        /// Its record in the store.
        record: String,
        /// Version of the program.
        tool: String,
        /// Name of the machine; null if an older version did not record it.
        host: Option<String>,
        /// Name of the user; null if an older version did not record it.
        user: Option<String>,
        /// Its command line.
        command: String,
        /// SHA-256 of its configuration, as JSON; null if the caller gave none.
        configuration: Option<String>,
        /// The models that it may use, by their hash in the keys of artifacts.
        models: BTreeMap<String, Files>,
    },
    /// A run ended.
    RunEnded {
        /// Its number.
        run: i64,
        /// How.
        end: RunEnd,
        /// Its record in the store.
        record: String,
    },
    /// A recording was seen for the first time.
    Recording {
        /// SHA-256 of its bytes, which is its identity.
        sha256: String,
        /// Length in bytes; null if an older version did not record it.
        bytes: Option<u64>,
        /// Where it was.
        place: String,
        /// The base name of its written files.
        name: String,
    },
    /// A known recording was seen at a further place: it was renamed, moved or copied.
    Place {
        /// SHA-256 of its bytes.
        recording: String,
        /// Where it is.
        place: String,
    },
    /// An artifact was written, or replaced on demand.
    Artifact {
        /// The recording that it is about.
        recording: String,
        /// Stage that computed it.
        stage: StageName,
        /// Hash of everything that it depends on.
        fingerprint: Fingerprint,
        /// SHA-256 of its text.
        sha256: String,
        /// Its record in the store: key, times, device and program.
        record: String,
        /// Whether it replaces a stored one, because it was altered or was to be computed again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replaces: bool,
    },
    /// A window checkpoint of an incomplete artifact was written. It ends with the artifact.
    Checkpoint {
        /// The artifact.
        fingerprint: Fingerprint,
        /// Index of the window, from 0.
        index: u32,
        /// SHA-256 of its text.
        sha256: String,
    },
    /// The checkpoints of an incomplete artifact were deleted, so that all of it is computed again.
    CheckpointsForgotten {
        /// The artifact.
        fingerprint: Fingerprint,
    },
    /// A file was written, or is about to be written.
    Output {
        /// Its path.
        name: String,
        /// Its format.
        format: String,
        /// SHA-256 of its bytes; null for a file that is written during a run.
        sha256: Option<String>,
        /// The recording that it is about; null for a file about a run.
        recording: Option<String>,
        /// Its record in the store.
        record: String,
    },
    /// The record of a file was deleted: it was removed, or was never written.
    OutputForgotten {
        /// Its path.
        name: String,
    },
    /// An unexpected event of a run.
    Incident {
        /// The run.
        run: i64,
        /// The kind.
        incident: IncidentKind,
        /// Its record in the store.
        record: String,
    },
    /// A recording or file failed in a run.
    Failure {
        /// The run.
        run: i64,
        /// Where the file is.
        place: String,
        /// The error.
        code: ErrorCode,
        /// Its record in the store.
        record: String,
    },
    /// A recording that kills workers was quarantined.
    Quarantined {
        /// The artifact whose computation kills workers.
        fingerprint: Fingerprint,
        /// Its record in the store.
        record: String,
    },
    /// Quarantined recordings are tried again.
    QuarantineLifted {
        /// The artifact whose computation killed workers.
        fingerprint: Fingerprint,
    },
    /// A reviewer stated something about a result.
    Review {
        /// ID of the statement.
        id: String,
        /// SHA-256 of the recording.
        recording: String,
        /// Salted hash of the reviewer's name.
        author: String,
        /// Its record in the store.
        record: String,
    },
    /// The content of a recording was deleted on request: its artifacts, places and reviews.
    Forgotten {
        /// SHA-256 of its bytes.
        recording: String,
        /// Its record in the store.
        record: String,
        /// Number of texts that named it and were deleted. The entries about them follow. They are valid only there. Older
        /// versions did not record it.
        #[serde(default)]
        texts: Option<usize>,
    },
    /// Arguments in the command line of a run named a forgotten recording, and were deleted.
    RunForgotten {
        /// The run.
        run: i64,
        /// Its record in the store.
        record: String,
    },
    /// The text of an incident named a forgotten recording, and was deleted.
    IncidentForgotten {
        /// The run.
        run: i64,
        /// Its number in the run, from 1.
        number: usize,
        /// Its record in the store.
        record: String,
    },
    /// A failure of a forgotten recording was deleted.
    FailureForgotten {
        /// The run.
        run: i64,
        /// Where the file was.
        place: String,
    },
    /// A copy was written outside the record of written files: a clip, or results in another folder.
    Copied {
        /// SHA-256 of the recording.
        recording: String,
        /// The format, such as `clip` or `srt`.
        format: String,
        /// SHA-256 of the copy.
        sha256: String,
        /// Whether it shows texts and speakers as reviewers corrected them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reviewed: bool,
        /// Whether numbers and names are masked in it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    /// The file with the voices of the case, which is not part of the case, was written or deleted.
    Voices {
        /// What happened.
        action: VoicesAction,
        /// SHA-256 of the file; null if it was deleted.
        sha256: Option<String>,
    },
    /// A manifest of the case was written: the lines before this one are covered by it.
    Manifest {
        /// SHA-256 of its bytes.
        sha256: String,
        /// Fingerprint of the public key that checks its signature; null if it is not signed.
        public_key: Option<String>,
    },
    /// A time stamp of a manifest was attached.
    TimeStamp {
        /// SHA-256 of the manifest.
        manifest: String,
        /// SHA-256 of the time stamp.
        sha256: String,
    },
    /// The clock of the machine was changed, or the system was started with another time.
    Clock {
        /// By how many milliseconds; negative if it was set back.
        moved_ms: i64,
    },
    /// The log file lacked lines that the store had, because the process was killed or the file was damaged.
    Repaired {
        /// Number of lines that were appended.
        appended: u64,
        /// Whether the last line was torn.
        torn: bool,
    },
}

/// What happened to the file with the voices of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoicesAction {
    /// Voices were compared and grouped.
    Grouped,
    /// A person gave a group a name, or took it away.
    Named,
    /// The voices of a recording were deleted, because the recording was forgotten.
    RecordingForgotten,
    /// The file was deleted.
    Forgotten,
}

impl Entry {
    /// The kind, as in the log, such as `run-began`.
    #[must_use]
    pub fn kind(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }
}
