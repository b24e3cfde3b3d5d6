//! The levels around one segment, with what counts as sound in them.

use std::io;

use dsp::LevelMeter;
use stage_core::{Pcm, SAMPLE_RATE_HZ, SpeechSpan};

/// Samples between two levels: 5 ms.
pub(crate) const HOP: i64 = 80;
/// Speech in Hz, with the sibilants and without the hum.
const BAND_HZ: (f64, f64) = (100.0, 7000.0);
/// What is heard on each side of the segment, for the noise floor: half a second.
const MARGIN: i64 = 8000;
/// Samples that are read at once.
const BLOCK: i64 = 1 << 18;
/// Levels outside speech that are enough to know the noise by: 0.1 s.
const ENOUGH_PAUSE: usize = 20;
/// The percentile that stands for the noise where all is speech.
const FLOOR_PERCENTILE: usize = 5;
/// The noise floor is taken to be no lower than this: less is digital silence.
const LOWEST_FLOOR_DBFS: f32 = -80.0;

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

    /// Samples between two intervals; negative where they overlap.
    pub(crate) fn distance(&self, other: &Self) -> i64 {
        (self.start - other.end).max(other.start - self.end)
    }
}

/// Levels in dBFS, [`HOP`] apart, of the mean power over three hops.
#[derive(Debug)]
pub(crate) struct Sound {
    levels: Vec<f32>,
    origin: i64,
    /// Level of the noise in dBFS.
    pub(crate) floor: f32,
}

impl Sound {
    /// Hears a segment of a channel and what lies around it. `spans` are the speech spans of the recording.
    pub(crate) fn hear(pcm: &Pcm, channel: u16, segment: Interval, spans: &[SpeechSpan]) -> io::Result<Self> {
        let origin = (segment.start - MARGIN).max(0);
        let end = (segment.end + MARGIN).min(pcm.frames() as i64);
        let mut meter = LevelMeter::new(f64::from(SAMPLE_RATE_HZ), BAND_HZ.0, BAND_HZ.1, HOP as usize);
        let mut at = origin;
        while at < end {
            meter.push(&pcm.read(channel.into(), at as u64, (end - at).min(BLOCK) as usize)?);
            at += BLOCK;
        }
        let levels = smoothed(&meter.finish());
        let mut sound = Self { levels, origin, floor: 0.0 };
        sound.floor = sound.noise_floor(channel, spans).max(LOWEST_FLOOR_DBFS);
        Ok(sound)
    }

    /// The levels whose middle lies in an interval, each with that middle.
    pub(crate) fn within(&self, interval: Interval) -> impl DoubleEndedIterator<Item = (i64, f32)> + '_ {
        let index = |sample: i64| ((sample - self.origin - HOP / 2 + HOP - 1) / HOP).max(0) as usize;
        let end = index(interval.end).min(self.levels.len());
        let start = index(interval.start).min(end);
        (start..end).map(|at| (self.origin + at as i64 * HOP + HOP / 2, self.levels[at]))
    }

    /// The highest level in an interval; the floor where it has none.
    pub(crate) fn peak(&self, interval: Interval) -> f32 {
        self.within(interval).fold(self.floor, |peak, (_, level)| peak.max(level))
    }

    /// The median level outside speech, or a low percentile of all where speech leaves no pause.
    fn noise_floor(&self, channel: u16, spans: &[SpeechSpan]) -> f32 {
        let rate = f64::from(SAMPLE_RATE_HZ);
        let speech: Vec<(f64, f64)> = spans
            .iter()
            .filter(|span| span.channel == channel)
            .map(|span| (span.start_s * rate, span.end_s * rate))
            .collect();
        let everything = Interval { start: self.origin, end: i64::MAX };
        let mut pauses: Vec<f32> = self
            .within(everything)
            .filter(|(at, _)| !speech.iter().any(|(start, end)| (*start..*end).contains(&(*at as f64))))
            .map(|(_, level)| level)
            .collect();
        if pauses.len() >= ENOUGH_PAUSE {
            percentile(&mut pauses, 50)
        } else {
            percentile(&mut self.levels.clone(), FLOOR_PERCENTILE)
        }
    }
}

fn percentile(levels: &mut [f32], percent: usize) -> f32 {
    if levels.is_empty() {
        return LOWEST_FLOOR_DBFS;
    }
    let at = (levels.len() - 1) * percent / 100;
    *levels.select_nth_unstable_by(at, f32::total_cmp).1
}

fn smoothed(levels: &[f32]) -> Vec<f32> {
    let power: Vec<f32> = levels.iter().map(|level| 10f32.powf(level / 10.0)).collect();
    (0..power.len())
        .map(|at| {
            let around = &power[at.saturating_sub(1)..(at + 2).min(power.len())];
            10.0 * (around.iter().sum::<f32>() / around.len() as f32).log10()
        })
        .collect()
}
