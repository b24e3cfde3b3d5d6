//! Runs the whole pipeline and writes its results in a format of our own: one line per word of low confidence.
//!
//!     cargo run --release -p earwitness --example exporter -- out fixtures/calls
//!
//! To make a format part of the program, move the type to a module under cli/src/export/formats and add it to the list
//! there.

use std::error::Error;

use earwitness::export::{Document, ExportFormat, Formats, RenderError};
use earwitness::scheduler::coordinator::Event;
use earwitness::{Config, Observer, Pipeline};

/// The words that should be checked against the recording.
struct Unsure;

impl ExportFormat for Unsure {
    fn name(&self) -> &'static str {
        "unsure"
    }

    fn extension(&self) -> &'static str {
        "unsure.txt"
    }

    fn about(&self) -> &'static str {
        "Words with a confidence below one half, one per line"
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let unsure = document.words.iter().filter(|word| word.confidence < 0.5);
        let line = |word: &earwitness::stage_core::Word| {
            format!("{:.2}\t{:.2}\t{}\t{:.2}\n", word.start_s, word.end_s, word.text, word.confidence)
        };
        Ok(unsure.map(line).collect::<String>().into_bytes())
    }
}

/// Prints each finished recording.
struct PrintEach;

impl Observer for PrintEach {
    fn event(&mut self, event: &Event) {
        if let Event::ItemFailed { error, .. } = event {
            eprintln!("failed: {error}");
        }
    }

    fn exported(&mut self, _index: usize, document: &Document) {
        println!("{}: {} words", document.recording.path, document.words.len());
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The workers of the pipeline are processes of this program.
    earwitness::serve_if_worker();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, inputs @ ..] = arguments.as_slice() else { return Err("usage: exporter OUT INPUT...".into()) };

    let mut config = Config::default();
    config.run.formats = vec!["unsure".to_owned()];
    let pipeline = Pipeline::new(config, out).formats(Formats::built_in().with(Unsure)?);
    let summary = pipeline.run(inputs, &mut PrintEach)?;
    match summary.failed() {
        0 => Ok(()),
        failed => Err(format!("{failed} recordings failed").into()),
    }
}
