//! Computes scores over the evidence, and their coverage of the speech.
//!
//! The evidence of a speaker in one interval of [`MOMENT_S`] is one moment, as severe as its most severe item. The score of a
//! category is `100 (1 - (1 - a) (1 - b))`:
//!
//! - `a = severity ^ exponent` of the most severe moment; the length of the call does not matter. One plain threat to kill (0.95)
//!   scores 86, one swear word (0.35) 4.
//! - `b = rate / (rate + rate_half)` from the rate of the other moments: the sum of their squared severities per hour of
//!   speech. A few chance matches in hours of everyday talk hardly count, and the same number in minutes does.
//!
//! A score is 0 without evidence, never decreases when an item is added, and stays below 100. The overall score is
//! `100 (1 - (1 - r1) (1 - r2 / 4) (1 - r3 / 4)...)` over the categories' scores by weight, the highest first. How reliably
//! the words were recognized is stated beside a score, and does not change it.

use std::collections::{BTreeMap, BTreeSet};

use stage_core::forensics::{CategoryScore, Coverage, Evidence, ScoreLevel, Scores, SpeakerScores};
use stage_core::{Measured, Segment, Span};

use crate::lexicon::{Lexicons, is_mark};
use crate::spans::{common_s, spans_of, total_s};
use crate::{ForensicInput, ForensicsConfig, ScoreCategory};

const OFF_BY_DEFAULT: &str = "off by default: markers of deception are not validated";
/// Length of a moment, in seconds.
pub(crate) const MOMENT_S: f64 = 10.0;
/// Rates are those of at least this much speech, in hours.
const LEAST_SPEECH_H: f64 = 0.1;
/// Share of the scores other than the highest in the overall score.
const OTHERS: f64 = 0.25;

/// What a score is computed from, besides the evidence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub(crate) config: &'a ForensicsConfig,
    pub(crate) lexicons: &'a Lexicons,
    /// Length of the speech, in seconds.
    pub(crate) speech_s: f64,
    /// Reason why nothing can be scored, if there is one.
    pub(crate) obstacle: Option<&'a str>,
    /// Whether a recognizer wrote the words, so that they have a confidence.
    pub(crate) is_recognized: bool,
}

/// Scores of the evidence that a speaker or the whole call has.
pub(crate) struct ScoreTable {
    pub(crate) overall: Measured,
    pub(crate) level: Option<ScoreLevel>,
    pub(crate) categories: BTreeMap<String, CategoryScore>,
}

/// Computes the scores of one recording.
pub(crate) fn score(
    config: &ForensicsConfig,
    lexicons: &Lexicons,
    input: &ForensicInput<'_>,
    evidence: &[Evidence],
) -> Scores {
    let coverage = coverage(lexicons, input);
    let obstacle = obstacle(config, lexicons, input, evidence, &coverage);
    let basis =
        Basis { config, lexicons, speech_s: coverage.speech_s, obstacle: obstacle.as_deref(), is_recognized: true };
    let speakers: Vec<&str> = input.speakers.speakers.iter().map(|speaker| speaker.id.as_str()).collect();
    let ScoreTable { overall, level, categories } = basis.table(evidence, |_| true);
    Scores { overall, level, categories, speakers: basis.speakers(evidence, &speakers), coverage }
}

