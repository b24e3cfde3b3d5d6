//! The configuration file: found, announced, overridden by flags, and written by `config init`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Finished, calls, document, earwitness, finish, run, run_args, stage_count, test_model};

fn transcribe_settings(out: &Path) -> Value {
    let provenance = document(out, "reading")["provenance"].clone();
    let made = provenance.as_array().unwrap().iter().find(|made| made["stage"] == "transcribe").unwrap();
    made["settings"].clone()
}

#[test]
fn configuration_in_the_current_folder_is_used_and_announced_and_flags_override_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let text = format!("[models]\nspeech = '{}'\n[transcribe]\nbeam_size = 2\ntimestamps = true\n", test_model());
    fs::write(folder.path().join("earwitness.toml"), text).unwrap();
    let mut args = vec!["run".to_owned(), calls().join("reading.wav").to_string_lossy().into_owned()];
    args.extend(["--out", "out", "--progress", "json"].map(str::to_owned));
    let start = |more: &[&str]| {
        let output = earwitness(&args).args(more).current_dir(folder.path()).output().unwrap();
        Finished::of(output).with_code(0)
    };
    let first = start(&[]);
    assert!(first.stderr.contains(r#"{"note":"settings: earwitness.toml"}"#), "{}", first.stderr);
    let settings = transcribe_settings(&out);
    assert_eq!((&settings["beam_size"], &settings["timestamps"]), (&json!(2), &json!(true)));

    let summary = start(&["--timestamps=false"]).summary();
    let settings = transcribe_settings(&out);
    assert_eq!((&settings["beam_size"], &settings["timestamps"]), (&json!(2), &json!(false)));
    assert_eq!(summary["stages_computed"], 3, "transcribe and what reads it: {summary}");

    let summary = start(&["-b", "1", "--device-batch-size", "2", "--timestamps=false"]).summary();
    assert_eq!(summary["stages_computed"], 0, "limits change no result: {summary}");
}

#[test]
fn configuration_template_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("case.toml"), folder.path().join("out"));
    finish(["config", "init", file.to_str().unwrap()]).with_code(0);
    let before = fs::read(&file).unwrap();
    finish(["config", "init", file.to_str().unwrap()]).with_code(2);
    assert_eq!(fs::read(&file).unwrap(), before, "an existing file is not changed");
    let call = calls().join("silence.mp3");
    run(&[&call], &out, &[]).with_code(0);
    let summary = run(&[&call], &out, &["--config", file.to_str().unwrap()]).with_code(0).summary();
    assert_eq!(summary["stages_reused"], stage_count());
}

#[test]
fn configuration_check_names_the_file_and_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        finish(["config", "check", "--config", file.to_str().unwrap(), "--model", &test_model()])
    };
    check("[transcribe]\nbeam_size = 3\n").with_code(0);
    for (text, named) in [
        ("[transcribe]\nbeam_size = 65\n", "beam_size is 65"),
        ("[transcribe]\nlanguages = ['tlh']\n", "tlh"),
        ("[segment]\npad_s = -1.0\n", "pad_s"),
        ("[segment]\nspeech_on_probability = 1.5\n", "1.5: more than 0 to 1 is expected"),
        ("[align]\nmargin_s = -1.0\n", "margin_s"),
        ("[transcribe]\nno_speech_threshold = 5.0\n", "no_speech_threshold"),
        ("[forensics.measures.f0]\nceiling_hz = 1.0\n", "ceiling_hz"),
        ("lexicons = ['none.toml']\n", "none.toml"),
        ("[run]\nformats = ['docx']\n", "docx"),
        ("[segment]\nwindow_max_s = 90.0\n", "window_max_s"),
    ] {
        let finished = check(text).with_code(2);
        let of_a_stage = !text.starts_with("lexicons") && !text.starts_with("[run]");
        assert!(finished.stderr.contains("case.toml") || !of_a_stage, "{}", finished.stderr);
        assert!(finished.stderr.contains(named), "{text}: {}", finished.stderr);
    }
}

#[test]
fn configuration_show_is_a_configuration_that_gives_the_same_settings() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("shown.toml"), folder.path().join("out"));
    let flags = ["--beam-size", "1", "--vad", "energy", "--keep-crosstalk", "--deception", "--model", &test_model()];
    let shown = finish([&["config", "show"][..], &flags].concat()).with_code(0).stdout;
    fs::write(&file, &shown).unwrap();
    let call = calls().join("reading.wav");
    finish(run_args(&[&call], &out, &flags)).with_code(0);
    let again = run(&[&call], &out, &["--config", file.to_str().unwrap(), "--model", &test_model()]).with_code(0);
    assert_eq!(again.summary()["stages_reused"], stage_count(), "{shown}");
}
