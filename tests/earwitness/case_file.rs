//! `case.toml`: exports state what it states, `case set` keeps what people wrote, and a file that is wrong stops
//! everything before it starts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use stage_core::sha256_hex;
use tempfile::TempDir;
use unicode_normalization::UnicodeNormalization;

use crate::made_store::{self, NAME};
use crate::support::{Finished, calls, document, earwitness, finish, run};

/// A file as people write it.
const BY_HAND: &str = "# for the court in May

title = '갑 대 을' # short

# the client
[[person]]
id = 'lee'
name = '이영희'
channel = 0

# the other side
[[person]]
id = 'kim'
name = '김민수'
role = '피고'
aliases = ['민수'] # in her phone
channel = 1
";

/// The SHA-256 of the recording of [`made_store`].
fn sha256() -> String {
    sha256_hex(b"the bytes of the recording")
}

/// A case of one call of two channels, with this `case.toml`.
fn case(text: &str) -> TempDir {
    let folder = made_store::folder();
    fs::write(folder.path().join("case.toml"), text).unwrap();
    folder
}

fn read(folder: &Path) -> String {
    fs::read_to_string(folder.join("case.toml")).unwrap()
}

fn on(command: &[&str], folder: &Path, more: &[&str]) -> Finished {
    finish(command.iter().copied().chain([folder.to_str().unwrap()]).chain(more.iter().copied()))
}

fn set(folder: &Path, more: &[&str]) -> Finished {
    on(&["case", "set"], folder, more)
}

fn show(folder: &Path) -> Value {
    serde_json::from_str(&on(&["case", "show"], folder, &["--json"]).with_code(0).stdout).unwrap()
}

fn export(folder: &Path) -> Finished {
    on(&["export"], folder, &["--format", "json,srt,vtt,csv"])
}

#[test]
fn case_file_is_stated_by_every_export() {
    let recording = format!("[[recording]]\nsha256 = '{}'\nexhibit = '갑 제3호증'\n", sha256());
    let text = format!("{BY_HAND}{recording}");
    let folder = case(&text);
    export(folder.path()).with_code(0);
    let document = document(folder.path(), NAME);
    let expected = json!({
        "title": "갑 대 을", "reference": null, "exhibit": "갑 제3호증", "note": null,
        "party": {"id": "kim", "name": "김민수", "role": "피고"},
        "speakers": [
            {"channel": 0, "id": "lee", "name": "이영희", "role": null},
            {"channel": 1, "id": "kim", "name": "김민수", "role": "피고"},
        ],
        "voices": [],
        "file_sha256": sha256_hex(text.as_bytes()),
    });
    assert_eq!(document["case"], expected);
    let schema: Value = serde_json::from_str(&finish(["schema"]).with_code(0).stdout).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&document).unwrap();
    let of = |end: &str| fs::read_to_string(folder.path().join(format!("{NAME}.{end}"))).unwrap();
    assert!(of("srt").contains("\n[이영희] 돈") && of("srt").contains("\n[김민수] [?] A"), "{}", of("srt"));
    assert!(of("vtt").contains("\n<v 이영희>돈") && of("vtt").contains("\n<v 김민수>"), "{}", of("vtt"));
    assert!(of("csv").contains("\n0,이영희,") && of("csv").contains("\n1,김민수,"), "{}", of("csv"));
    let elsewhere = folder.path().join("copy");
    on(&["export"], folder.path(), &["--out", elsewhere.to_str().unwrap()]).with_code(0);
    assert_eq!(crate::support::document(&elsewhere, NAME)["case"], expected);
}

#[test]
fn case_file_that_changed_is_in_the_next_export() {
    let folder = case("title = 'before'\n");
    export(folder.path()).with_code(0);
    set(folder.path(), &["--title", "after"]).with_code(0);
    assert_eq!(document(folder.path(), NAME)["case"]["title"], "before");
    export(folder.path()).with_code(0);
    assert_eq!(document(folder.path(), NAME)["case"]["title"], "after");
    fs::remove_file(folder.path().join("case.toml")).unwrap();
    export(folder.path()).with_code(0);
    assert_eq!(document(folder.path(), NAME)["case"], Value::Null);
}

