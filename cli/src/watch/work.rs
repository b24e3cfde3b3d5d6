//! Progress in seconds of audio: how much of each recording is done, cached, or failed.

use stage_core::{StageName, StageSpec};

/// The stages with their shares of the work on a recording. The shares sum to 1.
#[derive(Debug, Clone, Default)]
struct Shares(Vec<(StageName, f64)>);

impl Shares {
    fn of(specs: impl Iterator<Item = StageSpec>) -> Self {
        let weights: Vec<_> = specs.map(|spec| (spec.name, spec.weight)).collect();
        let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
        Self(weights.into_iter().map(|(stage, weight)| (stage, weight / whole)).collect())
    }

    /// Index and share of a stage. A stage that is not in the list has no share of the work.
    fn get(&self, stage: StageName) -> Option<(usize, f64)> {
        let index = self.0.iter().position(|(other, _)| *other == stage)?;
        Some((index, self.0[index].1))
    }
}

/// Rounding error of the sum of all shares, in seconds. Less remaining work than this counts as none.
const ROUNDING_S: f64 = 1e-6;

/// The work of a run. Finished stages count in proportion to their shares: if decode and transcribe are done and their
/// shares sum to 0.8, a 60 s recording counts as 48 s done.
#[derive(Debug, Default)]
pub(crate) struct Work {
    shares: Shares,
    recordings: Vec<Recording>,
    total_s: f64,
    computed_s: f64,
    reused_s: f64,
    given_up_s: f64,
}

#[derive(Debug, Clone)]
struct Recording {
    audio_s: f64,
    /// Work done per stage, from 0 to the stage's share.
    done: Vec<f64>,
    ended: bool,
}

impl Work {
    /// The work of these stages on recordings of the given lengths, in seconds. An unknown length is 0 and has no
    /// weight.
    pub(crate) fn new(stages: impl Iterator<Item = StageSpec>, lengths_s: impl Iterator<Item = f64>) -> Self {
        let shares = Shares::of(stages);
        let recordings: Vec<_> = lengths_s
            .map(|audio_s| {
                let audio_s = if audio_s.is_finite() { audio_s.max(0.0) } else { 0.0 };
                Recording { audio_s, done: vec![0.0; shares.0.len()], ended: false }
            })
            .collect();
        Self {
            total_s: recordings.iter().map(|recording| recording.audio_s).sum(),
            recordings,
            shares,
            ..Self::default()
        }
    }

    /// Records that a stage of a recording is cached.
    pub(crate) fn reuse(&mut self, index: usize, stage: StageName) {
        self.reused_s += self.complete(index, stage);
    }

    /// Records a durable window checkpoint that covers `audio_s` seconds. Returns the seconds of work that it adds.
    pub(crate) fn checkpoint(&mut self, index: usize, stage: StageName, audio_s: f64) -> f64 {
        let share = self.shares.get(stage);
        let added_s = share.map_or(0.0, |share| self.recordings[index].checkpoint(share, audio_s));
        self.computed_s += added_s;
        added_s
    }

    /// Records a durable stage. Returns the seconds of work that it adds to those of its window checkpoints.
    pub(crate) fn stage(&mut self, index: usize, stage: StageName) -> f64 {
        let added_s = self.complete(index, stage);
        self.computed_s += added_s;
        added_s
    }

    fn complete(&mut self, index: usize, stage: StageName) -> f64 {
        self.shares.get(stage).map_or(0.0, |share| self.recordings[index].complete(share))
    }

    /// Drops the remaining work of a recording that failed.
    pub(crate) fn give_up(&mut self, index: usize) {
        self.given_up_s += self.recordings[index].give_up();
    }

    /// Length of all recordings, in seconds.
    pub(crate) const fn total_s(&self) -> f64 {
        self.total_s
    }

    /// Work done in this run, in seconds.
    pub(crate) const fn computed_s(&self) -> f64 {
        self.computed_s
    }

    /// Cached work, in seconds.
    pub(crate) const fn reused_s(&self) -> f64 {
        self.reused_s
    }

    /// Work done or cached, in seconds.
    pub(crate) fn done_s(&self) -> f64 {
        (self.computed_s + self.reused_s).min(self.total_s)
    }

    /// Remaining work, in seconds.
    pub(crate) fn remaining_s(&self) -> f64 {
        let remaining_s = self.total_s - self.computed_s - self.reused_s - self.given_up_s;
        if remaining_s < ROUNDING_S { 0.0 } else { remaining_s }
    }
}

impl Recording {
    fn complete(&mut self, (stage, share): (usize, f64)) -> f64 {
        self.raise(stage, share)
    }

