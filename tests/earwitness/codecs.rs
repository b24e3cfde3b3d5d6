//! Recordings without a built-in decoder, through the whole program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::{Ffmpeg, fixture};

use crate::support::{Finished, calls, document, earwitness, finish, run, run_args};

/// A call in formats of phones, telephone systems and dictation machines.
fn recordings(ffmpeg: &Ffmpeg, folder: &Path) {
    let call = calls().join("reading.wav");
    let (call, amr) = (call.to_str().unwrap().to_owned(), fixture("amr/reading.amr"));
    let to = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    ffmpeg.write(&["-i", amr.to_str().unwrap(), "-c", "copy", &to("phone.3gp")]);
    ffmpeg.write(&["-i", &call, "-c:a", "libgsm_ms", &to("asterisk.wav")]);
    ffmpeg.write(&["-i", &call, "-c:a", "libgsm", &to("raw.gsm")]);
    ffmpeg.write(&["-i", &call, "-c:a", "g722", "-ar", "16000", &to("wideband.g722")]);
    ffmpeg.write(&["-i", &call, "-c:a", "wmav2", "-b:a", "64k", &to("dictation.wma")]);
    fs::copy(&amr, folder.join("narrow.amr")).unwrap();
    fs::copy(fixture("amr/reading.awb"), folder.join("wide.awb")).unwrap();
}

/// The text of a result, in lower case and without punctuation.
fn words(out: &Path, name: &str) -> Vec<String> {
    let document = document(out, name);
    let words = document["words"].as_array().unwrap();
    let plain = |word: &Value| word["text"].as_str().unwrap().to_lowercase().replace(|c: char| !c.is_alphabetic(), "");
    words.iter().map(plain).collect()
}

#[test]
fn recordings_of_phones_are_transcribed_with_the_decoder_in_their_record() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    recordings(&ffmpeg, folder.path());
    fs::copy(calls().join("reading.wav"), folder.path().join("original.wav")).unwrap();
    let out = folder.path().join("out");
    let model = fixture("models/whisper-base");
    let summary = run(&[folder.path()], &out, &["--model", model.to_str().unwrap()]).with_code(0).summary();
    assert_eq!((summary["files_done"].as_u64(), summary["files_failed"].as_u64()), (Some(8), Some(0)));
    let right = words(&out, "original");
    assert!(right.len() > 15 && right.contains(&"dashwood".to_owned()), "{right:?}");
    for (name, external) in
        [("phone", true), ("narrow", true), ("wide", true), ("wideband", true), ("dictation", true), ("raw", false)]
    {
        let found = words(&out, name);
        let same = right.iter().filter(|word| found.contains(word)).count();
        assert!(same * 10 >= right.len() * 8, "{name}: {found:?}");
        let recording = &document(&out, name)["recording"];
        assert!((8.2..8.5).contains(&recording["duration_s"].as_f64().unwrap()), "{name}: {recording}");
        let decoder = &recording["external_decoder"];
        assert_eq!(decoder.is_object(), external, "{name}: {decoder}");
        if external {
            assert!(decoder["version"].as_str().unwrap().starts_with("ffmpeg version "), "{decoder}");
            assert!(decoder["arguments"].as_array().unwrap().len() > 10, "{decoder}");
        }
    }
}

/// The table of a run without its columns, so that a message is in one piece.
fn message(finished: &Finished) -> String {
    finished.stdout.split_whitespace().filter(|word| *word != "-").collect::<Vec<_>>().join(" ")
}

/// Runs `earwitness` over one file with a `PATH` that has no ffmpeg.
fn without_ffmpeg(input: &Path, out: &Path, more: &[&str]) -> Finished {
    let mut command: Command = earwitness(run_args(&[input], out, more));
    command.env("PATH", out).env_remove("EARWITNESS_FFMPEG");
    Finished::of(command.output().unwrap())
}

#[test]
fn recording_without_decoder_is_refused_with_its_codec_and_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let (out, amr) = (folder.path().join("out"), fixture("amr/reading.amr"));
    let refused = without_ffmpeg(&amr, &out, &[]).with_code(3);
    assert!(message(&refused).contains("no built-in decoder for AMR-NB; install ffmpeg"), "{}", refused.stdout);
    let refused = run(&[&amr], &out, &["--decoder", "native"]).with_code(3);
    let advice = "no built-in decoder for AMR-NB; use --decoder auto or --decoder ffmpeg";
    assert!(message(&refused).contains(advice), "{}", refused.stdout);
    let refused = without_ffmpeg(&amr, &out, &["--decoder", "ffmpeg"]).with_code(3);
    assert!(message(&refused).contains("ffmpeg is not installed"), "{}", refused.stdout);
    // The failure is not final: after ffmpeg is installed, the same command succeeds.
    if Ffmpeg::find().is_some() {
        run(&[&amr], &out, &[]).with_code(0);
        assert!(document(&out, "reading")["recording"]["external_decoder"].is_object());
    }
}

#[test]
fn plan_says_who_decodes_each_file() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    recordings(&ffmpeg, folder.path());
    let plan = |more: &[&str]| -> Value {
        let mut args = run_args(&[folder.path()], &folder.path().join("out"), more);
        args[0] = "plan".to_owned();
        args.push("--json".to_owned());
        serde_json::from_str(&finish(args).with_code(0).stdout).unwrap()
    };
    let with_ffmpeg = |plan: &Value| -> Vec<String> {
        let formats = plan["formats"].as_array().unwrap().iter();
        let external = formats.filter(|format| format["external_decoder"].is_string());
        external.map(|format| format["codec"].as_str().unwrap().to_owned()).collect()
    };
    let auto = plan(&[]);
    assert_eq!(with_ffmpeg(&auto), ["amr_nb", "amr_wb", "wmav2", "adpcm_g722", "amr_nb"]);
    assert_eq!(auto["problems"].as_array().unwrap().len(), 0, "{}", auto["problems"]);
    let native = plan(&["--decoder", "native"]);
    assert_eq!(with_ffmpeg(&native), [""; 0]);
    let problems = native["problems"].to_string();
    assert!(problems.contains("AMR-WB") && problems.contains("--decoder auto"), "{problems}");
    assert!(!problems.contains("GSM"), "{problems}");
}

/// The names of all files that the tests made, so that none is skipped in a folder.
#[test]
fn recordings_without_decoder_are_found_in_folders() {
    let names = ["amr", "awb", "3gp", "3ga", "wma", "spx", "g722", "gsm", "qcp", "ape", "wv", "dss", "m4p"];
    for extension in names.map(PathBuf::from) {
        assert!(earwitness::decode::audio_extensions().contains(&extension.to_str().unwrap()), "{extension:?}");
    }
}
