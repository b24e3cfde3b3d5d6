//! Names of files: any bytes work in every command, and recorders' names give contact, number and time.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Finished, calls, document, finish, folder_of_calls, run, test_model};

/// `통화 녹음 홍길동_240131_142530.wav` in CP949.
const CP949: &[u8] = b"\xC5\xEB\xC8\xAD \xB3\xEC\xC0\xBD \xC8\xAB\xB1\xE6\xB5\xBF_240131_142530.wav";
/// How it is shown.
const SHOWN: &str = r"_240131_142530.wav";

fn args(command: &[&str], path: &Path, more: &[&OsStr]) -> Vec<OsString> {
    let mut args: Vec<OsString> = command.iter().map(OsString::from).collect();
    args.push(path.into());
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    args
}

/// Runs a command on an input of any bytes.
fn on(command: &[&str], input: &Path, out: &Path) -> Finished {
    let model = test_model();
    let more = ["--out".as_ref(), out.as_os_str(), "--progress".as_ref(), "json".as_ref(), "--model".as_ref()];
    finish(args(command, input, &[&more[..], &[model.as_ref()]].concat()))
}

/// All JSON documents in a folder.
fn documents(out: &Path) -> Vec<Value> {
    let files = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    documents.map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect()
}

#[test]
fn name_that_is_not_utf8_works_in_every_command() {
    let (folder, inputs, _) = folder_of_calls(5);
    let odd = inputs.join(OsStr::from_bytes(CP949));
    let mut wav = fs::read(calls().join("reading.wav")).unwrap();
    *wav.last_mut().unwrap() ^= 0x40;
    fs::write(&odd, wav).unwrap();
    // The folder of the results has such a name too.
    let out = folder.path().join(OsStr::from_bytes(b"case \xB1\xE8\xB9\xCE"));
    let finished = on(&["run"], &inputs, &out).with_code(0);
    assert_eq!(finished.summary()["files_done"], 6);

    let own: Vec<Value> =
        documents(&out).into_iter().filter(|document| document["recording"]["path_bytes"].is_string()).collect();
    assert_eq!(own.len(), 1, "one name is not UTF-8");
    let recording = &own[0]["recording"];
    let relative = Path::new("../calls").join(odd.file_name().unwrap());
    let hex: String = relative.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(recording["path_bytes"], hex);
    assert!(recording["path"].as_str().unwrap().contains(r"\xC5\xEB"), "{recording}");
    let claims = ["contact", "recorded_at", "name_encoding"].map(|field| recording[field].as_str().unwrap());
    assert_eq!(claims, ["홍길동", "2024-01-31T14:25:30", "cp949"]);

    let by_name = on(&["stage", "decode"], &odd, &out).with_code(0);
    let line: Value = serde_json::from_str(&by_name.stdout).unwrap();
    assert!(line["path"].as_str().unwrap().ends_with(&recording["path"].as_str().unwrap()[2..]), "{line}");
    assert!(line["path_bytes"].as_str().unwrap().ends_with(&hex[4..]), "{line}");
    let plan: Value = serde_json::from_str(&on(&["plan", "--json"], &odd, &out).with_code(0).stdout).unwrap();
    assert_eq!(plan["work"]["value"]["complete"], 1, "{plan}");
    assert!(on(&["run"], &odd, &out).with_code(0).summary()["stages_computed"] == 0);
    for command in ["status", "verify", "export"] {
        let shown = finish(args(&[command], &out, &[])).with_code(0).stdout;
        assert!(command != "status" || shown.contains(SHOWN), "{shown}");
    }
}

