//! The sound of pages: listening copies, sound in a page, and what a page says of formats that Chromium cannot play.

use std::fs;
use std::path::{Path, PathBuf};

use earwitness::decode::{DecodeConfig, Decoder};
use serde_json::Value;
use stage_core::sha256_file;
use testkit::{Ffmpeg, fixture};

use crate::support::{calls, finish, run};

/// Formats: name, arguments of the encoder, and what Chromium does with it. docs/codecs.md has the measurements.
const FORMATS: [(&str, &[&str], &str); 34] = [
    ("s16.wav", &["-c:a", "pcm_s16le"], "exact"),
    ("u8.wav", &["-c:a", "pcm_u8"], "exact"),
    ("s24.wav", &["-c:a", "pcm_s24le"], "exact"),
    ("s32.wav", &["-c:a", "pcm_s32le"], "exact"),
    ("f32.wav", &["-c:a", "pcm_f32le"], "exact"),
    ("f64.wav", &["-c:a", "pcm_f64le"], "none"),
    ("alaw.wav", &["-c:a", "pcm_alaw"], "exact"),
    ("mulaw.wav", &["-c:a", "pcm_mulaw"], "exact"),
    ("rf64.wav", &["-c:a", "pcm_s16le", "-rf64", "always"], "exact"),
    ("adpcm-ms.wav", &["-c:a", "adpcm_ms"], "none"),
    ("adpcm-ima.wav", &["-c:a", "adpcm_ima_wav"], "none"),
    ("gsm.wav", &["-ar", "8000", "-c:a", "libgsm_ms"], "none"),
    ("raw.gsm", &["-ar", "8000", "-c:a", "libgsm"], "none"),
    ("g722.wav", &["-c:a", "g722"], "none"),
    ("raw.g722", &["-c:a", "g722"], "none"),
    ("g726.wav", &["-ar", "8000", "-c:a", "g726", "-b:a", "32k"], "none"),
    ("aac.m4a", &["-c:a", "aac"], "exact"),
    ("alac.m4a", &["-c:a", "alac"], "none"),
    ("aac.3gp", &["-c:a", "aac"], "exact"),
    ("opus.mp4", &["-c:a", "libopus"], "exact"),
    ("cbr.mp3", &["-c:a", "libmp3lame", "-b:a", "32k"], "inexact"),
    ("vbr.mp3", &["-c:a", "libmp3lame", "-q:a", "5"], "inexact"),
    ("bare.mp3", &["-c:a", "libmp3lame", "-q:a", "5", "-write_xing", "0"], "inexact"),
    ("x.mp2", &["-c:a", "mp2"], "none"),
    ("x.aac", &["-c:a", "aac"], "inexact"),
    ("x.flac", &["-c:a", "flac"], "exact"),
    ("x.opus", &["-c:a", "libopus"], "exact"),
    ("vorbis.ogg", &["-c:a", "libvorbis"], "exact"),
    ("x.spx", &["-c:a", "libspeex"], "none"),
    ("x.mka", &["-c:a", "libopus"], "exact"),
    ("x.aiff", &["-c:a", "pcm_s16be"], "none"),
    ("x.au", &["-c:a", "pcm_s16be"], "none"),
    ("x.caf", &["-c:a", "pcm_s16be"], "none"),
    ("x.wma", &["-c:a", "wmav2"], "none"),
];

/// A second of a call in many formats, each in a file of its own.
fn recordings(ffmpeg: &Ffmpeg, folder: &Path) {
    let call = calls().join("reading.wav");
    for (name, arguments, _) in FORMATS {
        let (input, out) = (["-ss", "1", "-t", "1", "-i", call.to_str().unwrap()], folder.join(name));
        let rate = ["-ar", "16000"];
        ffmpeg.write(&[&input[..], &rate, arguments, &[out.to_str().unwrap()]].concat());
    }
    fs::copy(fixture("amr/reading.amr"), folder.join("narrow.amr")).unwrap();
    fs::copy(fixture("amr/reading.awb"), folder.join("wide.awb")).unwrap();
}

/// The name of the page of a recording, which has the stem of its file with a number where several share it.
fn page_of(out: &Path, recording: &Path) -> PathBuf {
    let sha256 = sha256_file(recording).unwrap();
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "html");
    let pages = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).filter(is_page);
    let of = |path: &PathBuf| page_data(path).is_some_and(|data| data["document"]["recording"]["sha256"] == *sha256);
    pages.into_iter().find(of).unwrap_or_else(|| panic!("no page of {}", recording.display()))
}

