//! Change of level and pitch from second to second, and escalation zones: intervals in which a speaker is both louder and
//! higher than usual.
//!
//! Louder voices are higher too (J.-S. Liénard and M.-G. Di Benedetto, "Effect of vocal effort on spectral properties of
//! vowels", Journal of the Acoustical Society of America 106, 1999). The limits below are not validated against listeners.

use std::collections::BTreeMap;

use acoustics::Sum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::Measured;

use super::value::rounded;
use crate::measure::f0::quantile;

/// A second with less voice is left out, in seconds.
const VOICED_MIN_S: f64 = 0.2;
/// Fewer seconds do not show how a speaker usually speaks.
const BASELINE_MIN: usize = 10;
/// A second is raised if both its level and its F0 are this far above the baseline.
const LEVEL_RISE_DB: f64 = 6.0;
const F0_RISE_SEMITONES: f64 = 2.0;
/// Fewest raised seconds of a zone, and most other seconds between two of them.
const RAISED_MIN: u32 = 3;
const GAP_MAX: u32 = 2;

/// Sums over the voiced frames of a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Second {
    mean_square: Sum,
    /// Binary logarithms of F0 in Hz.
    octave: Sum,
}

impl Second {
    pub(super) fn add(&mut self, mean_square: f64, f0_hz: f64) {
        self.mean_square.add(mean_square);
        self.octave.add(f0_hz.log2());
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.mean_square.merge(other.mean_square);
        self.octave.merge(other.octave);
    }
}

/// Change of level and pitch in windows of one second, over their voiced frames. The level of a voice also changes with its
/// distance to the microphone, and automatic gain control evens it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Prosody {
    /// Number of seconds with at least 0.2 s of voice.
    #[schemars(extend("unit" = "count"))]
    seconds: u32,
    /// Median level of these seconds.
    #[schemars(extend("unit" = "dBFS"))]
    baseline_level_dbfs: Measured,
    /// Median F0 of these seconds; that of a second is the geometric mean of its frames.
    #[schemars(extend("unit" = "Hz"))]
    baseline_f0_hz: Measured,
    /// Mean magnitude of the change of level from one second to the next.
    #[schemars(extend("unit" = "dB"))]
    level_change_db: Measured,
    /// Mean magnitude of the change of F0 from one second to the next.
    #[schemars(extend("unit" = "semitones"))]
    f0_change_semitones: Measured,
    /// Largest rise of the level from one second to the next.
    #[schemars(extend("unit" = "dB"))]
    level_rise_db: Measured,
    /// Start of the second after that rise.
    #[schemars(extend("unit" = "s"))]
    level_rise_at_s: Measured,
    /// Largest rise of F0 from one second to the next.
    #[schemars(extend("unit" = "semitones"))]
    f0_rise_semitones: Measured,
    /// Start of the second after that rise.
    #[schemars(extend("unit" = "s"))]
    f0_rise_at_s: Measured,
    /// Zones with at least three seconds, at most two other seconds apart, in which both the level is 6 dB and F0 two
    /// semitones above the baseline. The limits are not validated: a zone is a place to listen to. None without a baseline.
    escalations: Vec<Escalation>,
}

/// A zone in which a speaker is both louder and higher than the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Escalation {
    /// Start of its first raised second.
    #[schemars(extend("unit" = "s"))]
    start_s: f64,
    /// End of its last raised second.
    #[schemars(extend("unit" = "s"))]
    end_s: f64,
    /// Mean level of the raised seconds relative to the baseline.
    #[schemars(extend("unit" = "dB"))]
    level_rise_db: f64,
    /// Mean F0 of the raised seconds relative to the baseline.
    #[schemars(extend("unit" = "semitones"))]
    f0_rise_semitones: f64,
}

/// A second with enough voice.
#[derive(Debug, Clone, Copy)]
struct Window {
    second: u32,
    level_dbfs: f64,
    /// F0 in semitones above 1 Hz.
    semitones: f64,
}

