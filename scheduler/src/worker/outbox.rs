//! The outgoing messages of a worker, from any thread.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use stage_core::{Phase, PipelineError, StageName};

use super::faults::Faults;
use crate::lanes::{Announce, Ticket};
use crate::protocol::{CodecError, Encoder, FaultPlace, FromWorker, ResultId, TaskSpan};

/// The connection to the coordinator, and the results that are not acknowledged yet.
#[derive(Debug)]
pub(super) struct Outbox {
    encoder: Mutex<Encoder<BufWriter<File>>>,
    unacknowledged: Mutex<Unacknowledged>,
    broken: AtomicBool,
    faults: OnceLock<Faults>,
}

impl Outbox {
    pub(super) fn new(output: File) -> Self {
        Self {
            encoder: Mutex::new(Encoder::new(BufWriter::new(output))),
            unacknowledged: Mutex::default(),
            broken: AtomicBool::new(false),
            faults: OnceLock::new(),
        }
    }

    /// Sets the faults to inject.
    pub(super) fn commit_faults(&self, faults: Faults) {
        // The configuration arrives only once.
        let _ = self.faults.set(faults);
    }

    /// Sends a message. If the coordinator is gone, the message is dropped: the main thread notices the end of stdin.
    pub(super) fn send(&self, message: &FromWorker) {
        match locked(&self.encoder).write(message) {
            Ok(()) => {}
            Err(error @ CodecError::Unwritable(_)) => tracing::error!(%error, "a bug of the worker: a message is lost"),
            Err(error) if !self.broken.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "the coordinator cannot be reached");
            }
            Err(_) => {}
        }
    }

    /// Sends the spans of the lanes, if there are any.
    pub(super) fn send_spans(&self, spans: Vec<TaskSpan>) {
        if !spans.is_empty() {
            self.send(&FromWorker::Spans { spans });
        }
    }

    /// Sends a result and keeps it until it is acknowledged.
    pub(super) fn send_result(&self, make: impl FnOnce(ResultId) -> FromWorker) {
        let mut unacknowledged = locked(&self.unacknowledged);
        self.send(unacknowledged.keep(make));
    }

    pub(super) fn acknowledge(&self, results: &[ResultId]) {
        let mut unacknowledged = locked(&self.unacknowledged);
        results.iter().for_each(|result| unacknowledged.acknowledge(*result));
    }

    /// Whether every result is acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        locked(&self.unacknowledged).is_empty()
    }

    /// Whether writing to the coordinator has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

impl Announce for Outbox {
    fn started(&self, ticket: &Ticket, stage: StageName, phase: Phase) {
        self.send(&FromWorker::Started { lease: ticket.lease, item: ticket.item, stage, phase });
    }

    fn before(&self, place: FaultPlace, tickets: &[&Ticket], inputs: usize) -> Result<(), PipelineError> {
        let Some(faults) = self.faults.get() else { return Ok(()) };
        let paths = tickets.iter().map(|ticket| ticket.path.as_str());
        faults.at(place, paths, inputs, || {
            if let Err(error) = locked(&self.encoder).write_garbage() {
                tracing::warn!(%error, "garbage cannot be sent");
            }
        })
    }
}

/// Locks a mutex and ignores poisoning: after a panic in another thread, a message is either written completely or the
/// pipe is broken, so the state is valid.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores each result by its number until it is acknowledged.
#[derive(Debug, Default)]
struct Unacknowledged {
    next: ResultId,
    waiting: BTreeMap<ResultId, FromWorker>,
}

impl Unacknowledged {
    /// Stores the message that `make` returns for the next number.
    fn keep(&mut self, make: impl FnOnce(ResultId) -> FromWorker) -> &FromWorker {
        let result = self.next;
        self.next += 1;
        self.waiting.entry(result).or_insert_with(|| make(result))
    }

    /// Removes an acknowledged result.
    fn acknowledge(&mut self, result: ResultId) {
        self.waiting.remove(&result);
    }

    /// Whether all results are acknowledged.
    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_wait_until_they_are_acknowledged() {
        let mut results = Unacknowledged::default();
        for expected in 0..2 {
            results.keep(|result| {
                assert_eq!(result, expected);
                FromWorker::Ready
            });
        }
        results.acknowledge(1);
        assert!(!results.is_empty());
        results.acknowledge(0);
        results.acknowledge(0);
        assert!(results.is_empty());
    }
}
