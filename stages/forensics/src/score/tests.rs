//! Tests of the scores.

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
    category_score(category, 0.25, evidence, None)
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
