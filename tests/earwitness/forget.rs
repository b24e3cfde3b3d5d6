//! `forget` deletes the content of a recording from a case, byte for byte, and the case stays valid.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use scheduler::store::{Access, Deletion, Entry, Forgotten, Names, NewRun, ReviewEntry, Run, Store, StoreUrl, open};

use crate::made_store;
use crate::support::{Finished, calls, document, finish, run};

/// A case of two calls, one of which is to be forgotten: its name contains a contact.
fn case() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let calls_folder = folder.path().join("calls");
    fs::create_dir(&calls_folder).unwrap();
    let secret = calls_folder.join("privileged_241105_093012.wav");
    fs::copy(calls().join("reading.wav"), &secret).unwrap();
    fs::copy(calls().join("synthetic-threat.flac"), calls_folder.join("other.flac")).unwrap();
    let out = folder.path().join("out");
    run(&[&secret, &calls_folder], &out, &["--format", "json,srt,csv"]).with_code(0);
    (folder, secret, out)
}

fn on(command: &str, out: &Path, more: &[&str]) -> Finished {
    finish([command, out.to_str().unwrap()].into_iter().chain(more.iter().copied()))
}

/// Whether any file of a folder contains a text.
fn contains(out: &Path, text: &str) -> Option<PathBuf> {
    let files = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let has = |path: &PathBuf| {
        fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
            || path.to_str().unwrap().contains(text)
    };
    files.into_iter().find(has)
}

#[test]
fn forget_deletes_every_byte_of_the_content_and_keeps_the_hash() {
    let (folder, secret, out) = case();
    on("manifest", &out, &[]).with_code(0);
    let text = document(&out, "privileged_241105_093012")["segments"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.len() > 10 && contains(&out, &text).is_some() && contains(&out, "privileged").is_some());
    let asked = on("forget", &out, &["privileged_241105_093012"]).with_code(2).stdout;
    assert!(asked.contains("--yes") && contains(&out, &text).is_some(), "{asked}");
    on("forget", &out, &["privileged_241105_093012", "--yes"]).with_code(0);
    for gone in [text.as_str(), "privileged", "241105_093012"] {
        assert_eq!(contains(&out, gone), None, "{gone}");
    }
    let sha256 = stage_core::sha256_file(&secret).unwrap();
    assert!(contains(&out, &sha256).is_some(), "the hash stays");
    let verified = on("verify", &out, &[]).with_code(0).stdout;
    assert!(verified.contains(&format!("recording {sha256}: forgotten")), "{verified}");
    assert!(on("status", &out, &[]).with_code(0).stdout.contains(&format!("forgotten: {sha256}")));

    let again = run(&[&folder.path().join("calls")], &out, &[]).with_code(0);
    assert!(again.stdout.contains("a recording that was forgotten"), "{}", again.stdout);
    assert_eq!(again.summary()["files"], 1);
    assert!(!out.join("privileged_241105_093012.json").exists());
    on("forget", &out, &[&sha256, "--yes"]).with_code(0);
    on("verify", &out, &[]).with_code(0);
}

#[test]
fn forget_keeps_files_that_somebody_changed_and_refuses_unknown_recordings() {
    let (_folder, _, out) = case();
    on("forget", &out, &["nobody", "--yes"]).with_code(2);
    fs::write(out.join("privileged_241105_093012.srt"), "with my notes").unwrap();
    let kept = on("forget", &out, &["privileged_241105_093012", "--yes", "--reason", "an order"]).with_code(3).stdout;
    assert!(kept.contains("kept, because it was changed") && kept.contains(".srt"), "{kept}");
    let srt = out.join("privileged_241105_093012.srt");
    assert!(out.join("other.json").exists() && !out.join("privileged_241105_093012.json").exists());
    let noted = on("verify", &out, &[]).with_code(0).stdout;
    assert!(noted.contains("privileged_241105_093012.srt: not written by this store"), "{noted}");
    fs::remove_file(srt).unwrap();
    assert_eq!(contains(&out, "privileged"), None, "the record of the file is deleted");
}

#[test]
fn forgotten_row_that_was_forged_is_found() {
    let (_folder, secret, out) = case();
    let sha256 = stage_core::sha256_file(&secret).unwrap();
    on("forget", &out, &["other", "--yes"]).with_code(0);
    let sql = format!("INSERT INTO forgotten (sha256, at_ms, by, reason) VALUES ('{sha256}', 5, 'kim', NULL)");
    let done = std::process::Command::new("sqlite3").arg(out.join("earwitness.db")).arg(sql).status().unwrap();
    assert!(done.success());
    let url = StoreUrl::file(out.join("earwitness.db"));
    let forgotten: Vec<Forgotten> = open(&url, Access::Read).unwrap().forgotten().unwrap();
    assert_eq!(forgotten.len(), 2);
    let verified = on("verify", &out, &[]).with_code(5).stdout;
    assert!(verified.contains("not in the custody log: added"), "{verified}");
}

