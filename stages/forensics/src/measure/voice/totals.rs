//! Sums over frames, from which the values of any set of intervals are computed.

use std::collections::BTreeMap;

use acoustics::{LongTermSpectrum, Perturbation, Sum};

use super::intervals::Owner;
use super::prosody::Second;

/// Sum of values and of their squares.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Moments {
    count: u32,
    total: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.count += 1;
            self.total += value;
            self.squares += value * value;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.total += other.total;
        self.squares += other.squares;
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total / f64::from(self.count))
    }

    /// Standard deviation; `None` of less than two values.
    pub(super) fn sd(&self) -> Option<f64> {
        let n = f64::from(self.count);
        (self.count > 1).then(|| ((self.squares - self.total * self.total / n) / (n - 1.0)).max(0.0).sqrt())
    }
}

/// The measures of one frame. Those of a voice are `None` in unvoiced frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct FrameValues {
    pub(super) mean_square: f64,
    pub(super) f0_hz: Option<f64>,
    pub(super) hnr_db: Option<f64>,
    pub(super) formants_hz: [Option<f64>; 4],
    pub(super) cpp_db: Option<f64>,
    pub(super) alpha_ratio_db: Option<f64>,
    pub(super) hammarberg_db: Option<f64>,
    pub(super) h1_h2_db: Option<f64>,
    pub(super) h1_a3_db: Option<f64>,
}

/// Sums over the frames of an interval.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Totals {
    pub(super) mean_square: Sum,
    pub(super) level_db: Moments,
    pub(super) f0_hz: Moments,
    pub(super) hnr_db: Moments,
    pub(super) formants_hz: [Moments; 4],
    pub(super) cpp_db: Moments,
    pub(super) alpha_ratio_db: Moments,
    pub(super) hammarberg_db: Moments,
    pub(super) h1_h2_db: Moments,
    pub(super) h1_a3_db: Moments,
    pub(super) perturbation: Perturbation,
    pub(super) spectrum: LongTermSpectrum,
    /// Length of the voiced frames, in seconds.
    pub(super) voiced_s: f64,
}

impl Totals {
    fn add(&mut self, frame: &FrameValues, step_s: f64) {
        self.mean_square.add(frame.mean_square);
        self.level_db.add((frame.mean_square > 0.0).then(|| 10.0 * frame.mean_square.log10()));
        self.f0_hz.add(frame.f0_hz);
        self.hnr_db.add(frame.hnr_db);
        self.formants_hz.iter_mut().zip(frame.formants_hz).for_each(|(sum, hz)| sum.add(hz));
        self.cpp_db.add(frame.cpp_db);
        self.alpha_ratio_db.add(frame.alpha_ratio_db);
        self.hammarberg_db.add(frame.hammarberg_db);
        self.h1_h2_db.add(frame.h1_h2_db);
        self.h1_a3_db.add(frame.h1_a3_db);
        self.voiced_s += if frame.f0_hz.is_some() { step_s } else { 0.0 };
    }

    fn merge(&mut self, other: &Self) {
        self.mean_square.merge(other.mean_square);
        self.level_db.merge(&other.level_db);
        self.f0_hz.merge(&other.f0_hz);
        self.hnr_db.merge(&other.hnr_db);
        self.formants_hz.iter_mut().zip(&other.formants_hz).for_each(|(sum, other)| sum.merge(other));
        self.cpp_db.merge(&other.cpp_db);
        self.alpha_ratio_db.merge(&other.alpha_ratio_db);
        self.hammarberg_db.merge(&other.hammarberg_db);
        self.h1_h2_db.merge(&other.h1_h2_db);
        self.h1_a3_db.merge(&other.h1_a3_db);
        self.perturbation.merge(&other.perturbation);
        self.spectrum.merge(&other.spectrum);
        self.voiced_s += other.voiced_s;
    }
}

/// F0 and level of a word.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct WordTotals {
    pub(super) f0_hz: Moments,
    pub(super) mean_square: Sum,
}

/// Sums of a chunk by what they belong to.
#[derive(Debug, Default)]
pub(super) struct ChunkTotals {
    pub(super) whole: Totals,
    pub(super) speakers: BTreeMap<u32, Totals>,
    pub(super) segments: BTreeMap<u32, Totals>,
    pub(super) words: BTreeMap<u32, WordTotals>,
    /// By speaker, if known, and number of the second.
    pub(super) seconds: BTreeMap<(Option<u32>, u32), Second>,
}

impl ChunkTotals {
    /// Calls `add` for all sums that `owner` belongs to.
    pub(super) fn each(&mut self, owner: Owner, mut add: impl FnMut(&mut Totals)) {
        add(&mut self.whole);
        if let Some(speaker) = owner.speaker {
            add(self.speakers.entry(speaker).or_default());
        }
        if let Some(segment) = owner.segment {
            add(self.segments.entry(segment).or_default());
        }
    }

    pub(super) fn add(&mut self, owner: Owner, time_s: f64, frame: &FrameValues, step_s: f64) {
        self.each(owner, |totals| totals.add(frame, step_s));
        if let Some(f0_hz) = frame.f0_hz {
            self.seconds.entry((owner.speaker, time_s as u32)).or_default().add(frame.mean_square, f0_hz);
        }
        if let Some(word) = owner.word {
            let word = self.words.entry(word).or_default();
            word.f0_hz.add(frame.f0_hz);
            word.mean_square.add(frame.mean_square);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.whole.merge(&other.whole);
        other.speakers.into_iter().for_each(|(at, totals)| self.speakers.entry(at).or_default().merge(&totals));
        other.segments.into_iter().for_each(|(at, totals)| self.segments.entry(at).or_default().merge(&totals));
        for (at, totals) in other.words {
            let word = self.words.entry(at).or_default();
            word.f0_hz.merge(&totals.f0_hz);
            word.mean_square.merge(totals.mean_square);
        }
        other.seconds.into_iter().for_each(|(at, second)| self.seconds.entry(at).or_default().merge(second));
    }

    /// The seconds of a speaker, or of all.
    pub(super) fn seconds_of(&self, speaker: Option<u32>) -> BTreeMap<u32, Second> {
        let mut seconds: BTreeMap<u32, Second> = BTreeMap::new();
        for ((owner, number), second) in &self.seconds {
            if speaker.is_none() || *owner == speaker {
                seconds.entry(*number).or_default().merge(*second);
            }
        }
        seconds
    }
}
