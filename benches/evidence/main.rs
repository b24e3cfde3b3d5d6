//! How much of labeled sentences the lexicons find, and what they flag in innocent ones and in everyday text.
//!
//! ```text
//! cargo bench -p forensics --bench evidence -- [--split train|validation|test] [--language en|ko] [--lexicons DIR] [--misses] [--data DIR]
//! ```
//!
//! `--lexicons` reads the files of a folder (`en/base.toml`) in place of the built-in lexicons, and verifies them first;
//! `--misses` lists what is missed and what is flagged in error.

mod sentences;
mod table;

use std::path::{Path, PathBuf};

use forensics::{ForensicsConfig, LexiconSource, TextEvidence, built_in};
use measure::Machine;

use sentences::{Corpus, Sentence};

/// What the command line asks for.
struct Options {
    split: String,
    languages: Vec<String>,
    lexicons: Option<PathBuf>,
    misses: bool,
    data: PathBuf,
}

fn main() {
    let options = options();
    let is_wanted = |source: &LexiconSource| options.languages.iter().any(|own| source.name.starts_with(own.as_str()));
    let lexicons: Vec<LexiconSource> = built_in().filter(is_wanted).collect();
    let lexicons = match &options.lexicons {
        Some(folder) => lexicons.into_iter().map(|source| read(folder, source.name)).collect(),
        None => lexicons,
    };
    if !check(&lexicons) {
        std::process::exit(1);
    }
    let evidence = TextEvidence::over(ForensicsConfig::default(), &lexicons, &[]).expect("lexicons that were checked");
    println!("{}; sentences of `{}`\n", Machine::here(), options.split);
    for language in &options.languages {
        let sentences = sentences::labeled(language, &options.split);
        let judged: Vec<_> = sentences.iter().map(|sentence| (sentence, judge(&evidence, sentence))).collect();
        println!("{}", table::of_sentences(language, &judged));
        if options.misses {
            judged.iter().filter(|(sentence, found)| !found.is_right(sentence)).for_each(|(sentence, found)| {
                println!("{}\t{}\t{}\t{found}", sentence.id, sentence.expected, sentence.text);
            });
        }
    }
    let corpora = Corpus::all(&options.data).into_iter();
    for corpus in corpora.filter(|corpus| options.languages.iter().any(|language| language == corpus.language)) {
        println!("{}", table::of_corpus(&corpus, &evidence, options.misses));
    }
}

fn read(folder: &Path, name: String) -> LexiconSource {
    let path = folder.join(&name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    LexiconSource { name, text }
}

/// Prints the problem of the lexicons, and the patterns that no example needs.
fn check(lexicons: &[LexiconSource]) -> bool {
    match TextEvidence::check_over(ForensicsConfig::default(), &[], lexicons) {
        Ok(rules) => {
            let patterns: usize = rules.iter().map(|rule| rule.patterns).sum();
            let redundant: Vec<_> =
                rules.iter().flat_map(|rule| rule.redundant.iter().map(move |text| (&rule.id, text))).collect();
            let own = patterns - redundant.len();
            println!("{} rules, {patterns} patterns, {own} of them with an example of their own", rules.len());
            redundant.iter().for_each(|(rule, pattern)| println!("  no own example: {rule}: {pattern}"));
            true
        }
        Err(error) => {
            println!("{error}");
            false
        }
    }
}

/// What was found in a sentence.
pub(crate) struct Judged {
    /// Categories of what the speaker does.
    pub(crate) own: Vec<String>,
    /// Whether something is reported.
    pub(crate) reported: bool,
    discounted: Vec<String>,
}

fn judge(evidence: &TextEvidence, sentence: &Sentence) -> Judged {
    let line = forensics::TextLine { line: 1, language: &sentence.language, text: &sentence.text, speaker: None };
    let items = evidence.judge(&[line]).items;
    let counted = || items.iter().filter(|item| item.discounted.is_none());
    let discounted = items.iter().filter_map(|item| Some(format!("{} ({})", item.rule, item.discounted.as_ref()?)));
    Judged {
        own: counted()
            .filter(|item| !item.reported)
            .map(|item| format!("{}/{} {}", item.category, item.kind, item.rule))
            .collect(),
        reported: counted().any(|item| item.reported),
        discounted: discounted.collect(),
    }
}

impl Judged {
    /// Whether the sentence was judged as its label says: flagged, reported, or neither.
    pub(crate) fn is_right(&self, sentence: &Sentence) -> bool {
        match sentence.expected.as_str() {
            "none" => self.own.is_empty(),
            "reported" => self.own.is_empty() && self.reported,
            _ => !self.own.is_empty(),
        }
    }

    /// Whether the category is that of the label.
    pub(crate) fn has_category(&self, category: &str) -> bool {
        self.own.iter().any(|own| own.split('/').next() == Some(category))
    }
}

impl std::fmt::Display for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.own.join(", "))?;
        if self.reported {
            write!(f, " reported")?;
        }
        if !self.discounted.is_empty() {
            write!(f, " discounted: {}", self.discounted.join(", "))?;
        }
        Ok(())
    }
}

fn options() -> Options {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut options = Options {
        split: "validation".to_owned(),
        languages: vec!["en".to_owned(), "ko".to_owned()],
        lexicons: None,
        misses: false,
        data: root.join("../shared/data/lang"),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--split" => options.split = value(),
            "--language" => options.languages = vec![value()],
            "--lexicons" => options.lexicons = Some(value().into()),
            "--data" => options.data = value().into(),
            "--misses" => options.misses = true,
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}
