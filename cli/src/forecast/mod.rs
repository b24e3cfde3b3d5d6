//! What a run would do, before it: files, stored results, expected time and disk, models and problems. Reads only.
//!
//! ```text
//! inputs -> examine (hash, header) -> outlook (store) -> estimate (past runs | rule of thumb)
//!                                  -> problems (names, headers)
//! ```

mod estimate;
mod examine;
mod models;
mod problems;
mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use scheduler::coordinator::{Outlook, Recompute, RunError, StageState, outlook};
use scheduler::store::{RecordingEntry, Store};
use serde::Serialize;
use stage_core::{DeviceId, Measured, Recipe, StageName, sum};

pub(crate) use self::estimate::{Disk, Rule, Time};
pub(crate) use self::examine::{Examined, examine, total_bytes};
pub(crate) use self::models::{ModelFacts, ModelState, speech_model, vad_model};
pub(crate) use self::problems::Problem;
use crate::export::assign_names;
use crate::file_name::NameParser;
use crate::inputs::{Inputs, SkipReason, SkippedFile};
use crate::outputs::Taken;
use crate::plan::{HashedFile, identify, take_forgotten};

/// Incremented when a field is removed or changes its meaning.
const VERSION: u32 = 2;

/// Everything that a forecast depends on, except the recordings.
pub(crate) struct Conditions<'a> {
    /// The stages of the run, or why they are not known.
    pub(crate) recipe: Result<Arc<Recipe>, String>,
    /// The store of the run, empty if it does not exist yet.
    pub(crate) store: &'a dyn Store,
    pub(crate) devices: &'a [DeviceId],
    /// Whether the devices are those of a cluster's nodes, and there is one, which has their kind.
    pub(crate) on_cluster: bool,
    pub(crate) recompute: Recompute,
    pub(crate) retry_quarantined: bool,
    /// The rule of thumb for the time, or why there is none.
    pub(crate) rule: Result<Rule, String>,
    /// The folder of the results, which need not exist.
    pub(crate) folder: PathBuf,
    pub(crate) models: Vec<ModelFacts>,
    pub(crate) names: NameParser,
    /// Files that the run would not replace.
    pub(crate) taken: Vec<(PathBuf, Taken)>,
}

/// What a run would do. A value that is not known is null with a reason.
#[derive(Debug, Serialize)]
pub(crate) struct Forecast {
    /// Version of this object.
    version: u32,
    files: FileCounts,
    /// Files and audio by container and codec; without the files whose header cannot be read.
    formats: Vec<FormatCount>,
    /// What is stored and what would be computed.
    work: Measured<Work>,
    time: Measured<Time>,
    disk: Disk,
    devices: Vec<String>,
    models: Vec<ModelFacts>,
    problems: Vec<Problem>,
    /// What is skipped in searched folders: `path`, `reason`, `message`, and `path_bytes` for a path that is not UTF-8.
    skipped: Vec<SkippedFile>,
}

/// Numbers of files.
#[derive(Debug, Serialize)]
struct FileCounts {
    /// Files that the run would read.
    files: usize,
    /// Their total size, without those that cannot be read.
    bytes: u64,
    /// Total length according to the headers, in seconds.
    audio_s: f64,
    /// Files whose header states no length, or that cannot be read: not part of `audio_s`.
    unknown_length: usize,
    /// Files whose hash was cached, so that they were not read again.
    hashes_cached: usize,
}

/// The files of one container, codec and decoder.
#[derive(Debug, Serialize)]
struct FormatCount {
    container: String,
    codec: String,
    /// Version of the external decoder that will decode the files; null for the built-in one.
    external_decoder: Option<String>,
    files: usize,
    audio_s: f64,
}

/// The work of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Work {
    /// Different recordings: files with the same bytes are computed once.
    recordings: usize,
    /// Recordings of which every artifact is stored.
    complete: usize,
    /// Quarantined recordings, which the run skips unless it retries them.
    quarantined: usize,
    /// Stored windows of unfinished recordings.
    windows_stored: usize,
    /// All stages, in order.
    stages: Vec<StageWork>,
}

/// The work of one stage, in recordings.
#[derive(Debug, Serialize)]
pub(crate) struct StageWork {
    stage: StageName,
    /// Artifacts that are stored and reused.
    cached: usize,
    /// Artifacts that are not stored.
    missing: usize,
    /// Artifacts that were altered after they were stored, so that they are computed again.
    altered: usize,
    /// Artifacts that are stored and computed again on request.
    again: usize,
    /// Recordings for which the stage runs. A stage runs also if its result is stored, but a later stage needs what is
    /// not stored (samples).
    runs: usize,
    /// Total length of these recordings, in seconds.
    audio_s: f64,
}

