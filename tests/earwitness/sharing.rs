//! Several runs share the queue of one PostgreSQL store. The server is private to the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{Postgres, send_signal};

use crate::running::Running;
use crate::support::{
    Finished, artifact_count, assert_same, documents, earwitness, finish, folder_of_calls, run, run_args, test_model,
};

/// Calls, a result folder, and a case in a database.
struct Shared {
    _folder: tempfile::TempDir,
    inputs: PathBuf,
    out: PathBuf,
    url: String,
    schema: String,
    server: &'static Postgres,
}

/// Small, so that there is something left to share.
const BATCHES: [&str; 4] = ["-b", "1", "--device-batch-size", "1"];

impl Shared {
    /// `None` if PostgreSQL is not installed.
    fn new(copies: usize) -> Option<Self> {
        Some(Self::on(Postgres::shared()?, copies))
    }

    fn on(server: &'static Postgres, copies: usize) -> Self {
        let (_folder, inputs, out) = folder_of_calls(copies);
        // A killed run is taken over soon.
        let case = server.new_case();
        let schema = case.rsplit_once('=').unwrap().1.to_owned();
        Self { _folder, inputs, out, url: format!("{case}&lease_s=2"), schema, server }
    }

    fn first(&self, more: &[&str]) -> Command {
        let args = [&["--devices", "cpu:1", "--store", &self.url], &BATCHES[..], more].concat();
        earwitness(run_args(&[&self.inputs], &self.out, &args))
    }

    fn join(&self, more: &[&str]) -> Command {
        self.join_on("cpu:1", more)
    }

    fn join_on(&self, devices: &str, more: &[&str]) -> Command {
        let args = ["run", "--join", &self.url, "--progress", "json", "--devices", devices];
        earwitness([&args, &BATCHES[..], more].concat())
    }

    /// Starts a run, kills it after its first commit, and so leaves recordings in the queue.
    fn killed_early(&self, more: &[&str]) {
        let mut first = Running::spawn(self.first(&[more, &["--pause-at-commits", "1"]].concat()));
        first.await_event("commit");
        first.kill();
        first.wait();
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql(&format!("SET search_path = {}; {sql}", self.schema))
    }

    /// Asserts that everything is stored, and nothing was computed twice.
    fn assert_whole(&self, files: usize) {
        let stored = (self.sql("SELECT count(*) FROM artifact"), self.sql("SELECT sum(computations) FROM artifact"));
        let expected = (artifact_count() * files).to_string();
        assert_eq!(stored, (expected.clone(), expected));
        assert_eq!(self.sql("SELECT value FROM meta WHERE key = 'recomputed'"), "0");
        assert_eq!(self.sql("SELECT count(*) FROM work WHERE state <> 'done'"), "0");
    }

    fn on_store(&self, command: &[&str]) -> Finished {
        let folder = self.out.to_str().unwrap();
        finish(command.iter().copied().chain([folder, "--store", &self.url]))
    }
}

fn ended(mut command: Command) -> Finished {
    Finished::of(command.output().unwrap())
}

fn contains_all(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "no `{part}` in:\n{text}"));
}

#[test]
fn runs_that_share_a_queue_compute_everything_once_with_the_results_of_a_local_run() {
    const FILES: usize = 10;
    let Some(shared) = Shared::new(FILES) else { return };
    let mut first = Running::spawn(shared.first(&["--pause-at-commits", "100"]));
    first.await_event("commit");
    let joined = ended(shared.join(&[])).with_code(0).summary();
    let first = first.wait().with_code(0).summary();
    let (one, two) = (first["stages_computed"].as_u64().unwrap(), joined["stages_computed"].as_u64().unwrap());
    assert!(one > 0 && two > 0, "{one} and {two} stages computed");
    assert_eq!(first["files_done"], FILES, "the first run also has the results of the other");
    shared.assert_whole(FILES);
    contains_all(&shared.on_store(&["status"]).with_code(0).stdout, &["finished after"]);
    shared.on_store(&["verify"]).with_code(0);
    let (local, exported) = (shared.out.with_extension("local"), shared.out.with_extension("exported"));
    run(&[&shared.inputs], &local, &[]).with_code(0);
    shared.on_store(&["export", "--out", exported.to_str().unwrap()]).with_code(0);
    for folder in [&shared.out, &exported] {
        let (ours, local) = (documents(folder), documents(&local));
        assert_eq!(ours.len(), local.len());
        ours.iter().zip(&local).for_each(|(ours, local)| assert_same(&ours.1, &local.1, &local.0));
    }
}

#[test]
fn run_that_is_killed_is_finished_by_one_that_has_joined() {
    const FILES: usize = 6;
    let Some(shared) = Shared::new(FILES) else { return };
    let mut first = Running::spawn(shared.first(&["--pause-at-commits", "300"]));
    first.await_event("commit");
    let mut joined = Running::spawn(shared.join(&[]));
    joined.await_event("worker_up");
    first.kill();
    let summary = joined.wait().with_code(0).summary();
    assert_eq!(summary["files_failed"], 0, "{summary}");
    shared.assert_whole(FILES);
    contains_all(&shared.on_store(&["status"]).with_code(0).stdout, &["was killed"]);
    shared.on_store(&["verify"]).with_code(0);
}

#[test]
fn run_survives_a_server_that_is_stopped_and_started() {
    const FILES: usize = 4;
    let Some(server) = Postgres::start() else { return };
    let shared = Shared::on(Box::leak(Box::new(server)), FILES);
    let mut first = Running::spawn(shared.first(&["--pause-at-commits", "20"]));
    for _ in 0..2 {
        first.await_event("commit");
        shared.server.stop();
        shared.server.restart();
    }
    let summary = first.wait().with_code(0).summary();
    assert_eq!(summary["files_done"], FILES, "{summary}");
    shared.assert_whole(FILES);
}

