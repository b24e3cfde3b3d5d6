//! Every byte of a file is sound, something else, or left out with a warning: files that were cut, joined or changed, and
//! headers that state wrong sizes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use stage_core::{Recording, WarningKind};
use support::{channels, decode, error_db, messages, native, set_ogg_checksum};
use testkit::{FORMATS, Ffmpeg};

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

/// Power of the difference relative to that of the reference, in dB.
fn difference_db(signal: &[f32], reference: &[f32]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f32>| samples.map(|x| f64::from(x * x)).sum::<f64>();
    let difference = power(&mut signal.iter().zip(reference).map(|(a, b)| a - b));
    10.0 * ((difference + 1e-20) / power(&mut reference.iter().copied())).log10()
}

/// Asserts a length in seconds, within two frames of the longest codec frame at that rate.
fn assert_length(recording: &Recording, seconds: f64) {
    let frame_s = 2.0 * 1_152.0 / f64::from(recording.sample_rate_hz.min(44_100));
    let difference = (recording.duration_s - seconds).abs();
    assert!(difference <= frame_s, "{:.3} s, not {seconds:.3} s: {:?}", recording.duration_s, recording.warnings);
}

const LOSSY: [(&str, &[&str]); 8] = [
    ("a.mp3", &["-c:a", "libmp3lame"]),
    ("a.aac", &["-c:a", "aac"]),
    ("a.m4a", &["-c:a", "aac"]),
    ("first.m4a", &["-c:a", "aac", "-movflags", "+faststart"]),
    ("a.ogg", &["-c:a", "libvorbis"]),
    ("a.opus", &["-c:a", "libopus"]),
    ("a.webm", &["-c:a", "libopus"]),
    ("a.mka", &["-c:a", "aac"]),
];

#[test]
fn account_of_whole_files_has_no_warnings() {
    let Some(made) = Made::new() else { return };
    for (name, arguments) in LOSSY.iter().copied().chain(FORMATS) {
        let name = if name.contains('.') { name.to_owned() } else { format!("plain.{name}") };
        let recording = recording(&made.file(&name, 200, 4.0, arguments));
        assert_eq!(messages_of(&recording), Vec::<&str>::new(), "{name}");
        assert_eq!(recording.account.unwrap().left_out_bytes, 0, "{name}");
    }
}

fn messages_of(recording: &Recording) -> Vec<&str> {
    recording.warnings.iter().map(|warning| warning.message.as_str()).collect()
}

#[test]
fn files_that_are_cut_give_what_is_there_and_a_warning() {
    let Some(made) = Made::new() else { return };
    let whole = [
        ("a.wav", &["-c:a", "pcm_s16le"][..]),
        ("a.flac", &["-c:a", "flac"]),
        ("a.aiff", &[]),
        ("a.au", &[]),
        ("a.caf", &["-c:a", "pcm_s16le"]),
    ];
    let indexed_last = ["a.m4a"];
    for (name, arguments) in LOSSY.iter().copied().chain(whole).filter(|(name, _)| !indexed_last.contains(name)) {
        let path = made.file(name, 200, 8.5, &[arguments, &["-b:a", "64k"]].concat());
        let bytes = fs::read(&path).unwrap();
        let full_s = recording(&path).duration_s;
        for percent in [30, 60, 90, 99] {
            let cut = made.write(&format!("cut{percent}.{name}"), &bytes[..bytes.len() * percent / 100]);
            let recording = recording(&cut);
            let expected = full_s * percent as f64 / 100.0;
            let off = (recording.duration_s - expected).abs();
            // A page of Ogg holds a second, and is used as a whole.
            let page_s = if name.ends_with("ogg") || name.ends_with("opus") { 1.0 } else { 0.0 };
            assert!(
                off < 0.4 + 0.05 * full_s + page_s,
                "{name} {percent} %: {:.3} s, not {expected:.3}",
                recording.duration_s
            );
            assert!(recording.loses_sound(), "{name} {percent} %: {:?}", recording.warnings);
        }
    }
}

#[test]
fn mp4_without_its_index_is_a_named_error() {
    let Some(made) = Made::new() else { return };
    let bytes = fs::read(made.file("a.m4a", 200, 4.0, &["-c:a", "aac"])).unwrap();
    let error = decode(&made.write("cut.m4a", &bytes[..bytes.len() / 2])).unwrap_err();
    assert_eq!(error.code.as_str(), "damaged-container");
    assert!(error.to_string().contains("moov"), "{error}");
}