/// Computes the forecast of a run over examined files.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn forecast(
    inputs: &Inputs,
    examined: &[Examined],
    conditions: Conditions<'_>,
) -> Result<Forecast, RunError> {
    let store = conditions.store;
    let known = store.recordings()?;
    let mut skipped = inputs.skipped.clone();
    let (work, time, disk) = match &conditions.recipe {
        Ok(recipe) => {
            let (items, forgotten) = items(examined, &known, recipe, &conditions)?;
            skipped.extend(forgotten.into_iter().map(|path| SkippedFile { path, reason: SkipReason::Forgotten }));
            let outlooks = outlook(&items, conditions.recompute, store)?;
            let work = planned(&items, &outlooks, recipe, conditions.retry_quarantined);
            let past = estimate::past_runs(store, recipe, &conditions.devices[0])?;
            let time = estimate::time(&work, past.as_ref(), &conditions);
            let disk = estimate::disk(&work, items.len(), past.as_ref(), &conditions)?;
            (Measured::of(work), time, disk)
        }
        Err(reason) => (Measured::missing(reason), Measured::missing(reason), Disk::unknown(reason, &conditions)),
    };
    let problems = problems::find(inputs, examined, &names(examined, &known), &conditions);
    Ok(Forecast {
        version: VERSION,
        files: count(examined),
        formats: formats(examined),
        work,
        time,
        disk,
        devices: match conditions.devices {
            [device, ..] if conditions.on_cluster => {
                vec![format!("{} on the nodes of the cluster", estimate::kind(&device.to_string()))]
            }
            devices => devices.iter().map(ToString::to_string).collect(),
        },
        models: conditions.models,
        problems,
        skipped,
    })
}

/// The recordings that the run would process, and the files of forgotten ones.
fn items(
    examined: &[Examined],
    known: &[RecordingEntry],
    recipe: &Arc<Recipe>,
    conditions: &Conditions<'_>,
) -> Result<(Vec<RecordingEntry>, Vec<PathBuf>), RunError> {
    let file = |file: &'_ Examined| Some((file.size_bytes, file.facts.as_ref().ok()?.clone()));
    let files = examined.iter().filter_map(|one| file(one).map(|(size, facts)| (one.path.as_path(), size, facts)));
    let mut files: Vec<_> = files.map(|(path, size, facts)| HashedFile { path, size, facts }).collect();
    let forgotten = take_forgotten(&mut files, &conditions.store.forgotten()?);
    Ok((identify(&files, known, recipe, &conditions.folder), forgotten))
}

/// The names of the exported files, as the run would assign them. A file that cannot be read has none.
fn names(examined: &[Examined], known: &[RecordingEntry]) -> BTreeMap<PathBuf, String> {
    let hash = |file: &'_ Examined| Some(file.facts.as_ref().ok()?.sha256.clone());
    let files = || examined.iter().filter_map(|file| Some((hash(file)?, file.path.as_path())));
    let known = known.iter().map(|entry| (entry.file_sha256.clone(), entry.name.clone()));
    let names = assign_names(known, files());
    files().map(|(sha256, path)| (path.to_owned(), names[&sha256].clone())).collect()
}

fn planned(items: &[RecordingEntry], outlooks: &[Outlook], recipe: &Recipe, retry_quarantined: bool) -> Work {
    let empty = |stage| StageWork { stage, cached: 0, missing: 0, altered: 0, again: 0, runs: 0, audio_s: 0.0 };
    let mut work = Work {
        recordings: outlooks.len(),
        complete: 0,
        quarantined: 0,
        windows_stored: 0,
        stages: recipe.steps().iter().map(|step| empty(step.stage)).collect(),
    };
    for of in outlooks {
        let is_skipped = of.quarantine.is_some() && !retry_quarantined;
        work.quarantined += usize::from(of.quarantine.is_some());
        work.complete += usize::from(of.stages.iter().all(|stage| stage.state == StageState::Stored));
        work.windows_stored += of.checkpoints;
        for (stage, total) in of.stages.iter().zip(&mut work.stages) {
            match stage.state {
                StageState::Stored => total.cached += 1,
                StageState::Missing => total.missing += 1,
                StageState::Altered => total.altered += 1,
                StageState::Again => total.again += 1,
            }
            if stage.runs && !is_skipped {
                total.runs += 1;
                total.audio_s += items[of.indices[0]].audio_s;
            }
        }
    }
    work
}

fn count(examined: &[Examined]) -> FileCounts {
    let known = |file: &&Examined| file.audio_s().is_some();
    FileCounts {
        files: examined.len(),
        bytes: examined.iter().map(|file| file.size_bytes).sum(),
        audio_s: sum(examined.iter().filter_map(Examined::audio_s)),
        unknown_length: examined.len() - examined.iter().filter(known).count(),
        hashes_cached: examined.iter().filter(|file| file.is_cached).count(),
    }
}

fn formats(examined: &[Examined]) -> Vec<FormatCount> {
    let mut formats: BTreeMap<(&str, &str, Option<&str>), (usize, f64)> = BTreeMap::new();
    for file in examined {
        let Ok(header) = &file.header else { continue };
        let of = formats.entry((&header.container, &header.codec, header.external_decoder.as_deref())).or_default();
        of.0 += 1;
        of.1 += file.audio_s().unwrap_or_default();
    }
    let count = |((container, codec, external), (files, audio_s)): ((&str, &str, Option<&str>), _)| FormatCount {
        container: container.to_owned(),
        codec: codec.to_owned(),
        external_decoder: external.map(ToOwned::to_owned),
        files,
        audio_s,
    };
    formats.into_iter().map(count).collect()
}
