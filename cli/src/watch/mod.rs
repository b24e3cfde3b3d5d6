//! Observes a run: turns the coordinator's events into progress, trace, metrics and report.
//!
//! ```text
//! Event -> Watch ─> Counters (counters, once) ─> progress (stderr), metrics (--metrics), report (--report)
//!                └> trace (--trace), timeline of the report
//! ```

mod counters;
mod description;
mod metrics;
mod pace;
mod progress;
mod report;
#[cfg(test)]
mod samples;
mod trace;
mod work;
mod workers;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use scheduler::coordinator::Event;
use scheduler::store::{Failure, RecordingEntry};
use stage_core::{PipelineError, shown};

use self::counters::Counters;
use self::description::FileFailure;
use self::metrics::Metrics;
use self::progress::Progress;
use self::report::{Report, RunInfo};
use self::trace::Trace;
use crate::args::{ProgressMode as Mode, WatchArgs};
use crate::defects::Defects;
use crate::inputs::SkippedFile;
use crate::stages;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every recording is done or failed.
    Finished,
    /// Stopped by the user.
    Interrupted,
    /// Failed, with the reason.
    Broken(String),
}

/// A file about the run (trace, metrics or report) cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {reason}", shown(path))]
pub(crate) struct WatchError {
    path: PathBuf,
    reason: io::Error,
}

/// Reports on a run, during and after it.
pub(crate) struct Watch<'a> {
    items: &'a [RecordingEntry],
    began: Instant,
    counters: Counters,
    progress: Progress,
    trace: Option<Output<Trace>>,
    metrics: Option<Output<Metrics>>,
    report: Report,
    /// `None` if no report is written.
    report_path: Option<PathBuf>,
    report_always: bool,
    /// The first file that could not be written.
    fault: Option<WatchError>,
}

/// A file that is written during the run.
struct Output<T> {
    path: PathBuf,
    file: T,
}

impl<'a> Watch<'a> {
    /// Starts to observe a run on `items`. The `unreadable` files failed before it started. The report goes to `folder`,
    /// if there is one, unless `args` names a file.
    ///
    /// # Errors
    /// A requested file cannot be created. Nothing has run yet.
    pub(crate) fn start(
        args: &WatchArgs,
        mode: Mode,
        folder: Option<&Path>,
        items: &'a [RecordingEntry],
        unreadable: &[Failure],
        skipped: &[SkippedFile],
    ) -> Result<Self, WatchError> {
        let counters = Counters::new(stages::specs(), items, unreadable.len());
        let began_us = now_us();
        let report_path = args.report.clone().or_else(|| Some(folder?.join("report.html")));
        let folder = report_path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(Err(reason)) = folder.map(std::fs::read_dir) {
            return Err(WatchError { path: report_path.unwrap_or_default(), reason });
        }
        let progress = Progress::new(mode, &counters);
        unreadable.iter().for_each(|failure| progress.failed(&FileFailure::new(&failure.path, &failure.error)));
        skipped.iter().for_each(|skipped| progress.skipped(skipped));
        Ok(Self {
            items,
            began: Instant::now(),
            progress,
            trace: create(args.trace.as_deref(), |path| Trace::create(path, began_us))?,
            metrics: create(args.metrics.as_deref(), |path| Metrics::create(path, &counters, began_us))?,
            counters,
            report: Report::new(began_us, unreadable),
            report_path,
            report_always: args.report.is_some(),
            fault: None,
        })
    }

    /// Prints a line above the progress.
    pub(crate) fn note(&self, line: &str) {
        self.progress.note(line);
    }

    /// Handles an event.
    pub(crate) fn observe(&mut self, event: &Event) {
        let at_s = self.began.elapsed().as_secs_f64();
        self.counters.observe(event, at_s);
        self.report.observe(event, at_s);
        if let Event::ItemFailed { index, error } = event {
            self.report_failure(FileFailure::new(&self.items[*index].path, error));
        }
        self.progress.observe(event, self.items, &self.counters, at_s);
        let (items, counters) = (self.items, &self.counters);
        let traced = or_give_up(&mut self.trace, |trace| trace.observe(event, items, counters, at_s));
        let measured = or_give_up(&mut self.metrics, |metrics| metrics.refresh(counters, at_s, now_us()));
        self.keep_fault(traced);
        self.keep_fault(measured);
    }

    /// Reports a recording that is complete in the store but whose results cannot be written. Replaces
    /// [`Event::ItemDone`].
    pub(crate) fn export_failed(&mut self, index: usize, error: &PipelineError) {
        self.counters.failed(index);
        self.report_failure(FileFailure::new(&self.items[index].path, error));
    }

    /// Reports what decode warns about.
    pub(crate) fn defects(&mut self, defects: &[Defects]) {
        for defects in defects {
            self.progress.defects(defects);
            self.report.defects(defects);
        }
    }

    /// Completes the files after the run. Writes the report if a worker started or the report was requested.
    ///
    /// # Errors
    /// The first file that could not be written, now or during the run. The other files are complete.
    pub(crate) fn finish(mut self, command: &str, ending: &Ending) -> Result<(), WatchError> {
        let at_s = self.began.elapsed().as_secs_f64();
        self.progress.finish(self.items, &self.counters, at_s);
        let counters = &self.counters;
        let measured = or_give_up(&mut self.metrics, |metrics| metrics.write(counters, at_s, now_us()));
        let traced = or_give_up(&mut self.trace, |trace| trace.finish(counters, at_s));
        let mut reported = Ok(());
        if let Some(path) = self.report_path.filter(|_| self.report_always || counters.workers.any_came_up()) {
            let info = RunInfo { command, ending, wall_s: at_s };
            let written = self.report.write(&path, &info, counters, self.items);
            reported = written.map_err(|reason| WatchError { path, reason });
        }
        self.fault.map_or(Ok(()), Err).and(measured).and(traced).and(reported)
    }

    fn report_failure(&mut self, failure: FileFailure) {
        self.progress.failed(&failure);
        self.report.failed(failure);
    }

    fn keep_fault(&mut self, result: Result<(), WatchError>) {
        if let Err(error) = result {
            self.progress.note(&format!("{error}; nothing more is written to it in this run"));
            self.fault.get_or_insert(error);
        }
    }
}

fn create<T>(
    path: Option<&Path>,
    create: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<Option<Output<T>>, WatchError> {
    let Some(path) = path else { return Ok(None) };
    let file = create(path).map_err(|reason| WatchError { path: path.to_owned(), reason })?;
    Ok(Some(Output { path: path.to_owned(), file }))
}

/// Writes to an output, if it is open. If this fails, the output is closed and the run continues without it.
fn or_give_up<T>(
    output: &mut Option<Output<T>>,
    write: impl FnOnce(&mut T) -> io::Result<()>,
) -> Result<(), WatchError> {
    let Some(open) = output else { return Ok(()) };
    let written = write(&mut open.file);
    written.map_err(|reason| WatchError { path: output.take().map(|open| open.path).unwrap_or_default(), reason })
}

/// Microseconds since 1970.
fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
