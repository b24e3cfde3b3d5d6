//! Bad files yield a named error or a recording with warnings, never a panic.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use stage_core::{ErrorClass, ErrorCode};
use support::{channels, decode, decode_with_budget, messages};
use testkit::{Ffmpeg, Random, Wav, fixture, shared};

/// Writes a wav with hound: a ramp on the left, its negative on the right.
fn wav(folder: &Path, frames: i32, rate_hz: u32) -> PathBuf {
    let path = folder.join(format!("{frames}_{rate_hz}.wav"));
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..frames {
        let sample = (n * 37 % 20_000 - 10_000) as i16;
        writer.write_sample(sample).unwrap();
        writer.write_sample(-sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

/// Writes a tone of `seconds` in the format that the arguments and the name state.
fn tone(ffmpeg: &Ffmpeg, path: PathBuf, seconds: &str, arguments: &[&str]) -> PathBuf {
    ffmpeg.encode("anoisesrc=a=0.3:c=pink:seed=1:r=24000", &[&["-t", seconds], arguments].concat(), &path);
    path
}

fn code(path: &Path) -> String {
    let error = decode(path).expect_err("an error");
    assert_eq!(error.class, ErrorClass::BadInput, "{error}");
    error.code.to_string()
}

#[test]
fn files_that_are_broken_end_in_a_named_error() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        code(&path)
    };
    assert_eq!(write("empty.wav", b""), "empty-file");
    assert_eq!(write("empty", b""), "empty-file");
    let call = fs::read(fixture("calls/reading.wav")).unwrap();
    assert_eq!(write("beginning.wav", &call[..20]), "truncated-header");
}

#[test]
fn silence_is_a_recording_without_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silence.wav");
    Wav::mono(16_000, vec![0.0; 131_392]).write(&path);
    let silence = decode(&path).unwrap();
    assert_eq!((silence.pcm.frames(), silence.recording.warnings.len()), (131_392, 0));
}

#[test]
#[ignore = "needs ../shared"]
fn files_broken_by_other_projects_end_in_a_named_error_or_a_recording() {
    let folder = shared("bad");
    assert_eq!(code(&folder.join("mono.empty.wav")), "empty-file");
    assert_eq!(code(&folder.join("p001.empty")), "empty-file");
    assert_eq!(code(&folder.join("mono.invalid.wav")), "truncated-header");
    // Samples without a header. By chance they contain the sync word of an MPEG frame, but no frames behind it.
    assert_eq!(code(&folder.join("missing_wav_header.wav")), "unknown-container");
    let silence = decode(&folder.join("leopard_empty.wav")).unwrap();
    assert_eq!(silence.pcm.frames(), 131_392);
    assert!(silence.recording.warnings.is_empty());
}

#[test]
fn files_without_audio_end_in_a_named_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.mp3");
    fs::write(&text, "these are notes and no sound at all\n".repeat(100)).unwrap();
    assert_eq!(code(&text), "unknown-container");
    assert_eq!(code(folder.path()), "unreadable-file");
    assert_eq!(code(&folder.path().join("missing.wav")), "unreadable-file");
}

#[test]
fn wav_that_is_truncated_gives_its_samples_and_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = wav(folder.path(), 16_000, 16_000);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..44 + 4 * 10_001]).unwrap();
    let decoded = decode(&path).unwrap();
    assert_eq!(decoded.recording.pcm.source_frames, 10_001);
    assert_eq!(messages(&decoded), ["the header promises 1.000 s, the file holds 0.625 s"]);
}

#[test]
fn file_extension_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = wav(folder.path(), 8_000, 8_000);
    let misnamed = folder.path().join("call.mp3");
    fs::copy(&path, &misnamed).unwrap();
    assert_eq!(decode(&misnamed).unwrap().recording, decode(&path).unwrap().recording);
}