#[test]
fn recording_whose_name_is_not_utf8_fails_alone() {
    let (_folder, inputs, out) = folder_of_calls(2);
    fs::write(inputs.join(OsStr::from_bytes(b"\xB1\xE8\xB9\xCE.wav")), b"not a recording").unwrap();
    let finished = on(&["run"], &inputs, &out).with_code(3);
    assert_eq!(
        (finished.summary()["files_done"].as_u64(), finished.summary()["files_failed"].as_u64()),
        (Some(2), Some(1))
    );
    let failed = finished.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let failed: Vec<_> = failed.filter(|line| line["event"] == "file_failed").collect();
    assert!(failed[0]["path"].as_str().unwrap().ends_with(r"\xB1\xE8\xB9\xCE.wav"), "{failed:?}");
    assert!(failed[0]["path_bytes"].as_str().unwrap().ends_with("b1e8b9ce2e776176"), "{failed:?}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains(r"\xB1\xE8\xB9\xCE.wav"));
}

#[test]
fn settings_may_name_files_that_are_not_utf8() {
    let (_folder, inputs, out) = folder_of_calls(1);
    let odd = |name: &[u8]| inputs.join(OsStr::from_bytes(name));
    let (lexicon, store) = (odd(b"\xB1\xE8.toml"), odd(b"\xB1\xE8.db"));
    let text = "language = 'en'\n[[rule]]\nid = 'own.rule'\ncategory = 'threat'\nkind = 'own'\nseverity = 0.5\n\
                patterns = ['bridge']\nmatches = ['the bridge']\nrejects = ['a river']\n";
    fs::write(&lexicon, text).unwrap();
    let mut url = OsString::from("sqlite:");
    url.push(&store);
    let model = test_model();
    let args: [&OsStr; 12] = [
        "run".as_ref(),
        inputs.as_ref(),
        "--out".as_ref(),
        out.as_ref(),
        "--model".as_ref(),
        model.as_ref(),
        "--lexicon".as_ref(),
        lexicon.as_ref(),
        "--store".as_ref(),
        &url,
        "--progress".as_ref(),
        "json".as_ref(),
    ];
    finish(args).with_code(0);
    assert!(store.exists());
    let shown = finish(args_of_show(&lexicon)).with_code(0).stdout;
    assert!(shown.contains("hex = "), "{shown}");
}

fn args_of_show(lexicon: &Path) -> Vec<OsString> {
    args(&["config", "show", "--lexicon"], lexicon, &[])
}

/// A folder with one call of this name.
fn call_named(name: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (folder, inputs, out) = folder_of_calls(1);
    fs::rename(inputs.join("call-0.wav"), inputs.join(format!("{name}.wav"))).unwrap();
    (folder, inputs, out)
}

fn claims(recording: &Value) -> [Option<&str>; 4] {
    ["contact", "number", "direction", "recorded_at"].map(|field| recording[field].as_str())
}

#[test]
fn name_of_a_recorder_gives_contact_number_and_time() {
    let (_folder, inputs, out) = call_named("홍길동_01012345678_20240131142530 (1)");
    run(&[&inputs], &out, &[]).with_code(0);
    let document = document(&out, "홍길동_01012345678_20240131142530 (1)");
    let expected = [Some("홍길동"), Some("01012345678"), None, Some("2024-01-31T14:25:30")];
    assert_eq!(claims(&document["recording"]), expected);
}

#[test]
fn name_patterns_of_flags_and_file_apply_to_run_and_export() {
    let name = "31.01.2024 14h25 OUT 홍길동";
    let (folder, inputs, out) = call_named(name);
    run(&[&inputs], &out, &[]).with_code(0);
    assert_eq!(claims(&document(&out, name)["recording"]), [None; 4]);
    let pattern = "{DD}.{MM}.{YYYY} {hh}h{mm} {direction} {contact}";
    let expected = [Some("홍길동"), None, Some("outgoing"), Some("2024-01-31T14:25:00")];
    finish(["export", out.to_str().unwrap(), "--name-pattern", pattern]).with_code(0);
    assert_eq!(claims(&document(&out, name)["recording"]), expected);

    let config = folder.path().join("case.toml");
    fs::write(&config, format!("[run]\nname_patterns = ['{pattern}']\n")).unwrap();
    let again = folder.path().join("again");
    run(&[&inputs], &again, &["--config", config.to_str().unwrap()]).with_code(0);
    assert_eq!(claims(&document(&again, name)["recording"]), expected);

    let refused = run(&[&inputs], &folder.path().join("none"), &["--name-pattern", "{name}_{YYYY}"]).with_code(2);
    assert!(refused.stderr.contains("{name} is not one of {contact}"), "{}", refused.stderr);
}
