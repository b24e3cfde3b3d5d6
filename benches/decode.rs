//! Decode: each codec in times real time, next to ffmpeg decoding and resampling the same file to 16 kHz.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use decode::{DecodeConfig, Decoder};
use stage_core::Stage;

/// The recording is looped to so many seconds, so that starting ffmpeg does not count.
const SECONDS: &str = "600";
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let speech = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/formats/p001.wav");
    let source: Vec<&str> = match speech.to_str().filter(|_| speech.is_file()) {
        Some(speech) => vec!["-stream_loop", "-1", "-i", speech],
        None => {
            println!("shared/data is not here: measured on synthesised noise");
            vec!["-f", "lavfi", "-i", "anoisesrc=a=0.3:c=pink:seed=1:r=44100"]
        }
    };
    let decoder = Decoder::new(DecodeConfig { memory_budget_bytes: 1 << 30, spill_dir: folder.path().to_owned() });
    println!("{:<22} {:>14} {:>14} {:>8}", "44.1/48 kHz stereo", "here, x rt", "ffmpeg, x rt", "ratio");
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
            println!("{name:<22} ffmpeg is not here to make the file");
            continue;
        }
        let (here, there) = (best(|| decode(&decoder, &path)), best(|| resample_with_ffmpeg(&path)));
        println!("{name:<22} {here:>14.0} {there:>14.0} {:>8.2}", here / there);
    }
}

/// Times real time of the fastest of some rounds.
fn best(mut work: impl FnMut() -> f64) -> f64 {
    let round = |_| {
        let start = Instant::now();
        let audio_s = work();
        audio_s / start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(0.0, f64::max)
}

fn decode(decoder: &Decoder, path: &Path) -> f64 {
    decoder.run(path).expect("the file decodes").pcm.duration_s()
}

fn resample_with_ffmpeg(path: &Path) -> f64 {
    assert!(ffmpeg(&["-threads", "1", "-i", text(path), "-ar", "16000", "-f", "f32le", "/dev/null"]));
    SECONDS.parse().expect("a number")
}

fn ffmpeg(arguments: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(arguments);
    command.status().is_ok_and(|status| status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
