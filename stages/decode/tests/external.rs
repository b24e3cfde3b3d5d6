//! Files that ffmpeg decodes, and files that it could decode.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use decode::{DecodeConfig, DecodeInput, DecodeSettings, Decoded, Decoder, DecoderChoice, probe, probe_with};
use stage_core::{ErrorClass, PipelineError, Stage, WarningKind, sha256_file, sha256_hex};
use support::{messages, native};
use testkit::{Ffmpeg, f32_samples, fixture};

fn with(settings: DecodeSettings, path: &Path) -> Result<Decoded, PipelineError> {
    let config = DecodeConfig { settings, ..DecodeConfig::default() };
    Decoder::new(config).run((DecodeInput { path, sha256: &sha256_file(path).unwrap() }, None))
}

/// Decodes with the default settings.
fn decode(path: &Path) -> Result<Decoded, PipelineError> {
    with(DecodeSettings::default(), path)
}

fn choice(decoder: DecoderChoice) -> DecodeSettings {
    DecodeSettings { decoder, ..DecodeSettings::default() }
}

/// A call in the format that the arguments and the name state.
fn call(ffmpeg: &Ffmpeg, folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let (path, call) = (folder.join(name), fixture("calls/reading.wav"));
    ffmpeg.write(&[&["-i", call.to_str().unwrap()], arguments, &[path.to_str().unwrap()]].concat());
    path
}

/// AMR in 3gp, as phones record it.
fn in_3gp(ffmpeg: &Ffmpeg, folder: &Path) -> PathBuf {
    let (path, amr) = (folder.join("call.3gp"), fixture("amr/reading.amr"));
    ffmpeg.write(&["-i", amr.to_str().unwrap(), "-c", "copy", path.to_str().unwrap()]);
    path
}

/// ffmpeg's samples of all channels of the first track.
fn theirs(ffmpeg: &Ffmpeg, input: &[&str], path: &Path) -> Vec<f32> {
    let input = [input, &["-i", path.to_str().unwrap()]].concat();
    f32_samples(&ffmpeg.output(&[&["-cpuflags", "0"], &input[..], &["-f", "f32le", "-"]].concat()))
}

/// Checks that ffmpeg decodes the file by default, and that its samples, their hash and all records are right.
fn check(ffmpeg: &Ffmpeg, path: &Path, container: &str, codec: &str, rate_hz: u32, input: &[&str]) -> Decoded {
    let name = path.display();
    let decoded = decode(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let recording = &decoded.recording;
    assert_eq!((recording.container.as_str(), recording.codec.as_str()), (container, codec), "{name}");
    assert_eq!((recording.sample_rate_hz, recording.channels, messages(&decoded).len()), (rate_hz, 1, 0), "{name}");
    assert!((8.2..8.5).contains(&recording.duration_s), "{name}: {}", recording.duration_s);
    let external = recording.external_decoder.as_ref().unwrap();
    assert!(external.path.starts_with('/') && external.version.starts_with("ffmpeg version "), "{external:?}");
    assert!(external.arguments.windows(2).any(|pair| pair == ["-map", "0:a:0"]), "{external:?}");
    let account = recording.account.as_ref().unwrap();
    let len = fs::metadata(path).unwrap().len();
    assert_eq!(account.audio_bytes + account.other_bytes + account.left_out_bytes, len, "{name}");
    assert!(account.audio_bytes > len / 2 && account.left_out_bytes == 0, "{name}: {account:?}");
    assert_eq!((account.tracks.len(), &account.tracks[0].channels[..]), (1, &[0][..]), "{name}");

    let samples = native(&decoded.pcm).unwrap();
    // Which decoder of AMR it is depends on how ffmpeg was built.
    let better = external.arguments.iter().find(|argument| argument.starts_with("libopencore_"));
    let decoder = better.map_or_else(Vec::new, |decoder| vec!["-c:a", decoder]);
    let theirs = theirs(ffmpeg, &[input, &decoder].concat(), path);
    assert_eq!(samples.len(), theirs.len(), "{name}");
    assert!(samples == theirs, "{name}: the samples are ffmpeg's");
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert_eq!(sha256_hex(&bytes), recording.pcm_sha256, "{name}");
    let header = probe(path).unwrap();
    assert_eq!((header.container.as_str(), header.codec.as_str()), (container, codec), "{name}");
    assert_eq!(header.external_decoder, Some(external.version.clone()), "{name}");
    decoded
}

#[test]
fn external_decoder_decodes_amr_of_phones() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    check(&ffmpeg, &fixture("amr/reading.amr"), "amr", "amr_nb", 8_000, &[]);
    check(&ffmpeg, &fixture("amr/reading.awb"), "amr", "amr_wb", 16_000, &[]);
    check(&ffmpeg, &in_3gp(&ffmpeg, folder.path()), "isomp4", "amr_nb", 8_000, &[]);
}

