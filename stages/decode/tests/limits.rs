//! Files that are hostile or damaged end in a named error or stay within the stated limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use decode::{DecodeConfig, DecodeInput, DecodeLimits, DecodeSettings, Decoder};
use stage_core::{Stage, WarningKind, sha256_file};
use support::{decode, messages};
use testkit::{Ffmpeg, Wav};

/// An AIFF header for this number of channels, and 64 KiB of samples.
fn aiff(channels: u16) -> Vec<u8> {
    let common = [&channels.to_be_bytes()[..], &8u32.to_be_bytes(), &16u16.to_be_bytes()].concat();
    let rate = [0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0];
    let chunk = |id: &[u8], body: &[u8]| [id, &(body.len() as u32).to_be_bytes(), body].concat();
    let samples = [&[0; 8][..], &vec![1; 1 << 16]].concat();
    let chunks = [b"AIFF".to_vec(), chunk(b"COMM", &[&common[..], &rate].concat()), chunk(b"SSND", &samples)].concat();
    chunk(b"FORM", &chunks)
}

#[test]
fn limit_on_channels_is_a_named_error() {
    let folder = tempfile::tempdir().unwrap();
    for channels in [33, 2_049, 32_769, u16::MAX] {
        let path = folder.path().join(format!("{channels}.aiff"));
        fs::write(&path, aiff(channels)).unwrap();
        let error = decode(&path).unwrap_err();
        assert_eq!(error.code.as_str(), "limit-exceeded", "{error}");
        assert!(error.to_string().contains(&format!("{channels} channels")), "{error}");
        assert!(error.to_string().contains("max_channels"), "{error}");
    }
    let path = folder.path().join("32.aiff");
    fs::write(&path, aiff(32)).unwrap();
    assert_eq!(decode(&path).unwrap().recording.channels, 32);
}

#[test]
fn limit_on_length_is_a_named_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    Wav::mono(1_000, vec![0.0; 3_700_000]).write(&path);
    let decode = |max_channel_hours| {
        let limits = DecodeLimits { max_channel_hours, ..DecodeLimits::default() };
        let settings = DecodeSettings { limits, ..DecodeSettings::default() };
        let decoder = Decoder::new(DecodeConfig { settings, ..DecodeConfig::default() });
        decoder.run((DecodeInput { path: &path, sha256: &sha256_file(&path).unwrap() }, None))
    };
    let error = decode(1).unwrap_err();
    assert_eq!(error.code.as_str(), "limit-exceeded", "{error}");
    assert!(error.to_string().contains("max_channel_hours"), "{error}");
    assert_eq!(decode(2).unwrap().recording.duration_s, 3_700.0);
}

/// Moves the position of each page of an Ogg stream from the third on.
fn add_jumps(bytes: &mut [u8], jump: u64) {
    let mut at = 0;
    for page in 0.. {
        let Some(found) = bytes[at..].windows(4).position(|four| four == b"OggS") else { return };
        let start = at + found;
        let segments = usize::from(bytes[start + 26]);
        let len: usize = bytes[start + 27..start + 27 + segments].iter().map(|&size| usize::from(size)).sum();
        let end = start + 27 + segments + len;
        if page >= 2 {
            let position = u64::from_le_bytes(bytes[start + 6..start + 14].try_into().unwrap());
            let moved = position + jump * (page - 2);
            bytes[start + 6..start + 14].copy_from_slice(&moved.to_le_bytes());
            support::set_ogg_checksum(&mut bytes[start..end]);
        }
        at = end;
    }
}

#[test]
fn limit_on_gaps_bounds_their_sum() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.opus");
    let speech = ["-c:a", "libopus", "-b:a", "6k", "-page_duration", "20000"];
    ffmpeg.encode("sine=300:d=4", &speech, &path);
    let whole = decode(&path).unwrap().recording.duration_s;
    for (jump_s, longest_s) in [(1, 600.0), (600, 3_600.0), (11 * 3_600, 3_600.0)] {
        let mut bytes = fs::read(&path).unwrap();
        add_jumps(&mut bytes, jump_s * 48_000);
        let jumping = folder.path().join("jumping.opus");
        fs::write(&jumping, bytes).unwrap();
        let decoded = decode(&jumping).unwrap();
        let length = decoded.recording.duration_s;
        assert!(length <= whole * 11.0 + longest_s, "{jump_s} s: {length}");
        let kinds: Vec<_> = decoded.recording.warnings.iter().map(|warning| warning.kind).collect();
        assert!(kinds.contains(&WarningKind::Gap), "{:?}", messages(&decoded));
        assert!(messages(&decoded).len() < 10, "{:?}", messages(&decoded));
    }
}
