//! Observes a run: passes its events to the progress and collects the rows of the table.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scheduler::coordinator::{CommitPoint, Event};
use scheduler::store::{Incident, IncidentKind, RecordingEntry};
use serde_json::json;
use stage_core::{PipelineError, shown};

use crate::export::Document;
use crate::pipeline::{Observer, PlannedRun};
use crate::table::{Line, Row};
use crate::watch::Watch;

/// What the summary of a run prints about its results.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The row of each recording that ended, by index.
    pub(super) of_recordings: HashMap<usize, Row>,
    /// Intervals that were not transcribed.
    pub(super) not_transcribed: Amount,
    /// Segments with low confidence.
    pub(super) low_confidence: Amount,
    /// Files whose bytes are not those that were first seen.
    pub(super) changed: Vec<PathBuf>,
}

/// A number of intervals, and their total length.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    pub(super) count: usize,
    pub(super) length_s: f64,
}

/// State of a run in progress.
pub(super) struct Gathered<'a> {
    recordings: &'a [RecordingEntry],
    watch: Watch<'a>,
    simulated: bool,
    /// For tests: reports each point of a commit and waits there.
    pause_at_commits: Option<Duration>,
    rows: Rows,
    /// Seconds of stage time per recording in this run.
    worked_s: HashMap<usize, f64>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(
        recordings: &'a [RecordingEntry],
        watch: Watch<'a>,
        run: &PlannedRun,
        pause_at_commits_ms: Option<u64>,
    ) -> Self {
        Self {
            recordings,
            watch,
            simulated: run.is_simulated(),
            pause_at_commits: pause_at_commits_ms.map(Duration::from_millis),
            rows: Rows::default(),
            worked_s: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> (Watch<'a>, Rows) {
        (self.watch, self.rows)
    }

    fn add_row(
        &mut self,
        index: usize,
        length_s: Option<f64>,
        text: Result<Vec<Line>, String>,
        score: Option<(f64, String)>,
    ) {
        let recording = &self.recordings[index];
        let file_name = recording.path.file_name();
        let row = Row {
            name: file_name.map_or_else(|| recording.name.clone(), |name| shown(Path::new(name))),
            audio_s: length_s.unwrap_or(recording.audio_s),
            text,
            score,
            worked_s: self.worked_s.get(&index).copied(),
        };
        self.rows.of_recordings.insert(index, row);
    }

    fn pause(&self, point: CommitPoint, artifacts: usize, checkpoints: usize) {
        if let Some(pause) = self.pause_at_commits {
            let point = format!("{point:?}").to_lowercase();
            let event = json!({"event": "commit", "point": point, "artifacts": artifacts, "checkpoints": checkpoints});
            eprintln!("{event}");
            std::thread::sleep(pause);
        }
    }
}

impl Observer for Gathered<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StageCommitted { indices, duration_s, .. } => {
                for index in indices {
                    *self.worked_s.entry(*index).or_default() += duration_s;
                }
            }
            Event::GroupCommit { point, artifacts, checkpoints } => self.pause(*point, *artifacts, *checkpoints),
            Event::ItemDone { index } if self.simulated => {
                self.add_row(*index, None, Ok(vec![(None, "(simulated)".to_owned())]), None);
            }
            Event::Incident(Incident { kind: IncidentKind::RecordingChanged, recording, .. }) => {
                self.rows.changed.extend(recording.clone());
            }
            Event::ItemFailed { index, error } => self.add_row(*index, None, Err(error.to_string()), None),
            _ => {}
        }
        self.watch.observe(event);
    }

    fn exported(&mut self, index: usize, document: &Document) {
        for dropped in &document.dropped {
            self.rows.not_transcribed.count += 1;
            self.rows.not_transcribed.length_s += dropped.end_s - dropped.start_s;
        }
        let (segments, length_s) = document.low_confidence();
        self.rows.low_confidence.count += segments;
        self.rows.low_confidence.length_s += length_s;
        let text = document.conversation();
        self.add_row(index, Some(document.recording.duration_s), Ok(text), score(document));
    }

    fn not_exported(&mut self, index: usize, error: &PipelineError) {
        self.watch.export_failed(index, error);
        self.add_row(index, None, Err(error.to_string()), None);
    }
}

/// Overall score and its level, if measured.
fn score(document: &Document) -> Option<(f64, String)> {
    let scores = &document.forensics.scores;
    Some((scores.overall.value?, scores.level?.name().to_owned()))
}