/// A case of one recording in a store that was made by hand, with its exported files.
fn made() -> tempfile::TempDir {
    let folder = made_store::folder();
    on("export", folder.path(), &["--format", "json,srt"]).with_code(0);
    folder
}

fn store_of(out: &Path, access: Access) -> Box<dyn Store> {
    open(&StoreUrl::file(out.join("earwitness.db")), access).unwrap()
}

/// The names and contents of all files in a folder.
fn contents(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn forget_without_yes_lists_everything_and_changes_nothing() {
    let folder = made();
    let out = folder.path();
    on("manifest", out, &[]).with_code(0);
    let before = contents(out);
    let shown = on("forget", out, &[made_store::NAME]).with_code(2).stdout;
    for part in
        ["6 artifacts", ".json", ".srt", "manifest.json (it lists all recordings: sign the case again)", "add --yes"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    on("forget", out, &[made_store::NAME, "unknown", "--yes"]).with_code(2);
    assert_eq!(contents(out), before);
    let held = store_of(out, Access::Write);
    on("forget", out, &[made_store::NAME]).with_code(2);
    let locked = on("forget", out, &[made_store::NAME, "--yes"]).with_code(6).stderr;
    assert!(locked.contains("in use") || locked.contains("process"), "{locked}");
    drop(held);
    assert_eq!(contents(out), before);
    let deleted = on("forget", out, &[made_store::NAME, "--yes"]).with_code(0).stdout;
    assert!(deleted.contains("sign the case again") && !out.join("manifest.json").exists(), "{deleted}");
}

#[test]
fn forget_deletes_files_about_runs_in_which_the_name_is_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    fs::create_dir(&inputs).unwrap();
    let name = "김 & \"<b>\"\u{202e}_241105_093012.wav";
    fs::copy(calls().join("reading.wav"), inputs.join(name)).unwrap();
    let (trace, metrics) = (out.join("trace.json"), out.join("metrics.prom"));
    let more = ["--trace", trace.to_str().unwrap(), "--metrics", metrics.to_str().unwrap()];
    run(&[&inputs], &out, &more).with_code(0);
    let sha256 = stage_core::sha256_file(&inputs.join(name)).unwrap();
    let shown = on("forget", &out, &[&sha256]).with_code(2).stdout;
    for file in [out.join("report.html"), trace, metrics] {
        let (is_there, named) = (file.exists(), shown.contains(file.file_name().unwrap().to_str().unwrap()));
        assert!(is_there && named, "{}: {shown}", file.display());
    }
    on("forget", &out, &[&sha256, "--yes"]).with_code(0);
    let left: Vec<_> = contents(&out).into_keys().filter_map(|path| Some(path.extension()?.to_owned())).collect();
    assert_eq!(left, ["jsonl", "db", "lock"], "the log and the store");
    assert_eq!(contains(&out, "241105_093012"), None);
    on("verify", &out, &[]).with_code(0);
}

#[test]
fn forget_deletes_every_form_of_the_name_from_texts() {
    let folder = made();
    let out = folder.path();
    let decomposed = "\u{1106}\u{1175}\u{11ab}\u{1109}\u{116e}";
    let mut store = store_of(out, Access::Write);
    for command in
        ["run '민수*'", "run ../a/../민수_261107_213000.m4a b.wav", decomposed, "run %EB%AF%BC%EC%88%98", "run calls"]
    {
        store.begin_run(&NewRun { command: command.to_owned(), ..NewRun::default() }).unwrap();
    }
    drop(store);
    on("forget", out, &[made_store::NAME, "--yes"]).with_code(0);
    let commands: Vec<_> =
        store_of(out, Access::Read).runs(5).unwrap().into_iter().rev().map(|run: Run| run.command).collect();
    assert_eq!(commands, ["run (forgotten)", "run (forgotten) b.wav", "(forgotten)", "run (forgotten)", "run calls"]);
    assert_eq!((contains(out, "민수"), contains(out, decomposed), contains(out, "213000")), (None, None, None));
    let verified = on("verify", out, &[]).with_code(0).stdout;
    assert!(verified.contains("with 4 texts that named it (log line"), "{verified}");
}

#[test]
fn forget_that_was_killed_after_its_transaction_is_completed_by_the_next_writer() {
    for command in ["manifest", "forget"] {
        let folder = made();
        let out = folder.path();
        on("manifest", out, &[]).with_code(0);
        let mut store = store_of(out, Access::Write);
        let sha256 = store.recordings().unwrap()[0].file_sha256.clone();
        let forgotten = Forgotten { sha256: sha256.clone(), at_ms: 5, by: "kim".to_owned(), reason: None };
        let deletion = Deletion::of(&*store, forgotten, &Names::default()).unwrap();
        store.forget(&deletion).unwrap();
        drop(store);
        let verified = on("verify", out, &[]).with_code(0).stdout;
        assert!(verified.contains(".srt: its recording was forgotten, and the next command"), "{verified}");
        fs::remove_file(out.join(format!("{}.json", made_store::NAME))).unwrap();
        on("verify", out, &[]).with_code(0);
        let more: &[&str] = if command == "forget" { &[&sha256, "--yes"] } else { &[] };
        on(command, out, more).with_code(0);
        assert!(!out.join(format!("{}.srt", made_store::NAME)).exists());
        assert_eq!(out.join("manifest.json").exists(), command == "manifest");
        assert!(!on("verify", out, &[]).with_code(0).stdout.contains("was forgotten"));
    }
}

#[test]
fn forget_again_adds_a_record_and_keeps_the_first() {
    let (_folder, secret, out) = case();
    let sha256 = stage_core::sha256_file(&secret).unwrap();
    on("forget", &out, &[&sha256, "--yes", "--reason", "an order"]).with_code(0);
    let nothing = on("forget", &out, &[&sha256, "--yes", "--reason", "another"]).with_code(0).stdout;
    assert!(nothing.contains("already forgotten"), "{nothing}");
    let mut store = store_of(&out, Access::Write);
    store.begin_run(&NewRun { command: format!("run {}", secret.display()), ..NewRun::default() }).unwrap();
    drop(store);
    on("forget", &out, &[secret.to_str().unwrap(), "--yes", "--reason", "later"]).with_code(0);
    let reasons: Vec<_> = store_of(&out, Access::Read).forgotten().unwrap().into_iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Some("an order".to_owned()), Some("later".to_owned())]);
    let status = on("status", &out, &[]).with_code(0).stdout;
    assert_eq!(status.matches(&format!("forgotten: {sha256}")).count(), 2, "{status}");
    assert!(on("verify", &out, &[]).with_code(0).stdout.contains("with 1 texts"));
    assert_eq!(contains(&out, "privileged"), None);
}

