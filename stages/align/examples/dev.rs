use std::io::{BufRead, Write};
use align::{AlignConfig, Aligner};
use stage_core::{Pcm, PhoneEmissions, SpeechSegments, Stage, Transcript};
fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let v: serde_json::Value = serde_json::from_str(&line).unwrap();
        let samples = hound::WavReader::open(v["audio"].as_str().unwrap()).unwrap().into_samples::<i16>().map(|s| f32::from(s.unwrap()) / 32768.0).collect();
        let pcm = Pcm::from_channels(vec![samples]);
        let speech: SpeechSegments = serde_json::from_value(v["segment"].clone()).unwrap();
        let transcript: Transcript = serde_json::from_value(v["transcribe"].clone()).unwrap();
        let emissions: PhoneEmissions = serde_json::from_value(v["emissions"].clone()).unwrap();
        let a = Aligner::with_phones(AlignConfig::default()).run((&pcm, &speech, &transcript, &emissions)).unwrap();
        writeln!(std::io::stdout(), "{}", serde_json::json!({"words": a.words})).unwrap();
    }
}
