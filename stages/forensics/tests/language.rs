//! What the words around a phrase make of it, and the failures of the system that this one replaces.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use forensics::{ForensicsConfig, TextEvidence, TextItem, TextLine, TextRecord};
use stage_core::forensics::ScoreLevel;

fn judge(language: &str, lines: &[(&str, &str)]) -> TextRecord {
    let lines: Vec<TextLine<'_>> = lines
        .iter()
        .enumerate()
        .map(|(line, (speaker, text))| TextLine { line, language, text, speaker: Some(speaker) })
        .collect();
    TextEvidence::new(ForensicsConfig::default(), &[]).unwrap().judge(&lines)
}

fn items(language: &str, text: &str) -> Vec<TextItem> {
    judge(language, &[("A", text)]).items
}

/// Items of what the speaker does.
fn own(language: &str, text: &str) -> Vec<TextItem> {
    items(language, text).into_iter().filter(|item| item.discounted.is_none() && !item.reported).collect()
}

#[test]
fn substring_hits_are_not_blind_to_negation() {
    for (language, text) in [("en", "I will not kill you."), ("ko", "너 안 죽여."), ("en", "I'd never hurt you.")] {
        let found = items(language, text);
        assert!(found.iter().all(|item| item.negated && item.discounted.is_some()), "{text}: {found:?}");
    }
    assert!(items("en", "She has great skills and an overkill of ideas.").is_empty());
}

#[test]
fn negations_of_negations_are_threats() {
    for text in ["Don't think I won't kill you.", "I'm not saying I won't hurt you."] {
        assert!(!own("en", text).is_empty(), "{text}: {:?}", items("en", text));
    }
}

#[test]
fn substring_hits_are_not_blind_to_quotation_and_reported_speech() {
    let quoted = items("en", "“I will kill you” is a line of the film.");
    assert!(!quoted.is_empty() && quoted.iter().all(|item| item.quoted), "{quoted:?}");
    for (language, text) in [("en", "He said he would kill me."), ("ko", "그 사람이 저를 죽여버린다고 했어요.")]
    {
        let found = items(language, text);
        assert!(found.iter().any(|item| item.reported && item.category == "reported"), "{text}: {found:?}");
        assert!(own(language, text).is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn substring_hits_are_not_blind_to_the_speaker() {
    let lines = [
        ("victim", "Stop calling me. Leave me alone or I will call the police. You hit me last night."),
        ("caller", "I'm going to kill you."),
    ];
    let scores = judge("en", &lines).scores;
    let of = |speaker: &str| scores.speakers.iter().find(|own| own.speaker == speaker).unwrap();
    assert_eq!(of("victim").categories["threat"].score.value, Some(0.0));
    assert!(of("victim").categories["reported"].score.value > Some(0.0));
    assert!(of("caller").level >= Some(ScoreLevel::High));
}

#[test]
fn text_without_any_marker_scores_0_for_deception_and_not_0_2() {
    let config = ForensicsConfig { deception: true, ..ForensicsConfig::default() };
    let line = TextLine { line: 1, language: "en", text: "The bus leaves at nine.", speaker: None };
    let scores = TextEvidence::new(config, &[]).unwrap().judge(&[line]).scores;
    assert_eq!(scores.categories["deception"].score.value, Some(0.0));
    assert_eq!(scores.overall.value, Some(0.0));
}

#[test]
fn scores_have_no_confidence_interval_over_three_numbers() {
    let scores = serde_json::to_value(judge("en", &[("A", "I'm going to kill you.")]).scores).unwrap();
    let text = scores.to_string();
    assert!(!text.contains("interval") && !text.contains("ci95") && !text.contains("\"ci\""), "{text}");
}

#[test]
fn plain_threats_that_were_missed_are_found() {
    for (language, text) in [
        ("en", "I want to kill you."),
        ("en", "We're going to kill you."),
        ("en", "I will, uh, kill you."),
        ("en", "I'll slit your throat."),
        ("ko", "죽일 거야."),
        ("ko", "뒈질래?"),
        ("ko", "너 죽을 줄 알아."),
    ] {
        let found = own(language, text);
        assert!(found.iter().any(|item| item.category == "threat"), "{text}: {:?}", items(language, text));
    }
}

#[test]
fn innocent_sentences_that_were_flagged_are_not() {
    for (language, text) in [
        ("en", "If you don't pay the invoice by Friday we will send a reminder."),
        ("en", "Leave me alone or I will call the police."),
        ("ko", "이 새끼 고양이 귀엽다."),
        ("ko", "돈 보내 줘서 고마워."),
        ("ko", "밤길 조심해서 들어와."),
        ("ko", "아무것도 못하겠어."),
    ] {
        assert!(own(language, text).is_empty(), "{text}: {:?}", own(language, text));
    }
}

#[test]
fn threats_alone_are_not_capped_at_low() {
    let scores = judge("en", &[("A", "I'm going to kill you.")]).scores;
    assert!(scores.overall.value > Some(60.0), "{:?}", scores.overall);
}