impl Prosody {
    /// The prosody of seconds by their number, whose frames are `step_s` apart, in a recording of `duration_s`.
    pub(super) fn of(seconds: &BTreeMap<u32, Second>, step_s: f64, duration_s: f64) -> Self {
        let window = |(second, sums): (&u32, &Second)| {
            let is_long = f64::from(sums.octave.count) * step_s >= VOICED_MIN_S - step_s / 2.0;
            let mean_square = sums.mean_square.mean().filter(|square| is_long && *square > 0.0)?;
            let semitones = 12.0 * sums.octave.mean()?;
            Some(Window { second: *second, level_dbfs: 10.0 * mean_square.log10(), semitones })
        };
        let windows: Vec<Window> = seconds.iter().filter_map(window).collect();
        let baseline = baseline(&windows);
        let few = format!("{} s of the voice, and at least {BASELINE_MIN} are needed", windows.len());
        let level = Changes::of(&windows, |window| window.level_dbfs);
        let f0 = Changes::of(&windows, |window| window.semitones);
        Self {
            seconds: windows.len() as u32,
            baseline_level_dbfs: Measured::from_option(baseline.map(|(level, _)| rounded(level, 100.0)), &few),
            baseline_f0_hz: Measured::from_option(baseline.map(|(_, st)| rounded((st / 12.0).exp2(), 100.0)), &few),
            level_change_db: level.mean(),
            f0_change_semitones: f0.mean(),
            level_rise_db: level.rise(|(_, rise)| rise),
            level_rise_at_s: level.rise(|(second, _)| f64::from(second)),
            f0_rise_semitones: f0.rise(|(_, rise)| rise),
            f0_rise_at_s: f0.rise(|(second, _)| f64::from(second)),
            escalations: baseline.map(|baseline| escalations(&windows, baseline, duration_s)).unwrap_or_default(),
        }
    }
}

/// Medians of level and semitones; `None` of too few windows.
fn baseline(windows: &[Window]) -> Option<(f64, f64)> {
    let median = |value: fn(&Window) -> f64| {
        let mut values: Vec<f64> = windows.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        quantile(&values, 0.5)
    };
    (windows.len() >= BASELINE_MIN).then(|| (median(|window| window.level_dbfs), median(|window| window.semitones)))
}

/// Changes of a value from one second to the next.
struct Changes {
    magnitude: Sum,
    /// The largest one, if it is a rise, and its second.
    largest: Option<(u32, f64)>,
}

impl Changes {
    fn of(windows: &[Window], value: fn(&Window) -> f64) -> Self {
        let mut changes = Self { magnitude: Sum::default(), largest: None };
        for (before, after) in windows.iter().zip(windows.iter().skip(1)) {
            if after.second != before.second + 1 {
                continue;
            }
            let change = value(after) - value(before);
            changes.magnitude.add(change.abs());
            if change > changes.largest.map_or(0.0, |(_, largest)| largest) {
                changes.largest = Some((after.second, change));
            }
        }
        changes
    }

    fn mean(&self) -> Measured {
        Measured::from_option(self.magnitude.mean().map(|mean| rounded(mean, 100.0)), "no two successive seconds")
    }

    fn rise(&self, part: fn((u32, f64)) -> f64) -> Measured {
        Measured::from_option(
            self.largest.map(|largest| rounded(part(largest), 100.0)),
            "no rise in successive seconds",
        )
    }
}