impl Basis<'_> {
    /// The scores of each speaker over the evidence in the speaker's own words.
    pub(crate) fn speakers(&self, evidence: &[Evidence], speakers: &[&str]) -> Vec<SpeakerScores> {
        let of_speaker = |speaker: &&str| {
            let is_own = |item: &Evidence| item.speaker.as_deref() == Some(*speaker);
            let ScoreTable { overall, level, categories } = self.table(evidence, is_own);
            SpeakerScores { speaker: (*speaker).to_owned(), overall, level, categories }
        };
        speakers.iter().map(of_speaker).collect()
    }

    /// The scores over the evidence that counts for them.
    pub(crate) fn table(&self, evidence: &[Evidence], counts: impl Fn(&Evidence) -> bool) -> ScoreTable {
        let scored = || self.config.scores.iter().filter(|score| self.config.is_scored(score));
        let heaviest = scored().map(|score| score.weight).fold(f64::MIN_POSITIVE, f64::max);
        let score = |category: &ScoreCategory| match self.config.is_scored(category) {
            true => self.category(category, category.weight / heaviest, evidence, &counts),
            false => unscored(OFF_BY_DEFAULT, 0.0),
        };
        let categories: BTreeMap<String, CategoryScore> =
            self.config.scores.iter().map(|category| (category.name.clone(), score(category))).collect();
        let weighted = categories.values().map(|own| own.weight * own.score.value.unwrap_or(0.0) / 100.0);
        let overall = self.obstacle.map_or_else(|| Measured::of(100.0 * together(weighted)), Measured::missing);
        ScoreTable { level: overall.value.map(|score| self.config.levels.of(score)), overall, categories }
    }

    fn category(
        &self,
        category: &ScoreCategory,
        weight: f64,
        evidence: &[Evidence],
        counts: impl Fn(&Evidence) -> bool,
    ) -> CategoryScore {
        if let Some(reason) = self.obstacle {
            return unscored(reason, weight);
        }
        let is_own = |item: &Evidence| self.lexicons.is_counted(&category.name, &category.evidence, &item.category);
        let counted: Vec<usize> = (0..evidence.len())
            .filter(|&i| evidence[i].discounted.is_none() && is_own(&evidence[i]) && counts(&evidence[i]))
            .collect();
        let items: Vec<&Evidence> = counted.iter().map(|&i| &evidence[i]).collect();
        let moments = moments(&items);
        let score = 100.0 * self.index(&moments);
        CategoryScore {
            score: Measured::of(score),
            level: Some(self.config.levels.of(score)),
            weight,
            moments: moments.len() as u32,
            reliability: self.reliability(&items),
            evidence: counted.into_iter().map(|i| i as u32).collect(),
        }
    }

    /// Mean confidence of the words of the items.
    fn reliability(&self, items: &[&Evidence]) -> Measured {
        if !self.is_recognized {
            return Measured::missing("the text was given, not recognized");
        }
        let sum: f64 = items.iter().map(|item| item.confidence).sum();
        Measured::from_option((!items.is_empty()).then(|| sum / items.len() as f64), "no evidence")
    }

    /// The score of the severities of moments, 0 to 1.
    fn index(&self, moments: &[f64]) -> f64 {
        let strongest = moments.iter().copied().fold(0.0, f64::max);
        let others = moments.iter().map(|severity| severity * severity).sum::<f64>() - strongest * strongest;
        let rate = others.max(0.0) / (self.speech_s / 3600.0).max(LEAST_SPEECH_H);
        let (a, b) = (strongest.powf(self.config.severity_exponent), rate / (rate + self.config.rate_half_per_h));
        1.0 - (1.0 - a) * (1.0 - b)
    }
}

/// The severity of each moment that has an item. An interval of [`MOMENT_S`] of a speaker is a moment.
fn moments(items: &[&Evidence]) -> Vec<f64> {
    let mut moments: BTreeMap<(Option<&str>, u16, u64), f64> = BTreeMap::new();
    for item in items {
        let moment = (item.speaker.as_deref(), item.channel, (item.start_s / MOMENT_S) as u64);
        let severity = moments.entry(moment).or_default();
        *severity = severity.max(item.severity);
    }
    moments.into_values().collect()
}

/// The highest value, and a part of the others; from 0 to 1.
fn together(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let part = |(rank, value): (usize, &f64)| 1.0 - value * if rank == 0 { 1.0 } else { OTHERS };
    1.0 - values.iter().enumerate().map(part).product::<f64>()
}

/// Reason why nothing can be scored, if there is one. Evidence that counts is always scored.
fn obstacle(
    config: &ForensicsConfig,
    lexicons: &Lexicons,
    input: &ForensicInput<'_>,
    evidence: &[Evidence],
    coverage: &Coverage,
) -> Option<String> {
    if input.segments.spans.is_empty() {
        return Some("no speech was detected".to_owned());
    }
    if input.words.words.iter().all(|word| is_mark(&word.text)) {
        return Some("no speech was transcribed".to_owned());
    }
    if !input.transcript.segments.iter().any(Segment::is_reliable) {
        return Some("all of the transcript is of low confidence".to_owned());
    }
    if evidence.iter().any(|item| item.discounted.is_none()) {
        return None;
    }
    if let Some(ratio) = coverage.ratio.value.filter(|ratio| *ratio < config.coverage_min) {
        return Some(format!("only {:.0} % of the speech was reliably transcribed", 100.0 * ratio));
    }
    without_lexicon(lexicons, &languages(input))
}