#[test]
fn recording_that_is_missing_or_another_one_here_is_left_to_other_hosts() {
    const FILES: usize = 4;
    let Some(shared) = Shared::new(FILES) else { return };
    shared.killed_early(&[]);
    let open = shared.sql(
        "SELECT path FROM recording JOIN work ON recording = file_sha256 WHERE state <> 'done'
         ORDER BY state DESC, path LIMIT 2",
    );
    let paths: Vec<PathBuf> = open.lines().map(path_of).collect();
    let kept = std::fs::read(&paths[0]).unwrap();
    std::fs::remove_file(&paths[0]).unwrap();
    let changed = std::fs::read(&paths[1]).unwrap();
    std::fs::write(&paths[1], [&changed[..], b"more"].concat()).unwrap();
    let joined = ended(shared.join(&[])).with_code(3);
    contains_all(&joined.stderr, &["unreadable-file", "file-changed"]);
    assert_eq!(joined.summary()["files_failed"], 2);
    assert_eq!(shared.sql("SELECT count(*) FROM work WHERE state = 'open'"), "2", "nothing is lost");
    let copies = shared.out.with_extension("copies");
    std::fs::create_dir(&copies).unwrap();
    let template = format!("{}/{{path:{}}}", copies.display(), shared.inputs.display());
    let elsewhere = ended(shared.join(&["--recordings-at", &template])).with_code(3);
    contains_all(&elsewhere.stderr, &["unreadable-file", "it is read at", &copies.display().to_string()]);
    for (path, bytes) in paths.iter().zip([kept, changed]) {
        std::fs::write(copies.join(path.file_name().unwrap()), bytes).unwrap();
    }
    ended(shared.join(&["--recordings-at", &template])).with_code(0);
    shared.assert_whole(FILES);
}

/// A path as `psql` prints bytes.
fn path_of(bytes: &str) -> PathBuf {
    let digits = bytes.strip_prefix("\\x").unwrap();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    String::from_utf8((0..digits.len()).step_by(2).map(byte).collect()).unwrap().into()
}

#[test]
fn run_of_another_version_model_or_kind_is_not_joined() {
    let Some(shared) = Shared::new(2) else { return };
    let refused = |devices: &str, part: &str| {
        let refused = ended(shared.join_on(devices, &[])).with_code(2);
        contains_all(&refused.stderr, &[part]);
    };
    ended(shared.join(&[])).with_code(6);
    let model = shared.out.with_extension("model");
    copy_folder(Path::new(&test_model()), &model);
    shared.killed_early(&["--model", model.to_str().unwrap()]);
    refused("sim:1", "simulated");
    let config = model.join("generation_config.json");
    let text = std::fs::read_to_string(&config).unwrap_or_else(|_| "{}".to_owned());
    std::fs::write(&config, text + "\n").unwrap();
    refused("cpu:1", "the model is another one here");
    let folder = model.to_str().unwrap();
    let flag = ended(shared.join(&["--beam-size", "1"])).with_code(2);
    contains_all(&flag.stderr, &["--beam-size has no meaning with --join"]);
    ended(shared.join(&["--model", folder])).with_code(2);
    std::fs::rename(&model, model.with_extension("moved")).unwrap();
    refused("cpu:1", &format!("{folder}, does not exist here: name its folder with --model"));
    shared.sql("UPDATE plan SET body = replace(body, '\"tool_version\":\"', '\"tool_version\":\"9.')");
    refused("cpu:1", "use the same version everywhere");
    let local = earwitness(["run", "--join", "sqlite:x.db"]).output().unwrap();
    assert_eq!(local.status.code(), Some(6), "it does not exist");
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn runs_with_other_settings_are_refused_while_one_is_in_progress() {
    let Some(shared) = Shared::new(6) else { return };
    let mut first = Running::spawn(shared.first(&["--pause-at-commits", "50"]));
    first.await_event("commit");
    let other = shared.out.with_extension("other");
    let args = ["--devices", "cpu:1", "--store", &shared.url, "--beam-size", "1"];
    let refused = finish(run_args(&[&shared.inputs], &other, &args)).with_code(6);
    contains_all(&refused.stderr, &["with other settings", "run --join", "store-locked"]);
    let forget = shared.on_store(&["store", "compact"]).with_code(6);
    contains_all(&forget.stderr, &["is in use by process"]);
    assert!(send_signal(first.pid(), "INT"));
    first.wait();
}

#[test]
fn store_url_with_a_password_is_refused_without_showing_it() {
    let (_folder, inputs, out) = folder_of_calls(1);
    for url in ["postgres://kim:hush@db/cases", "postgresql://db/cases?password=hush"] {
        let refused = run(&[&inputs], &out, &["--store", url]).with_code(2);
        contains_all(&refused.stderr, &["PGPASSWORD", "~/.pgpass", "invalid-store-url"]);
        assert!(!refused.stderr.contains("hush"), "{}", refused.stderr);
        assert!(!out.exists());
    }
}

#[test]
fn server_that_is_not_there_is_named_with_database_and_user() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://kim@/cases?host={}", folder.path().display());
    let refused = finish(["status", folder.path().to_str().unwrap(), "--store", &url]).with_code(6);
    let socket = folder.path().display().to_string();
    contains_all(&refused.stderr, &[&socket, "database cases, user kim", "store-unavailable"]);
}