/// The data in the page of a recording.
fn page_data(page: &Path) -> Option<Value> {
    let text = fs::read_to_string(page).unwrap();
    let (_, data) = text.split_once(r#"<script type="application/json" id="data">"#)?;
    serde_json::from_str(data.split_once("</script>")?.0).ok()
}

fn audio(out: &Path, recording: &Path) -> Value {
    page_data(&page_of(out, recording)).unwrap()["audio"].clone()
}

/// All samples of a file at its own rate, as interleaved bits, with channels and rate.
fn samples(path: &Path) -> (Vec<f32>, usize, u32) {
    let decoded = Decoder::new(DecodeConfig::default()).decode_file(path).unwrap().decoded;
    let packets = decoded.pcm.native().unwrap().map(Result::unwrap);
    (packets.flat_map(|packet| packet.samples).collect(), decoded.pcm.channels(), decoded.recording.sample_rate_hz)
}

fn export(out: &Path, more: &[&str]) -> crate::support::Finished {
    let args = ["export", out.to_str().unwrap(), "--format", "html"];
    finish(args.iter().chain(more))
}

fn verify(out: &Path) {
    let verified = finish(["verify", out.to_str().unwrap()]).with_code(0);
    assert!(verified.stdout.contains("Everything is valid"), "{}", verified.stdout);
}

#[test]
fn page_says_what_chromium_plays_in_every_format_and_copies_play_all() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    fs::create_dir(&inputs).unwrap();
    recordings(&ffmpeg, &inputs);
    // Bytes at the end of the WMA file are in no packet, so that sound may be missing (exit code 7).
    run(&[&inputs], &out, &["--format", "html"]).with_code(7);
    let expected = FORMATS.map(|(name, _, playback)| (name, playback));
    let expected = || expected.into_iter().chain([("narrow.amr", "none"), ("wide.awb", "none")]);
    for (name, playback) in expected() {
        let audio = audio(&out, &inputs.join(name));
        assert_eq!((&audio["playback"], &audio["kind"]), (&playback.into(), &"original".into()), "{name}");
    }
    // All of them have a copy with the same samples: as WAV exactly, as FLAC rounded where the codec gives real numbers.
    for (format, is_exact) in [("flac", false), ("wav", true)] {
        export(&out, &["--listening-copy", format]).with_code(0);
        for (name, _) in expected() {
            check_copy(&ffmpeg, &out, &inputs.join(name), is_exact);
        }
        verify(&out);
    }
    let is_flac = |path: PathBuf| path.to_str().unwrap().ends_with(".listening-copy.flac");
    assert!(!fs::read_dir(&out).unwrap().any(|entry| is_flac(entry.unwrap().path())), "the copies were replaced");
}

/// Compares the copy that the page of a recording plays with the recording, as this program and ffmpeg decode it.
fn check_copy(ffmpeg: &Ffmpeg, out: &Path, recording: &Path, is_exact: bool) {
    let (audio, name) = (audio(out, recording), recording.display());
    assert_eq!(audio["kind"], "copy", "{name}");
    let src = audio["src"].as_str().unwrap();
    let copy = out.join(src.strip_prefix("./").unwrap().replace("%20", " "));
    assert!(src.contains(".listening-copy."), "{name}: {src}");
    assert_eq!(audio["sha256"], sha256_file(&copy).unwrap(), "{name}");
    let (theirs, channels, rate_hz) = samples(recording);
    let (ours, of_copy, copy_rate_hz) = samples(&copy);
    assert_eq!((ours.len(), of_copy, copy_rate_hz), (theirs.len(), channels, rate_hz), "{name}");
    let is_same = ours.iter().zip(&theirs).all(|(a, b)| a.to_bits() == b.to_bits() || (a == b && !is_exact));
    assert_eq!(is_same, audio["copy"]["exact"] == true, "{name}: {}", audio["copy"]);
    assert!(!is_exact || is_same, "{name}");
    let error = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error <= 0.51 / 32_768.0 || audio["copy"]["clipped_samples"].as_u64() > Some(0), "{name}: {error}");
    let codec = if copy.extension().unwrap() == "flac" { "flac" } else { "pcm" };
    let by_ffmpeg = ffmpeg.decode(&copy, codec, &[]);
    assert!(by_ffmpeg.len() == ours.len() && by_ffmpeg.iter().zip(&ours).all(|(a, b)| a == b), "{name}: ffmpeg");
}

