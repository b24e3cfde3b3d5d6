//! The report of a run: one self-contained HTML file.

mod drawing;
mod format;
mod page;
mod timeline;

use std::io;
use std::path::{Path, PathBuf};

use askama::Template;
use scheduler::coordinator::Event;
use scheduler::store::{Failure, Incident, RecordingEntry};
use stage_core::{DecodeWarning, replace_file};

use self::page::Page;
use self::timeline::Timeline;
use super::Ending;
use super::counters::Counters;
use super::description::FileFailure;
use crate::defects::Defects;

/// Maximum number of listed incidents and of listed failures. All of them are counted.
const LISTED: usize = 500;

/// Collects the timeline, incidents and failures in order. Memory is bounded for any number of recordings.
#[derive(Debug)]
pub(crate) struct Report {
    began_us: u64,
    timeline: Timeline,
    incidents: List<Incident>,
    failures: List<FileFailure>,
    defects: List<(PathBuf, DecodeWarning)>,
    loses_sound: bool,
}

/// The first [`LISTED`] items and the number of further ones.
#[derive(Debug)]
struct List<T> {
    listed: Vec<T>,
    more: u64,
}

/// The command and how it ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunInfo<'a> {
    pub(crate) command: &'a str,
    pub(crate) ending: &'a Ending,
    /// Duration of the run, in seconds.
    pub(crate) wall_s: f64,
}

impl Report {
    /// Starts a report. `began_us` is the start of the run in microseconds since 1970; `unreadable` files failed before
    /// it.
    pub(crate) fn new(began_us: u64, unreadable: &[Failure]) -> Self {
        let mut failures = List::default();
        for failure in unreadable {
            failures.push(FileFailure::new(&failure.path, &failure.error));
        }
        Self {
            began_us,
            timeline: Timeline::new(began_us),
            incidents: List::default(),
            failures,
            defects: List::default(),
            loses_sound: false,
        }
    }

    /// Handles an event that happened `at_s` seconds after the start of the run.
    pub(crate) fn observe(&mut self, event: &Event, at_s: f64) {
        match event {
            Event::Incident(incident) => self.incidents.push(incident.clone()),
            Event::Spans { worker, spans } => {
                for (span, _) in spans {
                    self.timeline.add(worker, span, (at_s * 1e6) as u64);
                }
            }
            _ => {}
        }
    }

    /// Adds a failed file.
    pub(crate) fn failed(&mut self, failure: FileFailure) {
        self.failures.push(failure);
    }

    /// Adds what decode warns about in one recording.
    pub(crate) fn defects(&mut self, defects: &Defects) {
        self.loses_sound |= defects.loses_sound();
        for warning in &defects.warnings {
            self.defects.push((defects.path.clone(), warning.clone()));
        }
    }

    /// Writes the report after the run.
    ///
    /// # Errors
    /// The file cannot be written; an existing file is unchanged.
    pub(crate) fn write(
        &self,
        path: &Path,
        info: &RunInfo<'_>,
        counters: &Counters,
        items: &[RecordingEntry],
    ) -> io::Result<()> {
        let page = Page::new(self, info, counters, items).render().map_err(io::Error::other)?;
        replace_file(path, page.as_bytes())
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { listed: Vec::new(), more: 0 }
    }
}

impl<T> List<T> {
    fn push(&mut self, entry: T) {
        if self.listed.len() < LISTED { self.listed.push(entry) } else { self.more += 1 }
    }
}

#[cfg(test)]
mod tests;
