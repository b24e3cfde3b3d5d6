//! `run`: the whole pipeline, results as files, a table at the end.

use std::collections::HashMap;
use std::time::Instant;

use scheduler::coordinator::{Event, ItemEnd, Outcome, Recompute};
use scheduler::store::{RecordingEntry, Store};
use serde_json::json;
use stage_core::StageKind;

use crate::args::{Progress as Mode, RunArgs};
use crate::engine::Engine;
use crate::exit::{Exit, Failure};
use crate::export::{Document, write_results};
use crate::progress::Progress;
use crate::table::{self, Row};

/// What a run gathers while it goes on.
struct Gathered<'a> {
    args: &'a RunArgs,
    items: &'a [RecordingEntry],
    progress: Progress,
    results: HashMap<usize, Row>,
    /// Seconds that each recording's stages took in this run.
    worked_s: HashMap<usize, f64>,
}

pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let mut engine = Engine::prepare(&args.engine, &args.inputs, &args.out, StageKind::Forensics)?;
    let recompute = match (args.force, args.from) {
        (true, _) => Recompute::All,
        (false, Some(stage)) => Recompute::From(stage),
        (false, None) => Recompute::Nothing,
    };
    let items = engine.plan.items.clone();
    let audio_s = items.iter().map(|item| item.audio_s).sum();
    let mut gathered = Gathered {
        args,
        items: &items,
        progress: Progress::new(args.engine.progress, engine.inputs.files.len(), audio_s),
        results: HashMap::new(),
        worked_s: HashMap::new(),
    };
    let outcome = engine.run(&args.engine, recompute, &mut |event, store| gathered.observe(&event, store))?;
    gathered.progress.finish();
    engine.store.record_failures(outcome.run, &engine.plan.unreadable).map_err(Failure::store)?;
    Ok(report(&engine, &outcome, gathered, started.elapsed().as_secs_f64()))
}

impl Gathered<'_> {
    fn observe(&mut self, event: &Event, store: &mut dyn Store) {
        match event {
            Event::WorkerUp { device, .. } => self.progress.device_up(device),
            Event::WorkerLost { device, reason } => self.progress.device_lost(device, reason),
            Event::Reused { index, stage } => self.progress.reused(self.items[*index].audio_s, share(*stage)),
            Event::StageCommitted { indices, stage, device, duration_s } => {
                for index in indices {
                    let item = &self.items[*index];
                    self.progress.stage_done(device, *stage, &item.name, item.audio_s, share(*stage));
                    *self.worked_s.entry(*index).or_default() += duration_s;
                }
            }
            Event::ItemDone { index } => {
                let result = self.export(*index, store);
                let failed = result.text.is_err();
                self.results.insert(*index, result);
                self.progress.file_done(failed);
            }
            Event::ItemFailed { index, error } => {
                let item = &self.items[*index];
                self.progress.note(&format!("{}: {error}", item.path.display()));
                self.results.insert(*index, self.row(*index, Err(error.to_string())));
                self.progress.file_done(true);
            }
            _ => {}
        }
    }

    fn export(&self, index: usize, store: &mut dyn Store) -> Row {
        let written = write_results(store, &self.args.out, &self.items[index], &self.args.format);
        match written.and_then(|(document, exports)| store.put_exports(&exports).map(|()| document).map_err(Into::into))
        {
            Ok(document) => self.row(index, Ok(&document)),
            Err(error) => self.row(index, Err(format!("export: {error}"))),
        }
    }

    fn row(&self, index: usize, document: Result<&Document, String>) -> Row {
        let item = &self.items[index];
        let score = document.as_ref().ok().and_then(|document| {
            let scores = &document.forensics.scores;
            Some((scores.overall.value?, scores.level?.name().to_owned()))
        });
        Row {
            name: item.path.file_name().map_or_else(|| item.name.clone(), |name| name.to_string_lossy().into_owned()),
            audio_s: item.audio_s,
            text: document.map(|document| (0..document.recording.channels).map(|c| document.text(c)).collect()),
            score,
            worked_s: self.worked_s.get(&index).copied(),
        }
    }
}

/// A stage's part of the work on a recording, for progress: about what it takes on a processor.
const fn share(stage: StageKind) -> f64 {
    match stage {
        StageKind::Decode => 0.05,
        StageKind::Segment => 0.05,
        StageKind::Transcribe => 0.75,
        StageKind::Align => 0.05,
        StageKind::Forensics => 0.10,
    }
}

fn report(engine: &Engine, outcome: &Outcome, mut gathered: Gathered<'_>, elapsed_s: f64) -> Exit {
    let unreadable = &engine.plan.unreadable;
    let done = outcome.items.iter().filter(|end| matches!(end, ItemEnd::Done)).count();
    let unfinished = outcome.items.iter().filter(|end| matches!(end, ItemEnd::Unfinished)).count();
    let ends = gathered.items.iter().zip(&outcome.items);
    let audio_s: f64 = ends.filter(|(_, end)| matches!(end, ItemEnd::Done)).map(|(item, _)| item.audio_s).sum();
    let mut rows: Vec<Row> = (0..gathered.items.len()).filter_map(|index| gathered.results.remove(&index)).collect();
    rows.extend(unreadable.iter().map(|failure| Row {
        name: failure.path.display().to_string(),
        audio_s: 0.0,
        text: Err(failure.error.to_string()),
        score: None,
        worked_s: None,
    }));
    let failed = rows.iter().filter(|row| row.text.is_err()).count();
    println!("{}", table::render(&rows));
    for path in &engine.inputs.passed_over {
        println!("passed over, not named like a recording: {}", path.display());
    }
    let files = gathered.items.len() + unreadable.len();
    let (computed, reused) = (outcome.artifacts_computed, outcome.artifacts_reused);
    println!("{done} of {files} recordings done, {failed} failed; {computed} stages computed, {reused} on record");
    if computed > 0 {
        println!(
            "{} of audio in {elapsed_s:.1} s: {:.0} times real time, {:.0} files an hour",
            table::clock(audio_s),
            audio_s / elapsed_s,
            done as f64 / elapsed_s * 3600.0,
        );
    }
    if unfinished > 0 {
        println!("{unfinished} not finished: run the same command again to go on");
    }
    let formats: Vec<_> = gathered.args.format.iter().map(|format| format!("{format:?}").to_lowercase()).collect();
    println!("open {}/<recording>.{}", gathered.args.out.display(), formats.join(", ."));
    let summary = json!({"summary": {
        "files": files, "files_done": done, "files_failed": failed, "files_unfinished": unfinished,
        "stages_computed": computed, "stages_reused": reused, "audio_s": audio_s, "elapsed_s": elapsed_s,
    }});
    if gathered.args.engine.progress == Mode::Json {
        eprintln!("{summary}");
    }
    engine.exit(outcome, failed)
}
