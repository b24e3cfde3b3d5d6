//! What `run` prints at its end.

use scheduler::coordinator::ItemEnd;
use serde_json::json;
use stage_core::{ErrorCode, printable, printable_json, shown};

use super::gathered::{Amount, Rows};
use crate::args::{ProgressMode, RunArgs};
use crate::defects;
use crate::export::ExportFormat;
use crate::pipeline::{PlannedRun, Summary};
use crate::table::{self, Row};

/// Errors of recordings that are quarantined.
const QUARANTINED: [ErrorCode; 3] = [ErrorCode::WorkerDied, ErrorCode::TimeLimit, ErrorCode::MemoryLimit];

/// Prints the table and the summary. With `--progress json`, the summary also goes to standard error.
pub(super) fn print(
    args: &RunArgs,
    run: &PlannedRun,
    summary: &Summary,
    mut rows: Rows,
    head: Option<&str>,
    elapsed_s: f64,
) {
    let files = run.recordings().len() + summary.unreadable.len();
    let mut table: Vec<Row> = (0..files).filter_map(|index| rows.of_recordings.remove(&index)).collect();
    table.extend(summary.unreadable.iter().map(|failure| Row {
        name: shown(&failure.path),
        audio_s: 0.0,
        text: Err(failure.error.to_string()),
        score: None,
        worked_s: None,
    }));
    // A run that joins others has no results of its own to show.
    if !table.is_empty() || !run.joins() {
        println!("{}", table::render(&table));
    }
    for recording in run.recordings() {
        for copy in &recording.copies {
            println!("the same recording: {} and {}", shown(&recording.path), shown(copy));
        }
    }
    for path in &rows.changed {
        println!("changed since it was first seen: {} (both are kept as recordings of the case)", shown(path));
    }
    for skipped in run.skipped() {
        println!("skipped: {skipped}");
    }
    let (done, failed, unfinished) = (summary.done(), summary.failed(), summary.unfinished());
    let (computed, reused) = (summary.outcome.stages_computed, summary.outcome.stages_reused);
    println!("{done} of {files} recordings done, {failed} failed; {computed} stages computed, {reused} cached");
    let audio_s = summary.audio_s(run.recordings());
    if computed > 0 {
        println!(
            "{} of audio in {elapsed_s:.1} s: {:.0} times real time, {:.0} files per hour",
            table::clock(audio_s),
            audio_s / elapsed_s,
            done as f64 / elapsed_s * 3600.0,
        );
    }
    if let Some(line) = defects::summary(&summary.defects) {
        println!("{line}; see `recording.warnings` in each result");
    }
    print_unreliable(&rows);
    if summary
        .outcome
        .items
        .iter()
        .any(|end| matches!(end, ItemEnd::Failed(error) if QUARANTINED.contains(&error.code)))
    {
        println!("recordings that killed workers or exceeded limits are quarantined; --retry-quarantined retries them");
    }
    if unfinished > 0 {
        println!("{unfinished} unfinished; run the same command again to resume");
    }
    if !summary.again.is_empty() {
        let formats = summary.again.iter().copied().collect::<Vec<_>>().join(", ");
        println!("also written in the formats of earlier runs, so that no file is stale: {formats}");
    }
    for path in &summary.removed {
        println!("removed (stale, in an unknown format): {}", path.display());
    }
    print_files(args, run, summary);
    if let Some(head) = head {
        println!(
            "head of the custody log (write it down elsewhere: `verify --head` finds a log that was changed up to here): {head}"
        );
    }
    if args.engine.progress == ProgressMode::Json {
        let summary = json!({
            "files": files, "files_done": done, "files_failed": failed, "files_unfinished": unfinished,
            "files_with_warnings": summary.defects.len(), "files_losing_sound": summary.losing_sound(),
            "head": head, "stages_computed": computed, "stages_reused": reused, "files_revoked": summary.outcome.revoked,
            "audio_s": audio_s, "elapsed_s": elapsed_s,
        });
        eprintln!("{}", printable_json(&json!({"summary": summary}).to_string()));
    }
}

/// What should be checked against the recordings.
fn print_unreliable(rows: &Rows) {
    let Amount { count, length_s } = rows.not_transcribed;
    if count > 0 {
        println!("not transcribed: {count} intervals, {length_s:.1} s; see `dropped` in each result for the reasons");
    }
    let Amount { count, length_s } = rows.low_confidence;
    if count > 0 {
        println!("low confidence: {count} segments, {length_s:.1} s, marked [?]; check them against the recording");
    }
}

/// Where the results are.
fn print_files(args: &RunArgs, run: &PlannedRun, summary: &Summary) {
    if run.is_simulated() {
        println!("simulated: no result files were written");
        return;
    }
    if run.joins() {
        println!("the results are in the store; `earwitness export DIR --store STORE` writes them");
        return;
    }
    if summary.done() > 0 {
        let extensions: Vec<_> = run.formats().iter().map(ExportFormat::extension).collect();
        println!("open {}/<recording>.{}", shown(args.out()), extensions.join(", ."));
    }
    match &summary.case_page {
        Some(Ok(page)) => println!("all recordings on one page: {}", shown(page)),
        Some(Err(error)) => println!("the page of the case was not written: {}", printable(&error.to_string())),
        None => {}
    }
    for (path, why) in &summary.sound_problems {
        println!("{}: {}", shown(path), printable(why));
    }
    if summary.outcome.stages_computed > 0 && args.watch.report.is_none() {
        println!("report: {}", shown(&args.out().join("report.html")));
    }
}
