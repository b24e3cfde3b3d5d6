//! Expected time and disk: from the past runs of the store, else from a labeled rule of thumb, else unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use scheduler::coordinator::RunError;
use scheduler::store::{Lookup, Store, StoreError};
use serde::Serialize;
use stage_core::{DeviceId, Fingerprint, Measured, Recipe, StageKey, StageName};

use super::{Conditions, StageWork, Work};
use crate::stages;

/// Number of past runs that are considered, latest first.
const RUNS: usize = 50;

/// The expected time of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Time {
    /// Expected duration of the run, in seconds.
    pub(super) expected_s: f64,
    /// Audio per time: seconds of sound computed in one second.
    pub(super) times_real_time: f64,
    /// Where the expectation comes from.
    pub(super) basis: String,
}

/// A speed that was measured on another machine or set of recordings.
pub(crate) struct Rule {
    /// Seconds of audio in one second, for the whole pipeline.
    pub(crate) times_real_time: f64,
    pub(crate) basis: String,
}

/// Disk space.
#[derive(Debug, Serialize)]
pub(crate) struct Disk {
    /// Expected growth of the store, in bytes.
    pub(super) store_bytes: Measured<u64>,
    /// Expected size of the new result files (json), in bytes.
    pub(super) results_bytes: Measured<u64>,
    /// Free space for the results, in bytes.
    pub(super) free_bytes: Measured<u64>,
    /// Where the expectations come from.
    pub(super) basis: String,
}

/// What the past runs of a store took.
pub(super) struct PastRuns {
    /// By stage: the artifacts that this recipe would compute in the same way.
    stages: BTreeMap<StageName, Past>,
    /// Stage time of all artifacts of the runs, in seconds.
    busy_s: f64,
    /// Duration of the runs, in seconds.
    wall_s: f64,
    runs: usize,
    devices: BTreeSet<String>,
}

/// Totals of one stage.
#[derive(Default)]
struct Past {
    artifacts: usize,
    audio_s: f64,
    duration_s: f64,
    bytes: usize,
}

/// A stored artifact with the length of its recording.
struct Made {
    key: StageKey,
    device: String,
    audio_s: f64,
    started_at_ms: u64,
    duration_s: f64,
    bytes: usize,
}

/// Reads the past runs of a store on this kind of device. `None` if no stage was computed with the settings, model and
/// precision of this recipe.
pub(super) fn past_runs(store: &dyn Store, recipe: &Recipe, device: &DeviceId) -> Result<Option<PastRuns>, RunError> {
    let all = artifacts(store)?;
    let of_kind = |made: &&Made| kind(&made.device) == kind(&device.to_string());
    let is_same = |made: &&Made| {
        recipe.step(made.key.stage).is_some_and(|step| {
            step.version == made.key.version
                && step.identity.settings == made.key.settings
                && step.identity.model_sha256 == made.key.model_sha256
                && step.identity.numeric == made.key.numeric
        })
    };
    let mut past = PastRuns { stages: BTreeMap::new(), busy_s: 0.0, wall_s: 0.0, runs: 0, devices: BTreeSet::new() };
    for made in all.iter().filter(of_kind).filter(is_same) {
        let stage = past.stages.entry(made.key.stage).or_default();
        stage.bytes += made.bytes;
        if made.key.output.is_none() {
            stage.artifacts += 1;
            stage.audio_s += made.audio_s;
            stage.duration_s += made.duration_s;
        }
        past.devices.insert(made.device.clone());
    }
    for run in store.runs(RUNS)? {
        let Some((ended_at_ms, _)) = run.ended else { continue };
        let period = run.started_at_ms..=ended_at_ms;
        let own = all.iter().filter(of_kind).filter(|made| period.contains(&made.started_at_ms));
        let busy_s: f64 = own.filter(|made| made.key.output.is_none()).map(|made| made.duration_s).sum();
        if busy_s > 0.0 {
            past.busy_s += busy_s;
            past.wall_s += ended_at_ms.saturating_sub(run.started_at_ms) as f64 / 1000.0;
            past.runs += 1;
        }
    }
    Ok((past.wall_s > 0.0 && past.stages.values().any(|stage| stage.audio_s > 0.0)).then_some(past))
}

/// `cpu` for `cpu:0`.
pub(super) fn kind(device: &str) -> &str {
    device.split(':').next().unwrap_or(device)
}

/// All artifacts of the store's recordings, each once.
fn artifacts(store: &dyn Store) -> Result<Vec<Made>, StoreError> {
    let mut seen: BTreeSet<Fingerprint> = BTreeSet::new();
    let mut all = Vec::new();
    for entry in store.recordings()? {
        for fingerprint in entry.fingerprints() {
            if !seen.insert(fingerprint) {
                continue;
            }
            if let Lookup::Sound(stored) = store.artifact(&fingerprint)? {
                let made = stored.artifact;
                all.push(Made {
                    bytes: made.body.len(),
                    key: made.key,
                    device: made.device,
                    audio_s: entry.audio_s,
                    started_at_ms: made.started_at_ms,
                    duration_s: made.duration_s,
                });
            }
        }
    }
    Ok(all)
}

