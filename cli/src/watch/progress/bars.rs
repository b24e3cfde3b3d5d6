//! Progress bars on a terminal: one for all audio, one line per worker.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use scheduler::coordinator::WorkerId;
use scheduler::store::RecordingEntry;

use super::lines;
use crate::watch::counters::Counters;

/// Interval between two redraws, in seconds. Events are much more frequent.
const EVERY_S: f64 = 0.1;

pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    workers: BTreeMap<WorkerId, ProgressBar>,
    shown_at_s: f64,
}

impl Bars {
    pub(super) fn new(total_s: f64) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{bar:32.cyan/dim} {percent:>3}%  {msg}  ({elapsed} so far)");
        let total = all.add(ProgressBar::new(milliseconds(total_s)));
        total.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        total.enable_steady_tick(Duration::from_millis(250));
        Self { all, total, workers: BTreeMap::new(), shown_at_s: f64::NEG_INFINITY }
    }

    pub(super) fn show(&mut self, items: &[RecordingEntry], counters: &Counters, at_s: f64) {
        if at_s - self.shown_at_s < EVERY_S {
            return;
        }
        self.shown_at_s = at_s;
        self.total.set_position(milliseconds(counters.work.total_s() - counters.work.remaining_s()));
        self.total.set_message(lines::summary(counters, at_s));
        for (id, worker) in counters.workers.iter() {
            self.worker(id).set_message(lines::worker(worker, items, at_s));
        }
    }

    pub(super) fn note(&self, line: &str) {
        let _ = self.all.println(line);
    }

    pub(super) fn clear(&self) {
        let _ = self.all.clear();
    }

    fn worker(&mut self, id: &WorkerId) -> &ProgressBar {
        let all = &self.all;
        self.workers.entry(id.clone()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("  {prefix:<8} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(id.to_string());
            bar
        })
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}
