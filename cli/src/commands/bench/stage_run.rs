//! One run of a stage on several recordings in parallel, as in a worker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use stage_core::{ArtifactName, Artifacts, ErrorClass, ErrorCode, PipelineError, Runner, StageName};

use super::device_run;
use super::message::DeviceWork;

/// The outputs of a stage for one recording, and the time that they took.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) seconds: f64,
    /// Artifacts as JSON; empty for decode if it is measured alone.
    pub(super) bodies: Vec<(ArtifactName, String)>,
}

/// Parallelism of the stages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// CPU threads.
    pub(super) threads: usize,
    /// Windows per device batch.
    pub(super) device_batch_size: usize,
}

/// Results of a run per recording, and the device work of a stage with device work.
pub(super) type StageRun = (Vec<Result<Made, PipelineError>>, Option<DeviceWork>);

/// Runs a stage on items that have its inputs; each item keeps its artifact.
///
/// # Errors
/// A device failure, which cannot be attributed to a recording.
pub(super) fn run(stage: &dyn Runner, items: &[Artifacts], width: Width) -> Result<StageRun, PipelineError> {
    if let Some(device) = stage.device() {
        let (made, work) = device_run::run(&stage.spec(), device, items, width)?;
        return Ok((made, Some(work)));
    }
    let spec = stage.spec();
    let made = for_each(items, width.threads, |item| {
        let start = Instant::now();
        let bodies = guarded(spec.name, || item.keep(&spec, stage.run(item)?))?;
        Ok(Made { seconds: start.elapsed().as_secs_f64(), bodies })
    });
    Ok((made, None))
}

/// Applies `work` to every item in order, on `threads` threads. Results are in the order of the items.
///
/// Uses plain threads instead of rayon, whose threads would start another recording while they wait inside a stage, so
/// that the time of that recording would count twice.
pub(super) fn for_each<I: Sync, T: Send + Sync>(items: &[I], threads: usize, work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = take_next(items, &next) {
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Takes the next item.
pub(super) fn take_next<'a, I>(items: &'a [I], next: &AtomicUsize) -> Option<(usize, &'a I)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// Converts a panic into a failure of one recording.
pub(super) fn guarded<T>(
    stage: StageName,
    work: impl FnOnce() -> Result<T, PipelineError>,
) -> Result<T, PipelineError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(PipelineError::new(stage, ErrorClass::Bug, ErrorCode::Panic, text.unwrap_or("the stage panicked")))
    })
}
