//! Tests alignment with a CTC model on digits joined with known pauses, with recognizer times that carry no information.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use align::{AlignConfig, Aligner, ModelSource, Wav2Vec2Files};
use stage_core::{AlignedWords, PhoneEmissions, Speakers, SpeechSegments, Stage, TimingMethod, Transcript};
use support::{Attention, Call, percentile};

fn aligner(config: AlignConfig) -> Aligner {
    Aligner::with_model(
        config,
        Wav2Vec2Files::resolve(&ModelSource::Directory(testkit::fixture("models/test-ctc"))).unwrap(),
    )
    .unwrap()
}

/// Returns the transcript with every token group spanning its whole segment.
fn without_times(mut transcript: Transcript) -> Transcript {
    for segment in &mut transcript.segments {
        let (start_s, end_s) = (segment.start_s, segment.end_s);
        segment.token_groups.iter_mut().for_each(|group| (group.start_s, group.end_s) = (start_s, end_s));
    }
    transcript
}

#[test]
fn words_are_found_without_any_times_and_say_how() {
    let call = Call::of_digits(3);
    let transcript = without_times(call.transcript(Attention::Scattered, 5));
    let aligned = aligner(AlignConfig::default())
        .run((&call.pcm, &call.speech(), &Speakers::default(), &transcript, &PhoneEmissions::default()))
        .unwrap();
    assert_eq!(aligned.method, "ctc+energy");
    for word in &aligned.words {
        let score = word.timing.score.unwrap();
        assert!(word.timing.method == TimingMethod::CtcEnergy && (0.0..=1.0).contains(&score), "{word:?}");
    }
    let (starts, ends) = call.errors(&aligned.words);
    let median = (percentile(starts.clone(), 50), percentile(ends.clone(), 50));
    assert!(median.0 < 0.02 && median.1 < 0.03, "{median:?} s");
    let nearly_all = (percentile(starts, 95), percentile(ends, 95));
    assert!(nearly_all.0 < 0.1 && nearly_all.1 < 0.1, "{nearly_all:?} s");
}

#[test]
fn words_do_not_depend_on_other_segments() {
    let call = Call::of_digits(4);
    let transcript = call.transcript(Attention::Contiguous, 5);
    // The neighboring segments do affect the margin audio and where its levels are measured.
    let aligner = aligner(AlignConfig { margin_s: 0.0, ctc_search_s: 0.0, ..AlignConfig::default() });
    let speech = SpeechSegments { spans: Vec::new(), ..call.speech() };
    let run = |transcript: &Transcript| {
        aligner.run((&call.pcm, &speech, &Speakers::default(), transcript, &PhoneEmissions::default())).unwrap()
    };
    let whole = run(&transcript);
    for (index, segment) in transcript.segments.iter().enumerate() {
        let alone = run(&Transcript { segments: vec![segment.clone()], ..transcript.clone() });
        let same = |words: &AlignedWords, segment: u32| -> Vec<_> {
            let words = words.words.iter().filter(|word| word.segment == segment);
            words.map(|word| (word.text.clone(), word.start_s, word.end_s, word.timing.clone())).collect()
        };
        assert_eq!(same(&whole, index as u32), same(&alone, 0));
    }
}

#[test]
fn words_keep_the_times_of_the_recognizer_where_the_model_fails() {
    let call = Call::of_digits(3);
    let transcript = call.transcript(Attention::Scattered, 5);
    let attention = Aligner::new(AlignConfig::default())
        .run((&call.pcm, &call.speech(), &Speakers::default(), &transcript, &PhoneEmissions::default()))
        .unwrap();
    let refused = aligner(AlignConfig { min_score: 1.1, ..AlignConfig::default() });
    let fallen_back = refused
        .run((&call.pcm, &call.speech(), &Speakers::default(), &transcript, &PhoneEmissions::default()))
        .unwrap();
    for (word, by_attention) in fallen_back.words.iter().zip(&attention.words) {
        assert_eq!((word.start_s, word.end_s), (by_attention.start_s, by_attention.end_s));
        assert_eq!(word.timing.method, TimingMethod::CrossAttentionEnergy);
        assert!(word.timing.score.is_none() && word.timing.fallback.as_ref().unwrap().contains("below 1.1"));
        assert!(by_attention.timing.fallback.is_none());
    }
}

#[test]
fn number_is_aligned_as_spoken_and_kept_as_written() {
    let call = Call::of_digits(2);
    let mut transcript = without_times(call.transcript(Attention::Scattered, 5));
    for group in transcript.segments.iter_mut().flat_map(|segment| &mut segment.token_groups) {
        group.text = format!(" {}", group.ids[0]);
    }
    let aligned = aligner(AlignConfig::default())
        .run((&call.pcm, &call.speech(), &Speakers::default(), &transcript, &PhoneEmissions::default()))
        .unwrap();
    assert!(aligned.words.iter().all(|word| word.text.parse::<u32>().is_ok_and(|digit| digit < 10)));
    let (starts, ends) = call.errors(&aligned.words);
    let median = (percentile(starts, 50), percentile(ends, 50));
    assert!(median.0 < 0.02 && median.1 < 0.03, "{median:?} s");
}
