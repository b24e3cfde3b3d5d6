//! Times words of known text; `benches/words` measures the errors of the times.
//!
//! Reads a JSON object per line: `{"audio": path (16 kHz, mono, 16 bit), "segments": [{"start_s": 0.0, "end_s": 12.3,
//! "text": "...", "language": "ko"}]}`, with segments of at most 30 s. Writes one per line: `{"words": [{"text": ..,
//! "start_s": .., "end_s": .., "method": .., ..}], "seconds": ..}`. `seconds` is the time of align alone.
//!
//! usage: align_text --aligner attention|phones|DIR

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Instant;

use earwitness::align::{AlignConfig, AlignModel, Aligner, Wav2Vec2Files};
use earwitness::models::whisper::{WhisperFiles, WhisperRecognizer};
use earwitness::models::{Compute, ModelSource, Precision, TranscribeConfig, TypedRecognizer};
use earwitness::segment::{SegmentConfig, Segmenter};
use earwitness::stage_core::{Pcm, PhoneEmissions, Speakers, SpeechSegments, Stage, Transcript, Window};
use earwitness::transcribe;
use serde::Deserialize;

type AnyError = Box<dyn Error>;

#[derive(Deserialize)]
struct Task {
    audio: PathBuf,
    segments: Vec<Given>,
}

/// A segment whose text is given.
#[derive(Deserialize)]
struct Given {
    start_s: f64,
    end_s: f64,
    text: String,
    language: String,
}

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, source] = &arguments[..] else { return Err("usage: align_text --aligner SOURCE".into()) };
    assert_eq!(flag, "--aligner");
    let aligner = aligner(&source.parse()?)?;
    let recognizers = ["ko", "en"].map(|language| Ok::<_, AnyError>((language, recognizer(language)?)));
    let recognizers = recognizers.into_iter().collect::<Result<Vec<_>, _>>()?;
    for line in stdin().lock().lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let pcm = Pcm::from_channels(vec![read(&task.audio)?]);
        let language = task.segments.first().map_or("en", |given| &given.language);
        let recognizer = recognizers.iter().find(|(known, _)| *known == language);
        let (_, recognizer) = recognizer.ok_or("the language is neither ko nor en")?;
        let (speech, transcript, emissions) = transcribed(recognizer, &pcm, &task.segments)?;
        let start = Instant::now();
        let aligned = aligner.run((&pcm, &speech, &Speakers::default(), &transcript, &emissions))?;
        let answer = serde_json::json!({ "words": aligned.words, "seconds": start.elapsed().as_secs_f64() });
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

fn aligner(source: &AlignModel) -> Result<Aligner, AnyError> {
    let config = AlignConfig::default();
    Ok(match source {
        AlignModel::Phones => Aligner::with_phones(config),
        AlignModel::Attention => Aligner::new(config),
        AlignModel::Ctc(source) => Aligner::with_model(config, Wav2Vec2Files::resolve(source)?)?,
    })
}

fn recognizer(language: &str) -> Result<WhisperRecognizer, AnyError> {
    let config = TranscribeConfig { languages: vec![language.to_owned()], ..TranscribeConfig::default() };
    let compute = Compute { precision: Precision::Int8, ..Compute::default() };
    let recognizer = WhisperFiles::resolve(&ModelSource::Embedded)?.typed_recognizer(config, compute)?;
    recognizer.load()?;
    Ok(recognizer)
}

fn read(path: &Path) -> Result<Vec<f32>, AnyError> {
    let samples = hound::WavReader::open(path)?.into_samples::<i16>();
    Ok(samples.map(|sample| sample.map(|sample| f32::from(sample) / 32_768.0)).collect::<Result<_, _>>()?)
}

/// What transcription would give if it recognized the given text: one window per segment, over the detected speech.
fn transcribed(
    recognizer: &WhisperRecognizer,
    pcm: &Pcm,
    given: &[Given],
) -> Result<(SpeechSegments, Transcript, PhoneEmissions), AnyError> {
    let mut speech = Segmenter::new(SegmentConfig::default())?.run(pcm)?;
    speech.windows = given.iter().map(|given| Window::without_spans(0, given.start_s, given.end_s)).collect();
    let output = |(window, given): (&Window, &Given)| {
        let audio = transcribe::read_window(pcm, &speech, window, true)?;
        Ok::<_, AnyError>(recognizer.hypothesis_of(&audio, &given.text)?)
    };
    let outputs = speech.windows.iter().zip(given).map(output).collect::<Result<Vec<_>, _>>()?;
    let texts = recognizer.finish(&speech.windows, &outputs).ok_or("an output is missing")?;
    let mut transcript = Transcript { model: "given".to_owned(), segments: Vec::new(), dropped: Vec::new() };
    for text in texts {
        match text {
            Ok(segments) => transcript.segments.extend(segments),
            Err(dropped) => transcript.dropped.push(dropped),
        }
    }
    let emissions = recognizer.phone_emissions(&speech.windows, &outputs);
    Ok((speech, transcript, emissions))
}