#[test]
fn forget_names_what_the_user_must_delete() {
    let folder = made();
    let out = folder.path();
    let mut store = store_of(out, Access::Write);
    let sha256 = store.recordings().unwrap()[0].file_sha256.clone();
    let copy = "cd".repeat(32);
    let copied = Entry::Copied {
        recording: sha256.clone(),
        format: "clip".to_owned(),
        sha256: copy.clone(),
        reviewed: false,
        redacted: false,
    };
    store.log(&[copied]).unwrap();
    let review = ReviewEntry {
        id: "0123456789abcdef".to_owned(),
        recording: "ef".repeat(32),
        author: "lee".to_owned(),
        at_ms: 5,
        body: r#"{"note":"as in \ubbfc\uc218_261107_213000"}"#.to_owned(),
    };
    store.put_reviews(&[review]).unwrap();
    drop(store);
    fs::write(out.join("case.toml"), format!("title = \"a\"\n[[recording]]\nsha256 = \"{sha256}\"\n")).unwrap();
    for more in [&[][..], &["--yes"]] {
        let shown = on("forget", out, &[&[made_store::NAME], more].concat()).stdout;
        for part in ["a copy (clip) of", &copy, "line 3 of case.toml", "review 0123456789abcdef of the recording ef"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}

#[test]
fn forget_uses_the_store_that_is_elsewhere() {
    let folder = made();
    let other = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("earwitness.db").display());
    let shown = on("forget", other.path(), &[made_store::NAME, "--store", &store]).with_code(2).stdout;
    assert!(shown.contains("6 artifacts"), "{shown}");
    on("forget", other.path(), &[made_store::NAME, "--store", &store, "--yes"]).with_code(0);
    assert_eq!(store_of(folder.path(), Access::Read).recordings().unwrap(), []);
}

#[test]
fn command_line_that_was_edited_is_found_without_a_forgotten_recording() {
    let folder = made();
    let out = folder.path();
    let mut store = store_of(out, Access::Write);
    store.log(&[Entry::RunForgotten { run: 1, record: "ab".repeat(32) }]).unwrap();
    drop(store);
    let verified = on("verify", out, &[]).with_code(5).stdout;
    assert!(
        verified.contains("run 1: the custody log states that it was deleted, but with no recording"),
        "{verified}"
    );
}
