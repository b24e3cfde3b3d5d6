//! The settings of the stage.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use stage_core::forensics::ScoreLevel;

use crate::{ForensicsError, measure};

/// Settings of the stage. All of them, and the lexicons, enter the fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForensicsConfig {
    /// Whether markers of deception are searched and scored. Off by default, because they are not validated.
    pub deception: bool,
    /// Settings of the measures, by the measure's name (`f0`). Those that are left out keep their defaults.
    #[schemars(schema_with = "measure::settings_schema")]
    #[serde(deserialize_with = "over_defaults")]
    pub measures: BTreeMap<String, Value>,
    /// Categories of the scores and their weights.
    pub scores: Vec<ScoreCategory>,
    /// The score from which each level holds.
    pub levels: ScoreLevels,
    /// Exponent of the severity of the most severe moment of a score, at least 1. The larger it is, the less a mild item
    /// alone scores.
    pub severity_exponent: f64,
    /// Rate of further moments (squared severities per hour of speech) that adds half of what is missing to 100.
    pub rate_half_per_h: f64,
    /// Share of the speech that must be reliably transcribed for a call without evidence to be assessable, 0 to 1.
    pub coverage_min: f64,
    /// Longest gap between two words of one phrase, in seconds.
    pub phrase_gap_max_s: f64,
}

/// The contents of one lexicon file.
///
/// ```
/// use forensics::{Forensics, ForensicsConfig, LexiconSource};
///
/// let text = r#"
///     language = "en"
///
///     [[rule]]
///     id = "mine.transfer"
///     category = "extortion"
///     kind = "demand"
///     severity = 0.5
///     patterns = ["transfer ..3 (money|coins)"]
///     matches = ["transfer all your coins"]
///     rejects = ["the bus transfer"]
/// "#;
/// let lexicon = LexiconSource { name: "mine.toml".to_owned(), text: text.to_owned() };
/// assert!(Forensics::new(ForensicsConfig::default(), &[lexicon.clone()]).is_ok());
///
/// let broken = LexiconSource { text: text.replace("all your coins", "nothing"), ..lexicon };
/// let error = Forensics::new(ForensicsConfig::default(), &[broken]).expect_err("an example does not match");
/// assert!(error.to_string().contains("mine.transfer"), "{error}");
/// # Ok::<(), forensics::ForensicsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LexiconSource {
    /// Name of the file, for error messages only.
    pub name: String,
    /// Contents of the file, TOML.
    pub text: String,
}

/// One score and the categories of evidence that it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreCategory {
    /// Name of the score (`threat`).
    pub name: String,
    /// Weight in the overall score, relative to the other scores.
    pub weight: f64,
    /// Categories of evidence that this score counts.
    pub evidence: Vec<String>,
}

/// The scores from which the levels hold, 0 to 100. Below `low` a score is minimal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreLevels {
    /// From here on low.
    pub low: f64,
    /// From here on moderate.
    pub moderate: f64,
    /// From here on high.
    pub high: f64,
    /// From here on critical.
    pub critical: f64,
}

impl Default for ScoreLevels {
    fn default() -> Self {
        Self { low: 20.0, moderate: 40.0, high: 60.0, critical: 80.0 }
    }
}

impl ScoreLevels {
    /// The level of a score.
    #[must_use]
    pub fn of(&self, score: f64) -> ScoreLevel {
        match score {
            s if s < self.low => ScoreLevel::Minimal,
            s if s < self.moderate => ScoreLevel::Low,
            s if s < self.high => ScoreLevel::Moderate,
            s if s < self.critical => ScoreLevel::High,
            _ => ScoreLevel::Critical,
        }
    }
}

/// Name of the category of evidence, and of the score, that are off by default.
pub(crate) const DECEPTION: &str = "deception";
/// Name of the category of what the speaker reports of others.
pub(crate) const REPORTED: &str = "reported";

impl Default for ForensicsConfig {
    fn default() -> Self {
        let category = |name: &str, weight, evidence: &[&str]| ScoreCategory {
            name: name.to_owned(),
            weight,
            evidence: evidence.iter().map(|&category| category.to_owned()).collect(),
        };
        Self {
            deception: false,
            measures: measure::default_settings(),
            scores: vec![
                category("gaslighting", 25.0, &["gaslighting"]),
                category("threat", 25.0, &["threat", "stalking", "violence"]),
                category("coercion", 20.0, &["coercion", "extortion", "fraud"]),
                category(DECEPTION, 20.0, &[DECEPTION]),
                category("emotional_manipulation", 10.0, &["emotional_manipulation", "insult"]),
                category(REPORTED, 15.0, &[REPORTED]),
            ],
            levels: ScoreLevels::default(),
            severity_exponent: 3.0,
            rate_half_per_h: 6.0,
            coverage_min: 0.5,
            phrase_gap_max_s: 2.0,
        }
    }
}

impl ForensicsConfig {
    pub(crate) fn validate(&self) -> Result<(), ForensicsError> {
        require("phrase_gap_max_s", self.phrase_gap_max_s, self.phrase_gap_max_s > 0.0, "more than 0")?;
        let ScoreLevels { low, moderate, high, critical } = self.levels;
        let levels = [0.0, low, moderate, high, critical, 100.0];
        require("levels", critical, levels.is_sorted_by(|a, b| a < b), "levels that rise from above 0 to below 100")?;
        let exponent = self.severity_exponent;
        require("severity_exponent", exponent, (1.0..=20.0).contains(&exponent), "1 to 20")?;
        let half = self.rate_half_per_h;
        require("rate_half_per_h", half, half > 0.0 && half.is_finite(), "more than 0")?;
        require("coverage_min", self.coverage_min, (0.0..=1.0).contains(&self.coverage_min), "0 to 1")?;
        for score in &self.scores {
            let setting = format!("scores.{}.weight", score.name);
            require(&setting, score.weight, score.weight >= 0.0 && score.weight.is_finite(), "0 or more")?;
        }
        let total: f64 = self.scores.iter().filter(|s| self.is_scored(s)).map(|s| s.weight).sum();
        require("scores (sum of weights)", total, total > 0.0, "more than 0")
    }

    /// Whether a score is computed. All scores except deception always are.
    pub(crate) fn is_scored(&self, score: &ScoreCategory) -> bool {
        self.deception || score.name != DECEPTION
    }
}

/// # Errors
/// [`ForensicsError::Setting`] with the setting and its value, if `holds` is false.
pub(crate) fn require(setting: &str, value: f64, holds: bool, expected: &'static str) -> Result<(), ForensicsError> {
    if holds {
        return Ok(());
    }
    Err(ForensicsError::Setting { setting: setting.to_owned(), value, expected })
}

/// Settings of measures, each over its defaults, so that a file can name a single one.
fn over_defaults<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let mut all = measure::default_settings();
    for (name, given) in BTreeMap::<String, Value>::deserialize(deserializer)? {
        match (all.get_mut(&name), given) {
            (Some(Value::Object(settings)), Value::Object(given)) => settings.extend(given),
            (_, given) => drop(all.insert(name, given)),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        assert!(ForensicsConfig::default().validate().is_ok());
        let error = ForensicsConfig { scores: vec![], ..Default::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("weights"), "{error}");
        let error = ForensicsConfig { phrase_gap_max_s: f64::NAN, ..Default::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("phrase_gap_max_s"), "{error}");
    }
}