#[test]
fn samples_that_are_not_finite_become_silence_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..1_000 {
        let sample = if n == 10 {
            f32::NAN
        } else if n == 20 {
            f32::NEG_INFINITY
        } else if n == 25 {
            1e30
        } else {
            0.25
        };
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let decoded = decode(&path).unwrap();
    assert_eq!(messages(&decoded), ["3 samples are not numbers of any level and are silence"]);
    let samples = &channels(&decoded)[0];
    assert_eq!((samples[10], samples[20], samples[25], samples[30]), (0.0, 0.0, 0.0, 0.25));
}

#[test]
fn pcm_sha256_is_over_the_decoders_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = wav(folder.path(), 5_000, 44_100);
    let bytes: Vec<u8> = hound::WavReader::open(&path)
        .unwrap()
        .into_samples::<i16>()
        .flat_map(|sample| (f32::from(sample.unwrap()) / 32_768.0).to_le_bytes())
        .collect();
    assert_eq!(decode(&path).unwrap().recording.pcm_sha256, stage_core::sha256_hex(&bytes));
}

#[test]
fn samples_are_the_same_when_spilled() {
    let folder = tempfile::tempdir().unwrap();
    let path = wav(folder.path(), 100_000, 44_100);
    let (memory, spilled) = (decode(&path).unwrap(), decode_with_budget(&path, 1_000).unwrap());
    assert_eq!(channels(&memory), channels(&spilled));
    assert_eq!(memory.recording, spilled.recording);
}

#[test]
fn packet_that_is_corrupt_moves_no_time() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = tone(&ffmpeg, folder.path().join("a.flac"), "4", &[]);
    let whole = decode(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 400].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(&path, bytes).unwrap();
    let damaged = decode(&path).unwrap();
    assert!(!damaged.recording.warnings.is_empty());
    assert_eq!(damaged.pcm.frames(), whole.pcm.frames());
    let (damaged, whole) = (&channels(&damaged)[0], &channels(&whole)[0]);
    let last = whole.len() - 8_000;
    assert_eq!(damaged[last..], whole[last..], "the last half second has not moved");
}

/// Replaces the one occurrence of `from` in the file.
fn patch(path: &Path, from: &[u8], to: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the configuration is in the file");
    bytes[at..at + to.len()].copy_from_slice(to);
    fs::write(path, bytes).unwrap();
}

#[test]
fn he_aac_that_is_announced_is_a_named_error() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    // AudioSpecificConfig: LC, 24 kHz, mono, then "no SBR". Changed to "SBR, 48 kHz", and to object type 5.
    let plain = [0x13, 0x08, 0x56, 0xe5, 0x00];
    for (name, config) in
        [("compatible.m4a", [0x13, 0x08, 0x56, 0xe5, 0x98]), ("explicit.m4a", [0x2b, 0x09, 0x88, 0, 0])]
    {
        let path = tone(&ffmpeg, folder.path().join(name), "1", &["-c:a", "aac"]);
        decode(&path).expect("as it was made, it is plain AAC-LC");
        patch(&path, &plain, &config);
        assert_eq!(code(&path), "unsupported-profile", "{name}");
    }
}

#[test]
fn he_aac_that_nothing_announces_is_found_in_its_frames() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = tone(&ffmpeg, folder.path().join("implicit.aac"), "2", &["-c:a", "aac", "-b:a", "48k"]);
    decode(&path).expect("as it was made, it is plain AAC-LC");
    let bytes = fs::read(&path).unwrap();
    let mut with_sbr = Vec::new();
    let mut rest = &bytes[..];
    while rest.len() > 7 {
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5] >> 5);
        with_sbr.extend(add_sbr(&rest[..length]));
        rest = &rest[length..];
    }
    fs::write(&path, with_sbr).unwrap();
    assert_eq!(code(&path), "unsupported-profile");
}

