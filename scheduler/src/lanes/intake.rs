//! The queue of units into the device lane.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased, unbounded};
use stage_core::{ModelInput, Phase, StageName};

use super::pause_gate::PauseGate;
use super::{Announce, Ticket};

/// How long a lane that has nothing under way waits for another unit before its engine ends.
const LINGER: Duration = Duration::from_millis(2);

/// A unit on its way to the device.
pub(super) struct Unit {
    pub(super) tag: Tag,
    pub(super) payload: Arc<ModelInput>,
}

/// Whose unit it is.
pub(super) struct Tag {
    pub(super) ticket: Arc<Ticket>,
    pub(super) stage: StageName,
    pub(super) index: usize,
}

impl Tag {
    /// Announces that the stage's work on the device begins, where this is the recording's first unit of it.
    pub(super) fn reach_device(&self, announce: &dyn Announce) {
        if self.ticket.reaches_device(self.stage) {
            announce.started(&self.ticket, self.stage, Phase::Infer);
        }
    }
}

/// The sending end of the device lane's queue.
#[derive(Clone)]
pub(crate) struct Feed(Sender<Unit>);

impl Feed {
    /// Queues a unit; waits while the queue is full. False if the recording was abandoned.
    pub(crate) fn push(&self, ticket: &Arc<Ticket>, stage: StageName, index: usize, payload: Arc<ModelInput>) -> bool {
        if ticket.is_abandoned() {
            return false;
        }
        let tag = Tag { ticket: Arc::clone(ticket), stage, index };
        let unit = Unit { tag, payload };
        let sent = match self.0.try_send(unit) {
            Err(TrySendError::Full(unit)) => self.0.send(unit).is_ok(),
            result => result.is_ok(),
        };
        sent && !ticket.is_abandoned()
    }
}

/// What the lane does next.
pub(super) enum Next {
    HealthProbe,
    /// Compute this unit and those behind it.
    Units(Unit),
}

/// The receiving end of the queue, and what keeps the lane from drawing.
pub(super) struct Intake {
    units: Receiver<Unit>,
    probes: Receiver<()>,
    pub(super) gate: Arc<PauseGate>,
    /// A unit of another stage than those before it.
    carried: Option<Unit>,
}

impl Intake {
    /// An empty queue for so many units, its sending end, and the channel that asks for a health probe.
    pub(super) fn new(units: usize, gate: Arc<PauseGate>) -> (Self, Feed, Sender<()>) {
        let (sender, units) = bounded(units);
        let (probe_sender, probes) = unbounded();
        (Self { units, probes, gate, carried: None }, Feed(sender), probe_sender)
    }

    /// Waits for what is next: a health probe before any unit. None when no unit can come any more.
    pub(super) fn next(&mut self) -> Option<Next> {
        if self.probes.try_recv().is_ok() {
            return Some(Next::HealthProbe);
        }
        if let Some(unit) = self.carried.take() {
            return Some(Next::Units(unit));
        }
        select_biased! {
            recv(self.probes) -> probe => match probe {
                Ok(()) => Some(Next::HealthProbe),
                Err(_) => self.units.recv().ok().map(Next::Units),
            },
            recv(self.units) -> unit => unit.ok().map(Next::Units),
        }
    }

    /// Another unit of this stage, if one waits, or comes soon where it is `awaited`. None too where the engine must end:
    /// for a health probe, for a closed gate, or for a unit of another stage.
    pub(super) fn peer(&mut self, stage: StageName, awaited: bool) -> Option<Unit> {
        if self.carried.is_some() || !self.probes.is_empty() || self.gate.is_closed() {
            return None;
        }
        let unit = if awaited { self.units.recv_timeout(LINGER).ok()? } else { self.units.try_recv().ok()? };
        if unit.tag.stage == stage {
            return Some(unit);
        }
        self.carried = Some(unit);
        None
    }
}
