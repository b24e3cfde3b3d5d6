//! Shared by the decode tests: runs the stage and compares two signals.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::ops::Range;
use std::path::Path;

use decode::{DecodeConfig, DecodeInput, DecodeSettings, Decoded, Decoder, DecoderChoice};
use realfft::RealFftPlanner;
use stage_core::{Pcm, PipelineError, Stage, sha256_file};
use testkit::Ffmpeg;

/// Decodes a file with all samples in memory, with the built-in decoder.
pub(crate) fn decode(path: &Path) -> Result<Decoded, PipelineError> {
    decode_with_budget(path, 1 << 30)
}

/// Decodes a file with a memory budget in bytes for its samples.
pub(crate) fn decode_with_budget(path: &Path, memory_budget_bytes: u64) -> Result<Decoded, PipelineError> {
    // A path that cannot be read has no hash; the stage reports the reason.
    let sha256 = sha256_file(path).unwrap_or_default();
    decode_hashed(DecodeInput { path, sha256: &sha256 }, memory_budget_bytes)
}

/// Decodes a file with a known hash.
pub(crate) fn decode_hashed(input: DecodeInput<'_>, memory_budget_bytes: u64) -> Result<Decoded, PipelineError> {
    let settings = DecodeSettings { decoder: DecoderChoice::Native, ..DecodeSettings::default() };
    Decoder::new(DecodeConfig { memory_budget_bytes, settings, ..DecodeConfig::default() }).run((input, None))
}

/// Reads all samples at the file's own rate, interleaved. Checks that the packets have no gaps between them.
pub(crate) fn native(pcm: &Pcm) -> Result<Vec<f32>, PipelineError> {
    let reader = pcm.native()?;
    let channels = reader.channels();
    let mut samples = Vec::new();
    for packet in reader {
        let packet = packet?;
        assert_eq!((packet.first_frame as usize * channels, packet.channels), (samples.len(), channels));
        samples.extend(packet.samples);
    }
    Ok(samples)
}

/// The messages of the recording's warnings.
pub(crate) fn messages(decoded: &Decoded) -> Vec<&str> {
    decoded.recording.warnings.iter().map(|warning| warning.message.as_str()).collect()
}

/// All samples of each channel.
pub(crate) fn channels(decoded: &Decoded) -> Vec<Vec<f32>> {
    let pcm = &decoded.pcm;
    (0..pcm.channels()).map(|channel| pcm.read(channel, 0, pcm.frames() as usize).unwrap()).collect()
}

/// Decodes the file with ffmpeg and resamples it to 16 kHz with soxr. Returns one vector per channel.
pub(crate) fn ffmpeg_16k(ffmpeg: &Ffmpeg, path: &Path, codec: &str, channels: usize) -> Vec<Vec<f32>> {
    let samples = ffmpeg.decode(path, codec, &["-af", "aresample=resampler=soxr:precision=28", "-ar", "16000"]);
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

/// Power of `signal - reference` relative to that of `reference` below 7 kHz, in dB. Both begin at the same instant, so
/// a shift of one sample counts as an error. If the source has a lower rate than 16 kHz, the band around its Nyquist
/// frequency is excluded in the same proportion, because the filters of the two resamplers differ there by design.
pub(crate) fn error_db(signal: &[f32], reference: &[f32], source_rate_hz: u32) -> f64 {
    let len = signal.len().min(reference.len());
    let difference: Vec<f32> = signal.iter().zip(reference).map(|(a, b)| a - b).collect();
    let nyquist_hz = f64::from(source_rate_hz.min(16_000)) / 2.0;
    let filters_differ = 0.875 * nyquist_hz..1.125 * nyquist_hz;
    let power = |signal: &[f32]| power_below_7_khz(signal, &filters_differ);
    10.0 * ((power(&difference) + 1e-20) / (power(&reference[..len]) + 1e-12)).log10()
}

fn power_below_7_khz(signal: &[f32], without_hz: &Range<f64>) -> f64 {
    let mut input: Vec<f64> = signal.iter().map(|&x| f64::from(x)).collect();
    input.resize(signal.len().next_power_of_two().max(2), 0.0);
    let bin_hz = 16_000.0 / input.len() as f64;
    let fft = RealFftPlanner::new().plan_fft_forward(input.len());
    let mut spectrum = fft.make_output_vec();
    fft.process(&mut input, &mut spectrum).expect("lengths match");
    let frequencies = (0..).map(|bin| f64::from(bin) * bin_hz);
    let counted = |hz: f64| hz < 7_000.0 && !without_hz.contains(&hz);
    frequencies.zip(&spectrum).filter(|(hz, _)| counted(*hz)).map(|(_, bin)| bin.norm_sqr()).sum::<f64>()
        / signal.len().max(1) as f64
}

/// Computes the checksum of an Ogg page (RFC 3533: polynomial 0x04c11db7, not reflected).
pub(crate) fn set_ogg_checksum(page: &mut [u8]) {
    page[22..26].fill(0);
    let checksum = page.iter().fold(0u32, |checksum, &byte| {
        (0..8).fold(checksum ^ u32::from(byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    });
    page[22..26].copy_from_slice(&checksum.to_le_bytes());
}
