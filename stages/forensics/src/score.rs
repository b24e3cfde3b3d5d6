//! Computes scores over the evidence, and their coverage of the speech.
//!
//! A category's score is `100 (1 - prod(1 - severity * confidence))` over its counted items. If severities were
//! probabilities and the items independent, this would be the probability that at least one item is right. The score is
//! 0 without evidence, never decreases when an item is added, stays below 100, and does not depend on the call's
//! length. The overall score is the weighted mean of the categories.

use std::collections::{BTreeMap, BTreeSet};

use stage_core::forensics::{CategoryScore, Coverage, Evidence, ScoreLevel, Scores, SpeakerScores};
use stage_core::{Measured, Segment, Span, Speaker};

use crate::lexicon::{Lexicons, is_mark};
use crate::spans::{common_s, spans_of, total_s};
use crate::{ForensicInput, ForensicsConfig, ScoreCategory};

const OFF_BY_DEFAULT: &str = "off by default: markers of deception are not validated";

/// Computes the scores of one recording.
pub(crate) fn score(
    config: &ForensicsConfig,
    lexicons: &Lexicons,
    input: &ForensicInput<'_>,
    evidence: &[Evidence],
) -> Scores {
    let obstacle = obstacle(lexicons, input, evidence);
    let (overall, categories) = category_scores(config, evidence, obstacle.as_deref(), |_| true);
    let of_speaker = |speaker: &Speaker| {
        let is_own = |item: &Evidence| item.speaker.as_deref() == Some(speaker.id.as_str());
        let (overall, categories) = category_scores(config, evidence, obstacle.as_deref(), is_own);
        let level = overall.value.map(ScoreLevel::of);
        SpeakerScores { speaker: speaker.id.clone(), overall, level, categories }
    };
    Scores {
        level: overall.value.map(ScoreLevel::of),
        overall,
        categories,
        speakers: input.speakers.speakers.iter().map(of_speaker).collect(),
        coverage: coverage(lexicons, input),
    }
}

/// The scores over the evidence that counts for them, and their weighted mean.
fn category_scores(
    config: &ForensicsConfig,
    evidence: &[Evidence],
    obstacle: Option<&str>,
    counts: impl Fn(&Evidence) -> bool,
) -> (Measured, BTreeMap<String, CategoryScore>) {
    let total: f64 = config.scores.iter().filter(|score| config.is_scored(score)).map(|score| score.weight).sum();
    let score = |category: &ScoreCategory| match config.is_scored(category) {
        true => category_score(category, category.weight / total, evidence, obstacle, &counts),
        false => unscored(OFF_BY_DEFAULT, 0.0),
    };
    let categories: BTreeMap<String, CategoryScore> =
        config.scores.iter().map(|category| (category.name.clone(), score(category))).collect();
    let overall = match obstacle {
        Some(reason) => Measured::missing(reason),
        None => Measured::of(categories.values().map(|c| c.weight * c.score.value.unwrap_or(0.0)).sum()),
    };
    (overall, categories)
}

/// Reason why nothing can be scored, if there is one.
fn obstacle(lexicons: &Lexicons, input: &ForensicInput<'_>, evidence: &[Evidence]) -> Option<String> {
    if input.segments.spans.is_empty() {
        return Some("no speech was detected".to_owned());
    }
    if input.words.words.iter().all(|word| is_mark(&word.text)) {
        return Some("no speech was transcribed".to_owned());
    }
    if !input.transcript.segments.iter().any(Segment::is_reliable) {
        return Some("all of the transcript is of low confidence".to_owned());
    }
    let languages = languages(input);
    let readable = languages.is_empty() || languages.iter().any(|language| lexicons.cover(language));
    (!readable && evidence.iter().all(|item| item.discounted.is_some())).then(|| {
        let languages: Vec<&str> = languages.into_iter().collect();
        format!("no lexicon covers the language ({})", languages.join(", "))
    })
}

