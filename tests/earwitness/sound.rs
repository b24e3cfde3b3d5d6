//! Mono calls in two channels, and very quiet calls, through the whole program.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::Ffmpeg;

use crate::support::{calls, document, run, spoken_words};

/// A call with threats, of one speaker.
fn call() -> PathBuf {
    calls().join("synthetic-threat.flac")
}

/// Writes a variant of the call with an ffmpeg filter.
fn write(ffmpeg: &Ffmpeg, filter: &str, encoder: &[&str], path: &Path) {
    let input = ["-i", call().to_str().unwrap(), "-af", filter].map(str::to_owned);
    let arguments: Vec<&str> = input.iter().map(String::as_str).chain(encoder.iter().copied()).collect();
    ffmpeg.write(&[&arguments[..], &[path.to_str().unwrap()]].concat());
}

fn words(document: &Value, channel: u64) -> Vec<String> {
    spoken_words(document, channel).into_iter().map(|(text, ..)| text).collect()
}

/// The overall score.
fn score(document: &Value) -> f64 {
    document["forensics"]["scores"]["overall"]["value"].as_f64().unwrap()
}

#[test]
fn mono_call_in_two_channels_has_each_sentence_once_and_the_score_of_the_mono_file() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    std::fs::create_dir(&inputs).unwrap();
    let mp3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "192k", "-joint_stereo", "1"];
    let opus: &[&str] = &["-c:a", "libopus", "-b:a", "64k"];
    let m4a: &[&str] = &["-c:a", "aac", "-b:a", "96k"];
    let flac: &[&str] = &["-c:a", "flac"];
    for (name, filter, encoder) in [
        ("mono.flac", "anull", flac),
        ("both.flac", "pan=stereo|c0=c0|c1=c0", flac),
        ("inverted.flac", "pan=stereo|c0=c0|c1=-1*c0", flac),
        ("inverted-mp3.mp3", "pan=stereo|c0=c0|c1=-1*c0", mp3),
        ("quieter.m4a", "pan=stereo|c0=c0|c1=0.5*c0", m4a),
        ("inverted-quieter.opus", "pan=stereo|c0=c0|c1=-0.1*c0", opus),
    ] {
        write(&ffmpeg, filter, encoder, &inputs.join(name));
    }
    run(&[&inputs], &out, &["--model", "embedded", "--language", "en"]).with_code(0);
    let mono = document(&out, "mono");
    assert!(!words(&mono, 0).is_empty() && score(&mono) > 0.0);
    for name in ["both", "inverted", "inverted-mp3", "quieter", "inverted-quieter"] {
        let document = document(&out, name);
        assert_eq!(words(&document, 1), Vec::<String>::new(), "{name}");
        let listed = document["dropped"].as_array().unwrap().iter().find(|dropped| dropped["channel"] == 1).unwrap();
        let reason = listed["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("duplicate of channel 0: correlation ") || reason == "identical to channel 0",
            "{reason}"
        );
        assert_eq!(reason.contains("correlation -"), name.starts_with("inverted"), "{name}: {reason}");
    }
    for name in ["both", "inverted"] {
        let document = document(&out, name);
        assert_eq!((words(&document, 0), score(&document)), (words(&mono, 0), score(&mono)), "{name}");
    }
}

#[test]
fn call_that_is_very_quiet_is_recognized() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    std::fs::create_dir(&inputs).unwrap();
    for (name, db, codec) in [("loud", 0, "pcm_f32le"), ("float", -60, "pcm_f32le"), ("bits24", -55, "pcm_s24le")] {
        write(&ffmpeg, &format!("volume={db}dB"), &["-c:a", codec], &inputs.join(format!("{name}.wav")));
    }
    run(&[&inputs], &out, &["--model", "embedded", "--language", "en"]).with_code(0);
    let loud = words(&document(&out, "loud"), 0);
    for name in ["float", "bits24"] {
        let quiet = words(&document(&out, name), 0);
        let found = loud.iter().filter(|word| quiet.contains(word)).count();
        assert!(5 * found >= 4 * loud.len(), "{name}: {quiet:?}, at the usual level {loud:?}");
    }
}
