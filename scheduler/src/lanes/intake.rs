//! The way of units into the device lane.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased, unbounded};
use stage_core::{Phase, StageKind};

use super::valve::Valve;
use super::{Announce, Ticket};
use crate::worker::Pipeline;

/// How long a lane that has nothing under way waits for another unit before its engine ends.
const LINGER: Duration = Duration::from_millis(2);

/// A unit on its way to the device.
pub(super) struct Unit<P: Pipeline> {
    pub(super) tag: Tag,
    pub(super) payload: Arc<P::Unit>,
}

/// Whose unit it is.
pub(super) struct Tag {
    pub(super) ticket: Arc<Ticket>,
    pub(super) stage: StageKind,
    pub(super) index: usize,
}

impl Tag {
    /// Says that the recording's work on the device begins, where this is its first unit there.
    pub(super) fn reach_device(&self, announce: &dyn Announce) {
        if self.ticket.reaches_device() {
            announce.started(&self.ticket, self.stage, Phase::Infer);
        }
    }
}

/// The way into the device lane.
pub(crate) struct Feed<P: Pipeline>(Sender<Unit<P>>);

impl<P: Pipeline> Clone for Feed<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Pipeline> Feed<P> {
    /// Puts a unit in line; waits while the line is full. False if the recording was given up.
    pub(crate) fn push(&self, ticket: &Arc<Ticket>, stage: StageKind, index: usize, payload: P::Unit) -> bool {
        if ticket.is_abandoned() {
            return false;
        }
        let tag = Tag { ticket: Arc::clone(ticket), stage, index };
        let unit = Unit { tag, payload: Arc::new(payload) };
        let sent = match self.0.try_send(unit) {
            Err(TrySendError::Full(unit)) => self.0.send(unit).is_ok(),
            result => result.is_ok(),
        };
        sent && !ticket.is_abandoned()
    }
}

/// What the lane does next.
pub(super) enum Next<P: Pipeline> {
    Canary,
    /// This unit, and what waits behind it.
    Units(Unit<P>),
}

/// The lane's end of the line, and what keeps it from drawing.
pub(super) struct Intake<P: Pipeline> {
    units: Receiver<Unit<P>>,
    canaries: Receiver<()>,
    pub(super) valve: Arc<Valve>,
    /// A unit of another stage than those before it.
    carried: Option<Unit<P>>,
}

impl<P: Pipeline> Intake<P> {
    /// An empty line for so many units, the way into it, and the way to ask for a canary.
    pub(super) fn new(units: usize, valve: Arc<Valve>) -> (Self, Feed<P>, Sender<()>) {
        let (sender, units) = bounded(units);
        let (canary_sender, canaries) = unbounded();
        (Self { units, canaries, valve, carried: None }, Feed(sender), canary_sender)
    }

    /// Waits for what is next: a canary before any unit. None when no unit can come any more.
    pub(super) fn next(&mut self) -> Option<Next<P>> {
        if self.canaries.try_recv().is_ok() {
            return Some(Next::Canary);
        }
        if let Some(unit) = self.carried.take() {
            return Some(Next::Units(unit));
        }
        select_biased! {
            recv(self.canaries) -> canary => match canary {
                Ok(()) => Some(Next::Canary),
                Err(_) => self.units.recv().ok().map(Next::Units),
            },
            recv(self.units) -> unit => unit.ok().map(Next::Units),
        }
    }

    /// Another unit of this stage, if one waits, or comes soon where it is `awaited`. None too where the engine must end:
    /// for a canary, for a closed valve, or for a unit of another stage.
    pub(super) fn peer(&mut self, stage: StageKind, awaited: bool) -> Option<Unit<P>> {
        if self.carried.is_some() || !self.canaries.is_empty() || self.valve.is_closed() {
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