fn category_score(
    category: &ScoreCategory,
    weight: f64,
    evidence: &[Evidence],
    obstacle: Option<&str>,
    counts: impl Fn(&Evidence) -> bool,
) -> CategoryScore {
    if let Some(reason) = obstacle {
        return unscored(reason, weight);
    }
    let counted: Vec<usize> = (0..evidence.len())
        .filter(|&i| evidence[i].discounted.is_none() && category.evidence.contains(&evidence[i].category))
        .filter(|&i| counts(&evidence[i]))
        .collect();
    let score = saturating_sum(counted.iter().map(|&i| evidence[i].severity * evidence[i].confidence));
    CategoryScore {
        score: Measured::of(score),
        level: Some(ScoreLevel::of(score)),
        weight,
        evidence: counted.into_iter().map(|i| i as u32).collect(),
    }
}

fn unscored(reason: &str, weight: f64) -> CategoryScore {
    CategoryScore { score: Measured::missing(reason), level: None, weight, evidence: Vec::new() }
}

/// `100 (1 - prod(1 - x))` for values from 0 to 1.
fn saturating_sum(values: impl Iterator<Item = f64>) -> f64 {
    100.0 * (1.0 - values.fold(1.0, |left, value| left * (1.0 - value.clamp(0.0, 1.0))))
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

    fn item(category: &str, severity: f64, confidence: f64, discounted: bool) -> Evidence {
        Evidence {
            category: category.to_owned(),
            subcategory: "direct".to_owned(),
            rule: "r".to_owned(),
            severity,
            text: String::new(),
            channel: 0,
            speaker: None,
            start_s: 0.0,
            end_s: 1.0,
            words: vec![0],
            confidence,
            discounted: discounted.then(|| "negated: not".to_owned()),
        }
    }

    fn threat(evidence: &[Evidence]) -> CategoryScore {
        let config = ForensicsConfig::default();
        let category = config.scores.iter().find(|score| score.name == "threat").unwrap();
        category_score(category, 0.25, evidence, None, |_| true)
    }

    #[test]
    fn category_score_sums_its_own_counted_evidence() {
        let evidence = [
            item("threat", 0.5, 1.0, false),
            item("insult", 0.9, 1.0, false),
            item("threat", 0.9, 1.0, true),
            item("stalking", 0.4, 0.5, false),
        ];
        let score = threat(&evidence);
        assert!((score.score.value.unwrap() - 100.0 * (1.0 - 0.5 * 0.8)).abs() < 1e-9);
        assert_eq!(score.evidence, [0, 3]);
        assert_eq!(score.level, Some(ScoreLevel::High));
    }

    #[test]
    fn category_score_without_evidence_is_exactly_zero() {
        let score = threat(&[item("threat", 0.9, 1.0, true)]);
        assert_eq!((score.score.value, score.level), (Some(0.0), Some(ScoreLevel::Minimal)));
        assert!(score.evidence.is_empty());
    }

    #[test]
    fn score_levels_begin_at_20_40_60_and_80() {
        let levels = [0.0, 19.99, 20.0, 40.0, 60.0, 80.0, 100.0].map(|score| ScoreLevel::of(score).name());
        assert_eq!(levels, ["minimal", "minimal", "low", "moderate", "high", "critical", "critical"]);
    }

    proptest! {
        #[test]
        fn scores_stay_in_range_and_never_fall_by_more_evidence(
            items in prop::collection::vec((0.0f64..=1.0, 0.0f64..=1.0, any::<bool>()), 0..40),
        ) {
            let evidence: Vec<Evidence> =
                items.into_iter().map(|(severity, confidence, off)| item("threat", severity, confidence, off)).collect();
            let mut before = 0.0;
            for n in 0..=evidence.len() {
                let score = threat(&evidence[..n]).score.value.unwrap();
                prop_assert!((0.0..=100.0).contains(&score));
                prop_assert!(score >= before);
                before = score;
            }
        }
    }
}
