//! `evidence`: judges plain text, one JSON line per conversation.

use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::Path;

use forensics::{TextEvidence, TextLine, TextRecord};
use schemars::JsonSchema;
use serde::Serialize;
use stage_core::shown;

use crate::args::EvidenceArgs;
use crate::config::Loaded;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::settings::read_lexicon;
use crate::text_lines::{Utterance, Utterances};

/// What `earwitness evidence` prints for each conversation.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JudgedConversation {
    /// The id of the lines.
    id: String,
    #[serde(flatten)]
    record: TextRecord,
}

pub(crate) fn evidence(args: &EvidenceArgs) -> Result<Exit, Error> {
    let mut config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    config.forensics.deception |= args.deception;
    let paths = config.lexicons.iter().chain(&args.lexicon);
    let lexicons = paths.map(|path| read_lexicon(path)).collect::<Result<Vec<_>, _>>().map_err(Error::usage)?;
    let evidence = TextEvidence::new(config.forensics, &lexicons).map_err(Error::usage)?;
    if args.file == Path::new("-") {
        return judge(&evidence, "standard input", stdin().lock());
    }
    let name = shown(&args.file);
    let opened = stage_core::require_file(&args.file).and_then(|_| File::open(&args.file));
    let file = opened.context(format!("{name}: cannot be read")).map_err(Error::usage)?;
    judge(&evidence, &name, BufReader::new(file))
}

/// Prints the evidence of each conversation as soon as it has been read. Lines that cannot be used are named and left out.
fn judge(evidence: &TextEvidence, name: &str, reader: impl BufRead) -> Result<Exit, Error> {
    let mut lines = Utterances::new(reader);
    let (mut conversation, mut out): (Vec<Utterance>, _) = (Vec::new(), stdout().lock());
    let mut exit = Exit::Done;
    while let Some(line) = lines.read().context(format!("{name}: cannot be read"))? {
        match line {
            Ok(utterance) => {
                if conversation.first().is_some_and(|first| first.id != utterance.id) {
                    print(evidence, &std::mem::take(&mut conversation), &mut out)?;
                }
                conversation.push(utterance);
            }
            Err(error) => {
                eprintln!("{name}: {error}; the line is left out");
                exit = Exit::SomeFilesFailed;
            }
        }
    }
    print(evidence, &conversation, &mut out)?;
    Ok(exit)
}

fn print(evidence: &TextEvidence, conversation: &[Utterance], out: &mut impl Write) -> Result<(), Error> {
    let Some(first) = conversation.first() else { return Ok(()) };
    let lines: Vec<TextLine<'_>> = conversation
        .iter()
        .map(|utterance| TextLine {
            line: utterance.line,
            language: &utterance.language,
            text: &utterance.text,
            speaker: utterance.speaker.as_deref(),
        })
        .collect();
    let judged = JudgedConversation { id: first.id.clone(), record: evidence.judge(&lines) };
    let text = serde_json::to_string(&judged).context("the evidence cannot be written")?;
    writeln!(out, "{text}").context("the evidence cannot be written")
}
