//! One run of a stage with device work: windows of all recordings share device batches, as in a worker.
//!
//! ```text
//! preparing threads ── windows, bounded ──> SharedFlow (device) ── outputs ──> a thread per recording
//!                          ^────────────────── follow-up windows ─────────┘
//! ```

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use stage_core::{
    Artifacts, DeviceRunner, Emit, ErrorClass, ErrorCode, Flow, ModelInput, ModelOutput, PipelineError, StageName,
    StageSpec,
};

use super::message::DeviceWork;
use super::stage_run::{Made, Width, guarded, take_next};

/// Minimum number of preparing threads. Two, as in a worker: one can wait for the device while the other prepares.
const LEAST_PREPARING: usize = 2;

/// A window in flight to the device.
struct PendingWindow {
    window: Arc<ModelInput>,
    index: usize,
    reply: Sender<CompletedWindow>,
}

struct CompletedWindow {
    index: usize,
    drawn: Instant,
    output: ModelOutput,
}

/// Runs the stage on all items.
///
/// # Errors
/// A device failure, which cannot be attributed to a recording.
pub(super) fn run(
    spec: &StageSpec,
    device: &dyn DeviceRunner,
    items: &[Artifacts],
    width: Width,
) -> Result<(Vec<Result<Made, PipelineError>>, DeviceWork), PipelineError> {
    let stage = spec.name;
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let put = |index: usize, result| results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
    let work = thread::scope(|scope| {
        let (feed, windows) = sync_channel(2 * width.device_batch_size);
        let mut flow = SharedFlow::new(windows, width.device_batch_size);
        for _ in 0..width.threads.max(LEAST_PREPARING).min(items.len()) {
            let (feed, next, put) = (feed.clone(), &next, &put);
            scope.spawn(move || {
                while let Some((index, item)) = take_next(items, next) {
                    let recording = Recording { spec, device, item, feed: feed.clone(), began: Instant::now() };
                    match guarded(stage, || recording.prepare()) {
                        Ok(pending) => drop(scope.spawn(move || {
                            put(index, guarded(stage, || recording.complete(pending)));
                        })),
                        Err(error) => put(index, Err(error)),
                    }
                }
            });
        }
        drop(feed);
        let inferred = guarded(stage, || {
            while flow.wait() {
                device.infer(&mut flow)?;
            }
            Ok(())
        });
        // Dropping the flow ends the threads that are still waiting for it after a failure.
        inferred.map(|()| flow.work)
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    Ok((results.into_iter().map(|(_, result)| result).collect(), work))
}

/// One recording of the run.
struct Recording<'a> {
    spec: &'a StageSpec,
    device: &'a dyn DeviceRunner,
    item: &'a Artifacts,
    feed: SyncSender<PendingWindow>,
    began: Instant,
}

/// Windows in flight to the device.
struct Pending {
    count: usize,
    completed: Receiver<CompletedWindow>,
}

impl Recording<'_> {
    /// Sends the first windows to the device.
    fn prepare(&self) -> Result<Pending, PipelineError> {
        self.send(|emit| self.device.prepare(self.item, &|_| false, emit))
    }

    /// Waits for the outputs, sends follow-up windows, and computes the artifact. The recording's time starts when the
    /// device takes its first window; before that it waited for other recordings.
    fn complete(self, mut pending: Pending) -> Result<Made, PipelineError> {
        let mut outputs = Vec::new();
        let mut began = None;
        while pending.count > 0 {
            let mut new: Vec<CompletedWindow> = pending.completed.iter().collect();
            if new.len() < pending.count {
                return Err(incomplete(self.spec.name));
            }
            began = began.or_else(|| new.iter().map(|window| window.drawn).min());
            new.sort_by_key(|window| window.index);
            outputs.extend(new.into_iter().map(|done| done.output));
            pending = self.send(|emit| self.device.follow_up(self.item, &mut outputs, emit))?;
        }
        let bodies = self.item.keep(self.spec, self.device.finish(self.item, outputs)?)?;
        let seconds = began.unwrap_or(self.began).elapsed().as_secs_f64();
        Ok(Made { seconds, bodies })
    }

    /// The output channel closes when all emitted windows are finished or dropped.
    fn send(
        &self,
        emit_all: impl FnOnce(&mut Emit<'_>) -> Result<usize, PipelineError>,
    ) -> Result<Pending, PipelineError> {
        let (reply, completed) = channel();
        let count = emit_all(&mut |index, window| {
            self.feed.send(PendingWindow { window, index, reply: reply.clone() }).is_ok()
        })?;
        Ok(Pending { count, completed })
    }
}

fn incomplete(stage: StageName) -> PipelineError {
    PipelineError::new(
        stage,
        ErrorClass::Device,
        ErrorCode::InferenceIncomplete,
        "the device stopped before all windows were finished",
    )
}

/// The flow that passes windows of all recordings to the device.
struct SharedFlow {
    windows: Receiver<PendingWindow>,
    capacity: usize,
    /// Received but not drawn yet.
    waiting: Option<PendingWindow>,
    in_flight: HashMap<usize, (PendingWindow, Instant)>,
    work: DeviceWork,
}

impl SharedFlow {
    fn new(windows: Receiver<PendingWindow>, capacity: usize) -> Self {
        Self { windows, capacity, waiting: None, in_flight: HashMap::new(), work: DeviceWork::default() }
    }

    /// Waits for a window; false if there are no more.
    fn wait(&mut self) -> bool {
        if self.waiting.is_none() {
            self.waiting = self.windows.recv().ok();
        }
        self.waiting.is_some()
    }

    fn next(&mut self) -> Option<PendingWindow> {
        if self.in_flight.is_empty() {
            // Without windows in flight the engine would stop, and would have to be restarted for the next window.
            self.wait();
        }
        self.waiting.take().or_else(|| self.windows.try_recv().ok())
    }
}

impl Flow<ModelInput, ModelOutput> for SharedFlow {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn draw(&mut self) -> Option<(usize, Arc<ModelInput>)> {
        if self.in_flight.len() >= self.capacity {
            return None;
        }
        let pending = self.next()?;
        let (key, window) = (self.work.windows, Arc::clone(&pending.window));
        self.in_flight.insert(key, (pending, Instant::now()));
        self.work.windows += 1;
        self.work.windows_at_once = self.work.windows_at_once.max(self.in_flight.len());
        Some((key, window))
    }

    fn complete(&mut self, key: usize, output: ModelOutput) {
        if let Some((pending, drawn)) = self.in_flight.remove(&key) {
            // Fails only if the recording has already failed.
            drop(pending.reply.send(CompletedWindow { index: pending.index, drawn, output }));
        }
    }
}