/// Returns an ADTS frame with a fill element of SBR data before its end marker.
fn add_sbr(frame: &[u8]) -> Vec<u8> {
    let mut bits: String = frame[7..].iter().map(|byte| format!("{byte:08b}")).collect();
    bits.truncate(bits.trim_end_matches('0').len() - 3);
    bits += &format!("110{:04b}{:04b}{}111", 9, 0xd, "0110".repeat(17));
    bits += &"0".repeat(bits.len().next_multiple_of(8) - bits.len());
    let length = 7 + bits.len() / 8;
    let mut header = frame[..7].to_vec();
    header[3] = header[3] & !3 | (length >> 11) as u8;
    header[4] = (length >> 3) as u8;
    header[5] = header[5] & 0x1f | ((length & 7) << 5) as u8;
    let payload = bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | (bit - b'0')));
    header.into_iter().chain(payload).collect()
}

#[test]
fn wav_with_companded_samples_is_read_from_every_form_of_header() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<u8> = (0..8_000u32).map(|n| (n * 7 % 251) as u8).collect();
    for tag in [6u16, 7] {
        let mut decoded = Vec::new();
        for form in ["short", "plain", "extensible"] {
            let tag_written = if form == "extensible" { 0xfffe } else { tag };
            let mut fmt = tag_written.to_le_bytes().to_vec();
            fmt.extend([1, 0, 0x40, 0x1f, 0, 0, 0x40, 0x1f, 0, 0, 1, 0, 8, 0]);
            match form {
                "plain" => fmt.extend([0, 0]),
                "extensible" => {
                    fmt.extend([22, 0, 8, 0, 4, 0, 0, 0]);
                    fmt.extend(tag.to_le_bytes());
                    fmt.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
                }
                _ => {}
            }
            let chunk = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
            let body = [&b"WAVE"[..], &chunk(b"fmt ", &fmt), &chunk(b"data", &samples)].concat();
            let path = folder.path().join(format!("{form}{tag}.wav"));
            fs::write(&path, chunk(b"RIFF", &body)).unwrap();
            let mut recording = decode(&path).unwrap_or_else(|error| panic!("{form} {tag}: {error}")).recording;
            // The headers differ in length.
            assert_eq!(recording.account.take().unwrap().audio_bytes, 8_000);
            decoded.push(recording);
        }
        assert_eq!(decoded[0].pcm.source_frames, 8_000);
        assert_eq!(decoded[0], decoded[1]);
        assert_eq!(decoded[0], decoded[2]);
    }
}

#[test]
fn damage_anywhere_stays_with_its_file() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let formats: [(&str, &[&str]); 9] = [
        ("a.wav", &[]),
        ("a.flac", &[]),
        ("a.mp3", &[]),
        ("a.m4a", &["-c:a", "aac"]),
        ("a.aac", &["-c:a", "aac"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.opus", &["-c:a", "libopus", "-ar", "48000"]),
        ("a.webm", &["-c:a", "libopus", "-ar", "48000"]),
        ("a.caf", &["-c:a", "pcm_s16le"]),
    ];
    let mut random = Random(12_345);
    for (name, arguments) in formats {
        let path = tone(&ffmpeg, folder.path().join(name), "0.5", arguments);
        let whole = fs::read(&path).unwrap();
        for round in 0..30 {
            let mut bytes = whole.clone();
            // Every other round damages only the header.
            let reach = if round % 2 == 0 { bytes.len() } else { bytes.len().min(300) };
            for _ in 0..=random.below(12) {
                let at = random.below(reach);
                bytes[at] = random.below(256) as u8;
            }
            if round % 5 == 0 {
                let length = random.below(bytes.len());
                bytes.truncate(length);
            }
            fs::write(&path, &bytes).unwrap();
            if let Err(error) = decode(&path) {
                // Symphonia multiplies some header fields without an overflow check, which panics in debug builds only.
                let contained = error.code == ErrorCode::Panic && cfg!(debug_assertions);
                assert!(contained || error.class == ErrorClass::BadInput, "{name}, round {round}: {error}");
            }
        }
    }
}
