//! Progress on standard error: bars on a terminal, plain lines otherwise, or JSON lines.

mod bars;
mod lines;

use std::io::{IsTerminal, Write};

use scheduler::coordinator::Event;
use scheduler::store::RecordingEntry;
use serde_json::json;
use stage_core::{printable, printable_json, shown};

use self::bars::Bars;
use super::counters::Counters;
use super::description::{FileFailure, label};
use crate::args::ProgressMode as Mode;
use crate::defects::Defects;
use crate::inputs::SkippedFile;

/// Interval between plain or JSON lines, in seconds.
const EVERY_S: f64 = 2.0;

/// Shows the audio done, the speed, the ETA, and the work of each worker.
pub(crate) struct Progress {
    view: View,
    line_at_s: f64,
}

enum View {
    Bars(Bars),
    Plain,
    Json,
    None,
}

impl Progress {
    /// Creates a display of the given kind.
    pub(crate) fn new(mode: Mode, counters: &Counters) -> Self {
        let view = match mode {
            Mode::Auto if std::io::stderr().is_terminal() => View::Bars(Bars::new(counters.work.total_s())),
            Mode::Auto | Mode::Plain => View::Plain,
            Mode::Json => View::Json,
            Mode::None => View::None,
        };
        Self { view, line_at_s: 0.0 }
    }

    /// Handles an event that happened `at_s` seconds after the start of the run; the counters include it.
    pub(crate) fn observe(&mut self, event: &Event, items: &[RecordingEntry], counters: &Counters, at_s: f64) {
        match &self.view {
            View::Json => {
                if let Some(line) = lines::event(event) {
                    eprintln!("{}", printable_json(&line.to_string()));
                }
            }
            View::Bars(_) | View::Plain => self.remark(event),
            View::None => {}
        }
        self.refresh(items, counters, at_s);
    }

    /// Reports a failed file.
    pub(crate) fn failed(&self, failure: &FileFailure) {
        match &self.view {
            View::Json => eprintln!("{}", printable_json(&lines::file_failed(failure).to_string())),
            _ => self.note(&format!("{}: {}", shown(&failure.path), failure.error)),
        }
    }

    /// Reports a skipped file as JSON; other forms of progress leave it to the summary.
    pub(crate) fn skipped(&self, skipped: &SkippedFile) {
        if matches!(self.view, View::Json) {
            eprintln!("{}", printable_json(&lines::skipped(skipped).to_string()));
        }
    }

    /// Reports what decode warns about in one recording.
    pub(crate) fn defects(&self, defects: &Defects) {
        match &self.view {
            View::Json => eprintln!("{}", lines::defects(defects)),
            _ => defects.lines().for_each(|line| self.note(&line)),
        }
    }

    /// Prints a line above the progress.
    pub(crate) fn note(&self, line: &str) {
        match &self.view {
            View::Bars(bars) => bars.note(&printable(line)),
            View::Plain => eprintln!("{}", printable(line)),
            View::Json => eprintln!("{}", printable_json(&json!({"note": line}).to_string())),
            View::None => {}
        }
    }

    /// Clears the bars, or prints the last line.
    pub(crate) fn finish(&mut self, items: &[RecordingEntry], counters: &Counters, at_s: f64) {
        match &self.view {
            View::Bars(bars) => bars.clear(),
            View::Plain | View::Json => self.line(items, counters, at_s),
            View::None => {}
        }
    }

    /// Prints events that are shown at once.
    fn remark(&self, event: &Event) {
        if let Event::Incident(incident) = event {
            let recording = incident.recording.as_ref().map(|path| shown(path));
            let about: Vec<_> = incident.worker.clone().into_iter().chain(recording).collect();
            self.note(&format!("{}: {}: {}", about.join(", "), label(&incident.kind), incident.message));
        }
    }

    fn refresh(&mut self, items: &[RecordingEntry], counters: &Counters, at_s: f64) {
        match &mut self.view {
            View::Bars(bars) => bars.show(items, counters, at_s),
            View::Plain | View::Json if at_s - self.line_at_s >= EVERY_S => self.line(items, counters, at_s),
            _ => {}
        }
    }

    fn line(&mut self, items: &[RecordingEntry], counters: &Counters, at_s: f64) {
        self.line_at_s = at_s;
        match &self.view {
            View::Json => eprintln!("{}", printable_json(&lines::json(items, counters, at_s).to_string())),
            _ => eprintln!("{}", lines::plain(items, counters, at_s)),
        }
        let _ = std::io::stderr().flush();
    }
}