/// Discontinuous transmission: the pauses have no packets with speech. ffmpeg's own decoder gives nothing for them, so
/// that every later word would come too early.
#[test]
fn external_decoder_keeps_the_times_of_amr_with_pauses() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let amr = fixture("amr/reading-dtx.amr");
    let in_3gp = folder.path().join("call.3gp");
    ffmpeg.write(&["-i", amr.to_str().unwrap(), "-c", "copy", in_3gp.to_str().unwrap()]);
    let sizes = [12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0];
    let bytes = fs::read(&amr).unwrap();
    let (mut at, mut has_speech) = (6, Vec::new());
    while at < bytes.len() {
        let kind = usize::from(bytes[at] >> 3 & 15);
        has_speech.push(kind < 8);
        at += 1 + sizes[kind];
    }
    let pauses = has_speech.iter().filter(|speech| !**speech).count();
    assert!((40..100).contains(&pauses) && has_speech.len() == 415);
    for path in [amr, in_3gp] {
        let decoded = decode(&path).unwrap();
        let samples = native(&decoded.pcm).unwrap();
        assert_eq!(samples.len(), 415 * 160, "{}", path.display());
        if decoded.recording.external_decoder.as_ref().unwrap().arguments.contains(&"libopencore_amrnb".to_owned()) {
            continue;
        }
        let [warning] = &decoded.recording.warnings[..] else { panic!("{:?}", decoded.recording.warnings) };
        assert_eq!((warning.kind, decoded.recording.loses_sound()), (WarningKind::Gap, false), "{warning}");
        let speech: Vec<f32> = samples
            .chunks(160)
            .zip(&has_speech)
            .filter(|(_, speech)| **speech)
            .flat_map(|(frame, _)| frame.to_vec())
            .collect();
        assert!(speech == theirs(&ffmpeg, &[], &path), "what is decoded stands at its time");
    }
}

#[test]
fn external_decoder_decodes_what_has_no_built_in_decoder() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments, container, codec, rate_hz) in [
        ("g722.wav", &["-c:a", "g722", "-ar", "16000"][..], "wav", "adpcm_g722", 16_000),
        ("g726.wav", &["-c:a", "g726", "-b:a", "32k"], "wav", "adpcm_g726", 8_000),
        ("call.spx", &["-c:a", "libspeex"], "ogg", "speex", 8_000),
        ("call.wma", &["-c:a", "wmav2", "-ar", "16000"], "asf", "wmav2", 16_000),
        ("call.ac3", &["-c:a", "ac3", "-ar", "32000"], "ac3", "ac3", 32_000),
        ("ac3.mka", &["-c:a", "ac3", "-ar", "32000"], "matroska", "ac3", 32_000),
    ] {
        check(&ffmpeg, &call(&ffmpeg, folder.path(), name, arguments), container, codec, rate_hz, &[]);
    }
    // The bytes of the file do not show its format, only its name does.
    let raw = call(&ffmpeg, folder.path(), "call.g722", &["-c:a", "g722", "-ar", "16000"]);
    check(&ffmpeg, &raw, "g722", "adpcm_g722", 16_000, &["-f", "g722"]);
}

#[test]
fn external_decoder_decodes_what_the_built_in_one_cannot_decode_in_full() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = call(&ffmpeg, folder.path(), "call.ogg", &["-c:a", "libvorbis", "-ac", "6"]);
    let error = with(choice(DecoderChoice::Native), &path).unwrap_err();
    assert_eq!(error.code.as_str(), "unsupported-profile");
    assert!(error.message.contains("Vorbis with more than two channels"), "{error}");
    assert!(error.message.contains("--decoder ffmpeg"), "{error}");
    let decoded = decode(&path).unwrap();
    assert_eq!((decoded.recording.channels, decoded.recording.codec.as_str()), (6, "vorbis"));
    assert!(decoded.recording.external_decoder.is_some());
}

#[test]
fn external_decoder_can_be_used_for_all_files() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let path = fixture("calls/two-speakers_261105_142530.m4a");
    let decoded = with(choice(DecoderChoice::Ffmpeg), &path).unwrap();
    let recording = &decoded.recording;
    assert_eq!((recording.container.as_str(), recording.codec.as_str()), ("isomp4", "aac"));
    assert!(native(&decoded.pcm).unwrap() == theirs(&ffmpeg, &[], &path));
    assert!(recording.external_decoder.is_some());
    assert_eq!(recording.channels, 2);
    let header = probe_with(&path, &choice(DecoderChoice::Ffmpeg)).unwrap();
    assert!(header.external_decoder.is_some() && (7.5..9.0).contains(&header.duration_s.unwrap()));
}

