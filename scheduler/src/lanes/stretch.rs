//! The device lane's time, cut into spans where answers fall, so that the timeline of an engine that never stops shows
//! what it did when.

use std::collections::BTreeSet;

use stage_core::{Phase, StageKind};

use crate::clock::Moment;
use crate::protocol::{Lane, TaskSpan};

/// From one group of answers, or from a first unit, to the next group of answers.
#[derive(Debug)]
pub(super) struct Stretch {
    began: Moment,
    /// Its last answer; its beginning before there is one.
    until: Moment,
    items: BTreeSet<u64>,
    at_once: usize,
    answered: u32,
}

impl Stretch {
    /// A stretch in which nothing is under way yet.
    pub(super) const fn new(began: Moment) -> Self {
        Self { began, until: began, items: BTreeSet::new(), at_once: 0, answered: 0 }
    }

    /// The stretch after this one, in which these recordings' units are still under way.
    pub(super) fn next(&self, under_way: impl Iterator<Item = u64>) -> Self {
        let mut next = Self::new(self.until);
        for (index, item) in under_way.enumerate() {
            next.holds(item, index + 1);
        }
        next
    }

    /// A recording's unit is under way, one of so many.
    pub(super) fn holds(&mut self, item: u64, at_once: usize) {
        self.items.insert(item);
        self.at_once = self.at_once.max(at_once);
    }

    /// A unit was answered.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
        self.until = Moment::now();
    }

    pub(super) const fn has_answers(&self) -> bool {
        self.answered > 0
    }

    /// As the timeline shows it, up to its last answer.
    pub(super) fn span(self, stage: StageKind) -> TaskSpan {
        TaskSpan {
            lane: Lane::Device,
            thread: 0,
            items: self.items.into_iter().collect(),
            stage,
            phase: Phase::Infer,
            units: self.answered,
            at_once: self.at_once as u32,
            start_us: self.began.us(),
            end_us: self.until.us().max(self.began.us()),
        }
    }

    /// As the timeline shows it, up to now: the engine ended with units unanswered.
    pub(super) fn broken_off(mut self, stage: StageKind) -> TaskSpan {
        self.until = Moment::now();
        self.span(stage)
    }
}
