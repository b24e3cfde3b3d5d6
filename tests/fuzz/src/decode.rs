//! Audio files: any file ends in a recording whose two decodings agree, or in an error of the input.

use ::decode::{DecodeConfig, DecodeInput, DecodeSettings, Decoder, DecoderChoice, probe_with};
use stage_core::{ErrorClass, PipelineError, Stage, sha256_hex};
use testkit::fixture;

/// The fixture calls: wav, flac, mp3, m4a and opus.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn corpus() -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(fixture("calls")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "json"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Decodes a file with these bytes.
///
/// # Panics
/// If an error does not blame the input, or if the two decodings of a recording differ.
pub fn check(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call");
    std::fs::write(&path, bytes).unwrap();
    let settings = DecodeSettings { decoder: DecoderChoice::Native, ..DecodeSettings::default() };
    let _ = probe_with(&path, &settings);
    let spill_dir = folder.path().to_owned();
    let config = DecodeConfig { memory_budget_bytes: 64 << 20, spill_dir, settings };
    let input = DecodeInput { path: &path, sha256: &sha256_hex(bytes) };
    let decoded = match Decoder::new(config).run((input, None)) {
        Ok(decoded) => decoded,
        Err(error) => return assert_blames_input(&error),
    };
    let (recording, pcm) = (&decoded.recording, &decoded.pcm);
    assert_eq!(pcm.frames(), recording.pcm.frames);
    let finite = |channel| pcm.read(channel, 0, (pcm.frames() as usize).min(1 << 20)).unwrap();
    assert!((0..pcm.channels()).all(|channel| finite(channel).iter().all(|sample| sample.is_finite())));
    let mut again = Vec::new();
    for packet in pcm.native().unwrap() {
        match packet {
            Ok(packet) => again.extend(packet.samples.iter().flat_map(|sample| sample.to_le_bytes())),
            Err(error) => return assert_blames_input(&error),
        }
    }
    assert_eq!(sha256_hex(&again), recording.pcm_sha256, "the second decoding differs");
}

/// Symphonia multiplies some header fields without an overflow check, which panics in debug builds only.
fn assert_blames_input(error: &PipelineError) {
    let is_contained = cfg!(debug_assertions) && error.class == ErrorClass::Bug;
    assert!(is_contained || error.class == ErrorClass::BadInput, "{error}");
}