/// The reason if no lexicon covers any of the languages.
pub(crate) fn without_lexicon(lexicons: &Lexicons, languages: &BTreeSet<&str>) -> Option<String> {
    let readable = languages.is_empty() || languages.iter().any(|language| lexicons.cover(language));
    (!readable).then(|| {
        let languages: Vec<&str> = languages.iter().copied().collect();
        format!("no lexicon covers the language ({})", languages.join(", "))
    })
}

fn unscored(reason: &str, weight: f64) -> CategoryScore {
    CategoryScore {
        score: Measured::missing(reason),
        level: None,
        weight,
        moments: 0,
        reliability: Measured::missing(reason),
        evidence: Vec::new(),
    }
}

/// Languages of the segments with text.
fn languages<'a>(input: &ForensicInput<'a>) -> BTreeSet<&'a str> {
    let spoken = input.transcript.segments.iter().filter(|segment| !segment.text.is_empty());
    spoken.map(|segment| segment.language.as_str()).collect()
}

fn coverage(lexicons: &Lexicons, input: &ForensicInput<'_>) -> Coverage {
    let channels = 0..input.pcm.channels() as u16;
    let (mut speech_s, mut transcribed_s, mut low_confidence_s) = (0.0, 0.0, 0.0);
    for channel in channels {
        let spans = spans_of(input.segments, channel);
        speech_s += total_s(&spans);
        transcribed_s += transcribed_in(input, channel, &spans);
        low_confidence_s += low_confidence_in(input, channel, &spans);
    }
    let confidences: Vec<f64> =
        input.words.words.iter().filter(|w| !is_mark(&w.text)).map(|w| f64::from(w.confidence)).collect();
    let mean_confidence = (!confidences.is_empty()).then(|| confidences.iter().sum::<f64>() / confidences.len() as f64);
    let unread = languages(input).into_iter().filter(|language| !lexicons.cover(language));
    Coverage {
        speech_s,
        transcribed_s,
        low_confidence_s,
        ratio: Measured::from_option((speech_s > 0.0).then(|| transcribed_s / speech_s), "no speech was detected"),
        mean_confidence: Measured::from_option(mean_confidence, "no speech was transcribed"),
        languages_without_lexicon: unread.map(str::to_owned).collect(),
    }
}

/// Duration of a channel's speech inside low-confidence segments, in seconds.
fn low_confidence_in(input: &ForensicInput<'_>, channel: u16, speech: &[Span]) -> f64 {
    let own = input.transcript.segments.iter().filter(|s| s.channel == channel && !s.text.is_empty());
    let unreliable = own.filter(|segment| !segment.is_reliable());
    common_s(speech, &unreliable.map(|s| Span::new(s.start_s, s.end_s)).collect::<Vec<_>>())
}