/// A wav of 16 bits and one channel at 8 kHz, with the stated sizes of the file and of its samples.
fn wav(riff: u32, data: u32, samples: usize, behind: &[u8]) -> Vec<u8> {
    let mut bytes = [b"RIFF", &riff.to_le_bytes()[..], b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    bytes.extend([1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    bytes.extend((0..samples).flat_map(|n| (((n as f64 * 0.1).sin() * 9e3) as i16).to_le_bytes()));
    bytes.extend(behind);
    bytes
}

#[test]
fn wav_with_wrong_sizes_gives_all_samples_and_a_warning() {
    let Some(made) = Made::new() else { return };
    let len = 68_000u32;
    let list = b"LIST\x10\0\0\0INFOISFT\x04\0\0\0tool";
    for (name, riff, data, behind, warnings) in [
        ("right", len + 36, len, &b""[..], &[][..]),
        ("right with a list", len + 36 + 24, len, list, &[]),
        ("a pipe", u32::MAX, u32::MAX, b"", &[]),
        ("never finished", 36, 0, b"", &[WarningKind::Header]),
        ("never finished, all zero", 0, 0, b"", &[WarningKind::Header]),
        ("RIFF size 0", 0, len, b"", &[WarningKind::Header]),
        ("RIFF size 8 bytes short", len + 28, len, b"", &[WarningKind::Header]),
        ("RIFF size too long", len + 360, len, b"", &[WarningKind::Header]),
        ("samples appended", 36 + 8_000, 8_000, b"", &[WarningKind::Header]),
        ("data size too long", len + 36, len + 8_000, b"", &[WarningKind::Incomplete]),
        ("data size too long, a pipe's", u32::MAX, len + 8_000, b"", &[WarningKind::Incomplete]),
    ] {
        let path = made.write(&format!("{name}.wav"), &wav(riff, data, len as usize / 2, behind));
        let recording = recording(&path);
        assert_eq!(recording.pcm.source_frames, u64::from(len) / 2, "{name}: {:?}", recording.warnings);
        assert_eq!(kinds(&recording), warnings, "{name}: {:?}", recording.warnings);
    }
    let empty = recording(&made.write("empty.wav", &wav(36, 0, 0, b"")));
    assert_eq!((empty.pcm.source_frames, empty.warnings.len()), (0, 0));
    let empty = recording(&made.write("empty with a list.wav", &wav(36 + 24, 0, 0, list)));
    assert_eq!((empty.pcm.source_frames, empty.warnings.len()), (0, 0));
    assert_eq!(empty.tags["ISFT"], "tool");
}

#[test]
fn rf64_and_au_and_aiff_equal_the_wav() {
    let Some(made) = Made::new() else { return };
    let wav = made.file("a.wav", 200, 4.0, &["-c:a", "pcm_s16le"]);
    let expected = recording(&wav).pcm_sha256;
    for (name, arguments) in [
        ("rf64.wav", &["-rf64", "always", "-c:a", "pcm_s16le"][..]),
        ("a.au", &["-c:a", "pcm_s16be"]),
        ("a.aiff", &["-c:a", "pcm_s16be"]),
        ("a.caf", &["-c:a", "pcm_s16le"]),
        ("a.flac", &["-c:a", "flac"]),
    ] {
        let path = made.folder.path().join(name);
        made.ffmpeg.write(&[&["-i", wav.to_str().unwrap()], arguments, &[path.to_str().unwrap()]].concat());
        let recording = recording(&path);
        assert_eq!(recording.pcm_sha256, expected, "{name}");
        assert_eq!(messages_of(&recording), Vec::<&str>::new(), "{name}");
    }
    // Sizes that were never written.
    let bytes = fs::read(made.folder.path().join("rf64.wav")).unwrap();
    assert_eq!(&bytes[..4], b"RF64");
    for (name, at, size) in [("au", 8, 4), ("aiff", 4, 4)] {
        let mut bytes = fs::read(made.folder.path().join(format!("a.{name}"))).unwrap();
        bytes[at..at + size].fill(0);
        let recording = recording(&made.write(&format!("unfinished.{name}"), &bytes));
        assert_eq!(recording.pcm_sha256, expected, "{name}");
    }
}

#[test]
fn files_that_were_joined_give_all_of_both() {
    let Some(made) = Made::new() else { return };
    let mono = ["-ac", "1"];
    let formats: [(&str, &[&str]); 11] = [
        ("mp3", &["-c:a", "libmp3lame"]),
        ("aac", &["-c:a", "aac"]),
        ("m4a", &["-c:a", "aac"]),
        ("flac", &["-c:a", "flac"]),
        ("wav", &["-c:a", "pcm_s16le"]),
        ("ogg", &["-c:a", "libvorbis"]),
        ("opus", &["-c:a", "libopus"]),
        ("webm", &["-c:a", "libopus"]),
        ("aiff", &[]),
        ("au", &[]),
        ("caf", &["-c:a", "pcm_s16le"]),
    ];
    for (format, arguments) in formats {
        let a = made.file(&format!("a.{format}"), 200, 2.5, &[arguments, &mono].concat());
        let b = made.file(&format!("b.{format}"), 500, 3.5, &[arguments, &mono].concat());
        let (bytes_a, bytes_b) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
        let joined = made.write(&format!("joined.{format}"), &[bytes_a, bytes_b].concat());
        let (alone_a, alone_b) = (decode(&a).unwrap(), decode(&b).unwrap());
        let both = decode(&joined).unwrap();
        let frames = alone_a.pcm.frames() + alone_b.pcm.frames();
        assert!(both.pcm.frames().abs_diff(frames) <= 2, "{format}: {} of {frames}", both.pcm.frames());
        assert!(!both.recording.loses_sound(), "{format}: {:?}", messages(&both));
        // ADTS has no header in front of its frames: the frames of both are one stream.
        let parts = if format == "aac" { 1 } else { 2 };
        assert_eq!(messages(&both).iter().any(|message| message.contains("2 recordings")), parts == 2, "{format}");
        assert_eq!(recording(&joined).account.unwrap().parts, parts, "{format}");
        let (first, alone) = (native(&alone_a.pcm).unwrap().len(), native(&alone_b.pcm).unwrap());
        let second = &native(&both.pcm).unwrap()[first..];
        // The first frame of a stream overlaps with what was before it.
        let error = difference_db(&second[2_048..], &alone[2_048..]);
        assert!(error < -50.0, "{format}: {error:.1} dB");
    }
}

#[test]
fn files_that_change_rate_or_channels_give_all_of_both() {
    let Some(made) = Made::new() else { return };
    let formats: [(&str, &[&str]); 6] = [
        ("mp3", &["-c:a", "libmp3lame"]),
        ("aac", &["-c:a", "aac"]),
        ("wav", &["-c:a", "pcm_s16le"]),
        ("flac", &["-c:a", "flac"]),
        ("ogg", &["-c:a", "libvorbis"]),
        ("m4a", &["-c:a", "aac"]),
    ];
    for (format, arguments) in formats {
        for (first, second, rate_hz, count) in [
            (["16000", "1"], ["44100", "1"], 44_100, 1),
            (["44100", "1"], ["16000", "1"], 44_100, 1),
            (["16000", "1"], ["16000", "2"], 16_000, 2),
            (["8000", "2"], ["44100", "1"], 44_100, 2),
        ] {
            let part = |name: &str, hz, seconds, [rate, channels]: [&str; 2]| {
                let arguments = [arguments, &["-ar", rate, "-ac", channels]].concat();
                fs::read(made.file(&format!("{name}.{format}"), hz, seconds, &arguments)).unwrap()
            };
            let (a, b) = (part("a", 200, 2.5, first), part("b", 500, 3.5, second));
            let length = |name: &str| recording(&made.folder.path().join(format!("{name}.{format}"))).duration_s;
            let joined = made.write(&format!("changed.{format}"), &[a, b].concat());
            let recording = recording(&joined);
            let case = format!("{format} {first:?} {second:?}");
            assert_eq!((recording.sample_rate_hz, recording.channels), (rate_hz, count), "{case}");
            assert!(
                (recording.duration_s - length("a") - length("b")).abs() < 0.001,
                "{case}: {}",
                recording.duration_s
            );
            assert!(!recording.loses_sound(), "{case}: {:?}", recording.warnings);
        }
    }
}

#[test]
fn mp3_whose_header_states_a_wrong_length_gives_all_frames() {
    let Some(made) = Made::new() else { return };
    let path = made.file("a.mp3", 200, 4.0, &["-c:a", "libmp3lame", "-ac", "1"]);
    let bytes = fs::read(&path).unwrap();
    let whole = recording(&path);
    let at = bytes.windows(4).position(|four| four == b"Xing" || four == b"Info").unwrap() + 8;
    let stated = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    for (name, frames, kind) in [
        ("placeholder", 0, None),
        ("half", stated / 2, Some(WarningKind::Header)),
        ("double", stated * 2, Some(WarningKind::Incomplete)),
    ] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&frames.to_be_bytes());
        let recording = recording(&made.write(&format!("{name}.mp3"), &bytes));
        assert_length(&recording, whole.duration_s);
        assert_eq!(kinds(&recording), kind.into_iter().collect::<Vec<_>>(), "{name}: {:?}", recording.warnings);
    }
}

#[test]
fn tracks_side_by_side_are_channels() {
    let Some(made) = Made::new() else { return };
    for (name, arguments) in [
        ("two.m4a", &["-c:a", "aac"][..]),
        ("two.mka", &["-c:a", "libopus"]),
        ("two.mkv", &["-c:a", "pcm_s16le", "-disposition:a:0", "0", "-disposition:a:1", "default"]),
        ("two.ogg", &["-c:a", "libvorbis"]),
        ("alac.m4a", &["-c:a", "alac"]),
    ] {
        let path = made.folder.path().join(name);
        let (near, far) = (tone(200, 2.5), tone(500, 3.5));
        let inputs = ["-f", "lavfi", "-i", &near, "-f", "lavfi", "-i", &far, "-map", "0:a", "-map", "1:a"];
        made.ffmpeg.write(&[&inputs[..], arguments, &[path.to_str().unwrap()]].concat());
        let recording = recording(&path);
        let decoded = decode(&path).unwrap();
        assert_eq!(recording.channels, 2, "{name}");
        assert!(!recording.loses_sound(), "{name}: {:?}", recording.warnings);
        assert!((recording.duration_s - 3.5).abs() < 0.1, "{name}: {}", recording.duration_s);
        let tracks = recording.account.unwrap().tracks;
        assert_eq!(tracks.iter().map(|track| track.channels.clone()).collect::<Vec<_>>(), [[0], [1]], "{name}");
        for (channel, samples) in channels(&decoded).iter().enumerate() {
            let codec = if name == "two.mka" { "opus" } else { "" };
            let map = format!("0:a:{channel}");
            let filter = ["-af", "aresample=resampler=soxr:precision=28", "-ar", "16000", "-f", "f32le", "-"];
            let input = ["-i", path.to_str().unwrap(), "-map", &map];
            let output = made.ffmpeg.output(&[Ffmpeg::decoder(codec), &input[..], &filter].concat());
            let error = error_db(samples, &testkit::f32_samples(&output), 48_000);
            assert!(error < -45.0, "{name} track {channel}: {error:.1} dB");
        }
    }
}

#[test]
fn matroska_that_is_cut_between_its_elements_is_not_silently_shorter() {
    let Some(made) = Made::new() else { return };
    let bytes = fs::read(made.file("a.mka", 200, 3.0, &["-c:a", "aac", "-cluster_time_limit", "500"])).unwrap();
    let clusters: Vec<usize> =
        (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == [0x1f, 0x43, 0xb6, 0x75]).collect();
    assert!(clusters.len() > 3);
    for at in clusters {
        match decode(&made.write("cut.mka", &bytes[..at])) {
            Ok(decoded) => {
                let is_whole = decoded.recording.duration_s > 2.9;
                assert!(is_whole || decoded.recording.loses_sound(), "{:?}", messages(&decoded));
            }
            Err(error) => assert_eq!(error.class, stage_core::ErrorClass::BadInput, "{error}"),
        }
    }
}

#[test]
fn rate_that_is_implausible_is_damage() {
    let Some(made) = Made::new() else { return };
    let mut bytes = fs::read(made.file("a.caf", 200, 2.0, &["-c:a", "alac"])).unwrap();
    let cookie = bytes.windows(8).position(|eight| eight == b"\0\0\0\x24alac").unwrap();
    // The last number of the configuration.
    bytes[cookie + 32..cookie + 36].fill(0xfe);
    let error = decode(&made.write("mutant.caf", &bytes)).unwrap_err();
    assert_eq!(error.code.as_str(), "undecodable", "{error}");
}

#[test]
fn cluster_whose_id_is_damaged_is_left_out_with_a_warning() {
    let Some(made) = Made::new() else { return };
    let bytes = fs::read(made.file("a.mka", 200, 3.0, &["-c:a", "aac"])).unwrap();
    let clusters: Vec<usize> =
        (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == [0x1f, 0x43, 0xb6, 0x75]).collect();
    for at in clusters {
        let mut mutant = bytes.clone();
        mutant[at + 3] = 0;
        match decode(&made.write("mutant.mka", &mutant)) {
            Ok(decoded) => assert!(decoded.recording.loses_sound(), "{:?}", messages(&decoded)),
            Err(error) => assert_eq!(error.class, stage_core::ErrorClass::BadInput, "{error}"),
        }
    }
}

#[test]
fn sizes_that_are_not_known_are_not_damage() {
    let Some(made) = Made::new() else { return };
    let live = made.file("live.webm", 200, 4.0, &["-c:a", "libopus", "-live", "1", "-cluster_time_limit", "500"]);
    let recording_of_browser = recording(&live);
    assert_eq!(messages_of(&recording_of_browser), Vec::<&str>::new());
    assert_length(&recording_of_browser, 4.0);

    let mut bytes = fs::read(made.file("a.m4a", 200, 4.0, &["-c:a", "aac", "-movflags", "+faststart"])).unwrap();
    let at = bytes.windows(4).position(|four| four == b"mdat").unwrap() - 4;
    bytes[at..at + 4].fill(0);
    let recording = recording(&made.write("open.m4a", &bytes));
    assert_eq!(messages_of(&recording), Vec::<&str>::new());
    assert_length(&recording, 4.0);
}

#[test]
fn opus_output_gain_is_applied_and_stated() {
    let Some(made) = Made::new() else { return };
    for name in ["a.opus", "a.webm", "a.mp4"] {
        let path = made.file(name, 200, 2.0, &["-c:a", "libopus", "-strict", "-2"]);
        let plain = channels(&decode(&path).unwrap()).remove(0);
        for gain_db in [-20.0f32, 12.0] {
            let mut bytes = fs::read(&path).unwrap();
            let gain = (gain_db * 256.0) as i16;
            let head = bytes.windows(8).position(|eight| eight == b"OpusHead");
            let (at, gain) = match head {
                Some(head) => (head + 16, gain.to_le_bytes()),
                None => (bytes.windows(4).position(|four| four == b"dOps").unwrap() + 12, gain.to_be_bytes()),
            };
            bytes[at..at + 2].copy_from_slice(&gain);
            if name == "a.opus" {
                let end = 27 + usize::from(bytes[26]) + usize::from(bytes[27]);
                set_ogg_checksum(&mut bytes[..end]);
            }
            let decoded = decode(&made.write(&format!("gain.{name}"), &bytes)).unwrap();
            let factor = 10f32.powf(gain_db / 20.0);
            let louder = &channels(&decoded)[0];
            let worst = plain.iter().zip(louder).map(|(a, b)| (a * factor - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{name} {gain_db}: {worst}");
            assert_eq!(decoded.recording.tags["OPUS_OUTPUT_GAIN_DB"], format!("{gain_db:.2}"));
        }
    }
}

#[test]
fn damage_without_a_packet_is_an_error() {
    let Some(made) = Made::new() else { return };
    for (name, arguments) in LOSSY {
        let mut bytes = fs::read(made.file(name, 200, 2.0, arguments)).unwrap();
        // The second half of the header stays, all sound is gone.
        let from = bytes.len() / 8;
        bytes[from..].fill(0xa5);
        match decode(&made.write(&format!("gone.{name}"), &bytes)) {
            Ok(decoded) => assert!(decoded.recording.loses_sound() && decoded.pcm.frames() > 0, "{name}"),
            Err(error) => assert_eq!(error.class, stage_core::ErrorClass::BadInput, "{name}: {error}"),
        }
    }
}

#[test]
fn junk_around_and_between_recordings_is_left_out_with_a_warning() {
    let Some(made) = Made::new() else { return };
    let junk: Vec<u8> = (0..5_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x5f).collect();
    for (name, arguments) in LOSSY.iter().copied().chain([("a.wav", &["-c:a", "pcm_s16le"][..]), ("a.flac", &[])]) {
        let bytes = fs::read(made.file(name, 200, 2.5, &[arguments, &["-ac", "1"]].concat())).unwrap();
        let alone_s = recording(&made.write(&format!("alone.{name}"), &bytes)).duration_s;
        for (place, parts, copies) in [
            ("before", [&junk[..], &bytes].concat(), 1.0),
            ("behind", [&bytes[..], &junk].concat(), 1.0),
            ("between", [&bytes[..], &junk, &bytes].concat(), 2.0),
        ] {
            let recording = recording(&made.write(&format!("{place}.{name}"), &parts));
            let case = format!("{name}, {place}: {:?}", recording.warnings);
            assert!(recording.duration_s > copies * alone_s - 0.1, "{:.3} s; {case}", recording.duration_s);
            if name == "a.wav" && place != "before" {
                // Recorders that die leave samples behind the stated end, so these bytes are played.
                assert!(kinds(&recording).contains(&WarningKind::Header), "{case}");
                continue;
            }
            assert!(recording.loses_sound(), "{case}");
            let left_out = recording.account.unwrap().left_out_bytes;
            // The demuxer of flac needs what follows a frame to know its end, and loses the last one and the junk.
            let is_counted = (4_000..6_500).contains(&left_out) || name == "a.flac";
            assert!(is_counted, "{left_out} bytes; {case}");
        }
    }
}

#[test]
fn tags_and_padding_are_not_sound() {
    let Some(made) = Made::new() else { return };
    let id3v1 = [b"TAG".to_vec(), vec![b'x'; 125]].concat();
    let id3v2 = [b"ID3\x04\0\0\0\0\x02\0".to_vec(), vec![0; 256]].concat();
    for (name, arguments) in LOSSY.iter().copied().chain([("a.wav", &["-c:a", "pcm_s16le"][..]), ("a.flac", &[])]) {
        let bytes = fs::read(made.file(name, 200, 2.5, arguments)).unwrap();
        let alone = recording(&made.write(&format!("alone.{name}"), &bytes));
        for (place, parts) in
            [("tagged", [&id3v2[..], &bytes, &id3v1].concat()), ("padded", [&bytes[..], &vec![0; 10_000]].concat())]
        {
            let recording = recording(&made.write(&format!("{place}.{name}"), &parts));
            let case = format!("{name}, {place}: {:?}", recording.warnings);
            assert_eq!(recording.pcm_sha256, alone.pcm_sha256, "{case}");
            assert!(!recording.loses_sound(), "{case}");
        }
    }
}

/// Changes random bytes, cuts, repeats, swaps or removes blocks.
fn mutate(bytes: &mut Vec<u8>, random: &mut testkit::Random) {
    let len = bytes.len();
    let (at, size) = (random.below(len), random.below(len / 4).max(1));
    let end = (at + size).min(len);
    match random.below(8) {
        0 => bytes.truncate(at.max(1)),
        1 => drop(bytes.drain(at..end)),
        2 => bytes[at..end].fill(0),
        3 => {
            let block = bytes[at..end].to_vec();
            bytes.splice(at..at, block);
        }
        4 => bytes[at..end].reverse(),
        5 => {
            // A size in the header.
            let at = random.below(len.min(200) - 4);
            let value = [0u32, u32::MAX, 0x8000_0000, 7][random.below(4)];
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        _ => {
            for _ in 0..=random.below(20) {
                let at = random.below(len);
                bytes[at] ^= 1 << random.below(8);
            }
        }
    }
}

#[test]
fn account_of_damaged_files_adds_up_and_no_loss_is_silent() {
    let Some(made) = Made::new() else { return };
    let plain = [
        ("a.wav", &["-c:a", "pcm_s16le"][..]),
        ("ima.wav", &["-c:a", "adpcm_ima_wav", "-ar", "8000"]),
        ("mp3.wav", &["-c:a", "libmp3lame"]),
        ("a.flac", &[]),
        ("a.aiff", &[]),
        ("a.au", &[]),
        ("a.caf", &["-c:a", "pcm_s16le"]),
        ("fragmented.mp4", &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000"]),
    ];
    let mut random = testkit::Random(15);
    let mut silent = Vec::new();
    for (name, arguments) in LOSSY.iter().copied().chain(plain) {
        let path = made.file(name, 200, 3.0, &[arguments, &["-ac", "1"]].concat());
        let (whole, bytes) = (recording(&path), fs::read(&path).unwrap());
        for round in 0..40 {
            let mut mutant = bytes.clone();
            mutate(&mut mutant, &mut random);
            let path = made.write(&format!("mutant.{name}"), &mutant);
            let error = match decode(&path) {
                Ok(_) => {
                    let recording = recording(&path);
                    let is_short = recording.duration_s < whole.duration_s - 0.1;
                    let removed = mutant.len() + 64 < bytes.len();
                    let explained = recording.loses_sound() || removed || !recording.warnings.is_empty();
                    let is_empty = recording.duration_s == 0.0 && recording.warnings.is_empty();
                    if is_empty || is_short && !explained {
                        silent.push(format!("{name} {round}: {:.3} s without a warning", recording.duration_s));
                        if let Ok(folder) = std::env::var("KEEP") {
                            fs::write(format!("{folder}/{round}.{name}"), &mutant).unwrap();
                            fs::write(format!("{folder}/whole.{name}"), &bytes).unwrap();
                        }
                    }
                    continue;
                }
                Err(error) => error,
            };
            assert_eq!(error.class, stage_core::ErrorClass::BadInput, "{name} {round}: {error}");
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn track_without_a_decoder_is_left_out_with_a_warning() {
    let Some(made) = Made::new() else { return };
    for (name, second) in [("a.mp4", "ac3"), ("a.mkv", "ac3"), ("a.mka", "eac3")] {
        let path = made.folder.path().join(name);
        let (near, far) = (tone(200, 2.5), tone(500, 3.5));
        let inputs = ["-f", "lavfi", "-i", &near, "-f", "lavfi", "-i", &far, "-map", "0:a", "-map", "1:a"];
        let codecs = ["-c:a:0", "aac", "-c:a:1", second, path.to_str().unwrap()];
        made.ffmpeg.write(&[&inputs[..], &codecs].concat());
        let recording = recording(&path);
        assert_eq!(recording.channels, 1, "{name}");
        let left_out = recording.warnings.iter().find(|warning| warning.kind == WarningKind::LeftOut);
        let message = &left_out.unwrap_or_else(|| panic!("{name}: {:?}", recording.warnings)).message;
        assert!(message.contains("AC-3"), "{name}: {message}");
        assert_eq!(recording.account.unwrap().tracks[1].channels, [0u16; 0], "{name}");
    }
}

#[test]
fn wav_with_two_runs_of_samples_leaves_out_the_second_with_a_warning() {
    let Some(made) = Made::new() else { return };
    let second = [b"data", &2_000u32.to_le_bytes()[..], &[7; 2_000]].concat();
    let recording = recording(&made.write("two.wav", &wav(8_000 + 36 + 2_008, 8_000, 4_000, &second)));
    assert_eq!(recording.pcm.source_frames, 4_000);
    assert!(kinds(&recording).contains(&WarningKind::LeftOut), "{:?}", recording.warnings);
}

#[test]
fn recordings_of_other_formats_behind_a_wav_or_mp3_are_not_played_as_its_samples() {
    let Some(made) = Made::new() else { return };
    let read = |path: PathBuf| fs::read(path).unwrap();
    let wav = read(made.file("a.wav", 200, 2.5, &["-c:a", "pcm_s16le", "-ac", "1"]));
    let mp3 = read(made.file("a.mp3", 500, 3.5, &["-c:a", "libmp3lame", "-ac", "1"]));
    for (name, parts, seconds) in [("wav_mp3.wav", [&wav, &mp3], 6.0), ("mp3_wav.mp3", [&mp3, &wav], 6.0)] {
        let recording = recording(&made.write(name, &parts.map(Vec::as_slice).concat()));
        assert!((recording.duration_s - seconds).abs() < 0.01, "{name}: {}", recording.duration_s);
        assert!(!recording.loses_sound(), "{name}: {:?}", recording.warnings);
    }
    let amr = [&wav[..], b"#!AMR\n", &[0x3c; 500]].concat();
    let recording = recording(&made.write("wav_amr.wav", &amr));
    assert!((recording.duration_s - 2.5).abs() < 0.001 && recording.loses_sound(), "{:?}", recording.warnings);
}

#[test]
fn tags_between_joined_files_move_no_time() {
    let Some(made) = Made::new() else { return };
    let id3v1 = [b"TAG".to_vec(), vec![b'x'; 125]].concat();
    for (name, arguments) in [("a.mp3", ["-c:a", "libmp3lame"]), ("a.aac", ["-c:a", "aac"])] {
        let bytes = fs::read(made.file(name, 200, 2.5, &[&arguments[..], &["-ac", "1"]].concat())).unwrap();
        let plain = recording(&made.write(&format!("plain.{name}"), &[&bytes[..], &bytes].concat()));
        let tagged = recording(&made.write(&format!("tagged.{name}"), &[&bytes[..], &id3v1, &bytes, &id3v1].concat()));
        assert_eq!((tagged.pcm.source_frames, tagged.loses_sound()), (plain.pcm.source_frames, false), "{name}");
    }
}

#[test]
fn sound_that_is_marked_as_not_to_be_played_is_stated() {
    let Some(made) = Made::new() else { return };
    let path = made.file("a.m4a", 200, 5.0, &["-c:a", "aac"]);
    let mut bytes = fs::read(&path).unwrap();
    assert!(!recording(&path).loses_sound());
    // The duration of the only edit: from 5 s to 2 s.
    let at = bytes.windows(4).position(|four| four == b"elst").unwrap() + 12;
    bytes[at..at + 4].copy_from_slice(&2_000u32.to_be_bytes());
    let recording = recording(&made.write("short.m4a", &bytes));
    assert_length(&recording, 2.0);
    assert!(kinds(&recording).contains(&WarningKind::LeftOut), "{:?}", recording.warnings);
}

#[test]
fn ogg_without_its_first_pages_is_stated() {
    let Some(made) = Made::new() else { return };
    let bytes = fs::read(made.file("a.opus", 200, 5.0, &["-c:a", "libopus", "-page_duration", "500000"])).unwrap();
    let pages: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == *b"OggS").collect();
    // Two header pages, then the sound.
    let without = [&bytes[..pages[2]], &bytes[pages[4]..]].concat();
    let recording = recording(&made.write("late.opus", &without));
    assert!(recording.loses_sound(), "{:?}", recording.warnings);
    // A live recording without the mark at its end is not damage.
    let unended = &bytes[..*pages.last().unwrap()];
    let path = made.write("live.opus", unended);
    assert_eq!(kinds(&decode(&path).unwrap().recording), [WarningKind::Header]);
}

#[test]
fn hole_in_the_middle_of_matroska_keeps_the_rest() {
    let Some(made) = Made::new() else { return };
    for (name, arguments) in [("a.webm", &["-c:a", "libopus"][..]), ("a.mkv", &["-c:a", "pcm_s16le"])] {
        let mut bytes = fs::read(made.file(name, 200, 5.0, arguments)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 3_000].fill(0);
        let recording = recording(&made.write(&format!("hole.{name}"), &bytes));
        assert!(recording.duration_s > 2.0 && recording.loses_sound(), "{name}: {:?}", recording.warnings);
    }
}

#[test]
fn sizes_that_contradict_each_other_are_resolved_by_the_others() {
    let Some(made) = Made::new() else { return };
    let mut bytes = fs::read(made.file("a.wav", 200, 5.0, &["-c:a", "pcm_s16le", "-ac", "1"])).unwrap();
    bytes[32] = 4;
    let recording_of_wav = recording(&made.write("align.wav", &bytes));
    assert_eq!((recording_of_wav.codec.as_str(), recording_of_wav.duration_s), ("pcm_s16le", 5.0));

    let mut bytes = fs::read(made.file("a.caf", 200, 5.0, &["-c:a", "pcm_s16le"])).unwrap();
    let data = bytes.windows(4).position(|four| four == b"data").unwrap();
    bytes[data + 4..data + 12].fill(0xff);
    let recording = recording(&made.write("open.caf", &bytes));
    assert_eq!((recording.duration_s, recording.warnings.len()), (5.0, 0), "{:?}", recording.warnings);
}
