//! CSV (one line per word) and Praat's TextGrid (tiers of words, of each speaker's turns, and of evidence).

use std::fmt::Write as _;

use serde_json::{Value, json};
use stage_core::Word;
use stage_core::forensics::Evidence;

use super::{one_line, shown_words};
use crate::export::{Document, ExportFormat, RenderError, SpokenTurn};
use crate::review::{Judgment, ReviewedBlock, Target, TextSource};

/// The byte order mark in UTF-8.
pub(super) const BOM: &[u8] = "\u{feff}".as_bytes();

pub(super) struct Csv {
    /// Whether the file begins with a byte order mark.
    pub(super) bom: bool,
}

impl ExportFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "One line per word"
    }

    fn version(&self) -> u32 {
        4
    }

    fn settings(&self) -> Value {
        json!({"bom": self.bom})
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let start = if self.bom { BOM.to_vec() } else { Vec::new() };
        csv(document, start).map_err(RenderError::new)
    }
}

pub(super) struct TextGrid;

impl ExportFormat for TextGrid {
    fn name(&self) -> &'static str {
        "textgrid"
    }

    fn extension(&self) -> &'static str {
        "TextGrid"
    }

    fn about(&self) -> &'static str {
        "Praat annotation tiers"
    }

    fn version(&self) -> u32 {
        3
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        Ok(textgrid(document).into_bytes())
    }
}

/// The columns, and those that reviewed copies have behind them.
const COLUMNS: [&str; 12] = [
    "channel",
    "speaker",
    "start_s",
    "end_s",
    "confidence",
    "low_confidence",
    "text",
    "method",
    "score",
    "expected_error_s",
    "uncertain_time",
    "speaker_confidence",
];
const REVIEWED_COLUMNS: [&str; 4] = ["program_text", "text_from", "judgment", "evidence"];

