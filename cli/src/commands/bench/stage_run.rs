//! One run of one stage over several recordings, as a worker would run it: several recordings at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use scheduler::worker::Pipeline;
use stage_core::{ErrorClass, Stage, StageError, StageKind};

use super::device_run;
use super::message::DeviceWork;
use crate::pipeline::Item;
use crate::stages::Stages;

/// A recording's artifact, and how long the stage took to make it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) seconds: f64,
    /// The artifact as JSON; none of decode where it is measured alone.
    pub(super) body: Option<String>,
}

/// What the stages run with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// CPU threads.
    pub(super) threads: usize,
    /// Windows at a time on the device.
    pub(super) device_batch_size: usize,
}

/// What a run gave for each recording, and what the device did in a stage with device work.
pub(super) type StageRun = (Vec<Result<Made, StageError>>, Option<DeviceWork>);

/// Runs a stage over items that have its inputs; each keeps its artifact.
///
/// # Errors
/// The device failed, so that no recording can be judged.
pub(super) fn run(stages: &Stages, items: &[Item], stage: StageKind, width: Width) -> Result<StageRun, StageError> {
    if stage.has_parts() {
        let (made, work) = device_run::run(stages, items, stage, width)?;
        return Ok((made, Some(work)));
    }
    let made = for_each(items, width.threads, |item| {
        timed(|| guarded(stage, || stages.run(item, stage)).map(|artifact| Some(artifact.body)))
    });
    Ok((made, None))
}

/// Decodes alone, without the checks of the file's hash that are part of a run.
pub(super) fn decode(stages: &Stages, items: &[Item], threads: usize) -> Vec<Result<Made, StageError>> {
    for_each(items, threads, |item| {
        timed(|| guarded(StageKind::Decode, || stages.decoder.run(item.file()).map(drop)).map(|()| None))
    })
}

fn timed(work: impl FnOnce() -> Result<Option<String>, StageError>) -> Result<Made, StageError> {
    let start = Instant::now();
    work().map(|body| Made { seconds: start.elapsed().as_secs_f64(), body })
}

/// Applies `work` to every item, `threads` at a time, in order; results in the order of the items.
///
/// Threads of its own, not rayon's: one of those would begin another recording while it waits inside a stage, and count
/// that recording's time for both.
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

/// The next item that no thread has taken.
pub(super) fn take_next<'a, I>(items: &'a [I], next: &AtomicUsize) -> Option<(usize, &'a I)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// Turns a panic into the failure of one recording.
pub(super) fn guarded<T>(stage: StageKind, work: impl FnOnce() -> Result<T, StageError>) -> Result<T, StageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(StageError::new(stage, ErrorClass::Bug, "panic", text.unwrap_or("the stage panicked")))
    })
}