#[test]
fn case_file_of_a_mac_matches_and_a_run_states_it() {
    let folder = tempfile::tempdir().unwrap();
    let (name, out): (String, _) = ("통화 녹음 김민수_241105_093012".nfd().collect(), folder.path().join("out"));
    let call = folder.path().join(format!("{name}.wav"));
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    fs::create_dir(&out).unwrap();
    fs::write(out.join("case.toml"), "[[person]]\nid = 'kim'\nname = '김민수'\nnumbers = ['010-1234-5678']\n").unwrap();
    run(&[&call], &out, &[]).with_code(0);
    let result = document(&out, &name.nfc().collect::<String>());
    assert_eq!(result["case"]["party"], json!({"id": "kim", "name": "김민수", "role": null}));
    assert_eq!(result["case"]["speakers"], json!([]));
    let person = ["--person", "kim", "--alias", &"민수".nfd().collect::<String>()];
    set(&out, &person).with_code(0);
    assert!(set(&out, &["--person", "kim", "--alias", "민수"]).with_code(0).stdout.contains("nothing changes"));
    set(&out, &["--recording", call.to_str().unwrap(), "--exhibit", "갑 제1호증", "--speaker", "0=kim"]).with_code(0);
    run(&[&call], &out, &[]).with_code(0);
    let result = document(&out, &name.nfc().collect::<String>());
    assert_eq!(result["case"]["exhibit"], "갑 제1호증");
    assert_eq!(result["case"]["speakers"][0]["id"], "kim");
    on(&["verify"], &out, &[]).with_code(0);
}

#[test]
fn case_set_keeps_what_people_wrote() {
    let folder = case(BY_HAND);
    let finished =
        set(folder.path(), &["--reference", "2026가단1", "--person", "kim", "--number", "010-1", "--role", ""]);
    let stdout = finished.with_code(0).stdout;
    for line in ["reference: 2026가단1\n", "person kim: numbers: 010-1\n", "person kim: role: removed (was 피고)\n"]
    {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    let expected = BY_HAND
        .replace("# short\n", "# short\nreference = \"2026가단1\"\n")
        .replace("role = '피고'\n", "")
        .replace("channel = 1\n", "channel = 1\nnumbers = [\"010-1\"]\n");
    assert_eq!(read(folder.path()), expected);
    let stdout = set(folder.path(), &["--person", "kim", "--number", "+82 10 1"]).with_code(0).stdout;
    assert!(stdout.contains("nothing changes"), "{stdout}");
    assert_eq!(read(folder.path()), expected);
}

#[test]
fn case_set_creates_the_file_and_run_does_not() {
    let folder = made_store::folder();
    export(folder.path()).with_code(0);
    assert!(!folder.path().join("case.toml").exists());
    set(folder.path(), &["--title", "갑 대 을"]).with_code(0);
    assert_eq!(read(folder.path()), "title = \"갑 대 을\"\n");
    set(folder.path(), &["--person", "kim", "--name", "김민수", "--channel", "1"]).with_code(0);
    set(folder.path(), &["--title", "", "--remove-person", "KIM"]).with_code(0);
    assert_eq!(read(folder.path()), "");
    let missing = folder.path().join("missing");
    assert!(set(&missing, &["--title", "a"]).with_code(2).stderr.contains("not a folder"));
    assert!(!missing.exists());
}

#[test]
fn case_set_finds_a_recording_by_name_path_and_hash() {
    let folder = case(BY_HAND);
    let (sha256, file) = (sha256(), folder.path().join("a file"));
    fs::write(&file, "the bytes of the recording").unwrap();
    let decomposed: String = NAME.nfd().collect();
    let other = "f".repeat(64);
    let names = [NAME, &decomposed, file.to_str().unwrap(), &sha256, &sha256[..8], &sha256[..9].to_uppercase()];
    for (number, name) in names.iter().enumerate() {
        let exhibit = format!("갑 제{number}호증");
        let stdout = set(folder.path(), &["--recording", name, "--exhibit", &exhibit]).with_code(0).stdout;
        assert!(stdout.contains(&format!("recording {NAME}: exhibit: {exhibit}")), "{stdout}");
        let recordings = show(folder.path())["recordings"].clone();
        assert_eq!((&recordings[0]["sha256"], &recordings[0]["exhibit"]), (&json!(sha256), &json!(exhibit)), "{name}");
        assert_eq!(recordings.as_array().unwrap().len(), 1, "{name}");
    }
    set(folder.path(), &["--recording", &other, "--note", "not run yet"]).with_code(0);
    set(folder.path(), &["--recording", &other[..8], "--exhibit", "을 제1호증"]).with_code(0);
    for unknown in ["call", &sha256[..7], "0123456789abcdef", "/missing.wav", ""] {
        let refused = set(folder.path(), &["--recording", unknown, "--exhibit", "x"]).with_code(2).stderr;
        assert!(refused.contains("there is no such recording") && refused.contains("case show"), "{refused}");
    }
}

#[test]
fn case_set_refuses_an_ambiguous_recording_with_its_candidates() {
    let folder = case(BY_HAND);
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join(NAME), "another recording").unwrap();
    let args = ["case", "set", folder.path().to_str().unwrap(), "--recording", NAME, "--exhibit", "x"];
    let set_there = |command: &mut Command| Finished::of(command.current_dir(here.path()).output().unwrap());
    let refused = set_there(&mut earwitness(args)).with_code(2).stderr;
    for candidate in ["ambiguous", "/calls/", "the file ", &sha256()[..12], &sha256_hex(b"another recording")[..12]] {
        assert!(refused.contains(candidate), "{candidate}: {refused}");
    }
    let digits = format!("[[recording]]\nsha256 = '{}{}'\n", &sha256()[..10], "0".repeat(54));
    fs::write(folder.path().join("case.toml"), format!("{BY_HAND}{digits}")).unwrap();
    let refused = set(folder.path(), &["--recording", &sha256()[..8], "--exhibit", "x"]).with_code(2).stderr;
    assert!(refused.contains("ambiguous") && refused.contains("a recording that the store does not have"), "{refused}");
    assert_eq!(read(folder.path()), format!("{BY_HAND}{digits}"));
}