/// The words of all channels, by time, after `start`.
fn csv(document: &Document, start: Vec<u8>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(start);
    let further = document.reviewed.as_ref().map_or(&[][..], |_| &REVIEWED_COLUMNS[..]);
    writer.write_record(COLUMNS.iter().chain(further))?;
    for (index, word) in document.words_by_time() {
        let speaker = document.word_speaker(word);
        let row = [
            word.channel.to_string(),
            cell(&speaker.unwrap_or_default()),
            format!("{:.3}", word.start_s),
            format!("{:.3}", word.end_s),
            format!("{:.3}", word.confidence),
            yes_or_no(document.is_low_confidence(word)).to_owned(),
            cell(&word.text),
            word.timing.method.name().to_owned(),
            decimals(word.timing.score),
            decimals(word.timing.expected_error_s),
            yes_or_no(word.timing.uncertain).to_owned(),
            decimals(word.speaker_confidence),
        ];
        let reviewed = document.reviewed.as_ref().map(|reviewed| review_cells(document, reviewed, index, word));
        writer.write_record(row.into_iter().chain(reviewed.into_iter().flatten()))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A number with three decimals; empty if it was not measured.
pub(super) fn decimals(value: Option<f32>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.3}"))
}

/// What a reviewed copy states about a word, in the order of [`REVIEWED_COLUMNS`].
fn review_cells(document: &Document, reviewed: &ReviewedBlock, index: usize, word: &Word) -> [String; 4] {
    let item = reviewed.item(Target::Word(index));
    let program_text = item.map_or(&word.text, |item| &item.program_text);
    let text_from = item.and_then(|item| item.text_from).map_or("program", TextSource::name);
    let judgment = reviewed.judgment_of_word(index, word).map_or("", Judgment::name);
    let evidence = document.forensics.evidence.iter().enumerate();
    let evidence = evidence.filter(|(_, item)| item.words.iter().any(|of_item| *of_item as usize == index));
    let judged = |(at, item): (usize, &Evidence)| {
        let judgment = reviewed.item(Target::Evidence(at))?.judgment?;
        Some(format!("{} {}", item.category, judgment.name()))
    };
    let evidence: Vec<_> = evidence.filter_map(judged).collect();
    [cell(program_text), text_from.to_owned(), judgment.to_owned(), cell(&evidence.join("; "))]
}

/// A text that a spreadsheet shows as it is: on one line, and with an apostrophe before a character that starts a formula.
/// Numbers are unchanged.
pub(super) fn cell(text: &str) -> String {
    let text = one_line(text);
    let is_formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && text.parse::<f64>().is_err();
    if is_formula { format!("'{text}") } else { text }
}

pub(super) const fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn textgrid(document: &Document) -> String {
    let end = document.recording.duration_s;
    let words =
        (0..document.recording.channels).map(|channel| (format!("words {channel}"), intervals(document, channel)));
    let voices = document.speakers.speakers.iter().map(|speaker| (speaker.id.clone(), voice(document, &speaker.id)));
    let of_channels = (0..document.recording.channels).flat_map(|channel| {
        let turns = (format!("turns {channel}"), turns(document, channel));
        [turns, (format!("evidence {channel}"), evidence(document, channel))]
    });
    let tiers: Vec<(String, Vec<_>)> = words.chain(voices).chain(of_channels).collect();
    let mut out = format!(
        "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = {end}\ntiers? <exists>\n\
         size = {}\nitem []:\n",
        tiers.len()
    );
    for (number, (name, intervals)) in (1..).zip(&tiers) {
        let _ = write!(
            out,
            "    item [{number}]:\n        class = \"IntervalTier\"\n        name = \"{name}\"\n        xmin = 0\n\
             \x20       xmax = {end}\n        intervals: size = {}\n",
            intervals.len()
        );
        for (index, (from, to, text)) in intervals.iter().enumerate() {
            let _ = write!(
                out,
                "        intervals [{}]:\n            xmin = {from}\n            xmax = {to}\n\
                 \x20           text = \"{}\"\n",
                index + 1,
                text.replace('"', "\"\"")
            );
        }
    }
    out
}

/// The texts of the turns of a channel, each with who says it.
fn turns(document: &Document, channel: u16) -> Vec<(f64, f64, String)> {
    let own = document.turns().into_iter().filter(|turn| turn.channel == channel);
    let text = |turn: &SpokenTurn| match &turn.speaker {
        Some(speaker) => format!("{}: {}", one_line(speaker), one_line(&turn.text)),
        None => one_line(&turn.text),
    };
    without_gaps(document, own.map(|turn| (turn.start_s, turn.end_s, text(&turn))))
}

/// The evidence of a channel that counts. Items at the same time are in one interval.
fn evidence(document: &Document, channel: u16) -> Vec<(f64, f64, String)> {
    let own = document.forensics.evidence.iter().filter(|item| item.channel == channel && item.discounted.is_none());
    let mut joined: Vec<(f64, f64, String)> = Vec::new();
    for item in own {
        let label = format!("{}/{}", one_line(&item.category), one_line(&item.kind));
        match joined.last_mut().filter(|last| last.1 > item.start_s) {
            Some(last) => {
                last.1 = last.1.max(item.end_s);
                last.2 = format!("{}; {label}", last.2);
            }
            None => joined.push((item.start_s, item.end_s, label)),
        }
    }
    without_gaps(document, joined.into_iter())
}

/// When a speaker of the channel speaks, with the intervals between.
fn voice(document: &Document, speaker: &str) -> Vec<(f64, f64, String)> {
    let own = document.speakers.turns.iter().filter(|turn| turn.speaker == speaker);
    without_gaps(document, own.map(|turn| (turn.start_s, turn.end_s, speaker.to_owned())))
}

/// The words of a channel with the silences between them.
fn intervals(document: &Document, channel: u16) -> Vec<(f64, f64, String)> {
    let own = shown_words(document).filter(|(_, word)| word.channel == channel);
    let text = |index: usize, word: &Word| format!("{}{}", document.mark(index), one_line(&word.text));
    without_gaps(document, own.map(|(index, word)| (word.start_s, word.end_s, text(index, word))))
}

/// Adds empty intervals, because a TextGrid tier has no gaps.
fn without_gaps(document: &Document, filled: impl Iterator<Item = (f64, f64, String)>) -> Vec<(f64, f64, String)> {
    let end = document.recording.duration_s;
    let mut intervals = Vec::new();
    let mut at = 0.0;
    for (start_s, end_s, text) in filled {
        if start_s > at {
            intervals.push((at, start_s, String::new()));
        }
        intervals.push((start_s.max(at), end_s, text));
        at = end_s;
    }
    if at < end {
        intervals.push((at, end, String::new()));
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::document::tests::{document_of, document_of_case, people};
    use crate::export::formats::cues::tests::word;
    use crate::export::formats::tests::reviewed_document;

    #[test]
    fn cells_are_no_formulas_and_numbers_are_unchanged() {
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1", "\t=1", "\r\n=1", " =1"] {
            assert_eq!(cell(formula), format!("'{}", formula.trim()));
        }
        for plain in ["-5", "+82", "-1.5", "안녕", "a=b", "", "5-3", "'quoted'"] {
            assert_eq!(cell(plain), plain);
        }
        assert_eq!(cell("a\u{1b}[2J\u{202e}"), r"a\u{1b}[2J\u{202e}");
    }

    #[test]
    fn tables_of_words_name_the_speakers() {
        let own = Word { speaker: Some("own".to_owned()), ..word(1, "two", 2.0, 2.5) };
        let words = [word(0, "zero", 0.0, 0.5), word(1, "one", 1.0, 1.5), own, word(2, "three", 3.0, 3.5)];
        let bytes = csv(&document_of_case(&words, &people("=이영희", "김민수")), Vec::new()).unwrap();
        let mut rows = csv::Reader::from_reader(&*bytes);
        let speakers: Vec<String> = rows.records().map(|row| row.unwrap()[1].to_owned()).collect();
        assert_eq!(speakers, ["'=이영희", "김민수", "own", ""]);
    }

    #[test]
    fn tables_of_hostile_text_keep_their_structure() {
        let document = document_of(&[word(0, "=1+1\",\"\n\n\u{1b}", 0.0, 0.5)]);
        let bytes = csv(&document, Vec::new()).unwrap();
        let mut rows = csv::Reader::from_reader(&*bytes);
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        assert_eq!((rows.len(), &rows[0][6], &rows[0][2]), (1, r#"'=1+1"," \u{1b}"#, "0.000"));
        let grid = textgrid(&document);
        assert!(grid.contains(r#"text = "=1+1"","" \u{1b}""#) && grid.lines().count() < 60, "{grid}");
    }

    #[test]
    fn tables_of_reviewed_copies_have_the_text_of_the_program_and_judgments() {
        let document = reviewed_document();
        let bytes = csv(&document, Vec::new()).unwrap();
        let mut rows = csv::Reader::from_reader(&*bytes);
        assert_eq!(rows.headers().unwrap().iter().skip(12).collect::<Vec<_>>(), REVIEWED_COLUMNS);
        let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
        let row = |index: usize| [1, 6, 12, 13, 14, 15].map(|column| rows[index].get(column).unwrap());
        let rejected = "threat --> x rejected";
        assert_eq!(row(0), ["kim --> x", "corrected", "one", "word", "", rejected]);
        assert_eq!(row(1), ["", "two", "two", "program", "rejected", rejected]);
        assert_eq!(row(2), ["", "", "three", "segment", "", ""]);
        assert_eq!(row(3), ["", "four", "four", "segment", "", ""]);
        let texts = |(_, _, text): (f64, f64, String)| (!text.is_empty()).then_some(text);
        let texts: Vec<_> = intervals(&document, 0).into_iter().filter_map(texts).collect();
        assert_eq!(texts, ["corrected", "[rejected] two", "four"]);
    }
}
