//! The labeled sentences, and texts without labels.

use std::path::{Path, PathBuf};

/// A labeled sentence.
pub(crate) struct Sentence {
    pub(crate) id: String,
    pub(crate) language: String,
    pub(crate) text: String,
    /// `CATEGORY` or `CATEGORY/KIND` of what the speaker does; `reported`; `none`.
    pub(crate) expected: String,
}

impl Sentence {
    /// The category of the label.
    pub(crate) fn category(&self) -> &str {
        self.expected.split('/').next().unwrap_or_default()
    }
}

/// The sentences of `benches/evidence/sentences/LANGUAGE_SPLIT.tsv`.
pub(crate) fn labeled(language: &str, split: &str) -> Vec<Sentence> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/evidence/sentences"));
    let path = root.join(format!("{language}_{split}.tsv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sentence = |row: &str| {
        let fields: Vec<&str> = row.split('\t').collect();
        let [id, language, text, _, expected] = fields[..] else { panic!("{}: {row}", path.display()) };
        let [id, language, text, expected] = [id, language, text, expected].map(str::to_owned);
        Sentence { id, language, text, expected }
    };
    text.lines().skip(1).filter(|row| !row.is_empty()).map(sentence).collect()
}

/// Texts without labels.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) language: &'static str,
    /// Whether all of it should be found as insult, rather than nothing.
    pub(crate) insults: bool,
    pub(crate) texts: Vec<String>,
}

/// Words whose comments should be found as insults.
const SWEAR_WORDS: [&str; 21] = [
    "씨발",
    "시발",
    "씨팔",
    "ㅅㅂ",
    "ㅆㅂ",
    "병신",
    "븅신",
    "ㅂㅅ",
    "새끼",
    "새키",
    "지랄",
    "좆",
    "존나",
    "졸라",
    "미친놈",
    "미친년",
    "썅",
    "쌍년",
    "닥쳐",
    "꺼져",
    "쓰레기",
];

impl Corpus {
    /// Those of `shared/data/lang` that are there.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let corpora = [("everyday_en.tsv", "en", false), ("everyday_ko.tsv", "ko", false), ("hate_ko.tsv", "ko", true)];
        let read = |(name, language, insults): (&'static str, &'static str, bool)| {
            let text = std::fs::read_to_string(folder.join(name)).ok()?;
            let texts = text.lines().filter_map(|row| row.split('\t').nth(1)).map(str::to_owned);
            let texts = texts.filter(|text| !insults || SWEAR_WORDS.iter().any(|word| text.contains(word)));
            Some(Self { name, language, insults, texts: texts.collect() })
        };
        corpora.into_iter().filter_map(read).collect()
    }
}
