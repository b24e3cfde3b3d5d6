//! A file that is replaced, overwritten or truncated while it is used yields the samples of its hash, or
//! `file-changed`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use decode::DecodeInput;
use stage_core::{ErrorClass, PipelineError, sha256_file};
use support::{decode, decode_hashed, native};

/// Longer than the blocks in which a file is read and checked: 5 MB, not at 16 kHz.
const FRAMES: u32 = 2_500_000;

/// Writes a mono wav whose samples depend on `seed`.
fn wav(path: &Path, seed: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..FRAMES {
        writer.write_sample(((n.wrapping_mul(2_654_435_761) ^ seed << 28) >> 18) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

fn folder_with_call() -> (tempfile::TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    wav(&path, 1);
    let sha256 = sha256_file(&path).unwrap();
    (folder, path, sha256)
}

/// Replaces the file as an editor does: writes a new file and renames it over the old one.
fn replace(path: &Path) {
    let new = path.with_extension("new");
    wav(&new, 2);
    fs::rename(new, path).unwrap();
}

fn writable(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).unwrap()
}

fn assert_changed(error: &PipelineError) {
    assert_eq!((error.code.as_str(), error.class), ("file-changed", ErrorClass::BadInput), "{error}");
}

#[test]
fn file_that_changed_since_it_was_hashed_is_not_decoded() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("replaced", replace),
        ("overwritten", |path| writable(path).write_all_at(b"x", 3_000_000).unwrap()),
        ("truncated", |path| writable(path).set_len(3_000_000).unwrap()),
        ("emptied", |path| writable(path).set_len(0).unwrap()),
    ];
    for (what, change) in changes {
        let (_folder, path, sha256) = folder_with_call();
        change(&path);
        let error = decode_hashed(DecodeInput { path: &path, sha256: &sha256 }, 1 << 30).expect_err(what);
        assert_changed(&error);
    }
}

#[test]
fn native_reader_of_a_file_that_was_replaced_gives_the_samples_of_the_hash() {
    let (_folder, path, _) = folder_with_call();
    let decoded = decode(&path).unwrap();
    let before = native(&decoded.pcm).unwrap();
    replace(&path);
    assert_eq!(native(&decoded.pcm).unwrap(), before);
    fs::remove_file(&path).unwrap();
    assert_eq!(native(&decoded.pcm).unwrap(), before);
}

#[test]
fn native_reader_of_a_file_that_was_overwritten_or_truncated_ends_in_file_changed() {
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |path| writable(path).write_all_at(b"x", 4_000_001).unwrap(),
        |path| writable(path).set_len(4_000_001).unwrap(),
        |path| wav(path, 2),
    ];
    for change in changes {
        let (_folder, path, _) = folder_with_call();
        let decoded = decode(&path).unwrap();
        let before = native(&decoded.pcm).unwrap();
        let mut reader = decoded.pcm.native().unwrap();
        let mut after = reader.next().unwrap().unwrap().samples;
        change(&path);
        let outcome = reader.try_for_each(|packet| packet.map(|packet| after.extend(packet.samples)));
        assert_eq!(after, before[..after.len()], "never other samples");
        assert_changed(&outcome.expect_err("the change is detected"));
    }
}

#[test]
fn file_that_changes_while_it_is_decoded_gives_its_hashed_samples_or_file_changed() {
    let (folder, path, sha256) = folder_with_call();
    let before = decode(&path).unwrap().recording.pcm_sha256;
    let (good, other) = (fs::read(&path).unwrap(), folder.path().join("other.wav"));
    wav(&other, 3);
    let (other, done) = (fs::read(&other).unwrap(), AtomicBool::new(false));
    let (mut decoded, mut changed) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = writable(&path);
            while !done.load(Ordering::Relaxed) {
                for (bytes, hold_ms) in [(&other, 10), (&good, 15)] {
                    file.write_all_at(&bytes[4_400_000..4_401_000], 4_400_000).unwrap();
                    std::thread::sleep(Duration::from_millis(hold_ms));
                }
            }
        });
        for _ in 0..40 {
            match decode_hashed(DecodeInput { path: &path, sha256: &sha256 }, 1 << 30) {
                Ok(result) => {
                    assert_eq!(result.recording.pcm_sha256, before);
                    decoded += 1;
                }
                Err(error) => {
                    assert_changed(&error);
                    changed += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(decoded + changed, 40);
    eprintln!("{decoded} decoded, {changed} changed");
}
