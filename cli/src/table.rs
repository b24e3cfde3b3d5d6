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
    /// Text by channel, or the error.
    pub(crate) text: Result<Vec<String>, String>,
    /// Overall score and its level, if measured.
    pub(crate) score: Option<(f64, String)>,
    /// Seconds of work in this run; `None` if every stage was cached.
    pub(crate) worked_s: Option<f64>,
}

/// Maximum length of a recording's text in the table; its JSON file has the full text.
const TEXT_CHARS: usize = 160;

pub(crate) fn render(rows: &[Row]) -> String {
    let mut table = empty(["recording", "length", "text", "score", "speed"]);
    for row in rows {
        table.add_row([
            Cell::new(printable(&row.name)),
            Cell::new(clock(row.audio_s)).set_alignment(CellAlignment::Right),
            Cell::new(text(row)),
            Cell::new(
                row.score.as_ref().map_or_else(|| "-".to_owned(), |(score, level)| format!("{score:.0} {level}")),
            ),
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
        Ok(channels) if channels.iter().all(String::is_empty) => "(no speech)".to_owned(),
        Ok(channels) if channels.len() == 1 => shortened(&channels[0]),
        Ok(channels) => {
            let lines: Vec<_> =
                channels.iter().enumerate().map(|(i, text)| format!("[{i}] {}", shortened(text))).collect();
            lines.join("\n")
        }
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_CHARS {
        return printable(text).into_owned();
    }
    let head: String = text.chars().take(TEXT_CHARS).collect();
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
