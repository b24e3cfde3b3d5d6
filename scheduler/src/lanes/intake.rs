//! The queue of inputs of the device lane, and the gate that pauses the lane.

use std::sync::Arc;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased, unbounded};
use stage_core::{ModelInput, Phase, StageName};

use super::{Announce, Ticket};

/// How long the lane waits for another input when nothing is in flight. Then its engine's run ends.
const LINGER: Duration = Duration::from_millis(2);

/// An input on its way to the device.
pub(super) struct QueuedInput {
    pub(super) tag: Tag,
    pub(super) payload: Arc<ModelInput>,
}

/// The recording, stage and index of an input.
pub(super) struct Tag {
    pub(super) ticket: Arc<Ticket>,
    pub(super) stage: StageName,
    pub(super) index: usize,
}

impl Tag {
    /// Announces the start of the stage's device phase, if this is the recording's first input for it.
    pub(super) fn reach_device(&self, announce: &dyn Announce) {
        if self.ticket.reaches_device(self.stage) {
            announce.started(&self.ticket, self.stage, Phase::Infer);
        }
    }
}

/// The sending end of the device lane's queue.
#[derive(Clone)]
pub(crate) struct Feed(Sender<QueuedInput>);

impl Feed {
    /// Queues an input and blocks while the queue is full. Returns false if the recording was abandoned.
    pub(crate) fn push(&self, ticket: &Arc<Ticket>, stage: StageName, index: usize, payload: Arc<ModelInput>) -> bool {
        if ticket.is_abandoned() {
            return false;
        }
        let tag = Tag { ticket: Arc::clone(ticket), stage, index };
        let input = QueuedInput { tag, payload };
        let sent = match self.0.try_send(input) {
            Err(TrySendError::Full(input)) => self.0.send(input).is_ok(),
            result => result.is_ok(),
        };
        sent && !ticket.is_abandoned()
    }
}

/// The next work of the lane.
pub(super) enum Next {
    HealthProbe,
    /// Compute this input and the queued inputs after it.
    Input(QueuedInput),
}

/// The receiving end of the queue, with the conditions that keep the lane from drawing.
pub(super) struct Intake {
    inputs: Receiver<QueuedInput>,
    probes: Receiver<()>,
    pub(super) gate: Arc<PauseGate>,
    /// An input that was drawn but belongs to another stage than the inputs before it.
    carried: Option<QueuedInput>,
}

impl Intake {
    /// Creates an empty queue for `capacity` inputs. Returns it with its sending end and the channel that requests
    /// health probes.
    pub(super) fn new(capacity: usize, gate: Arc<PauseGate>) -> (Self, Feed, Sender<()>) {
        let (sender, inputs) = bounded(capacity);
        let (probe_sender, probes) = unbounded();
        (Self { inputs, probes, gate, carried: None }, Feed(sender), probe_sender)
    }

    /// Waits for the next work. Health probes come before inputs. Returns `None` when no more inputs can arrive.
    pub(super) fn next(&mut self) -> Option<Next> {
        if self.probes.try_recv().is_ok() {
            return Some(Next::HealthProbe);
        }
        if let Some(input) = self.carried.take() {
            return Some(Next::Input(input));
        }
        select_biased! {
            recv(self.probes) -> probe => match probe {
                Ok(()) => Some(Next::HealthProbe),
                Err(_) => self.inputs.recv().ok().map(Next::Input),
            },
            recv(self.inputs) -> input => input.ok().map(Next::Input),
        }
    }

    /// Takes another input of this stage if one is queued, or if `awaited` and one arrives soon. Returns `None` as well
    /// if the engine's run must end: for a health probe, a closed gate, or an input of another stage.
    pub(super) fn peer(&mut self, stage: StageName, awaited: bool) -> Option<QueuedInput> {
        if self.carried.is_some() || !self.probes.is_empty() || self.gate.is_closed() {
            return None;
        }
        let input = if awaited { self.inputs.recv_timeout(LINGER).ok()? } else { self.inputs.try_recv().ok()? };
        if input.tag.stage == stage {
            return Some(input);
        }
        self.carried = Some(input);
        None
    }
}

/// Pauses a device that is too hot between two runs of its engine.
#[derive(Debug, Default)]
pub(super) struct PauseGate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl PauseGate {
    /// Closes or opens the gate.
    pub(super) fn set_closed(&self, closed: bool) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks while the gate is closed.
    pub(super) fn pass(&self) {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(closed, |closed| *closed).unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    /// The gate opens after the waiting thread has started, at a moment that differs from round to round.
    #[test]
    fn gate_that_is_closed_lets_nothing_pass() {
        for round in 0..200 {
            let gate = Arc::new(PauseGate::default());
            gate.pass();
            gate.set_closed(true);
            let (log, events) = mpsc::channel();
            let waiting = thread::spawn({
                let (gate, log) = (Arc::clone(&gate), log.clone());
                move || {
                    log.send("waits").unwrap();
                    gate.pass();
                    log.send("passes").unwrap();
                }
            });
            assert_eq!(events.recv(), Ok("waits"));
            (0..round).for_each(|_| thread::yield_now());
            log.send("opens").unwrap();
            gate.set_closed(false);
            waiting.join().unwrap();
            drop(log);
            assert_eq!(events.iter().collect::<Vec<_>>(), ["opens", "passes"], "round {round}");
        }
    }
}
