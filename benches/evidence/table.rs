//! The tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use forensics::{TextEvidence, TextLine};
use measure::figures;

use crate::Judged;
use crate::sentences::{Corpus, Sentence};

/// Wilson's 95 % interval of a share, in percent.
fn interval(right: usize, total: usize) -> (f64, f64) {
    let (n, z) = (total.max(1) as f64, 1.96);
    let p = right as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    (100.0 * (middle - half).max(0.0), 100.0 * (middle + half).min(1.0))
}

fn percent(right: usize, total: usize) -> [String; 2] {
    let (low, high) = interval(right, total);
    [format!("{:.0}", 100.0 * right as f64 / total.max(1) as f64), format!("{low:.0} to {high:.0}")]
}

/// Recall by category, and how often innocent sentences are flagged.
pub(crate) fn of_sentences(language: &str, judged: &[(&Sentence, Judged)]) -> String {
    let mut table = figures(1, [language, "sentences", "found", "%", "95 %", "in its category"]);
    let mut row = |name: &str, own: &[&(&Sentence, Judged)], found: &dyn Fn(&(&Sentence, Judged)) -> bool| {
        let right = own.iter().filter(|pair| found(pair)).count();
        let [share, interval] = percent(right, own.len());
        let category = own.iter().filter(|(sentence, judged)| judged.has_category(sentence.category())).count();
        table.add_row([
            name.to_owned(),
            own.len().to_string(),
            right.to_string(),
            share,
            interval,
            category.to_string(),
        ]);
    };
    let is_label = |expected: &str| expected == "none" || expected == "reported";
    let positives: Vec<_> = judged.iter().filter(|(sentence, _)| !is_label(&sentence.expected)).collect();
    let mut by_category: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    positives.iter().for_each(|pair| by_category.entry(pair.0.category()).or_default().push(*pair));
    let found = |(_, judged): &(&Sentence, Judged)| !judged.own.is_empty();
    row("all", &positives, &found);
    by_category.iter().for_each(|(category, own)| row(category, own, &found));
    for label in ["reported", "none"] {
        let own: Vec<_> = judged.iter().filter(|(sentence, _)| sentence.expected == label).collect();
        match label {
            "none" => row("innocent, flagged", &own, &found),
            _ => row("reported, not flagged", &own, &|(sentence, judged)| judged.is_right(sentence)),
        }
    }
    table.to_string()
}

/// Items per 1,000 words of texts without labels, or the share of comments that are found as insults.
pub(crate) fn of_corpus(corpus: &Corpus, evidence: &TextEvidence, misses: bool) -> String {
    let (mut words, mut items, mut insulting, mut listed) = (0, 0, 0, String::new());
    for text in &corpus.texts {
        let line = TextLine { line: 1, language: corpus.language, text, speaker: None };
        let record = evidence.judge(&[line]);
        let counted: Vec<_> = record.items.iter().filter(|item| item.discounted.is_none()).collect();
        words += text.split_whitespace().count();
        items += counted.len();
        let is_insult = counted.iter().any(|item| item.category == "insult");
        insulting += usize::from(is_insult);
        let is_wrong = if corpus.insults { !is_insult } else { !counted.is_empty() };
        if misses && is_wrong {
            let rules: Vec<_> = counted.iter().map(|item| item.rule.as_str()).collect();
            let _ = writeln!(listed, "{}\t{text}\t[{}]", corpus.name, rules.join(", "));
        }
    }
    let texts = corpus.texts.len();
    let result = if corpus.insults {
        let [share, interval] = percent(insulting, texts);
        format!("{insulting} of {texts} comments with swear words are found as insult: {share} % (95 %: {interval})")
    } else {
        let rate = 1e3 * items as f64 / words.max(1) as f64;
        format!("{items} items in {words} words of {texts} texts: {rate:.3} per 1,000 words")
    };
    format!("{}: {result}\n{listed}", corpus.name)
}