#[test]
fn run_writes_listening_copies_that_are_kept_renewed_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("calls/out"));
    fs::create_dir(&inputs).unwrap();
    let call = inputs.join("a call.wav");
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    let flags = ["--format", "html", "--listening-copy", "flac"];
    run(&[&inputs], &out, &flags).with_code(0);
    let copy = out.join("a call.listening-copy.flac");
    let (hash, time) = (sha256_file(&copy).unwrap(), fs::metadata(&copy).unwrap().modified().unwrap());
    assert_eq!(audio(&out, &call)["src"], "./a%20call.listening-copy.flac");
    // A second run does not take the copy for a recording, and does not write it again.
    let again = run(&[&inputs], &out, &flags).with_code(0);
    assert_eq!(again.summary()["files"], 1);
    assert!(again.stdout.contains("a listening copy that Earwitness wrote"), "{}", again.stdout);
    assert_eq!(fs::metadata(&copy).unwrap().modified().unwrap(), time);
    // Without the flag, the page still plays the copy that is there.
    export(&out, &[]).with_code(0);
    assert_eq!(audio(&out, &call)["sha256"], hash);
    verify(&out);
    fs::remove_file(&copy).unwrap();
    export(&out, &[]).with_code(0);
    assert_eq!(audio(&out, &call)["kind"], "original");
    export(&out, &["--listening-copy", "flac"]).with_code(0);
    assert_eq!(sha256_file(&copy).unwrap(), hash);
    // A changed copy is not replaced, and found.
    fs::write(&copy, "changed").unwrap();
    let refused = export(&out, &["--listening-copy", "flac"]).with_code(2);
    assert!(refused.stderr.contains("it was changed since this store wrote it"), "{}", refused.stderr);
    let verified = finish(["verify", out.to_str().unwrap()]).with_code(5);
    assert!(verified.stdout.contains("a call.listening-copy.flac: altered"), "{}", verified.stdout);
    export(&out, &["--listening-copy", "flac", "--overwrite"]).with_code(0);
    verify(&out);
    finish(["forget", out.to_str().unwrap(), "a call", "--yes"]).with_code(0);
    assert!(!copy.exists());
}

#[test]
fn copy_of_another_recording_is_not_written_and_the_page_plays_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let (call, out) = (folder.path().join("call.wav"), folder.path().join("out"));
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    run(&[&call], &out, &["--format", "html"]).with_code(0);
    let original = fs::read(&call).unwrap();
    for bytes in [Some(&original[..original.len() - 2]), None] {
        match bytes {
            Some(bytes) => fs::write(&call, bytes).unwrap(),
            None => fs::remove_file(&call).unwrap(),
        }
        let failed = export(&out, &["--listening-copy", "flac", "--embed-audio"]).with_code(3);
        assert!(failed.stdout.contains("no listening copy: "), "{}", failed.stdout);
        assert!(failed.stdout.contains("the audio is not in the page: "), "{}", failed.stdout);
        assert_eq!(page_data(&out.join("call.html")).unwrap()["audio"]["kind"], "original");
        assert!(!out.join("call.listening-copy.flac").exists());
    }
}

#[test]
fn page_contains_the_sound_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let call = calls().join("reading.wav");
    let amr = fixture("amr/reading.amr");
    let copies = Ffmpeg::find().is_some();
    let inputs: &[&Path] = if copies { &[&call, &amr] } else { &[&call] };
    run(inputs, &out, &["--format", "html", "--embed-audio", "--listening-copy", "wav"]).with_code(0);
    let data_url = |recording: &Path| audio(&out, recording)["src"].as_str().unwrap().to_owned();
    assert!(inputs.iter().all(|input| data_url(input).starts_with("data:audio/wav;base64,UklGR")));
    verify(&out);
    // Without a copy, the recording itself is in the page if browsers play it.
    let plain = folder.path().join("plain");
    let code = if copies { 3 } else { 0 };
    let finished = run(inputs, &plain, &["--format", "html", "--embed-audio"]).with_code(code);
    assert!(!copies || finished.stdout.contains("Chromium does not play this format"), "{}", finished.stdout);
    let inside = audio(&plain, &call);
    assert!(inside["src"].as_str().unwrap().starts_with("data:audio/wav;base64,UklGR") && inside["kind"] == "original");
    verify(&plain);
    // Sound that was put into the page by somebody else is found.
    let page = page_of(&plain, &call);
    let text = fs::read_to_string(&page).unwrap();
    fs::write(&page, text.replacen("base64,UklGR", "base64,UklGS", 1)).unwrap();
    finish(["verify", plain.to_str().unwrap()]).with_code(5);
}

#[test]
fn flags_about_sound_without_pages_or_for_masked_copies_are_refused() {
    let (folder, out) = crate::support::case_of_a_call();
    let out = out.to_str().unwrap();
    let refused = finish(["export", out, "--listening-copy", "flac"]).with_code(2);
    assert!(refused.stderr.contains("add html to --format"), "{}", refused.stderr);
    let masked = folder.path().join("masked");
    let args = ["export", out, "--format", "html", "--embed-audio", "--redact", "--out", masked.to_str().unwrap()];
    let refused = finish(args).with_code(2);
    assert!(refused.stderr.contains("a masked copy (--redact) has no sound"), "{}", refused.stderr);
}
