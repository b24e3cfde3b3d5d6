//! Reads the results of a run: each recording with its text, its evidence, and how each artifact was made.
//!
//!     cargo run --release -p earwitness --example read_store -- out

use std::error::Error;

use earwitness::Results;
use earwitness::export::ExportError;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: read_store DIR")?;
    let results = Results::open(folder)?;
    for recording in results.recordings()? {
        let document = match results.document(&recording) {
            Ok(document) => document,
            Err(ExportError::Missing(artifact)) => {
                println!("{}: not finished: {artifact} is missing", recording.path.display());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        println!("{} ({:.1} s)", recording.path.display(), document.recording.duration_s);
        for channel in 0..document.recording.channels {
            println!("  channel {channel}: {}", document.text(channel));
        }
        for evidence in &document.forensics.evidence {
            println!("  {:.2} s: {}: {}", evidence.start_s, evidence.category, evidence.text);
        }
        for made in &document.provenance {
            println!("  {} in {:.2} s on {}", made.stage, made.duration_s, made.device);
        }
    }
    Ok(())
}