fn escalations(windows: &[Window], baseline: (f64, f64), duration_s: f64) -> Vec<Escalation> {
    let rise = |window: &Window| (window.level_dbfs - baseline.0, window.semitones - baseline.1);
    let is_raised = |window: &&Window| rise(window).0 >= LEVEL_RISE_DB && rise(window).1 >= F0_RISE_SEMITONES;
    let raised: Vec<&Window> = windows.iter().filter(is_raised).collect();
    let zones = raised.chunk_by(|before, after| after.second - before.second <= GAP_MAX + 1);
    let zone = |zone: &[&Window]| {
        let (first, last) = (zone.first()?, zone.last()?);
        let mean = |part: fn((f64, f64)) -> f64| {
            rounded(zone.iter().map(|window| part(rise(window))).sum::<f64>() / zone.len() as f64, 100.0)
        };
        (zone.len() as u32 >= RAISED_MIN).then(|| Escalation {
            start_s: f64::from(first.second),
            end_s: f64::from(last.second + 1).min(duration_s),
            level_rise_db: mean(|rise| rise.0),
            f0_rise_semitones: mean(|rise| rise.1),
        })
    };
    zones.filter_map(zone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prosody of seconds with a level in dBFS and an F0 in Hz; `None` without voice.
    fn of(seconds: &[Option<(f64, f64)>]) -> Prosody {
        let second = |(number, voice): (usize, &Option<(f64, f64)>)| {
            let mut second = Second::default();
            if let Some((level_dbfs, f0_hz)) = voice {
                (0..50).for_each(|_| second.add(10.0_f64.powf(level_dbfs / 10.0), *f0_hz));
            }
            (number as u32, second)
        };
        Prosody::of(&seconds.iter().enumerate().map(second).collect(), 0.01, seconds.len() as f64 - 0.5)
    }

    const CALM: Option<(f64, f64)> = Some((-30.0, 120.0));
    const RAISED: Option<(f64, f64)> = Some((-20.0, 151.2));

    #[test]
    fn escalation_is_found_with_its_place_and_its_rise() {
        let calm = vec![CALM; 12];
        let zone = [vec![RAISED; 2], vec![None, CALM], vec![RAISED]].concat();
        let found = of(&[calm.clone(), zone, calm].concat());
        assert_eq!(found.baseline_level_dbfs.value, Some(-30.0));
        assert_eq!(found.baseline_f0_hz.value, Some(120.0));
        let [zone] = found.escalations[..] else { panic!("{:?}", found.escalations) };
        assert_eq!((zone.start_s, zone.end_s, zone.level_rise_db, zone.f0_rise_semitones), (12.0, 17.0, 10.0, 4.0));
        assert_eq!((found.level_rise_db.value, found.level_rise_at_s.value), (Some(10.0), Some(12.0)));
        assert_eq!((found.f0_rise_semitones.value, found.f0_rise_at_s.value), (Some(4.0), Some(12.0)));
        assert_eq!(found.seconds, 28, "one second has no voice");
    }

    #[test]
    fn escalation_at_the_end_ends_with_the_recording() {
        let found = of(&[vec![CALM; 12], vec![RAISED; 4]].concat());
        assert_eq!(found.escalations[0].end_s, 15.5);
    }

    #[test]
    fn louder_or_higher_alone_and_single_seconds_are_no_escalation() {
        for other in [Some((-20.0, 121.0)), Some((-29.0, 180.0))] {
            assert!(of(&[vec![CALM; 12], vec![other; 5]].concat()).escalations.is_empty(), "{other:?}");
        }
        let moments = [vec![CALM; 12], vec![RAISED; 2], vec![CALM; 4], vec![RAISED]].concat();
        assert!(of(&moments).escalations.is_empty());
    }

    #[test]
    fn changes_are_those_of_successive_seconds() {
        let found = of(&[CALM, Some((-28.0, 120.0)), None, RAISED]);
        assert_eq!((found.level_change_db.value, found.f0_change_semitones.value), (Some(2.0), Some(0.0)));
        assert_eq!(found.f0_rise_at_s.value, None, "F0 is the same");
        let reason = "3 s of the voice, and at least 10 are needed";
        assert_eq!(found.baseline_f0_hz.reason.as_deref(), Some(reason));
        assert_eq!(of(&[]).level_change_db.reason.as_deref(), Some("no two successive seconds"));
    }
}
