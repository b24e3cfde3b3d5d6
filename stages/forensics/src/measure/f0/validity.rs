//! What limits the validity of F0: too little voiced speech, values at the limits of the search, octave errors.

use super::quantile;

/// Less voiced speech than this does not represent a voice, in seconds.
const VOICED_MIN_S: f64 = 1.0;
/// A larger share of frames at a limit of the search makes the values suspect.
const AT_LIMIT_MAX: f64 = 0.1;
/// A larger share of octave errors does.
const OCTAVE_ERRORS_MAX: f64 = 0.05;
/// Half of the interval whose median a frame is compared with, in seconds.
const AROUND_S: f64 = 0.5;
/// A frame this near to half or twice the median is an octave error, in octaves.
const OCTAVE_WIDTH: f64 = 0.2;

/// What is known about the frames of a channel. Shares are of the voiced frames, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Validity {
    /// Length of the voiced frames.
    pub(super) voiced_s: f64,
    pub(super) at_floor: f64,
    pub(super) at_ceiling: f64,
    pub(super) octave_errors: f64,
}

impl Validity {
    /// Why the values are suspect; `None` if nothing is known against them.
    pub(super) fn limit(&self) -> Option<String> {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let mut limits = Vec::new();
        if self.voiced_s < VOICED_MIN_S {
            limits.push(format!("only {:.2} s of voiced speech", self.voiced_s));
        }
        if self.at_floor > AT_LIMIT_MAX {
            limits.push(format!("{} of the voiced frames are at the floor of the search", percent(self.at_floor)));
        }
        if self.at_ceiling > AT_LIMIT_MAX {
            limits.push(format!("{} of the voiced frames are at the ceiling of the search", percent(self.at_ceiling)));
        }
        if self.octave_errors > OCTAVE_ERRORS_MAX {
            limits.push(format!("{} of the voiced frames may be octave errors", percent(self.octave_errors)));
        }
        (!limits.is_empty()).then(|| limits.join("; "))
    }
}

/// Number of frames near half or twice the median F0 of the second around them.
pub(super) fn octave_errors(f0_hz: &[Option<f64>], step_s: f64) -> usize {
    let reach = (AROUND_S / step_s).round() as usize;
    let is_error = |(at, f0): (usize, &Option<f64>)| {
        let Some(f0) = f0 else { return false };
        let around = &f0_hz[at.saturating_sub(reach)..(at + reach + 1).min(f0_hz.len())];
        let mut voiced: Vec<f64> = around.iter().copied().flatten().collect();
        voiced.sort_by(f64::total_cmp);
        ((f0 / quantile(&voiced, 0.5)).log2().abs() - 1.0).abs() < OCTAVE_WIDTH
    };
    f0_hz.iter().enumerate().filter(|frame| is_error(*frame)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octave_errors_are_counted_and_glides_are_not() {
        let mut f0_hz: Vec<Option<f64>> = (0..200).map(|k| Some(100.0 + 0.5 * f64::from(k))).collect();
        assert_eq!(octave_errors(&f0_hz, 0.01), 0);
        f0_hz[40..45].iter_mut().flatten().for_each(|f0| *f0 *= 2.0);
        f0_hz[150..153].iter_mut().flatten().for_each(|f0| *f0 /= 2.0);
        assert_eq!(octave_errors(&f0_hz, 0.01), 8);
        assert_eq!(octave_errors(&[None, Some(100.0), None], 0.01), 0);
    }

    #[test]
    fn limits_name_what_is_suspect() {
        let good = Validity { voiced_s: 9.0, at_floor: 0.01, at_ceiling: 0.0, octave_errors: 0.02 };
        assert_eq!(good.limit(), None);
        let bad = Validity { voiced_s: 0.25, at_floor: 0.5, ..good };
        assert_eq!(
            bad.limit().unwrap(),
            "only 0.25 s of voiced speech; 50 % of the voiced frames are at the floor of the search"
        );
    }
}