#[test]
fn external_decoder_is_a_part_of_the_identity_only_if_it_is_always_used() {
    let identity = |decoder| {
        let config = DecodeConfig { settings: choice(decoder), ..DecodeConfig::default() };
        Decoder::new(config).identity()
    };
    assert_eq!(identity(DecoderChoice::Auto), identity(DecoderChoice::Native));
    assert_ne!(identity(DecoderChoice::Auto), identity(DecoderChoice::Ffmpeg));
}

#[test]
fn external_decoder_makes_every_track_a_channel() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (near, far) = (fixture("amr/reading.amr"), fixture("amr/reading.awb"));
    let path = folder.path().join("both.3gp");
    // The far side starts half a second later and ends two seconds earlier.
    let inputs = ["-i", near.to_str().unwrap(), "-itsoffset", "0.5", "-t", "6", "-i", far.to_str().unwrap()];
    ffmpeg.write(&[&inputs[..], &["-map", "0", "-map", "1", "-c", "copy", path.to_str().unwrap()]].concat());
    let decoded = decode(&path).unwrap();
    let recording = &decoded.recording;
    assert_eq!((recording.sample_rate_hz, recording.channels, recording.codec.as_str()), (16_000, 2, "amr_nb"));
    let tracks = &recording.account.as_ref().unwrap().tracks;
    assert_eq!(tracks.iter().map(|track| track.codec.as_str()).collect::<Vec<_>>(), ["amr_nb", "amr_wb"]);
    assert_eq!(tracks.iter().map(|track| &track.channels[..]).collect::<Vec<_>>(), [[0], [1]]);
    let [_, second] = &support::channels(&decoded)[..] else { panic!() };
    let alone = theirs(&ffmpeg, &[], &far);
    assert!(second[..8_000].iter().all(|&sample| sample == 0.0), "it starts later");
    assert!(second[8_000..8_000 + 5 * 16_000] == alone[..5 * 16_000]);
    assert!(second[7 * 16_000..].iter().all(|&sample| sample == 0.0), "it ends earlier");
    assert_eq!(messages(&decoded), [""; 0]);
}

#[test]
fn external_decoder_that_is_not_allowed_is_named_in_the_refusal() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let make = |name, arguments| call(&ffmpeg, folder.path(), name, arguments);
    for (path, codec) in [
        (fixture("amr/reading.amr"), "AMR-NB"),
        (fixture("amr/reading.awb"), "AMR-WB"),
        (in_3gp(&ffmpeg, folder.path()), "AMR-NB"),
        (make("g722.wav", &["-c:a", "g722", "-ar", "16000"]), "G.722"),
        (make("g726.wav", &["-c:a", "g726", "-b:a", "32k"]), "G.726"),
        (make("call.spx", &["-c:a", "libspeex"]), "Speex"),
        (make("call.wma", &["-c:a", "wmav2"]), "WMA"),
        (make("call.g722", &["-c:a", "g722", "-ar", "16000"]), "G.722"),
        (make("call.ac3", &["-c:a", "ac3", "-ar", "32000"]), "AC-3"),
        (make("ac3.mka", &["-c:a", "ac3", "-ar", "32000"]), "AC-3"),
        (make("ac3.mp4", &["-c:a", "ac3", "-ar", "32000"]), "AC-3"),
    ] {
        let error = with(choice(DecoderChoice::Native), &path).unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::BadInput, "unsupported-codec"), "{error}");
        let advice = "use --decoder auto or --decoder ffmpeg, for which ffmpeg must be installed";
        assert_eq!(error.message, format!("there is no built-in decoder for {codec}; {advice}"));
        assert_eq!(probe_with(&path, &choice(DecoderChoice::Native)).unwrap_err().message, error.message);
    }
}

