//! Settings of the pitch search.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::SAMPLE_RATE_HZ;

use crate::ForensicsError;
use crate::config::require;

/// Settings of the pitch search, with the names and defaults of Praat's `To Pitch (ac)`. Only the ceiling differs: it
/// is 500 Hz instead of 600, because the pitch of adult speech is below it and octave errors are not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PitchConfig {
    /// Lowest frequency, in Hz. The analysis window is three periods of it long.
    pub(super) floor_hz: f64,
    /// Highest frequency, in Hz.
    pub(super) ceiling_hz: f64,
    /// Interval between two frames, in seconds.
    pub(super) time_step_s: f64,
    /// Maximum number of candidates per frame, including the unvoiced one.
    pub(super) max_candidates: usize,
    /// Frames whose peak is below this share of the channel's peak tend to be unvoiced.
    pub(super) silence_threshold: f64,
    /// Strength of the unvoiced candidate.
    pub(super) voicing_threshold: f64,
    /// Strength that a candidate loses for each octave below the ceiling.
    pub(super) octave_cost: f64,
    /// Cost of a jump by one octave between frames 10 ms apart.
    pub(super) octave_jump_cost: f64,
    /// Cost of a transition between voiced and unvoiced for frames 10 ms apart.
    pub(super) voiced_unvoiced_cost: f64,
}

impl Default for PitchConfig {
    fn default() -> Self {
        Self {
            floor_hz: 75.0,
            ceiling_hz: 500.0,
            time_step_s: 0.01,
            max_candidates: 15,
            silence_threshold: 0.03,
            voicing_threshold: 0.45,
            octave_cost: 0.01,
            octave_jump_cost: 0.35,
            voiced_unvoiced_cost: 0.14,
        }
    }
}

impl PitchConfig {
    /// # Errors
    /// A setting outside its range.
    pub(super) fn validate(&self) -> Result<(), ForensicsError> {
        let nyquist_hz = f64::from(SAMPLE_RATE_HZ) / 2.0;
        let Self { floor_hz, ceiling_hz, time_step_s, max_candidates, .. } = *self;
        require("measures.f0.floor_hz", floor_hz, (20.0..nyquist_hz / 4.0).contains(&floor_hz), "20 to 2000")?;
        let above_floor = ceiling_hz > floor_hz && ceiling_hz <= nyquist_hz;
        require("measures.f0.ceiling_hz", ceiling_hz, above_floor, "above the floor and at most 8000")?;
        require("measures.f0.time_step_s", time_step_s, (0.001..=0.1).contains(&time_step_s), "0.001 to 0.1")?;
        require("measures.f0.max_candidates", max_candidates as f64, max_candidates >= 2, "2 or more")?;
        let costs = [
            ("measures.f0.silence_threshold", self.silence_threshold),
            ("measures.f0.voicing_threshold", self.voicing_threshold),
            ("measures.f0.octave_cost", self.octave_cost),
            ("measures.f0.octave_jump_cost", self.octave_jump_cost),
            ("measures.f0.voiced_unvoiced_cost", self.voiced_unvoiced_cost),
        ];
        costs.into_iter().try_for_each(|(name, cost)| require(name, cost, (0.0..=10.0).contains(&cost), "0 to 10"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitch_settings_out_of_range_are_refused_by_name() {
        assert!(PitchConfig::default().validate().is_ok());
        let error = PitchConfig { ceiling_hz: 60.0, ..PitchConfig::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("measures.f0.ceiling_hz"), "{error}");
        assert!(PitchConfig { octave_cost: f64::NAN, ..PitchConfig::default() }.validate().is_err());
    }
}
