//! Properties that every word of any transcript must have.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "guarantees/signal.rs"]
mod signal;

use align::{AlignConfig, Aligner};
use proptest::prelude::*;
use signal::{bursts, group, segment, speech, transcript};
use stage_core::{AlignedWords, ErrorClass, Pcm, PhoneEmissions, Segment, Speakers, Stage};

fn align(pcm: &Pcm, segments: Vec<Segment>) -> AlignedWords {
    Aligner::new(AlignConfig::default())
        .run((pcm, &speech(), &Speakers::default(), &transcript(segments), &PhoneEmissions::default()))
        .unwrap()
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Checks the guarantees of [`align::Aligner::run`], for segments that are long enough for their words.
fn check(pcm: &Pcm, segments: &[Segment], aligned: &AlignedWords) -> Result<(), TestCaseError> {
    for (index, segment) in segments.iter().enumerate() {
        let words = || aligned.words.iter().filter(|word| word.segment as usize == index);
        let token_groups: String = segment.token_groups.iter().map(|group| group.text.as_str()).collect();
        prop_assert_eq!(words().map(|word| word.text.as_str()).collect::<String>(), without_space(&token_groups));
        for word in words() {
            prop_assert_eq!(word.channel, segment.channel);
            prop_assert!(word.end_s - word.start_s > 0.02 - 1e-9, "{:?}", word);
            prop_assert!(word.start_s >= segment.start_s - 1e-9 && word.end_s <= segment.end_s + 1e-9, "{:?}", word);
            prop_assert!(word.end_s <= pcm.duration_s());
            prop_assert!((0.0..=1.0).contains(&word.confidence));
        }
    }
    for pair in aligned.words.windows(2).filter(|pair| pair[0].channel == pair[1].channel) {
        prop_assert!(pair[0].end_s <= pair[1].start_s, "{:?}", pair);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn guarantees_hold_for_any_times(
        first in prop::collection::vec(("[ a-c,\"]{0,3}", -1f64..6.0, -1f64..6.0, -9f32..0.0), 0..25),
        second in prop::collection::vec(("[ a-c,\"]{0,3}", -1f64..6.0, -1f64..6.0, -9f32..0.0), 0..25),
        quiet in prop::collection::vec((0usize..6000, 0usize..6000), 0..8),
    ) {
        let pcm = Pcm::from_channels(vec![bursts(&quiet, 5.0), bursts(&[], 5.0)]);
        let token_groups = |parts: &[(String, f64, f64, f32)]| {
            parts.iter().map(|(text, start, end, logprob)| group(text, *start, *end, *logprob)).collect::<Vec<_>>()
        };
        let segments = vec![
            segment(0, (0.5, 2.5), token_groups(&first)),
            segment(0, (2.5, 4.7), token_groups(&second)),
            segment(1, (1.0, 3.0), token_groups(&first)),
        ];
        let aligned = align(&pcm, segments.clone());
        check(&pcm, &segments, &aligned)?;
    }
}

#[test]
fn times_that_are_identical_give_words_in_order() {
    let pcm = Pcm::from_channels(vec![bursts(&[(3000, 3000)], 3.0)]);
    let token_groups = (0..20).map(|_| group(" one", 1.0, 1.0, -0.1)).collect();
    let segments = vec![segment(0, (0.5, 2.0), token_groups)];
    check(&pcm, &segments, &align(&pcm, segments.clone())).unwrap();
}

#[test]
fn times_outside_the_segment_are_brought_back() {
    let pcm = Pcm::from_channels(vec![bursts(&[], 3.0)]);
    let times = [(-5.0, -4.0), (f64::NAN, 9.0), (f64::NEG_INFINITY, f64::INFINITY), (100.0, 50.0)];
    let token_groups = times.map(|(start, end)| group(" one", start, end, -0.1)).to_vec();
    let segments = vec![segment(0, (1.0, 2.0), token_groups)];
    check(&pcm, &segments, &align(&pcm, segments.clone())).unwrap();
}

#[test]
fn words_of_an_empty_transcript_are_none() {
    let pcm = Pcm::from_channels(vec![Vec::new()]);
    assert!(align(&pcm, Vec::new()).words.is_empty());
    assert!(align(&pcm, vec![segment(0, (0.0, 0.0), Vec::new())]).words.is_empty());
}

#[test]
fn words_of_a_recording_without_room_keep_the_text() {
    let pcm = Pcm::from_channels(vec![Vec::new()]);
    let token_groups = vec![group(" one", 0.0, 1.0, -0.1), group(" two", 1.0, 2.0, -0.1)];
    let words = align(&pcm, vec![segment(0, (0.0, 2.0), token_groups)]).words;
    assert_eq!(
        words.iter().map(|word| (word.text.as_str(), word.end_s)).collect::<Vec<_>>(),
        [("one", 0.0), ("two", 0.0)]
    );
}

#[test]
fn transcript_of_another_recording_is_refused() {
    let pcm = Pcm::from_channels(vec![bursts(&[], 1.0)]);
    let segments = vec![segment(1, (0.0, 1.0), vec![group(" one", 0.0, 0.5, -0.1)])];
    let error = Aligner::new(AlignConfig::default())
        .run((&pcm, &speech(), &Speakers::default(), &transcript(segments), &PhoneEmissions::default()))
        .unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Bug, "no-such-channel"));
}

#[test]
fn words_that_touch_meet_at_the_energy_minimum() {
    let pcm = Pcm::from_channels(vec![signal::dip(1.0, 2.0)]);
    let token_groups = vec![group(" one", 0.2, 0.92, -0.1), group(" two", 0.92, 1.8, -0.1)];
    let words = align(&pcm, vec![segment(0, (0.0, 2.0), token_groups)]).words;
    assert_eq!(words[0].end_s, words[1].start_s);
    assert!((words[0].end_s - 1.0).abs() < 0.02, "{} s, the dip is at 1 s", words[0].end_s);
}

#[test]
fn refine_keeps_times_where_nothing_is_clear() {
    let steady = Pcm::from_channels(vec![bursts(&[], 2.0)]);
    let token_groups = vec![group(" one", 0.2, 0.9, -0.1), group(" two", 1.0, 1.8, -0.1)];
    let words = align(&steady, vec![segment(0, (0.0, 2.0), token_groups)]).words;
    let times: Vec<(f64, f64)> = words.iter().map(|word| (word.start_s, word.end_s)).collect();
    assert_eq!(times, [(0.2, 0.9), (1.0, 1.8)]);
}