    fn checkpoint(&mut self, (stage, share): (usize, f64), audio_s: f64) -> f64 {
        if self.audio_s <= 0.0 {
            return 0.0;
        }
        let to = self.done[stage] + share * audio_s.max(0.0) / self.audio_s;
        self.raise(stage, to.min(share))
    }

    fn raise(&mut self, stage: usize, to: f64) -> f64 {
        if self.ended {
            return 0.0;
        }
        let before = std::mem::replace(&mut self.done[stage], to);
        (to - before) * self.audio_s
    }

    fn give_up(&mut self) -> f64 {
        if std::mem::replace(&mut self.ended, true) {
            return 0.0;
        }
        (1.0 - self.done.iter().sum::<f64>()).max(0.0) * self.audio_s
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::watch::samples::{ALIGN, DECODE, FORENSICS, SEGMENT, TRANSCRIBE, specs};

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn shares_sum_to_1() {
        assert!(close(Shares::of(specs()).0.iter().map(|(_, share)| share).sum(), 1.0));
    }

    #[test]
    fn shares_of_stages_outside_the_list_are_nothing() {
        let mut work = Work::new(specs(), [100.0].into_iter());
        assert_eq!(work.stage(0, StageName::new("other")), 0.0);
    }

    #[test]
    fn checkpoint_of_a_long_recording_moves_the_progress() {
        let mut work = Work::new(specs(), [3600.0].into_iter());
        work.stage(0, DECODE);
        work.stage(0, SEGMENT);
        assert!(close(work.checkpoint(0, TRANSCRIBE, 1800.0), 0.375 * 3600.0));
        assert!(close(work.done_s(), 0.475 * 3600.0));
        assert!(close(work.stage(0, TRANSCRIBE), 0.375 * 3600.0));
    }

    #[test]
    fn recording_that_failed_leaves_nothing_to_do() {
        let mut work = Work::new(specs(), [100.0, 50.0].into_iter());
        work.stage(0, DECODE);
        work.checkpoint(0, TRANSCRIBE, 10.0);
        work.give_up(0);
        assert!(close(work.remaining_s(), 50.0));
        assert_eq!(work.stage(0, SEGMENT), 0.0, "a late commit counts for nothing");
        assert!(close(work.remaining_s(), 50.0));
    }

    #[test]
    fn work_that_is_reused_is_done_and_not_computed() {
        let mut work = Work::new(specs(), [100.0].into_iter());
        specs().for_each(|spec| work.reuse(0, spec.name));
        assert!(close(work.done_s(), 100.0));
        assert_eq!(work.computed_s(), 0.0);
    }

    proptest! {
        #[test]
        fn checkpoints_never_pass_their_stages_share_and_the_stage_completes_it(
            audio_s in 0.1_f64..20_000.0,
            checkpoints_s in prop::collection::vec(-5.0_f64..5_000.0, 0..40),
        ) {
            let mut work = Work::new(specs(), [audio_s].into_iter());
            let mut by_checkpoints_s = 0.0;
            for checkpoint_s in checkpoints_s {
                let added_s = work.checkpoint(0, TRANSCRIBE, checkpoint_s);
                prop_assert!(added_s >= 0.0);
                by_checkpoints_s += added_s;
            }
            prop_assert!(by_checkpoints_s <= 0.75 * audio_s * (1.0 + 1e-9));
            work.stage(0, TRANSCRIBE);
            prop_assert!((work.computed_s() - 0.75 * audio_s).abs() <= 1e-9 * audio_s);
            prop_assert_eq!(work.checkpoint(0, TRANSCRIBE, 1.0), 0.0);
        }

        #[test]
        fn work_done_open_and_given_up_is_always_the_total(
            steps in prop::collection::vec((0_usize..3, 0_usize..4, 0_usize..5, 0.0_f64..100.0), 0..60),
        ) {
            let mut work = Work::new(specs(), [10.0, 0.0, 600.0].into_iter());
            for (index, what, stage, audio_s) in steps {
                let stage = [DECODE, SEGMENT, TRANSCRIBE, ALIGN, FORENSICS][stage];
                match what {
                    0 => work.reuse(index, stage),
                    1 => drop(work.checkpoint(index, TRANSCRIBE, audio_s)),
                    2 => drop(work.stage(index, stage)),
                    _ => work.give_up(index),
                }
                let sum_s = work.done_s() + work.remaining_s() + work.given_up_s;
                prop_assert!((sum_s - work.total_s()).abs() < 1e-6);
            }
        }
    }
}
