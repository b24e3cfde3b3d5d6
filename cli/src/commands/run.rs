//! `run`: runs the whole pipeline, writes the results and prints a table.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use scheduler::coordinator::{CommitPoint, Event, ItemEnd, Outcome, Recompute};
use scheduler::store::{Failure, RecordingEntry, Store, command_line};
use serde_json::json;
use stage_core::{ErrorCode, PipelineError};
use transcribe::ModelSource;

use crate::args::{ProgressMode as Mode, RunArgs};
use crate::engine::Engine;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{Document, ExportError, write_results};
use crate::table::{self, Row};
use crate::watch::{Ending, Watch};

/// States the accuracy of the embedded model.
const EMBEDDED_MODEL_NOTICE: &str = "The embedded model, Whisper base, is a finding aid: on Korean calls 18 to 25 % of its \
     characters are wrong. For real work, choose a larger model: --model openai/whisper-large-v3-turbo, or a Korean \
     fine-tune.";

/// State of a run in progress.
struct Gathered<'a> {
    args: &'a RunArgs,
    items: &'a [RecordingEntry],
    watch: Watch<'a>,
    /// Whether the stages are simulated, so that there are no results to write.
    simulated: bool,
    results: HashMap<usize, Row>,
    /// Recordings whose results could not be written.
    not_exported: Vec<Failure>,
    /// Intervals that were not transcribed: number and total seconds.
    left_out: (usize, f64),
    /// Segments with low confidence: number and total seconds.
    low_confidence: (usize, f64),
    /// Seconds of stage time per recording in this run.
    worked_s: HashMap<usize, f64>,
}

pub(crate) fn run(args: &RunArgs) -> Result<Exit, Error> {
    let started = Instant::now();
    let mut engine = Engine::prepare(&args.engine, &args.inputs, &args.out, None)?;
    let recompute = match (args.force, args.from) {
        (true, _) => Recompute::All,
        (false, Some(stage)) => Recompute::From(stage),
        (false, None) => Recompute::Nothing,
    };
    let items = engine.plan.items.clone();
    let watch = Watch::start(&args.watch, args.engine.progress, &args.out, &items, &engine.plan.unreadable)
        .map_err(Error::usage)?;
    if !engine.is_simulated() && args.engine.stages.model.source() == Ok(ModelSource::Embedded) {
        watch.note(EMBEDDED_MODEL_NOTICE);
    }
    let mut gathered = Gathered {
        args,
        items: &items,
        watch,
        simulated: engine.is_simulated(),
        results: HashMap::new(),
        not_exported: Vec::new(),
        left_out: (0, 0.0),
        low_confidence: (0, 0.0),
        worked_s: HashMap::new(),
    };
    let outcome = engine.run(&args.engine, recompute, &mut |event, store| gathered.observe(&event, store));
    let Gathered { watch, results, mut not_exported, left_out, low_confidence, .. } = gathered;
    let watched = watch.finish(&command_line(), &ending(&outcome));
    let outcome = outcome?;
    not_exported.extend_from_slice(&engine.plan.unreadable);
    engine.store.record_failures(outcome.run, &not_exported).map_err(Error::store)?;
    let exit = report(args, &engine, &outcome, (results, left_out, low_confidence), started.elapsed().as_secs_f64());
    watched.context("the run is complete, but a file about it is not")?;
    Ok(exit)
}

fn ending(outcome: &Result<Outcome, Error>) -> Ending {
    match outcome {
        Ok(outcome) if outcome.interrupted => Ending::Interrupted,
        Ok(_) => Ending::Finished,
        Err(error) => Ending::Broken(error.report()),
    }
}

impl Gathered<'_> {
    fn observe(&mut self, event: &Event, store: &mut dyn Store) {
        match event {
            Event::StageCommitted { indices, duration_s, .. } => {
                for index in indices {
                    *self.worked_s.entry(*index).or_default() += duration_s;
                }
            }
            Event::GroupCommit { point, artifacts, checkpoints } => self.pause(*point, *artifacts, *checkpoints),
            Event::ItemDone { index } if self.simulated => {
                let nothing = self.row(*index, Ok(vec!["(simulated)".to_owned()]), None);
                self.results.insert(*index, nothing);
            }
            Event::ItemDone { index } => match self.export(*index, store) {
                Ok(row) => drop(self.results.insert(*index, row)),
                Err(error) => return self.export_failed(*index, error),
            },
            Event::ItemFailed { index, error } => {
                self.results.insert(*index, self.row(*index, Err(error.to_string()), None));
            }
            _ => {}
        }
        self.watch.observe(event);
    }

    /// Reports a point of a commit and waits there, if a test requested it.
    fn pause(&self, point: CommitPoint, artifacts: usize, checkpoints: usize) {
        if let Some(ms) = self.args.engine.bench.pause_at_commits {
            let point = format!("{point:?}").to_lowercase();
            eprintln!(
                "{}",
                json!({"event": "commit", "point": point, "artifacts": artifacts, "checkpoints": checkpoints})
            );
            std::thread::sleep(Duration::from_millis(ms));
        }
    }

    fn export(&mut self, index: usize, store: &mut dyn Store) -> Result<Row, ExportError> {
        let (document, exports) = write_results(store, &self.args.out, &self.items[index], &self.args.format)?;
        store.put_exports(&exports)?;
        self.left_out.0 += document.dropped.len();
        self.left_out.1 += document.dropped.iter().map(|dropped| dropped.end_s - dropped.start_s).sum::<f64>();
        let (segments, length_s) = document.low_confidence();
        self.low_confidence.0 += segments;
        self.low_confidence.1 += length_s;
        let text = (0..document.recording.channels).map(|channel| document.text(channel)).collect();
        Ok(self.row(index, Ok(text), score(&document)))
    }

    /// Reports a recording that is complete in the store but whose results cannot be written.
    fn export_failed(&mut self, index: usize, error: ExportError) {
        let error = PipelineError::from(error);
        self.watch.export_failed(index, &error);
        self.results.insert(index, self.row(index, Err(error.to_string()), None));
        self.not_exported.push(Failure { path: self.items[index].path.clone(), error });
    }

    fn row(&self, index: usize, text: Result<Vec<String>, String>, score: Option<(f64, String)>) -> Row {
        let item = &self.items[index];
        Row {
            name: item.path.file_name().map_or_else(|| item.name.clone(), |name| name.to_string_lossy().into_owned()),
            audio_s: item.audio_s,
            text,
            score,
            worked_s: self.worked_s.get(&index).copied(),
        }
    }
}

