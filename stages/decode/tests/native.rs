//! Compares the reader at the file's own rate with ffmpeg: same number of frames, same samples at the same offsets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::{Path, PathBuf};

use stage_core::sha256_hex;
use support::{decode, native};
use testkit::{FORMATS, Ffmpeg, RATES_HZ, fixture};

/// Allowed difference between lossy decoders, in dB, due to rounding. A shift by one frame is above -30 dB.
const LOSSY_ERROR_DB: f64 = -70.0;

/// Makes 1.23 s of a tone and noise, some of it clipped, in the format of the name.
fn make(ffmpeg: &Ffmpeg, path: PathBuf, rate_hz: &str, channels: &str, codec: &[&str]) -> PathBuf {
    let tone = "aevalsrc=1.4*sin(2*PI*440*t)*sin(3*t)+0.05*random(0)|0.6*sin(2*PI*660*t):s=48000:d=1.23";
    ffmpeg.encode(tone, &[&["-ar", rate_hz, "-ac", channels], codec].concat(), &path);
    path
}

/// Power of the difference relative to that of the reference, in dB.
fn error_db(ours: &[f32], theirs: &[f32]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f32>| samples.map(|x| f64::from(x) * f64::from(x)).sum::<f64>();
    let difference = power(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    10.0 * ((difference + 1e-20) / (power(&mut theirs.iter().copied()) + 1e-12)).log10()
}

/// Checks one file: offsets, the number of frames, the recorded hash, and ffmpeg's samples.
fn check(ffmpeg: &Ffmpeg, path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    let decoded = decode(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let recording = &decoded.recording;
    let ours = native(&decoded.pcm).unwrap();
    let reader = decoded.pcm.native().unwrap();
    assert_eq!(reader.sample_rate_hz(), recording.sample_rate_hz, "{name}");
    assert_eq!(reader.channels(), usize::from(recording.channels), "{name}");
    assert_eq!(ours.len() as u64, recording.pcm.source_frames * u64::from(recording.channels), "{name}");
    let bytes: Vec<u8> = ours.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert_eq!(sha256_hex(&bytes), recording.pcm_sha256, "{name}: what was hashed is what is read");

    let theirs = ffmpeg.decode(path, &recording.codec, &[]);
    match recording.container.as_str() {
        // ffmpeg 5.1 keeps some of the last packet's padding in MP4.
        "isomp4" => assert!(theirs.len() >= ours.len(), "{name}: {} and {}", ours.len(), theirs.len()),
        _ => assert_eq!(ours.len(), theirs.len(), "{name}"),
    }
    let error = error_db(&ours, &theirs);
    let allowed = if recording.lossless { -150.0 } else { LOSSY_ERROR_DB };
    assert!(error < allowed, "{name}: {error:.1} dB from ffmpeg");
}

#[test]
fn native_reader_agrees_with_ffmpeg_in_every_format_at_every_rate() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for rate_hz in RATES_HZ {
        for channels in ["1", "2"] {
            for (extension, codec) in FORMATS {
                let path = folder.path().join(format!("{rate_hz}_{channels}.{extension}"));
                check(&ffmpeg, &make(&ffmpeg, path, rate_hz, channels, codec));
            }
        }
    }
}

#[test]
fn native_reader_of_opus_is_at_48_khz() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for rate_hz in ["8000", "16000", "48000"] {
        for channels in ["1", "2"] {
            // Below full scale, because libopus soft-clips in floating point and not in fixed point.
            let codec = ["-af", "volume=0.5", "-c:a", "libopus", "-b:a", "32k"];
            let path = folder.path().join(format!("{rate_hz}_{channels}.opus"));
            let path = make(&ffmpeg, path, rate_hz, channels, &codec);
            check(&ffmpeg, &path);
            assert_eq!(decode(&path).unwrap().pcm.native().unwrap().sample_rate_hz(), 48_000);
        }
    }
}

#[test]
fn native_reader_has_the_frames_of_an_edit_list_and_of_a_gap() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = make(&ffmpeg, folder.path().join("whole.m4a"), "44100", "2", &["-c:a", "aac"]);
    let late = folder.path().join("late.m4a");
    ffmpeg.write(&["-itsoffset", "0.5", "-i", whole.to_str().unwrap(), "-c", "copy", late.to_str().unwrap()]);
    let (whole, late) = (decode(&whole).unwrap(), decode(&late).unwrap());
    let samples = native(&late.pcm).unwrap();
    assert_eq!(samples.len() as u64, 2 * late.recording.pcm.source_frames);
    let shift = samples.len() - native(&whole.pcm).unwrap().len();
    assert!(shift.abs_diff(2 * 22_050) <= 2 * 45, "{shift} samples later");
    assert!(samples[..2 * (22_050 - 1_024 - 45)].iter().all(|&sample| sample == 0.0));

    // Half a second cut out of the middle of a flac: the frames after it keep their offsets, and silence fills the gap.
    let flac = make(&ffmpeg, folder.path().join("a.flac"), "22050", "1", &["-c:a", "flac"]);
    let before = native(&decode(&flac).unwrap().pcm).unwrap();
    let bytes = std::fs::read(&flac).unwrap();
    let cut = [&bytes[..bytes.len() / 3], &bytes[bytes.len() * 2 / 3..]].concat();
    std::fs::write(&flac, cut).unwrap();
    let after = native(&decode(&flac).unwrap().pcm).unwrap();
    assert_eq!(before.len(), after.len());
    assert_eq!(before[before.len() - 2_000..], after[after.len() - 2_000..], "the end has not moved");
    assert!(after.iter().filter(|&&sample| sample == 0.0).count() > 4_000, "the gap is silence");
}

fn assert_hashes_of_files(folder: &Path, extensions: &[&str]) {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_audio = |path: &PathBuf| path.extension().is_some_and(|own| extensions.iter().any(|known| own == *known));
    let paths: Vec<_> = paths.filter(is_audio).collect();
    assert!(paths.len() >= extensions.len(), "{paths:?}");
    for path in paths {
        let decoded = decode(&path).unwrap();
        let bytes: Vec<u8> = native(&decoded.pcm).unwrap().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(sha256_hex(&bytes), decoded.recording.pcm_sha256, "{}", path.display());
    }
}

#[test]
fn native_reader_agrees_with_the_recorded_hash_of_the_fixture_calls() {
    assert_hashes_of_files(&fixture("calls"), &["m4a", "wav", "opus", "mp3", "flac"]);
}

#[test]
#[ignore = "needs ../shared"]
fn native_reader_agrees_with_the_recorded_hash_of_every_shared_file() {
    assert_hashes_of_files(&testkit::shared("formats"), &["aac", "aiff", "flac", "mp3", "mp4", "ogg", "wav", "webm"]);
}
