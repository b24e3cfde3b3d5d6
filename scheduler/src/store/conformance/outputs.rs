//! Written files.

use serde_json::json;

use super::Harness;
use super::samples::key;
use crate::store::{MadeFrom, OutputFile};

fn output(path: &str, sha256: &str) -> OutputFile {
    let made_from = MadeFrom { artifact: key().artifact(), fingerprint: key().fingerprint(), sha256: "12".repeat(32) };
    OutputFile {
        path: path.into(),
        sha256: Some(sha256.into()),
        replaces: None,
        recording: Some("ab".repeat(32)),
        format: "csv".into(),
        renderer: 3,
        settings: json!({"bom": true}),
        made_from: vec![made_from],
        document: Some("56".repeat(32)),
        context: json!({"name_patterns": ["{contact}"]}),
    }
}

pub(crate) fn outputs_come_back_as_they_were_written_by_path(harness: &dyn Harness) {
    let mut store = harness.open();
    let report = OutputFile {
        sha256: None,
        replaces: Some("34".repeat(32)),
        recording: None,
        settings: json!({}),
        made_from: vec![],
        document: None,
        context: json!({}),
        ..output("/elsewhere/report.html", "")
    };
    let (a, b) = (output("a.csv", "ab"), output("b.csv", "cd"));
    store.put_outputs(&[b.clone(), report.clone(), a.clone()]).unwrap();
    assert_eq!(store.outputs().unwrap(), [report.clone(), a.clone(), b.clone()]);
    drop(store);
    assert_eq!(harness.open_to_read().outputs().unwrap(), [report, a, b]);
}

pub(crate) fn outputs_are_replaced_by_path_and_forgotten(harness: &dyn Harness) {
    let mut store = harness.open();
    store.put_outputs(&[output("a.csv", "ab"), output("b.csv", "cd")]).unwrap();
    let newer = OutputFile { replaces: Some("ab".into()), renderer: 4, ..output("a.csv", "ef") };
    store.put_outputs(std::slice::from_ref(&newer)).unwrap();
    store.forget_outputs(&["b.csv".into(), "never.csv".into()]).unwrap();
    assert_eq!(store.outputs().unwrap(), [newer]);
}

pub(crate) fn outputs_are_ours_by_their_hash_or_that_of_the_file_that_they_replace(_: &dyn Harness) {
    let both = OutputFile { replaces: Some("old".into()), ..output("a.csv", "new") };
    assert!(both.is_ours("new") && both.is_ours("old") && !both.is_ours("edited"));
    let unfinished = OutputFile { sha256: None, ..both };
    assert!(unfinished.is_ours("old") && !unfinished.is_ours("new"));
}