#[test]
fn case_set_writes_nothing_if_the_result_would_be_invalid() {
    let folder = case(BY_HAND);
    let cases: &[(&[&str], &str)] = &[
        (&["--person", "park", "--name", "박", "--alias", "민수"], "also a name or an alias of `park`"),
        (&["--person", "park"], "the person `park` is new: add --name"),
        (&["--person", "kim", "--name", " "], "--remove-person removes the person"),
        (&["--person", "kim", "--number", "call me"], "not a phone number"),
        (&["--person", "k m", "--name", "a"], "the id `k m`"),
        (&["--person", "kim", "--channel", "65536"], "65535"),
        (&["--remove-person", "park"], "no person `park`"),
        (&["--title", "a\u{202e}b"], "U+202E"),
        (&["--title", "a\nb"], "U+000A"),
        (&["--recording", NAME, "--speaker", "0=park"], "no person `park`"),
        (&["--recording", NAME, "--speaker", "kim"], "1=kim"),
        (&["--name", "a"], "--person"),
        (&["--exhibit", "a"], "--recording"),
        (&[], "nothing to change"),
    ];
    for (args, reason) in cases {
        let refused = set(folder.path(), args).with_code(2).stderr;
        assert!(refused.contains(reason), "{args:?}: {refused}");
        assert_eq!(read(folder.path()), BY_HAND, "{args:?}");
    }
    set(folder.path(), &["--recording", NAME, "--speaker", "0=kim"]).with_code(0);
    let refused = set(folder.path(), &["--remove-person", "kim"]).with_code(2).stderr;
    assert!(refused.contains("nothing was written") && refused.contains("no person `kim`"), "{refused}");
}

