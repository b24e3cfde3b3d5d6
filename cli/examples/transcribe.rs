//! Transcribes one recording in this process, without a store and without workers: decode, segment, transcribe.
//!
//!     cargo run --release -p earwitness --example transcribe -- fixtures/calls/reading.wav [MODEL]

use std::error::Error;
use std::path::Path;

use earwitness::decode::{DecodeConfig, DecodeInput, Decoder};
use earwitness::segment::{SegmentConfig, Segmenter};
use earwitness::stage_core::{Stage, sha256_file};
use earwitness::transcribe::{Compute, ModelSource, Precision, TranscribeConfig, Transcriber, open_model};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: transcribe RECORDING [MODEL]")?;
    let path = Path::new(&path);
    let source: ModelSource = arguments.next().as_deref().unwrap_or("embedded").parse()?;

    let decoder = Decoder::new(DecodeConfig::default());
    let pcm = decoder.run((DecodeInput { path, sha256: &sha256_file(path)? }, None))?.pcm;

    let model = open_model(&source)?;
    let window_max_s = Some(model.window_s());
    let speech = Segmenter::new(SegmentConfig { window_max_s, ..SegmentConfig::default() })?.run(&pcm)?;

    let transcriber = Transcriber::new(model, TranscribeConfig::default(), Compute::cpu(Precision::F32))?;
    transcriber.load()?;
    let transcript = transcriber.run((&pcm, &speech))?.transcript;
    for segment in &transcript.segments {
        let mark = if segment.low_confidence.is_some() { " [?]" } else { "" };
        println!("{} {:7.2} to {:7.2} s{mark}  {}", segment.channel, segment.start_s, segment.end_s, segment.text);
    }
    for dropped in &transcript.dropped {
        println!(
            "{} {:7.2} to {:7.2} s  not transcribed: {}",
            dropped.channel, dropped.start_s, dropped.end_s, dropped.reason
        );
    }
    Ok(())
}
