//! The tables, by the schema version that added them.
//!
//! Texts that may contain any byte are `BYTEA`, since `TEXT` cannot contain a zero byte or, if the store was altered,
//! invalid UTF-8. `now_ms` is the clock of the database.

/// The statements that bring a schema from one version to the next. An empty schema has version 0.
pub(super) const MIGRATIONS: &[&str] = &[VERSION_1];

/// The latest version of the schema. Queries are written for this version only.
pub(super) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// The text of the function `now_ms`, as in the first version.
pub(super) const NOW_MS: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT";

/// A run is registered from its beginning to its end (`state` is `running`), while `expires_ms` is in the future. `lost`
/// is a run that was killed, or that did not renew its registration. `work` is the queue that the runs share: a recording is
/// `open`, `claimed` by a run, `done` or `failed`. `offered` is the run that queued it.
const VERSION_1: &str = r#"
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE
    AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT';
CREATE TABLE meta (key TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO meta VALUES ('schema_version', 0), ('recomputed', 0), ('custody_part', 0);
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE run (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, command BYTEA NOT NULL, tool_version TEXT NOT NULL,
    host TEXT NOT NULL, pid BIGINT NOT NULL, priority INTEGER NOT NULL, started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT, state TEXT NOT NULL, lease_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL
);
CREATE INDEX run_running ON run (expires_ms) WHERE state = 'running';
CREATE SEQUENCE lease;
CREATE TABLE batch (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run BIGINT NOT NULL REFERENCES run, lease BIGINT NOT NULL UNIQUE,
    state TEXT NOT NULL, priority INTEGER NOT NULL, worker TEXT NOT NULL, recordings BIGINT NOT NULL,
    audio_s DOUBLE PRECISION NOT NULL, granted_at_ms BIGINT NOT NULL, ended_at_ms BIGINT
);
CREATE INDEX batch_leased ON batch (run) WHERE state = 'leased';
CREATE TABLE artifact (
    fingerprint TEXT COLLATE "C" PRIMARY KEY, key BYTEA NOT NULL, body BYTEA NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL, duration_s DOUBLE PRECISION NOT NULL, tool_version TEXT NOT NULL,
    device TEXT NOT NULL, computations BIGINT NOT NULL, environment TEXT
);
CREATE TABLE part (
    fingerprint TEXT COLLATE "C" NOT NULL, part BIGINT NOT NULL, body BYTEA NOT NULL, body_sha256 TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL, duration_s DOUBLE PRECISION NOT NULL, device TEXT NOT NULL,
    computations BIGINT NOT NULL, PRIMARY KEY (fingerprint, part)
);
CREATE TABLE failure (
    run BIGINT NOT NULL REFERENCES run, path BYTEA NOT NULL, error TEXT NOT NULL, PRIMARY KEY (run, path)
);
CREATE TABLE input (
    path BYTEA PRIMARY KEY, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, inode BIGINT NOT NULL,
    sha256 TEXT NOT NULL, audio_s DOUBLE PRECISION NOT NULL
);
CREATE TABLE recipe (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body BYTEA NOT NULL, body_sha256 TEXT NOT NULL UNIQUE
);
CREATE TABLE incident (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run BIGINT NOT NULL REFERENCES run, at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL, worker TEXT, recording BYTEA, message BYTEA NOT NULL
);
CREATE INDEX incident_run ON incident (run);
CREATE TABLE quarantine (
    fingerprint TEXT COLLATE "C" PRIMARY KEY, run BIGINT NOT NULL REFERENCES run, path BYTEA NOT NULL,
    error TEXT NOT NULL
);
CREATE TABLE recording (
    file_sha256 TEXT COLLATE "C" PRIMARY KEY, bytes BIGINT, audio_s DOUBLE PRECISION NOT NULL, name TEXT NOT NULL,
    recipe BIGINT NOT NULL REFERENCES recipe, run BIGINT NOT NULL REFERENCES run, path BYTEA NOT NULL, relative BYTEA
);
CREATE SEQUENCE seen;
CREATE TABLE place (
    path BYTEA NOT NULL, file_sha256 TEXT COLLATE "C" NOT NULL, seen BIGINT NOT NULL, PRIMARY KEY (path, file_sha256)
);
CREATE INDEX place_recording ON place (file_sha256);
CREATE TABLE output (
    path BYTEA PRIMARY KEY, sha256 TEXT, replaces TEXT, recording TEXT, format TEXT NOT NULL, renderer BIGINT NOT NULL,
    settings TEXT NOT NULL, made_from TEXT NOT NULL, document TEXT, context TEXT NOT NULL
);
CREATE INDEX output_recording ON output (recording);
CREATE TABLE review (
    id TEXT COLLATE "C" PRIMARY KEY, recording TEXT NOT NULL, author TEXT NOT NULL, at_ms BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX review_recording ON review (recording);
CREATE TABLE forgotten (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sha256 TEXT NOT NULL, at_ms BIGINT NOT NULL, by TEXT NOT NULL,
    reason TEXT
);
CREATE TABLE plan (is_only BOOLEAN PRIMARY KEY CHECK (is_only), body TEXT NOT NULL);
CREATE TABLE work (
    recording TEXT COLLATE "C" PRIMARY KEY, priority INTEGER NOT NULL, audio_s DOUBLE PRECISION NOT NULL,
    state TEXT NOT NULL, offered BIGINT NOT NULL REFERENCES run, run BIGINT REFERENCES run, error TEXT, ended_ms BIGINT
);
CREATE INDEX work_unfinished ON work (priority DESC, audio_s DESC) WHERE state IN ('open', 'claimed');
CREATE INDEX work_ended ON work (ended_ms) WHERE state IN ('done', 'failed');
CREATE TABLE custody (seq BIGINT PRIMARY KEY, line TEXT NOT NULL);
"#;

/// The references between tables: referring table, its name for a record, its column, and the table that it refers to.
pub(super) const REFERENCES: &[(&str, &str, &str, &str)] = &[
    ("batch", "id", "run", "run"),
    ("failure", "run", "run", "run"),
    ("incident", "id", "run", "run"),
    ("quarantine", "fingerprint", "run", "run"),
    ("recording", "file_sha256", "run", "run"),
    ("recording", "file_sha256", "recipe", "recipe"),
    ("work", "recording", "offered", "run"),
];
