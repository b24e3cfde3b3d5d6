//! Divides the time of the device lane into intervals that end where inputs are completed, so that the timeline also
//! shows the progress of an engine that runs continuously.

use std::collections::BTreeSet;

use stage_core::{Phase, StageName};

use crate::clock::Moment;
use crate::protocol::{Lane, Slot, TaskSpan};

/// An interval from one group of completed inputs, or from a first input, to the next group.
#[derive(Debug)]
pub(super) struct DeviceInterval {
    began: Moment,
    /// When its last input was completed, or its start if none was.
    until: Moment,
    items: BTreeSet<u64>,
    at_once: usize,
    completed: u32,
}

impl DeviceInterval {
    /// Creates an interval in which nothing is in flight yet.
    pub(super) const fn new(began: Moment) -> Self {
        Self { began, until: began, items: BTreeSet::new(), at_once: 0, completed: 0 }
    }

    /// The interval after this one. The inputs of these recordings are still in flight.
    pub(super) fn next(&self, in_flight: impl Iterator<Item = u64>) -> Self {
        let mut next = Self::new(self.until);
        for (index, item) in in_flight.enumerate() {
            next.holds(item, index + 1);
        }
        next
    }

    /// Records that an input of a recording is in flight, one of `at_once`.
    pub(super) fn holds(&mut self, item: u64, at_once: usize) {
        self.items.insert(item);
        self.at_once = self.at_once.max(at_once);
    }

    /// Records that an input was completed.
    pub(super) fn completed(&mut self) {
        self.completed += 1;
        self.until = Moment::now();
    }

    pub(super) const fn has_completed(&self) -> bool {
        self.completed > 0
    }

    /// The span of the interval on the timeline, up to its last completed input.
    pub(super) fn span(self, stage: StageName, slot: Slot) -> TaskSpan {
        TaskSpan {
            lane: Lane::Device,
            slot,
            thread: 0,
            items: self.items.into_iter().collect(),
            stage,
            phase: Phase::Infer,
            inputs: self.completed,
            at_once: self.at_once as u32,
            start_us: self.began.us(),
            end_us: self.until.us().max(self.began.us()),
        }
    }

    /// The span of the interval on the timeline, up to now. For an engine that ended with incomplete inputs.
    pub(super) fn broken_off(mut self, stage: StageName, slot: Slot) -> TaskSpan {
        self.until = Moment::now();
        self.span(stage, slot)
    }
}
