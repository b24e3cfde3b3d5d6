//! The device lane's time, cut into intervals where inputs are completed, so that the timeline of an engine that never
//! stops shows what it did when.

use std::collections::BTreeSet;

use stage_core::{Phase, StageName};

use crate::clock::Moment;
use crate::protocol::{Lane, Slot, TaskSpan};

/// From one group of completed inputs, or from a first input, to the next group.
#[derive(Debug)]
pub(super) struct DeviceInterval {
    began: Moment,
    /// When its last input was completed; its beginning before there is one.
    until: Moment,
    items: BTreeSet<u64>,
    at_once: usize,
    completed: u32,
}

impl DeviceInterval {
    /// An interval in which nothing is in flight yet.
    pub(super) const fn new(began: Moment) -> Self {
        Self { began, until: began, items: BTreeSet::new(), at_once: 0, completed: 0 }
    }

    /// The interval after this one, in which these recordings' inputs are still in flight.
    pub(super) fn next(&self, in_flight: impl Iterator<Item = u64>) -> Self {
        let mut next = Self::new(self.until);
        for (index, item) in in_flight.enumerate() {
            next.holds(item, index + 1);
        }
        next
    }

    /// A recording's input is in flight, one of `at_once`.
    pub(super) fn holds(&mut self, item: u64, at_once: usize) {
        self.items.insert(item);
        self.at_once = self.at_once.max(at_once);
    }

    /// An input was completed.
    pub(super) fn completed(&mut self) {
        self.completed += 1;
        self.until = Moment::now();
    }

    pub(super) const fn has_completed(&self) -> bool {
        self.completed > 0
    }

    /// As the timeline shows it, up to its last completed input.
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

    /// As the timeline shows it, up to now: the engine ended with inputs incomplete.
    pub(super) fn broken_off(mut self, stage: StageName, slot: Slot) -> TaskSpan {
        self.until = Moment::now();
        self.span(stage, slot)
    }
}
