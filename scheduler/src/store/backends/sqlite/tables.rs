//! The tables, by the schema version that added them.

/// The latest version of the schema. Queries are written for this version only.
pub(super) const SCHEMA_VERSION: i64 = 8;

/// Tables that exist since version 1. Version 2 added the columns from `priority` on, version 3 added `environment`.
/// Lease numbers increase over the life of the store even if rows are deleted (AUTOINCREMENT).
pub(super) const TABLES_SINCE_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, tool_version TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, state TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0, pid INTEGER
) STRICT;
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES run(id), lease INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0, worker TEXT, recordings INTEGER, audio_s REAL, granted_at_ms INTEGER,
    ended_at_ms INTEGER
) STRICT;
CREATE TABLE artifact (
    fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, body TEXT NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, duration_s REAL NOT NULL, tool_version TEXT NOT NULL, device TEXT NOT NULL,
    computations INTEGER NOT NULL,
    environment TEXT
) STRICT;
CREATE TABLE failure (
    run INTEGER NOT NULL REFERENCES run(id), path BLOB NOT NULL, error TEXT NOT NULL, PRIMARY KEY (run, path)
) STRICT;
CREATE TABLE input (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL, audio_s REAL NOT NULL
) STRICT;
";

/// The table of recordings from version 2 to 6, by path.
pub(super) const RECORDING_OF_2: &str = "
CREATE TABLE recording (
    path BLOB PRIMARY KEY, file_sha256 TEXT NOT NULL, audio_s REAL NOT NULL, name TEXT NOT NULL,
    recipe INTEGER NOT NULL REFERENCES recipe(id), run INTEGER NOT NULL REFERENCES run(id)
) STRICT;
";

/// Tables that version 2 added or replaced. Checkpoints are in `part`. Their bodies are too large for a table WITHOUT
/// ROWID: such tables move bodies of more than a quarter of a page to overflow pages and write a third more.
pub(super) const TABLES_SINCE_2: &str = "
CREATE TABLE recipe (id INTEGER PRIMARY KEY, body TEXT NOT NULL, body_sha256 TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE part (
    fingerprint TEXT NOT NULL, part INTEGER NOT NULL, body TEXT NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, duration_s REAL NOT NULL, device TEXT NOT NULL, computations INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, part)
) STRICT;
CREATE TABLE incident (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id), at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    worker TEXT, recording BLOB, message TEXT NOT NULL
) STRICT;
CREATE INDEX incident_run ON incident (run);
CREATE TABLE quarantine (
    fingerprint TEXT PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id), path BLOB NOT NULL, error TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES ('recomputed', 0);
";

/// The table that version 6 added, as it was then: `recording` is a path. It replaces `export`, which had the hash and
/// the recording of each exported file.
pub(super) const OUTPUT_OF_6: &str = "
CREATE TABLE output (
    path BLOB PRIMARY KEY, sha256 TEXT, replaces TEXT, recording BLOB, format TEXT NOT NULL,
    renderer INTEGER NOT NULL, settings TEXT NOT NULL, made_from TEXT NOT NULL
) STRICT;
";

/// Tables that version 7 added or replaced, as they are since version 8: recordings by their hash, with all places at
/// which they were seen, besides [`TABLES_SINCE_8`]. `seen` grows with every sighting. `setting` has the IDs of the case
/// and the chain, and the secret of the log.
pub(super) const TABLES_SINCE_7: &str = "
CREATE TABLE recording (
    file_sha256 TEXT PRIMARY KEY, bytes INTEGER, audio_s REAL NOT NULL, name TEXT NOT NULL,
    recipe INTEGER NOT NULL REFERENCES recipe(id), run INTEGER NOT NULL REFERENCES run(id),
    path BLOB NOT NULL, relative BLOB
) STRICT;
CREATE TABLE place (
    path BLOB NOT NULL, file_sha256 TEXT NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY (path, file_sha256)
) STRICT;
CREATE INDEX place_recording ON place (file_sha256);
CREATE INDEX place_seen ON place (seen);
CREATE TABLE output (
    path BLOB PRIMARY KEY, sha256 TEXT, replaces TEXT, recording TEXT, format TEXT NOT NULL,
    renderer INTEGER NOT NULL, settings TEXT NOT NULL, made_from TEXT NOT NULL, document TEXT, context TEXT NOT NULL
) STRICT;
CREATE TABLE review (
    id TEXT PRIMARY KEY, recording TEXT NOT NULL, author TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX review_recording ON review (recording);
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
";

/// The tables that version 8 replaced: the lines of the custody log, which had further columns, and the forgotten
/// recordings, each of which was there once.
pub(super) const TABLES_SINCE_8: &str = "
CREATE TABLE custody (seq INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;
CREATE TABLE forgotten (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, at_ms INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT
) STRICT;
";