/// Overall score and its level, if measured.
fn score(document: &Document) -> Option<(f64, String)> {
    let scores = &document.forensics.scores;
    Some((scores.overall.value?, scores.level?.name().to_owned()))
}

fn report(
    args: &RunArgs,
    engine: &Engine,
    outcome: &Outcome,
    (mut results, left_out, low_confidence): (HashMap<usize, Row>, (usize, f64), (usize, f64)),
    elapsed_s: f64,
) -> Exit {
    let items = &engine.plan.items;
    let unreadable = &engine.plan.unreadable;
    let is_done = |index: usize, end: &ItemEnd| {
        matches!(end, ItemEnd::Done) && results.get(&index).is_some_and(|row| row.text.is_ok())
    };
    let ends: Vec<bool> = outcome.items.iter().enumerate().map(|(index, end)| is_done(index, end)).collect();
    let done = ends.iter().filter(|done| **done).count();
    let unfinished = outcome.items.iter().filter(|end| matches!(end, ItemEnd::Unfinished)).count();
    let audio_s: f64 = items.iter().zip(&ends).filter(|(_, done)| **done).map(|(item, _)| item.audio_s).sum();
    let mut rows: Vec<Row> = (0..items.len()).filter_map(|index| results.remove(&index)).collect();
    rows.extend(unreadable.iter().map(|failure| Row {
        name: failure.path.display().to_string(),
        audio_s: 0.0,
        text: Err(failure.error.to_string()),
        score: None,
        worked_s: None,
    }));
    let failed = rows.iter().filter(|row| row.text.is_err()).count();
    println!("{}", table::render(&rows));
    for path in &engine.inputs.skipped {
        println!("skipped (not an audio file name): {}", path.display());
    }
    let files = items.len() + unreadable.len();
    let (computed, reused) = (outcome.artifacts_computed, outcome.artifacts_reused);
    println!("{done} of {files} recordings done, {failed} failed; {computed} stages computed, {reused} cached");
    if computed > 0 {
        println!(
            "{} of audio in {elapsed_s:.1} s: {:.0} times real time, {:.0} files per hour",
            table::clock(audio_s),
            audio_s / elapsed_s,
            done as f64 / elapsed_s * 3600.0,
        );
    }
    if left_out.0 > 0 {
        let (intervals, length_s) = left_out;
        println!(
            "not transcribed: {intervals} intervals, {length_s:.1} s; see `dropped` in each result for the reasons"
        );
    }
    if low_confidence.0 > 0 {
        let (segments, length_s) = low_confidence;
        println!("low confidence: {segments} segments, {length_s:.1} s, marked [?]; check them against the recording");
    }
    if outcome.items.iter().any(|end| matches!(end, ItemEnd::Failed(error) if error.code == ErrorCode::WorkerDied)) {
        println!("recordings that killed workers are quarantined; --retry-quarantined retries them");
    }
    if unfinished > 0 {
        println!("{unfinished} unfinished; run the same command again to resume");
    }
    if engine.is_simulated() {
        println!("simulated: no result files were written");
    } else {
        if done > 0 {
            let formats: Vec<_> = args.format.iter().map(|format| format!("{format:?}").to_lowercase()).collect();
            println!("open {}/<recording>.{}", args.out.display(), formats.join(", ."));
        }
        if computed > 0 && args.watch.report.is_none() {
            println!("report: {}", args.out.join("report.html").display());
        }
    }
    let summary = json!({"summary": {
        "files": files, "files_done": done, "files_failed": failed, "files_unfinished": unfinished,
        "stages_computed": computed, "stages_reused": reused, "files_revoked": outcome.revoked, "audio_s": audio_s, "elapsed_s": elapsed_s,
    }});
    if args.engine.progress == Mode::Json {
        eprintln!("{summary}");
    }
    engine.exit(outcome, failed)
}