/// A program that says that it is ffmpeg, and then runs `script`.
fn fake(folder: &Path, script: &str) -> DecodeSettings {
    let path = folder.join("fake");
    let version = "[ \"$1\" = -version ] && echo 'ffmpeg version 9.9 fake' && exit 0";
    fs::write(&path, format!("#!/bin/sh\n{version}\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    DecodeSettings { ffmpeg: Some(path), ..DecodeSettings::default() }
}

#[test]
fn external_decoder_that_fails_is_named_with_its_message() {
    let path = fixture("amr/reading.amr");
    let failed = |script: &str| {
        let folder = tempfile::tempdir().unwrap();
        with(fake(folder.path(), script), &path).unwrap_err()
    };
    let error = failed("echo '[fatal] /dev/fd/0: the disk of the moon is full' >&2; exit 1");
    assert!(error.message.starts_with("there is no built-in decoder for AMR-NB; ffmpeg ("), "{error}");
    assert!(error.message.ends_with("cannot decode it either: the disk of the moon is full"), "{error}");
    assert_eq!(error.class, ErrorClass::BadInput);
    let error = failed("kill -TERM $$");
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Transient, "external-decoder"), "{error}");
    assert!(error.message.contains("signal 15"), "{error}");
    let config = DecodeSettings { ffmpeg: Some("/missing/ffmpeg".into()), ..DecodeSettings::default() };
    let error = with(config, &path).unwrap_err();
    assert!(error.message.contains("AMR-NB") && error.message.contains("/missing/ffmpeg"), "{error}");
}

#[test]
fn external_decoder_reports_damage() {
    if Ffmpeg::find().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(fixture("amr/reading.amr")).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    // A frame type that does not exist, in the middle.
    let mut damaged = bytes.clone();
    damaged[6 + 200 * 32] = 0x74;
    let recording = decode(&write("damaged.amr", &damaged)).unwrap().recording;
    assert!(recording.loses_sound(), "{:?}", recording.warnings);
    let cut = decode(&write("cut.amr", &bytes[..bytes.len() / 2])).unwrap();
    assert!((3.9..4.3).contains(&cut.recording.duration_s), "{}", cut.recording.duration_s);
    let error = decode(&write("header.amr", b"#!AMR\n")).unwrap_err();
    assert!(error.message.contains("AMR-NB"), "{error}");
    let noise: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let error = decode(&write("noise.bin", &noise)).unwrap_err();
    assert_eq!(error.code.as_str(), "unknown-container", "{error}");
    let text = decode(&write("text.mp3", "these are notes and no sound at all\n".repeat(100).as_bytes())).unwrap_err();
    assert_eq!(text.code.as_str(), "unknown-container", "{text}");
}

#[test]
fn external_decoder_does_not_read_other_files() {
    if Ffmpeg::find().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let call = fixture("calls/reading.wav");
    fs::copy(&call, folder.path().join("call.wav")).unwrap();
    let call = call.display();
    for (name, text) in [
        ("list.amr", format!("ffconcat version 1.0\nfile {call}\n")),
        ("list.wma", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{call}\n#EXT-X-ENDLIST\n")),
        ("list.spx", "ffconcat version 1.0\nfile call.wav\n".to_owned()),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        for decoder in [DecoderChoice::Auto, DecoderChoice::Ffmpeg] {
            assert!(with(choice(decoder), &path).is_err(), "{name}");
        }
    }
}

#[test]
fn external_decoder_reads_the_bytes_that_were_hashed() {
    let Some(_) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.amr");
    fs::copy(fixture("amr/reading.amr"), &path).unwrap();
    let decoded = decode(&path).unwrap();
    let first = native(&decoded.pcm).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(native(&decoded.pcm).unwrap() == first, "the open file is read, not its name");

    fs::copy(fixture("amr/reading.amr"), &path).unwrap();
    let decoded = decode(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[9_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(native(&decoded.pcm).unwrap_err().code.as_str(), "file-changed");
}

#[test]
fn gsm_is_decoded_without_the_external_decoder() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, encoder, input, container, codec) in
        [("call.gsm", "libgsm", &["-f", "gsm"][..], "gsm", "gsm"), ("call.wav", "libgsm_ms", &[], "wav", "gsm_ms")]
    {
        let path = call(&ffmpeg, folder.path(), name, &["-c:a", encoder]);
        let decoded = with(choice(DecoderChoice::Native), &path).unwrap();
        let recording = &decoded.recording;
        assert_eq!((recording.container.as_str(), recording.codec.as_str()), (container, codec));
        assert_eq!((recording.external_decoder.as_ref(), messages(&decoded)), (None, vec![]));
        let (ours, theirs) = (native(&decoded.pcm).unwrap(), theirs(&ffmpeg, input, &path));
        // A WAV file may state that the last block is not full.
        assert!(theirs.len() - ours.len() < 320 && ours.len() > 66_000);
        assert!(ours == theirs[..ours.len()]);
        assert_eq!(probe(&path).unwrap().external_decoder, None);
    }
}
