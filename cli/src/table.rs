//! The table at the end of a run: text, length and speed of each recording.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, Width};
pub(crate) use measure::table as empty;
use stage_core::printable;

/// A row of the table: one recording.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) audio_s: f64,
    /// What each speaker says, by time, or the error.
    pub(crate) text: Result<Vec<Line>, String>,
    /// Overall score and its level, if measured.
    pub(crate) score: Option<(f64, String)>,
    /// Seconds of work in this run; `None` if every stage was cached.
    pub(crate) worked_s: Option<f64>,
}

/// The label of a speaker, if several people speak, and the text.
pub(crate) type Line = (Option<String>, String);

/// Maximum length of a line and of a recording's text in the table; its JSON file has the full text.
const LINE_CHARS: usize = 160;
const TEXT_CHARS: usize = 320;

pub(crate) fn render(rows: &[Row]) -> String {
    let mut table = empty(["recording", "length", "text", "score", "speed"]);
    for row in rows {
        table.add_row([
            Cell::new(printable(&row.name)),
            Cell::new(clock(row.audio_s)).set_alignment(CellAlignment::Right),
            Cell::new(text(row)),
            Cell::new(match (&row.score, &row.text) {
                (Some((score, level)), _) => format!("{score:.0} {level}"),
                (None, Ok(_)) => "not assessable".to_owned(),
                (None, Err(_)) => "-".to_owned(),
            }),
            Cell::new(speed(row)).set_alignment(CellAlignment::Right),
        ]);
    }
    for (column, width) in [(1, 10), (3, 14), (4, 12)] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width)));
        }
    }
    table.to_string()
}

fn text(row: &Row) -> String {
    match &row.text {
        Err(reason) => format!("FAILED {}", printable(reason)),
        Ok(lines) if lines.is_empty() => "(no speech)".to_owned(),
        Ok(lines) => conversation(lines),
    }
}

fn conversation(lines: &[Line]) -> String {
    let (mut shown, mut length) = (Vec::new(), 0);
    for (label, text) in lines {
        if length >= TEXT_CHARS {
            shown.push("…".to_owned());
            break;
        }
        let label = label.as_ref().map(|label| format!("[{}] ", printable(label))).unwrap_or_default();
        let line = format!("{label}{}", shortened(text));
        length += line.chars().count();
        shown.push(line);
    }
    shown.join("\n")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LINE_CHARS {
        return printable(text).into_owned();
    }
    let head: String = text.chars().take(LINE_CHARS).collect();
    format!("{}…", printable(&head))
}

fn speed(row: &Row) -> String {
    match row.worked_s {
        _ if row.text.is_err() => "-".to_owned(),
        None => "cached".to_owned(),
        Some(worked_s) => format!("{:.0}x", row.audio_s / worked_s.max(1e-3)),
    }
}

/// `1:02:03`, `2:03` or `0:03`.
pub(crate) fn clock(seconds: f64) -> String {
    let s = Duration::from_secs_f64(seconds.max(0.0)).as_secs_f64().round() as u64;
    let (hours, minutes, s) = (s / 3600, s / 60 % 60, s % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{s:02}") } else { format!("{minutes}:{s:02}") }
}
