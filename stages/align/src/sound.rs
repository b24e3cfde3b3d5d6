//! Levels around one segment, classified into sound and silence.

use std::io;
use std::ops::Range;

use dsp::{ACTIVITY_HOP, Activity};
use stage_core::{Pcm, SAMPLE_RATE_HZ, SpeechSpan};

use crate::spectrum::SpectralChange;

/// Samples between two levels: 5 ms.
pub(crate) const HOP: i64 = ACTIVITY_HOP as i64;
/// Margin on each side of the segment that is measured to estimate the noise: 0.75 s.
const MARGIN: i64 = 12_000;

/// A half-open interval of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Interval {
    pub(crate) const fn len(&self) -> i64 {
        self.end - self.start
    }

    pub(crate) const fn middle(&self) -> i64 {
        self.start.midpoint(self.end)
    }

    /// Samples between two intervals; negative if they overlap.
    pub(crate) fn distance(&self, other: &Self) -> i64 {
        (self.start - other.end).max(other.start - self.end)
    }
}

/// Levels in dBFS, [`HOP`] apart, and which of them are sound.
#[derive(Debug)]
pub(crate) struct Sound {
    activity: Activity,
    /// Measured for the boundaries of phones only.
    change: Option<SpectralChange>,
    origin: i64,
}

impl Sound {
    /// Measures a segment of a channel with its margins. `spans` are the speech spans of the recording.
    pub(crate) fn measure(pcm: &Pcm, channel: u16, segment: Interval, spans: &[SpeechSpan]) -> io::Result<Self> {
        Ok(Self::measured(pcm, channel, segment, spans)?.0)
    }

    /// See [`Sound::measure`]; also measures spectral change.
    pub(crate) fn with_change(pcm: &Pcm, channel: u16, segment: Interval, spans: &[SpeechSpan]) -> io::Result<Self> {
        let (sound, samples) = Self::measured(pcm, channel, segment, spans)?;
        Ok(Self { change: Some(SpectralChange::of_samples(&samples, sound.origin)), ..sound })
    }

    fn measured(pcm: &Pcm, channel: u16, segment: Interval, spans: &[SpeechSpan]) -> io::Result<(Self, Vec<f32>)> {
        let origin = (segment.start - MARGIN).max(0);
        let end = (segment.end + MARGIN).min(pcm.frames() as i64);
        let samples = pcm.read(channel.into(), origin as u64, (end - origin).max(0) as usize)?;
        let own = spans.iter().filter(|span| span.channel == channel).map(|span| (span.start_s, span.end_s));
        let activity = Activity::of_samples(&samples, origin, f64::from(SAMPLE_RATE_HZ), own);
        Ok((Self { activity, change: None, origin }, samples))
    }

    /// The sample of the clearest spectral change within `reach` samples of a boundary, if it was measured.
    pub(crate) fn change(&self, boundary: i64, reach: i64) -> Option<i64> {
        self.change.as_ref()?.peak(boundary, reach)
    }

    /// Indices of the levels whose middle is in an interval.
    fn indices(&self, interval: Interval) -> Range<usize> {
        let index = |sample: i64| ((sample - self.origin - HOP / 2 + HOP - 1) / HOP).max(0) as usize;
        let end = index(interval.end).min(self.activity.levels().len());
        index(interval.start).min(end)..end
    }

    /// First sample of a level.
    const fn sample(&self, index: usize) -> i64 {
        self.origin + index as i64 * HOP
    }

    /// Levels whose middle is in an interval, each with the position of that middle.
    pub(crate) fn within(&self, interval: Interval) -> impl DoubleEndedIterator<Item = (i64, f32)> + '_ {
        self.indices(interval).map(|at| (self.sample(at) + HOP / 2, self.activity.levels()[at]))
    }

    /// Highest level in an interval; the noise level around it if it contains no level.
    pub(crate) fn peak(&self, interval: Interval) -> f32 {
        self.within(interval).fold(self.floor(interval.start), |peak, (_, level)| peak.max(level))
    }

    /// Noise level around a sample, in dBFS.
    pub(crate) fn floor(&self, sample: i64) -> f32 {
        self.activity.floor(((sample - self.origin) / HOP).max(0) as usize)
    }

    /// Whether most levels of an interval are sound; false if it contains no level.
    pub(crate) fn is_sounding(&self, interval: Interval) -> bool {
        let levels = self.indices(interval);
        let sounding = self.activity.sounding()[levels.clone()].iter().filter(|sounds| **sounds).count();
        2 * sounding > levels.len()
    }

    /// Silences that overlap an interval, clipped to it.
    pub(crate) fn silences(&self, interval: Interval) -> Vec<Interval> {
        self.runs(interval, false)
    }

    /// Sounds that overlap an interval, clipped to it.
    pub(crate) fn sounds(&self, interval: Interval) -> Vec<Interval> {
        self.runs(interval, true)
    }

    fn runs(&self, interval: Interval, sounding: bool) -> Vec<Interval> {
        let mut runs: Vec<Interval> = Vec::new();
        for at in self.indices(interval).filter(|at| self.activity.sounding()[*at] == sounding) {
            let start = self.sample(at).max(interval.start);
            let end = (self.sample(at) + HOP).min(interval.end);
            match runs.last_mut() {
                Some(run) if run.end >= start => run.end = end,
                _ => runs.push(Interval { start, end }),
            }
        }
        runs
    }
}
