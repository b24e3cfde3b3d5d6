//! Aligns words of known text; `alignment.py` measures the errors of the times.
//!
//! Reads one JSON object per line: `{"wav": path (mono, 16 kHz, 16 bit), "language": "en", "words": ["one", ..]}`.
//! Writes one per line: `{"words": [{"text": .., "start_s": .., "end_s": .., "method": .., ..}], "seconds": ..}`. The
//! words form one segment over the whole file, without initial times.
//!
//! usage: align_text MODEL [SEARCH_S]

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::PathBuf;
use std::time::Instant;

use align::{AlignConfig, Aligner, Wav2Vec2Files};
use serde::Deserialize;
use stage_core::{Pcm, Segment, SpeechSegments, Stage, TokenGroup, Transcript};

#[derive(Deserialize)]
struct Task {
    wav: PathBuf,
    language: String,
    words: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let model = args.next().ok_or("a model is expected: embedded, a folder or a hub id")?;
    let mut config = AlignConfig::default();
    if let Some(seconds) = args.next() {
        config.ctc_search_s = seconds.parse()?;
    }
    let aligner = Aligner::with_model(config, Wav2Vec2Files::resolve(&model.parse()?)?)?;
    for line in stdin().lock().lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let samples = hound::WavReader::open(&task.wav)?
            .samples::<i16>()
            .map(|sample| sample.map(|sample| f32::from(sample) / 32_768.0))
            .collect::<Result<Vec<_>, _>>()?;
        let pcm = Pcm::from_channels(vec![samples]);
        let transcript = transcript(&task, pcm.duration_s());
        let start = Instant::now();
        let aligned = aligner.run((&pcm, &silence(), &transcript))?;
        let answer = serde_json::json!({ "words": aligned.words, "seconds": start.elapsed().as_secs_f64() });
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

/// One segment; every word spans the whole segment.
fn transcript(task: &Task, end_s: f64) -> Transcript {
    let group =
        |word: &String| TokenGroup { ids: vec![0], text: format!(" {word}"), start_s: 0.0, end_s, logprob: 0.0 };
    let segment = Segment {
        token_groups: task.words.iter().map(group).collect(),
        ..Segment::of_text(0, (0.0, end_s), &task.words.join(" "), &task.language)
    };
    Transcript { model: "given".to_owned(), segments: vec![segment], dropped: Vec::new() }
}

/// No speech spans, so that the noise floor is measured over the whole file.
fn silence() -> SpeechSegments {
    SpeechSegments::of_windows(Vec::new())
}