/// Duration of a channel's speech inside segments with reliable text, in seconds, without the annotations of the model
/// (`[unclear]`).
fn transcribed_in(input: &ForensicInput<'_>, channel: u16, speech: &[Span]) -> f64 {
    let own = input.transcript.segments.iter().filter(|s| s.channel == channel && s.is_reliable());
    let segments: Vec<Span> = own.map(|s| Span::new(s.start_s, s.end_s)).collect();
    let own = input.words.words.iter().filter(|w| w.channel == channel && is_mark(&w.text));
    let marks: Vec<Span> = own.map(|w| Span::new(w.start_s, w.end_s)).collect();
    (common_s(speech, &segments) - common_s(speech, &marks)).max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An item of 2 s.
    fn item(category: &str, severity: f64, start_s: f64) -> Evidence {
        Evidence {
            category: category.to_owned(),
            kind: "direct".to_owned(),
            rule: "r".to_owned(),
            severity,
            text: String::new(),
            channel: 0,
            speaker: None,
            start_s,
            end_s: start_s + 2.0,
            words: vec![0],
            confidence: 0.5,
            negated: false,
            quoted: false,
            reported: false,
            discounted: None,
        }
    }

    fn discounted(item: Evidence) -> Evidence {
        Evidence { discounted: Some("negated: not".to_owned()), negated: true, ..item }
    }

    fn table(evidence: &[Evidence], speech_s: f64) -> ScoreTable {
        let (config, lexicons) = (ForensicsConfig::default(), Lexicons::none());
        Basis { config: &config, lexicons: &lexicons, speech_s, obstacle: None, is_recognized: true }
            .table(evidence, |_| true)
    }

    fn threat(evidence: &[Evidence], speech_s: f64) -> CategoryScore {
        table(evidence, speech_s).categories.remove("threat").unwrap()
    }

    fn value(evidence: &[Evidence], speech_s: f64) -> f64 {
        threat(evidence, speech_s).score.value.unwrap()
    }

    #[test]
    fn category_score_names_its_own_counted_evidence() {
        let evidence = [
            item("threat", 0.5, 0.0),
            item("insult", 0.9, 10.0),
            discounted(item("threat", 0.9, 20.0)),
            item("stalking", 0.4, 30.0),
        ];
        let score = threat(&evidence, 60.0);
        assert_eq!((score.evidence.as_slice(), score.moments), ([0, 3].as_slice(), 2));
        assert_eq!(score.reliability.value, Some(0.5));
    }

    #[test]
    fn category_score_without_evidence_is_exactly_zero() {
        let score = threat(&[discounted(item("threat", 0.9, 0.0))], 60.0);
        assert_eq!((score.score.value, score.level), (Some(0.0), Some(ScoreLevel::Minimal)));
        assert!(score.evidence.is_empty() && score.reliability.value.is_none());
    }

    #[test]
    fn score_of_one_death_threat_is_high_at_any_length() {
        for speech_s in [3.0, 600.0, 36_000.0] {
            let table = table(&[item("threat", 0.95, 1.0)], speech_s);
            assert!(table.level >= Some(ScoreLevel::High), "{speech_s}: {:?}", table.overall);
        }
    }

    #[test]
    fn score_of_chance_matches_does_not_grow_with_length() {
        for hours in [1, 10, 100] {
            let evidence: Vec<Evidence> =
                (0..hours).map(|hour| item("threat", 0.5, f64::from(hour) * 3600.0)).collect();
            let table = table(&evidence, f64::from(hours) * 3600.0);
            assert_eq!(table.level, Some(ScoreLevel::Minimal), "{hours} h: {:?}", table.overall);
        }
    }

    #[test]
    fn score_counts_separate_moments() {
        let times = [0.0, 3.0, 6.0].map(|start_s| item("threat", 0.6, start_s));
        assert_eq!((threat(&times, 60.0).moments, threat(&times[..1], 60.0).moments), (1, 1));
        assert_eq!(value(&times, 60.0), value(&times[..1], 60.0));
        let apart = [0.0, 30.0, 50.0].map(|start_s| item("threat", 0.6, start_s));
        assert!(value(&apart, 60.0) > value(&apart[..2], 60.0) && value(&apart[..2], 60.0) > value(&apart[..1], 60.0));
    }

    #[test]
    fn overall_score_is_that_of_the_strongest_category_and_a_part_of_the_others() {
        let both = [item("threat", 0.95, 0.0), item("gaslighting", 0.6, 20.0)];
        let (alone, together) = (table(&both[..1], 60.0), table(&both, 60.0));
        assert_eq!(alone.overall.value, alone.categories["threat"].score.value);
        assert!(together.overall.value > alone.overall.value);
    }

    #[test]
    fn score_levels_begin_at_20_40_60_and_80() {
        let levels = ForensicsConfig::default().levels;
        let names = [0.0, 19.99, 20.0, 40.0, 60.0, 80.0, 100.0].map(|score| levels.of(score).name());
        assert_eq!(names, ["minimal", "minimal", "low", "moderate", "high", "critical", "critical"]);
    }

    proptest! {
        #[test]
        fn scores_stay_in_range_and_never_fall_by_more_evidence(
            items in prop::collection::vec((0.0f64..=1.0, 0.0f64..=60.0, any::<bool>()), 0..40),
        ) {
            let one = |(severity, start_s, off)| match item("threat", severity, start_s) {
                item if off => discounted(item),
                item => item,
            };
            let evidence: Vec<Evidence> = items.into_iter().map(one).collect();
            let mut before = 0.0;
            for n in 0..=evidence.len() {
                let score = value(&evidence[..n], 60.0);
                prop_assert!((0.0..=100.0).contains(&score));
                prop_assert!(score >= before - 1e-9);
                before = score;
            }
        }
    }
}
