//! `lexicon check`: checks the lexicons of a user.

use forensics::{LexiconSource, RuleSummary, TextEvidence};
use measure::figures;
use serde_json::json;
use stage_core::printable;

use crate::args::{LexiconCheckArgs, LexiconCommand};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::read_lexicon;

pub(crate) fn lexicon(command: &LexiconCommand) -> Result<Exit, Error> {
    match command {
        LexiconCommand::Check(args) => check(args),
    }
}

fn check(args: &LexiconCheckArgs) -> Result<Exit, Error> {
    let config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    let read = args.files.iter().map(|path| read_lexicon(path));
    let lexicons: Vec<LexiconSource> = read.collect::<Result<_, _>>().map_err(Error::usage)?;
    let rules = TextEvidence::check(config.forensics, &lexicons).map_err(Error::usage)?;
    if args.json {
        println!("{}", json!({ "rules": rules }));
    } else {
        print(&rules);
    }
    Ok(Exit::Done)
}

fn print(rules: &[RuleSummary]) {
    let mut table = figures(3, ["rule", "category", "kind", "severity", "patterns", "examples"]);
    for rule in rules {
        let texts = [&rule.id, &rule.category, &rule.kind].map(|text| printable(text).into_owned());
        let numbers = [rule.severity.to_string(), rule.patterns.to_string(), rule.examples.to_string()];
        table.add_row(texts.into_iter().chain(numbers));
    }
    println!("{table}");
    for rule in rules {
        for pattern in &rule.redundant {
            println!("{}: no example shows what this pattern adds: {}", printable(&rule.id), printable(pattern));
        }
    }
    println!("{} rules; every example is found or rejected as the lexicon says", rules.len());
}
