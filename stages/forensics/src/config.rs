//! The settings of the stage.

use serde::{Deserialize, Serialize};
use stage_core::SAMPLE_RATE_HZ;

use crate::ForensicsError;

/// Everything that the stage can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForensicsConfig {
    /// Lexicons beside those of the project.
    pub lexicons: Vec<LexiconSource>,
    /// Whether markers of deception are looked for and scored. Off unless asked for: they are not validated.
    pub deception: bool,
    /// The pitch search.
    pub pitch: PitchConfig,
    /// The categories of the scores and their weights.
    pub scores: Vec<ScoreCategory>,
    /// The longest gap between two words of one phrase, in seconds.
    pub phrase_gap_max_s: f64,
}

/// The contents of one lexicon file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LexiconSource {
    /// The file's name, for error messages only.
    pub name: String,
    /// Its contents, TOML.
    pub text: String,
}

/// Settings of the pitch search, with the names and defaults of Praat's `To Pitch (ac)`, save for the ceiling: 500 Hz
/// in place of 600, as adult speech stays below it and octave errors do not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PitchConfig {
    /// Lowest frequency, in Hz. The analysis window is three of its periods long.
    pub floor_hz: f64,
    /// Highest frequency, in Hz.
    pub ceiling_hz: f64,
    /// From frame to frame, in seconds.
    pub time_step_s: f64,
    /// Candidates a frame, the unvoiced one included.
    pub max_candidates: usize,
    /// Frames whose peak is below this share of the channel's peak tend to be unvoiced.
    pub silence_threshold: f64,
    /// Strength of the unvoiced candidate.
    pub voicing_threshold: f64,
    /// How much a candidate loses for each octave below the ceiling.
    pub octave_cost: f64,
    /// Cost of a jump by one octave between frames 10 ms apart.
    pub octave_jump_cost: f64,
    /// Cost of a change between voiced and unvoiced between frames 10 ms apart.
    pub voiced_unvoiced_cost: f64,
}

/// One score and the categories of evidence that count in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreCategory {
    /// Its name (`threat`).
    pub name: String,
    /// Its weight in the overall score, relative to the others.
    pub weight: f64,
    /// Categories of evidence that count in it.
    pub evidence: Vec<String>,
}

/// The category of evidence, and the score, that are left out unless asked for.
pub(crate) const DECEPTION: &str = "deception";

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

impl Default for ForensicsConfig {
    fn default() -> Self {
        let category = |name: &str, weight, evidence: &[&str]| ScoreCategory {
            name: name.to_owned(),
            weight,
            evidence: evidence.iter().map(|&category| category.to_owned()).collect(),
        };
        Self {
            lexicons: Vec::new(),
            deception: false,
            pitch: PitchConfig::default(),
            scores: vec![
                category("gaslighting", 25.0, &["gaslighting"]),
                category("threat", 25.0, &["threat", "stalking", "violence"]),
                category("coercion", 20.0, &["coercion", "extortion", "fraud"]),
                category(DECEPTION, 20.0, &[DECEPTION]),
                category("emotional_manipulation", 10.0, &["emotional_manipulation", "insult"]),
            ],
            phrase_gap_max_s: 2.0,
        }
    }
}

impl ForensicsConfig {
    pub(crate) fn validate(&self) -> Result<(), ForensicsError> {
        self.pitch.validate()?;
        require("phrase_gap_max_s", self.phrase_gap_max_s, self.phrase_gap_max_s > 0.0, "more than 0")?;
        for score in &self.scores {
            let setting = format!("scores.{}.weight", score.name);
            require(&setting, score.weight, score.weight >= 0.0 && score.weight.is_finite(), "0 or more")?;
        }
        let total: f64 = self.scores.iter().filter(|s| self.is_scored(s)).map(|s| s.weight).sum();
        require("scores (sum of weights)", total, total > 0.0, "more than 0")
    }

    /// Whether a score is computed: all but deception always are.
    pub(crate) fn is_scored(&self, score: &ScoreCategory) -> bool {
        self.deception || score.name != DECEPTION
    }
}

impl PitchConfig {
    fn validate(&self) -> Result<(), ForensicsError> {
        let nyquist_hz = f64::from(SAMPLE_RATE_HZ) / 2.0;
        let Self { floor_hz, ceiling_hz, time_step_s, max_candidates, .. } = *self;
        require("pitch.floor_hz", floor_hz, (20.0..nyquist_hz / 4.0).contains(&floor_hz), "20 to 2000")?;
        let above_floor = ceiling_hz > floor_hz && ceiling_hz <= nyquist_hz;
        require("pitch.ceiling_hz", ceiling_hz, above_floor, "above the floor and at most 8000")?;
        require("pitch.time_step_s", time_step_s, (0.001..=0.1).contains(&time_step_s), "0.001 to 0.1")?;
        require("pitch.max_candidates", max_candidates as f64, max_candidates >= 2, "2 or more")?;
        let costs = [
            ("pitch.silence_threshold", self.silence_threshold),
            ("pitch.voicing_threshold", self.voicing_threshold),
            ("pitch.octave_cost", self.octave_cost),
            ("pitch.octave_jump_cost", self.octave_jump_cost),
            ("pitch.voiced_unvoiced_cost", self.voiced_unvoiced_cost),
        ];
        costs.into_iter().try_for_each(|(name, cost)| require(name, cost, (0.0..=10.0).contains(&cost), "0 to 10"))
    }
}

fn require(setting: &str, value: f64, holds: bool, expected: &'static str) -> Result<(), ForensicsError> {
    if holds {
        return Ok(());
    }
    Err(ForensicsError::Setting { setting: setting.to_owned(), value, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        assert!(ForensicsConfig::default().validate().is_ok());
        let pitch = PitchConfig { ceiling_hz: 60.0, ..PitchConfig::default() };
        let error = ForensicsConfig { pitch, ..Default::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("pitch.ceiling_hz"), "{error}");
        let error = ForensicsConfig { scores: vec![], ..Default::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("weights"), "{error}");
        let pitch = PitchConfig { octave_cost: f64::NAN, ..PitchConfig::default() };
        assert!(ForensicsConfig { pitch, ..Default::default() }.validate().is_err());
    }
}
