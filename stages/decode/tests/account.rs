//! Every byte of a file is sound, something else, or left out with a warning: files that were cut, joined or changed, and
//! headers that state wrong sizes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use decode::Decoder;
use stage_core::{Recording, WarningKind};
use support::{channels, decode, error_db, messages};
use testkit::{Ffmpeg, FORMATS};

/// A tone that changes, different for each `hz`.
fn tone(hz: u32, seconds: f64) -> String {
    format!("aevalsrc=0.4*sin(2*PI*({hz}+40*sin(9*t))*t)*sin(3*t)+0.1*sin(2*PI*1900*t)*sin(7*t):s=44100:d={seconds}")
}

struct Made {
    ffmpeg: Ffmpeg,
    folder: tempfile::TempDir,
}

impl Made {
    fn new() -> Option<Self> {
        Some(Self { ffmpeg: Ffmpeg::find()?, folder: tempfile::tempdir().unwrap() })
    }

    fn file(&self, name: &str, hz: u32, seconds: f64, arguments: &[&str]) -> PathBuf {
        let path = self.folder.path().join(name);
        self.ffmpeg.encode(&tone(hz, seconds), arguments, &path);
        path
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Decodes the file and checks that its account adds up.
fn recording(path: &Path) -> Recording {
    let decoded = decode(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let account = decoded.recording.account.clone().unwrap();
    let sum = account.audio_bytes + account.other_bytes + account.left_out_bytes;
    assert_eq!(sum, fs::metadata(path).unwrap().len(), "{}: {account:?}", path.display());
    decoded.recording
}

fn kinds(recording: &Recording) -> Vec<WarningKind> {
    recording.warnings.iter().map(|warning| warning.kind).collect()
}

/// Asserts a length in seconds, within two frames of the longest codec frame at that rate.
fn assert_length(recording: &Recording, seconds: f64) {
    let frame_s = 2.0 * 1_152.0 / f64::from(recording.sample_rate_hz.min(44_100));
    let difference = (recording.duration_s - seconds).abs();
    assert!(difference <= frame_s, "{:.3} s, not {seconds:.3} s: {:?}", recording.duration_s, recording.warnings);
}
