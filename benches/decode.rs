//! Decode: the speed of each codec, compared with ffmpeg, which decodes and resamples the same file to 16 kHz, and the
//! speed of the second pass, which reads the file at its native rate.

use std::path::Path;
use std::process::Command;

use decode::{DecodeConfig, DecodeInput, Decoder};
use measure::{Machine, figures, runs};
use stage_core::{Pcm, Stage, sha256_file};

/// Length to which the recording is looped, in seconds, so that ffmpeg's start time is negligible.
const SECONDS: &str = "600";
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let speech = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/formats/p001.wav");
    let source: Vec<&str> = match speech.to_str().filter(|_| speech.is_file()) {
        Some(speech) => vec!["-stream_loop", "-1", "-i", speech],
        None => {
            println!("shared/data is missing: measuring synthesized noise");
            vec!["-f", "lavfi", "-i", "anoisesrc=a=0.3:c=pink:seed=1:r=44100"]
        }
    };
    let decoder = Decoder::new(DecodeConfig {
        memory_budget_bytes: 1 << 30,
        spill_dir: folder.path().to_owned(),
        ..DecodeConfig::default()
    });
    println!("{}; best of {ROUNDS} runs", Machine::here());
    let mut table = figures(
        1,
        ["44.1/48 kHz stereo", "x real time", "spread", "ffmpeg, x real time", "ratio", "native, x real time"],
    );
    let files: [(&str, &[&str]); 6] = [
        ("call.wav", &[]),
        ("call.flac", &[]),
        ("call.mp3", &["-b:a", "128k"]),
        ("call.m4a", &["-c:a", "aac", "-b:a", "128k"]),
        ("call.ogg", &["-c:a", "libvorbis"]),
        ("call.opus", &["-c:a", "libopus", "-b:a", "48k"]),
    ];
    for (name, arguments) in files {
        let path = folder.path().join(name);
        let made = ffmpeg(&[&source[..], &["-t", SECONDS, "-ac", "2"], arguments, &[text(&path)]].concat());
        if !made {
            println!("{name:<22} ffmpeg is missing, which creates the file");
            continue;
        }
        let sha256 = sha256_file(&path).expect("the file was just made");
        let input = DecodeInput { path: &path, sha256: &sha256 };
        let here = runs(0, ROUNDS, || decoder.run((input, None)).expect("the file decodes").pcm.duration_s());
        let there = runs(0, ROUNDS, || resample_with_ffmpeg(&path));
        let pcm = decoder.run((input, None)).expect("the file decodes").pcm;
        let native = runs(0, ROUNDS, || read_native(&pcm));
        let speeds = (here.times_real_time(*here.best()), there.times_real_time(seconds()));
        table.add_row([
            name.to_owned(),
            format!("{:.0}", speeds.0),
            format!("{:.0} %", here.spread_percent()),
            format!("{:.0}", speeds.1),
            format!("{:.2}", speeds.0 / speeds.1),
            format!("{:.0}", native.times_real_time(seconds())),
        ]);
    }
    println!("{table}");
}

fn seconds() -> f64 {
    SECONDS.parse().expect("a number")
}

/// Reads the whole recording at its native rate and returns the number of frames.
fn read_native(pcm: &Pcm) -> usize {
    let reader = pcm.native().expect("the file has not changed");
    reader.map(|packet| packet.expect("the file has not changed").frames()).sum()
}

fn resample_with_ffmpeg(path: &Path) {
    assert!(ffmpeg(&["-threads", "1", "-i", text(path), "-ar", "16000", "-f", "f32le", "/dev/null"]));
}

fn ffmpeg(arguments: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(arguments);
    command.status().is_ok_and(|status| status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
