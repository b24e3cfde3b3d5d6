//! Peak, level and clipping in the exported record equal the values that ffmpeg measures in the file.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{FORMATS, Ffmpeg, RATES_HZ};

use crate::support::{document, run};

/// Two decoders of a lossy codec differ by rounding.
const TOLERANCE_DB: f64 = 0.01;

/// Writes 1.23 s of audio in the format that the name implies: left, a tone clipped at full scale; right, a faint tone.
fn make(ffmpeg: &Ffmpeg, path: &Path, rate_hz: &str, channels: &str, codec: &[&str]) {
    let tone = "aevalsrc=clip(1.4*sin(2*PI*440*t)*sin(3*t)+0.02\\,-1\\,1)|0.06*sin(2*PI*660*t):s=48000:d=1.23";
    ffmpeg.encode(tone, &[&["-ar", rate_hz, "-ac", channels], codec].concat(), path);
}

/// One file of each format at each rate.
fn make_all(ffmpeg: &Ffmpeg, folder: &Path) {
    for channels in ["1", "2"] {
        for rate_hz in RATES_HZ {
            for (extension, codec) in FORMATS {
                let path = folder.join(format!("{extension}-{rate_hz}-{channels}.{extension}"));
                make(ffmpeg, &path, rate_hz, channels, codec);
            }
        }
        // libopus rounds off clipped peaks in floating point, but not in fixed point.
        let codec = ["-af", "volume=0.4", "-c:a", "libopus"];
        make(ffmpeg, &folder.join(format!("opus-48000-{channels}.opus")), "48000", channels, &codec);
    }
}

/// The values that an ffmpeg filter prints under a name, in order of appearance.
fn printed(text: &str, name: &str) -> Vec<f64> {
    let values = text.lines().filter_map(|line| line.split_once(name));
    values.filter_map(|(_, value)| value.trim().trim_end_matches(" dB").parse().ok()).collect()
}

/// ffmpeg's output for the first `frames` frames of a file. The limit is needed because ffmpeg keeps part of the
/// padding in MP4.
fn filtered(ffmpeg: &Ffmpeg, path: &Path, frames: u64, filter: &str) -> String {
    let filter = format!("atrim=end_sample={frames},{filter}");
    let input = ["-i", path.to_str().unwrap(), "-map", "0:a:0", "-af", &filter, "-f", "null", "-"];
    ffmpeg.messages(&[Ffmpeg::decoder(extension(path)), &input].concat())
}

/// Share of samples within 0.1 % of full scale in runs of three or more, per channel, as decoded by ffmpeg.
fn clipping_ratios(ffmpeg: &Ffmpeg, path: &Path, channels: usize, frames: u64) -> Vec<f64> {
    let samples = ffmpeg.decode(path, extension(path), &[]);
    let marks = |channel: usize| -> String {
        let own = samples.iter().skip(channel).step_by(channels).take(frames as usize);
        own.map(|sample| if sample.abs() >= 0.999 { 'x' } else { ' ' }).collect()
    };
    let clipped = |marks: String| marks.split(' ').map(str::len).filter(|run| *run >= 3).sum::<usize>();
    (0..channels).map(|channel| clipped(marks(channel)) as f64 / frames as f64).collect()
}

fn extension(path: &Path) -> &str {
    path.extension().unwrap().to_str().unwrap()
}

fn check(ffmpeg: &Ffmpeg, path: &Path, document: &Value) {
    let name = path.file_name().unwrap().to_string_lossy();
    let recording = &document["recording"];
    let rate_hz = recording["sample_rate_hz"].as_f64().unwrap();
    let frames = (recording["duration_s"].as_f64().unwrap() * rate_hz).round() as u64;
    let channels = document["forensics"]["channels"].as_array().unwrap();
    let values = |name: &str| -> Vec<f64> {
        channels.iter().map(|channel| channel["level"][name]["value"].as_f64().unwrap()).collect()
    };
    let (peaks, levels) = (values("peak_dbfs"), values("rms_dbfs"));
    let statistics = filtered(ffmpeg, path, frames, "astats=measure_overall=none");
    for (ours, label) in [(&peaks, "Peak level dB:"), (&levels, "RMS level dB:")] {
        let theirs = printed(&statistics, label);
        assert_eq!(ours.len(), theirs.len(), "{name}: {statistics}");
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < TOLERANCE_DB;
        assert!(ours.iter().zip(&theirs).all(near), "{name}, {label} {theirs:?}, here {ours:?}");
    }
    let offsets = printed(&statistics, "DC offset:");
    assert!(values("dc_offset").iter().zip(&offsets).all(|(a, b)| (a - b).abs() < 2e-4), "{name}: {offsets:?}");

    // ffmpeg measures over all channels, in 16 bits, and prints tenths of a decibel.
    let volume = filtered(ffmpeg, path, frames, "volumedetect");
    let peak = peaks.iter().copied().fold(f64::NEG_INFINITY, f64::max).min(0.0);
    assert!((printed(&volume, "max_volume:")[0] - peak).abs() < 0.06, "{name}: {volume}, here {peak}");
    let power: f64 = levels.iter().map(|level| 10f64.powf(level / 10.0)).sum::<f64>() / levels.len() as f64;
    assert!((printed(&volume, "mean_volume:")[0] - 10.0 * power.log10()).abs() < 0.06, "{name}: {volume}");

    let (ours, theirs) = (values("clipping_ratio"), clipping_ratios(ffmpeg, path, channels.len(), frames));
    let lossless = ["wav", "flac"].iter().any(|lossless| name.starts_with(lossless));
    // The rounding of a lossy decoder moves samples across the threshold.
    let allowed = if lossless { 1e-12 } else { 2e-3 };
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= allowed), "{name}: {ours:?}, ffmpeg {theirs:?}");
    assert!(!lossless || channels.len() == 1 || ours[0] > 0.001, "{name}: the left is clipped: {ours:?}");
}

#[test]
fn levels_agree_with_ffmpeg_in_every_format_at_every_rate() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (calls, out) = (folder.path().join("calls"), folder.path().join("out"));
    std::fs::create_dir(&calls).unwrap();
    make_all(&ffmpeg, &calls);
    run(&[&calls], &out, &[]).with_code(0);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&calls).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 62);
    for path in files {
        check(&ffmpeg, &path, &document(&out, path.file_stem().unwrap().to_str().unwrap()));
    }
}
