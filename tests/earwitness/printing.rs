//! Names, tags and messages of others never control a terminal, a page or a line.

use std::fs;
use std::path::Path;

use serde_json::Value;
use stage_core::is_unprintable;

use crate::support::{calls, finish, folder_of_calls, run, run_args, test_model};

/// Clears the screen, starts a line, reverses text, and looks like markup.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\r\nBROKEN b\u{202e}\u{2066}\u{2028}\u{9b}31m<i>&\"'\u{200f}";

fn assert_printable(text: &str, what: &str) {
    let found = text.chars().find(|c| is_unprintable(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(found, None, "{what}:\n{}", text.escape_debug());
    assert!(!text.lines().any(|line| line.starts_with("BROKEN b")), "{what}: a name starts a line:\n{text}");
}

/// Writes a call whose title is `tag`.
fn call_with_title(path: &Path, tag: &str) {
    let mut flac = fs::read(calls().join("synthetic-threat.flac")).unwrap();
    let comment = format!("TITLE={tag}");
    let mut comments = 0u32.to_le_bytes().to_vec();
    comments.extend(1u32.to_le_bytes());
    comments.extend((comment.len() as u32).to_le_bytes());
    comments.extend(comment.as_bytes());
    // A block of comments behind the first block, which has 34 bytes; the upper bit marks the last block.
    let first = 4;
    let mut block = vec![4 | (flac[first] & 0x80)];
    block.extend(&(comments.len() as u32).to_be_bytes()[1..]);
    block.extend(comments);
    flac[first] &= 0x7F;
    let behind = first + 4 + 34;
    flac.splice(behind..behind, block);
    fs::write(path, flac).unwrap();
}

#[test]
fn names_and_tags_are_escaped_by_every_command() {
    let (_folder, inputs, out) = folder_of_calls(1);
    let named = |extension: &str| inputs.join(format!("{HOSTILE}.{extension}"));
    call_with_title(&named("flac"), HOSTILE);
    fs::write(named("m4a"), b"not a recording").unwrap();
    fs::write(named("txt"), b"text").unwrap();
    fs::write(named("part"), b"text").unwrap();
    let json = run(&[&inputs], &out, &[]).with_code(3);
    assert_printable(&json.stderr, "progress as JSON");
    assert_printable(&json.stdout, "run");
    let events: Vec<Value> = json.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let path = named("m4a");
    let failed = events.iter().find(|event| event["event"] == "file_failed").unwrap();
    assert_eq!(failed["path"].as_str(), path.to_str(), "JSON has the exact name");
    assert_eq!(events.iter().filter(|event| event["event"] == "skipped").count(), 2);

    assert_printable(&fs::read_to_string(out.join("report.html")).unwrap(), "report.html");
    let (inputs, folder) = (inputs.to_str().unwrap().to_owned(), out.to_str().unwrap().to_owned());
    let plain = ["run", &inputs, "--out", &folder, "--progress", "plain", "--force", "--model", &test_model()];
    let plain = finish(plain).with_code(3);
    assert_printable(&plain.stderr, "plain progress");
    let stage = finish(["stage", "decode", &inputs, "--out", &folder, "--model", &test_model()]).with_code(3);
    assert_printable(&stage.stderr, "stage");
    assert_printable(&stage.stdout, "artifacts");
    let artifacts: Vec<Value> = stage.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tags: Vec<_> = artifacts.iter().filter_map(|line| line["artifact"]["tags"].as_object()).flatten().collect();
    assert!(tags.iter().any(|(_, tag)| tag.as_str().is_some_and(|tag| tag.contains("\u{1b}[2J"))), "{tags:?}");
    for command in ["status", "verify", "export"] {
        let finished = finish([command, &folder]);
        assert_printable(&finished.stdout, command);
        assert_printable(&finished.stderr, command);
    }
    let mut plan = run_args(&[Path::new(&inputs)], &out, &[]);
    plan[0] = "plan".to_owned();
    assert_printable(&finish(&plan).with_code(0).stdout, "plan");
    plan.push("--json".to_owned());
    let plan = finish(&plan).with_code(0).stdout;
    assert_printable(&plan, "plan --json");
    assert_eq!(serde_json::from_str::<Value>(&plan).unwrap()["skipped"].as_array().unwrap().len(), 2);
}

#[test]
fn arguments_are_escaped_in_errors() {
    let unknown_flag = format!("--{HOSTILE}");
    let cases: [&[&str]; 6] = [
        &["run", HOSTILE, "--out", "never"],
        &["run", "x", "--out", "never", &unknown_flag],
        &["run", "x", "--out", "never", "--devices", HOSTILE],
        &["run", "x", "--out", "never", "--config", HOSTILE],
        &["run", "x", "--out", "never", "--name-pattern", HOSTILE],
        &["status", HOSTILE],
    ];
    for args in cases {
        let finished = finish(args);
        assert!(matches!(finished.code, Some(2 | 6)), "{args:?}: {:?}", finished.code);
        assert!(!finished.stderr.is_empty());
        assert_printable(&finished.stderr, args[0]);
    }
}