/// The expected time of this work.
pub(super) fn time(work: &Work, past: Option<&PastRuns>, conditions: &Conditions<'_>) -> Measured<Time> {
    let running = work.stages.iter().filter(|stage| stage.runs > 0);
    if running.clone().next().is_none() {
        let basis = "every result is stored".to_owned();
        return Measured::of(Time { expected_s: 0.0, times_real_time: 0.0, basis });
    }
    let audio_s = running.clone().map(|stage| stage.audio_s).fold(0.0, f64::max);
    if audio_s <= 0.0 {
        return Measured::missing("no header states a length");
    }
    let reason = match past {
        None => "the store has no past run with these settings on this kind of device".to_owned(),
        Some(past) => match past.expected_s(running) {
            Ok(expected_s) => {
                return Measured::of(Time { expected_s, times_real_time: audio_s / expected_s, basis: past.basis() });
            }
            Err(stage) => format!("no past run computed {stage} with these settings on this kind of device"),
        },
    };
    by_rule(work, conditions).unwrap_or_else(|none| Measured::missing(format!("{reason}; {none}")))
}

/// The expected time by the rule of thumb, which is for the whole pipeline.
fn by_rule(work: &Work, conditions: &Conditions<'_>) -> Result<Measured<Time>, String> {
    let rule = conditions.rule.as_ref().map_err(Clone::clone)?;
    let on_device = work.stages.iter().filter(|stage| stages::on_device(stage.stage));
    let audio_s: f64 = on_device.map(|stage| stage.audio_s).sum();
    if audio_s <= 0.0 {
        return Err("the rule of thumb is for runs that transcribe".to_owned());
    }
    let Rule { times_real_time, basis } = rule;
    Ok(Measured::of(Time {
        expected_s: audio_s / times_real_time,
        times_real_time: *times_real_time,
        basis: format!("rule of thumb: {basis}"),
    }))
}

impl PastRuns {
    /// The expected duration of these stages, or the stage that no past run computed. Stages ran at the same time, so
    /// their times are divided by the stage time per second of the past runs.
    fn expected_s<'a>(&self, running: impl Iterator<Item = &'a StageWork>) -> Result<f64, StageName> {
        let mut busy_s = 0.0;
        for stage in running {
            let past = self.stages.get(&stage.stage).filter(|past| past.audio_s > 0.0).ok_or(stage.stage)?;
            busy_s += stage.audio_s * past.duration_s / past.audio_s;
        }
        Ok(busy_s * self.wall_s / self.busy_s)
    }

    fn basis(&self) -> String {
        let audio_s = self.stages.values().map(|stage| stage.audio_s).fold(0.0, f64::max);
        let devices: Vec<_> = self.devices.iter().map(String::as_str).collect();
        format!("past runs of this store: {} runs, {:.0} s of audio, on {}", self.runs, audio_s, devices.join(", "))
    }

    /// Average size of a stage's artifacts per recording, in bytes.
    fn bytes_per_recording(&self, stage: StageName) -> Option<f64> {
        let past = self.stages.get(&stage).filter(|past| past.artifacts > 0)?;
        Some(past.bytes as f64 / past.artifacts as f64)
    }
}

impl Disk {
    /// The disk space of work that is not known.
    pub(super) fn unknown(reason: &str, conditions: &Conditions<'_>) -> Self {
        Self {
            store_bytes: Measured::missing(reason),
            results_bytes: Measured::missing(reason),
            free_bytes: free_bytes(&conditions.folder),
            basis: "none".to_owned(),
        }
    }
}

/// The expected disk space for this work. All `recordings` are exported.
pub(super) fn disk(
    work: &Work,
    recordings: usize,
    past: Option<&PastRuns>,
    conditions: &Conditions<'_>,
) -> Result<Disk, RunError> {
    let of_stage = |stage: &StageWork| {
        let count = (stage.missing + stage.altered + stage.again) as f64;
        if count == 0.0 { Some(0.0) } else { Some(count * past?.bytes_per_recording(stage.stage)?) }
    };
    let in_store: Option<f64> = work.stages.iter().map(of_stage).sum();
    let of_result = average_result(conditions.store, &conditions.folder)?;
    let whole = |bytes: f64| bytes.round() as u64;
    Ok(Disk {
        store_bytes: Measured::from_option(in_store.map(whole), "the store has no results with these settings yet"),
        results_bytes: Measured::from_option(
            of_result.map(|bytes| whole(bytes * recordings as f64)),
            "the folder has no results yet",
        ),
        free_bytes: free_bytes(&conditions.folder),
        basis: "averages of the recordings in the store; longer recordings need more".to_owned(),
    })
}

/// Average size of the json files that were exported into this folder, in bytes.
fn average_result(store: &dyn Store, folder: &Path) -> Result<Option<f64>, StoreError> {
    let outputs = store.outputs()?;
    let json = outputs.iter().filter(|output| output.format == "json");
    let sizes: Vec<u64> =
        json.filter_map(|output| fs::metadata(folder.join(&output.path)).ok()).map(|m| m.len()).collect();
    Ok((!sizes.is_empty()).then(|| sizes.iter().sum::<u64>() as f64 / sizes.len() as f64))
}

/// Free space of the file system on which the folder is or will be.
fn free_bytes(folder: &Path) -> Measured<u64> {
    let there = std::path::absolute(folder).ok();
    let there = there.as_deref().and_then(|path| path.ancestors().find(|ancestor| ancestor.exists()));
    let Some(there) = there else { return Measured::missing("the folder has no existing ancestor") };
    match rustix::fs::statvfs(there) {
        Ok(found) => Measured::of(found.f_bavail * found.f_frsize),
        Err(error) => Measured::missing(format!("{}: {error}", there.display())),
    }
}