#[test]
fn case_show_lists_what_is_stated_and_what_is_missing() {
    let folder = made_store::folder();
    let empty = on(&["case", "show"], folder.path(), &[]).with_code(0).stdout;
    for text in ["there is none", "earwitness case set", "without an exhibit number", "민수?"] {
        assert!(empty.contains(text), "{text}: {empty}");
    }
    assert_eq!(show(folder.path())["unmatched"][0]["contact"], "민수");
    fs::write(folder.path().join("case.toml"), format!("{BY_HAND}[[person]]\nid = 'choi'\nname = '최'\n")).unwrap();
    let args = ["--recording", NAME, "--exhibit", "갑 제3호증", "--speaker", "1=kim", "--speaker", "7=lee"];
    set(folder.path(), &args).with_code(0);
    set(folder.path(), &["--recording", &"f".repeat(64), "--exhibit", "갑 제4호증"]).with_code(0);
    let overview = show(folder.path());
    assert_eq!((&overview["title"], &overview["unmatched"]), (&json!("갑 대 을"), &json!([])));
    assert_eq!(overview["file_sha256"], sha256_hex(read(folder.path()).as_bytes()));
    let [found, absent] = overview["recordings"].as_array().unwrap().as_slice() else { panic!("{overview}") };
    assert_eq!((&found["name"], &found["party"]["id"]), (&json!(NAME), &json!("kim")));
    assert_eq!((&found["speakers"][0]["id"], &found["missing_channels"]), (&json!("kim"), &json!([7])));
    assert_eq!((&absent["name"], &absent["exhibit"]), (&Value::Null, &json!("갑 제4호증")));
    let counts: Vec<_> = overview["people"].as_array().unwrap().iter().map(|row| row["recordings"].clone()).collect();
    assert_eq!(counts, [0, 1, 0]);
    let text = on(&["case", "show"], folder.path(), &[]).with_code(0).stdout;
    let expected =
        ["갑 제3호증", "김민수 (kim)", "1 김민수", "people in no recording: 이영희 (lee), 최 (choi)", "channel 7"];
    for expected in expected.iter().chain(&["(not in the store)"]) {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn case_show_needs_no_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("case.toml"), BY_HAND).unwrap();
    let text = on(&["case", "show"], folder.path(), &[]).with_code(0).stdout;
    assert!(text.contains("no recordings were run yet") && text.contains("김민수"), "{text}");
    assert_eq!(show(folder.path())["recordings"], json!([]));
    on(&["case", "show"], folder.path(), &["--store", "sqlite:/missing.db"]).with_code(6);
}

#[test]
fn case_file_that_is_wrong_stops_every_command_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (call, out) = (folder.path().join("call.wav"), folder.path().join("out"));
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    fs::create_dir(&out).unwrap();
    let text = "title = 'a'\nheading = 'b'\n";
    fs::write(out.join("case.toml"), text).unwrap();
    let model = crate::support::test_model();
    let planned = ["plan", call.to_str().unwrap(), "--out", out.to_str().unwrap(), "--model", &model];
    let commands = [
        run(&[&call], &out, &[]),
        finish(planned),
        on(&["export"], &out, &[]),
        on(&["case", "show"], &out, &[]),
        set(&out, &["--title", "b"]),
    ];
    for finished in commands {
        let message = finished.with_code(2).stderr;
        assert!(message.contains("case.toml: line 2: unknown field `heading`"), "{message}");
    }
    let left: Vec<_> = out.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["case.toml"]);
    assert_eq!(read(&out), text);
    let stage = ["stage", "decode", call.to_str().unwrap(), "--out", out.to_str().unwrap(), "--progress", "none"];
    finish(stage.into_iter().chain(["--model", &model])).with_code(0);
    fs::write(out.join("case.toml"), "").unwrap();
    let report = out.join("CASE.toml");
    let refused = run(&[&call], &out, &["--report", report.to_str().unwrap(), "--overwrite"]).with_code(2).stderr;
    assert!(refused.contains("this is the input"), "{refused}");
}

#[test]
fn case_file_that_is_no_plain_file_is_neither_read_nor_written() {
    let folder = made_store::folder();
    let (path, outside) = (folder.path().join("case.toml"), folder.path().join("outside"));
    fs::write(&outside, "title = 'theirs'\n").unwrap();
    let refused = |reason: &str| {
        for finished in
            [export(folder.path()), on(&["case", "show"], folder.path(), &[]), set(folder.path(), &["--title", "a"])]
        {
            let message = finished.with_code(2).stderr;
            assert!(message.contains("case.toml: ") && message.contains(reason), "{reason}: {message}");
            assert!(message.len() < 500, "{message}");
        }
    };
    for target in [outside.as_path(), Path::new("missing"), Path::new("/dev/zero")] {
        symlink(target, &path).unwrap();
        refused("this is a link");
        assert!(path.is_symlink());
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "title = 'theirs'\n");
    fs::create_dir(&path).unwrap();
    refused("not a file");
    fs::remove_dir(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused("not a file");
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"title = 'a'\nreference = '\xff'\n").unwrap();
    refused("line 2: not UTF-8");
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    refused("larger than 8 MiB");
    fs::write(&path, format!("title = {}", "[".repeat(1 << 20))).unwrap();
    refused("line 1: ");
    fs::write(&path, "title = 'a'\n[[person]]\nid = '\\u001b[2J'\n# \u{1b}[2J\n").unwrap();
    refused("line 4: ");
}
