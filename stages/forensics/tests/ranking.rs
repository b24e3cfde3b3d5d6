//! Scores rank calls: made-up calls of `ranking.tsv`, from hours of everyday talk to repeated threats.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use forensics::{ForensicsConfig, TextEvidence, TextLine, TextRecord};
use stage_core::forensics::ScoreLevel;

/// Words in an hour of talk.
const WORDS_PER_HOUR: usize = 9_000;

/// A call of the list.
struct Call {
    id: String,
    language: String,
    tier: String,
    /// Speakers and texts.
    lines: Vec<(String, String)>,
}

impl Call {
    fn words(&self) -> usize {
        self.lines.iter().map(|(_, text)| text.split_whitespace().count()).sum()
    }
}

fn calls() -> Vec<Call> {
    let rows = include_str!("ranking.tsv").lines().skip(1);
    let mut calls: Vec<Call> = Vec::new();
    for row in rows {
        let fields: Vec<&str> = row.split('\t').collect();
        let [id, language, text, speaker, tier] = fields[..] else { panic!("{row}") };
        if calls.last().is_none_or(|call| call.id != id) {
            let [id, language, tier] = [id, language, tier].map(str::to_owned);
            calls.push(Call { id, language, tier, lines: Vec::new() });
        }
        calls.last_mut().unwrap().lines.push((speaker.to_owned(), text.to_owned()));
    }
    calls
}

fn judged<'a>(evidence: &TextEvidence, calls: impl Iterator<Item = &'a Call> + Clone) -> TextRecord {
    let lines = calls.flat_map(|call| call.lines.iter().map(|line| (call.language.as_str(), line)));
    let line = |(number, (language, (speaker, text))): (usize, (&'a str, &'a (String, String)))| TextLine {
        line: number,
        language,
        text,
        speaker: Some(speaker),
    };
    evidence.judge(&lines.enumerate().map(line).collect::<Vec<_>>())
}

fn overall(record: &TextRecord) -> f64 {
    record.scores.overall.value.unwrap()
}

/// The scores of all calls by their tier.
fn by_tier(evidence: &TextEvidence, calls: &[Call]) -> BTreeMap<String, Vec<(String, f64, Option<ScoreLevel>)>> {
    let mut tiers: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for call in calls {
        let record = judged(evidence, std::iter::once(call));
        tiers.entry(call.tier.clone()).or_default().push((call.id.clone(), overall(&record), record.scores.level));
    }
    tiers
}

fn evidence() -> TextEvidence {
    TextEvidence::new(ForensicsConfig::default(), &[]).unwrap()
}

#[test]
fn scores_rank_calls_from_everyday_talk_to_repeated_threats() {
    let calls = calls();
    assert!(calls.len() >= 60, "{}", calls.len());
    let tiers = by_tier(&evidence(), &calls);
    for (tier, scores) in &tiers {
        let listed: Vec<String> = scores.iter().map(|(id, score, _)| format!("{id} {score:.0}")).collect();
        println!("{tier}: {}", listed.join(", "));
    }
    for (id, score, level) in &tiers["everyday"] {
        assert_eq!(*level, Some(ScoreLevel::Minimal), "{id}: {score}");
    }
    for (id, score, level) in tiers["swearing"].iter().chain(&tiers["pressure"]) {
        assert!(*level <= Some(ScoreLevel::Moderate), "{id}: {score}");
    }
    let threats: Vec<_> = tiers["threat"].iter().chain(&tiers["repeated"]).collect();
    // To kill, beat, stab or burn.
    for (id, score, level) in &threats {
        assert!(*level >= Some(ScoreLevel::High), "{id}: {score}");
    }
    let score = |tier: &str| tiers[tier].iter().map(|(_, score, _)| *score);
    let mean = |tier: &str| score(tier).sum::<f64>() / tiers[tier].len() as f64;
    assert!(mean("repeated") > mean("threat") && mean("threat") > mean("pressure"));
    assert!(mean("pressure") > mean("everyday") && mean("swearing") > mean("everyday"));
    let highest = ["everyday", "swearing", "pressure"].iter().flat_map(|tier| score(tier)).fold(0.0, f64::max);
    let lowest = threats.iter().map(|(_, score, _)| *score).fold(100.0, f64::min);
    assert!(lowest > highest, "{lowest} of a threat, {highest} of a call without one");
}

#[test]
fn hours_of_everyday_talk_score_below_a_single_threat() {
    let (calls, evidence) = (calls(), evidence());
    for language in ["en", "ko"] {
        let everyday: Vec<&Call> =
            calls.iter().filter(|call| call.language == language && call.tier == "everyday").collect();
        let words: usize = everyday.iter().map(|call| call.words()).sum();
        for hours in [1, 10] {
            let repeats = (hours * WORDS_PER_HOUR).div_ceil(words);
            let long = (0..repeats).flat_map(|_| everyday.iter().copied());
            let talk = judged(&evidence, long.clone());
            assert_eq!(talk.scores.level, Some(ScoreLevel::Minimal), "{language}, {hours} h: {}", overall(&talk));
            let threat = calls.iter().find(|call| call.language == language && call.tier == "threat").unwrap();
            let hidden = judged(&evidence, long.chain(std::iter::once(threat)));
            assert!(hidden.scores.level >= Some(ScoreLevel::High), "{language}, {hours} h: {}", overall(&hidden));
        }
    }
}

#[test]
fn victims_who_report_violence_are_not_scored_as_the_threat() {
    let (calls, evidence) = (calls(), evidence());
    for call in calls.iter().filter(|call| call.tier == "report") {
        let record = judged(&evidence, std::iter::once(call));
        let threat = record.scores.categories["threat"].score.value.unwrap();
        assert!(threat < 20.0, "{}: {threat}", call.id);
        assert!(record.items.iter().any(|item| item.reported), "{}: nothing is reported", call.id);
    }
}
