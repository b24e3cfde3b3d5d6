//! Turns and evidence as lists: CSV for spreadsheets, JSON lines for programs.

use serde::Serialize;
use serde_json::{Value, json};
use stage_core::forensics::Evidence;

use super::tables::{BOM, cell, decimals, yes_or_no};
use crate::export::{Document, ExportFormat, RenderError, SpokenTurn};

/// What a list has in each line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Items {
    Turns,
    Evidence,
}

/// CSV with one line per turn or item of evidence.
pub(super) struct ItemsCsv {
    pub(super) items: Items,
    /// Whether the file begins with a byte order mark.
    pub(super) bom: bool,
}

/// JSON lines with one line per turn or item of evidence.
pub(super) struct ItemsJsonl(pub(super) Items);

impl ExportFormat for ItemsCsv {
    fn name(&self) -> &'static str {
        match self.items {
            Items::Turns => "turns-csv",
            Items::Evidence => "evidence-csv",
        }
    }

    fn extension(&self) -> &'static str {
        match self.items {
            Items::Turns => "turns.csv",
            Items::Evidence => "evidence.csv",
        }
    }

    fn about(&self) -> &'static str {
        match self.items {
            Items::Turns => "One line per turn of a speaker, with its text",
            Items::Evidence => "One line per item of evidence",
        }
    }

    fn settings(&self) -> Value {
        json!({"bom": self.bom})
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let (header, rows) = match self.items {
            Items::Turns => (&TURN_COLUMNS[..], turn_rows(document)),
            Items::Evidence => (&EVIDENCE_COLUMNS[..], evidence_rows(document)),
        };
        let start = if self.bom { BOM.to_vec() } else { Vec::new() };
        let mut writer = csv::Writer::from_writer(start);
        let written =
            writer.write_record(header).and_then(|()| rows.iter().try_for_each(|row| writer.write_record(row)));
        written.map_err(RenderError::new)?;
        writer.into_inner().map_err(|error| RenderError::new(error.into_error()))
    }
}

impl ExportFormat for ItemsJsonl {
    fn name(&self) -> &'static str {
        match self.0 {
            Items::Turns => "turns-jsonl",
            Items::Evidence => "evidence-jsonl",
        }
    }

    fn extension(&self) -> &'static str {
        match self.0 {
            Items::Turns => "turns.jsonl",
            Items::Evidence => "evidence.jsonl",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Items::Turns => "One JSON object per turn of a speaker, with its text",
            Items::Evidence => "One JSON object per item of evidence",
        }
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let recording = document.recording.sha256.as_str();
        let lines: Result<Vec<String>, _> = match self.0 {
            Items::Turns => {
                let turns = document.turns().into_iter();
                turns.map(|turn| serde_json::to_string(&Line { recording, index: None, item: &turn })).collect()
            }
            Items::Evidence => {
                let items = document.forensics.evidence.iter().enumerate();
                items.map(|(at, item)| serde_json::to_string(&Line { recording, index: Some(at), item })).collect()
            }
        };
        let lines = lines.map_err(RenderError::new)?;
        Ok(lines.iter().flat_map(|line| [stage_core::printable_json(line).as_bytes(), b"\n"].concat()).collect())
    }
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a, T> {
    /// SHA-256 of the recording.
    recording: &'a str,
    /// Number of the item of evidence, as in the JSON of the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(flatten)]
    item: &'a T,
}

const TURN_COLUMNS: [&str; 6] = ["channel", "speaker", "start_s", "end_s", "low_confidence", "text"];
const EVIDENCE_COLUMNS: [&str; 14] = [
    "item",
    "channel",
    "speaker",
    "start_s",
    "end_s",
    "category",
    "kind",
    "severity",
    "text",
    "rule",
    "counts",
    "reported",
    "discounted",
    "confidence",
];

fn turn_rows(document: &Document) -> Vec<Vec<String>> {
    let row = |turn: &SpokenTurn| {
        vec![
            turn.channel.to_string(),
            cell(turn.speaker.as_deref().unwrap_or_default()),
            format!("{:.3}", turn.start_s),
            format!("{:.3}", turn.end_s),
            yes_or_no(turn.low_confidence).to_owned(),
            cell(&turn.text),
        ]
    };
    document.turns().iter().map(row).collect()
}

fn evidence_rows(document: &Document) -> Vec<Vec<String>> {
    let row = |(index, item): (usize, &Evidence)| {
        vec![
            index.to_string(),
            item.channel.to_string(),
            cell(item.speaker.as_deref().unwrap_or_default()),
            format!("{:.3}", item.start_s),
            format!("{:.3}", item.end_s),
            cell(&item.category),
            cell(&item.kind),
            item.severity.to_string(),
            cell(&item.text),
            cell(&item.rule),
            yes_or_no(item.discounted.is_none()).to_owned(),
            yes_or_no(item.reported).to_owned(),
            cell(item.discounted.as_deref().unwrap_or_default()),
            decimals(Some(item.confidence as f32)),
        ]
    };
    document.forensics.evidence.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::document::tests::document_of;
    use crate::export::formats::cues::tests::word;

    #[test]
    fn turns_are_the_words_of_one_speaker_without_a_long_pause() {
        let words = [
            word(0, "=four", 0.0, 0.5),
            word(0, "nine", 0.6, 1.0),
            word(1, "zero", 1.1, 1.5),
            word(0, "one", 1.6, 2.0),
            word(0, "two", 9.0, 9.5),
        ];
        let document = document_of(&words);
        let csv = ItemsCsv { items: Items::Turns, bom: false }.render(&document).unwrap();
        let mut rows = csv::Reader::from_reader(&*csv);
        let texts: Vec<String> = rows.records().map(|row| row.unwrap()[5].to_owned()).collect();
        assert_eq!(texts, ["'=four nine", "zero", "one", "two"]);
        let lines = String::from_utf8(ItemsJsonl(Items::Turns).render(&document).unwrap()).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[1]["text"], &lines[1]["channel"]), (4, &json!("zero"), &json!(1)));
    }

    #[test]
    fn evidence_lists_have_every_item() {
        let document = crate::export::formats::tests::reviewed_document();
        let count = document.forensics.evidence.len();
        let csv = ItemsCsv { items: Items::Evidence, bom: true }.render(&document).unwrap();
        assert!(csv.starts_with(BOM) && count > 0);
        assert_eq!(csv::Reader::from_reader(&csv[3..]).records().count(), count);
        let lines = String::from_utf8(ItemsJsonl(Items::Evidence).render(&document).unwrap()).unwrap();
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!((lines.lines().count(), &first["index"], &first["rule"]), (count, &json!(0), &json!("")));
    }
}
