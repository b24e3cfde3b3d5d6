//! Decodes a recording and prints its format, and the loudest sample of each channel.
//!
//!     cargo run --release -p earwitness --example decode -- fixtures/calls/reading.wav

use std::error::Error;
use std::path::Path;

use earwitness::decode::{DecodeConfig, DecodeInput, Decoder};
use earwitness::stage_core::{SAMPLE_RATE_HZ, Stage, sha256_file};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: decode RECORDING")?;
    let path = Path::new(&path);
    let decoder = Decoder::new(DecodeConfig::default());
    let decoded = decoder.run((DecodeInput { path, sha256: &sha256_file(path)? }, None))?;

    let recording = &decoded.recording;
    println!(
        "{}: {} in {}, {} Hz, {:.2} s",
        path.display(),
        recording.codec,
        recording.container,
        recording.sample_rate_hz,
        recording.duration_s
    );
    for channel in 0..decoded.pcm.channels() {
        let mut loudest = 0.0f32;
        for block in decoded.pcm.blocks(channel, SAMPLE_RATE_HZ as usize) {
            loudest = block?.iter().fold(loudest, |loudest, sample| loudest.max(sample.abs()));
        }
        println!("channel {channel}: at most {:.1} dBFS", 20.0 * loudest.log10());
    }
    Ok(())
}
