//! Aligns words with phones that are written down, over tones for speech.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use align::{AlignConfig, Aligner};
use stage_core::{
    AlignedWords, Pcm, PhoneEmissions, PhoneSet, Segment, Speakers, SpeechSegments, Stage, TimedEmissions, TokenGroup,
    Transcript, WindowEmissions, Word,
};

/// Names of the phones, then of the letters.
const PHONES: [&str; 10] = ["ㄱ", "ㄴ", "ㄷ", "ㄹ", "ㅁ", "ㅏ", "ㅣ", "ㅁ.", "ㄴ.", "ㅂ."];
const LETTERS: [&str; 4] = ["a", "b", "c", "<other>"];
/// Seconds of a frame.
const STEP_S: f64 = 0.02;

/// What is said, as `(phone, frames)`; a space is silence.
type Said<'a> = &'a [(&'a str, usize)];

fn symbols() -> Vec<&'static str> {
    PHONES.into_iter().chain(LETTERS).collect()
}

/// Emissions that give each frame's phone a probability of 0.8.
fn emissions(said: Said<'_>) -> PhoneEmissions {
    let symbols = symbols();
    let frame = |name: &str| {
        let share = |of: &str| if of == name { 0.8f32 } else { 0.2 / (symbols.len() - 1) as f32 };
        symbols.iter().map(|of| share(of).ln()).collect::<Vec<_>>()
    };
    let logprobs: Vec<f32> =
        said.iter().flat_map(|(name, frames)| std::iter::repeat_n(frame(name), *frames)).flatten().collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let emissions = WindowEmissions::encode(&logprobs, symbols.len());
    PhoneEmissions {
        symbols: Some(PhoneSet { phones: names(&PHONES), letters: names(&LETTERS) }),
        step_s: STEP_S,
        windows: vec![TimedEmissions { channel: 0, start_s: 0.0, emissions }],
    }
}

/// A tone in every frame that is not silent.
fn audio(said: Said<'_>) -> Pcm {
    let frames = said.iter().flat_map(|(name, frames)| std::iter::repeat_n(*name != " ", *frames));
    let sample = |(at, sounds): (usize, bool)| {
        (0..320).map(move |n| if sounds { 0.3 * ((at * 320 + n) as f32 * 0.2).sin() } else { 0.0 })
    };
    Pcm::from_channels(vec![frames.enumerate().flat_map(sample).collect()])
}

/// One segment over the whole audio, whose words share its time in equal parts.
fn transcript(words: &[&str], language: &str, end_s: f64) -> Transcript {
    let share = end_s / words.len() as f64;
    let group = |(at, word): (usize, &&str)| TokenGroup {
        ids: vec![1],
        text: format!(" {word}"),
        start_s: at as f64 * share,
        end_s: (at + 1) as f64 * share,
        logprob: -0.1,
    };
    let segment = Segment {
        token_groups: words.iter().enumerate().map(group).collect(),
        ..Segment::of_text(0, (0.0, end_s), &words.join(" "), language)
    };
    Transcript { model: "none".to_owned(), segments: vec![segment], dropped: Vec::new() }
}

fn align(said: Said<'_>, emissions: &PhoneEmissions, words: &[&str], language: &str) -> AlignedWords {
    let pcm = audio(said);
    let transcript = transcript(words, language, pcm.duration_s());
    let speech = SpeechSegments::of_windows(Vec::new());
    Aligner::with_phones(AlignConfig::default())
        .run((&pcm, &speech, &Speakers::default(), &transcript, emissions))
        .unwrap()
}

fn assert_times(words: &[Word], expected: &[(f64, f64)]) {
    let near = |word: &Word, (start_s, end_s): &(f64, f64)| {
        (word.start_s - start_s).abs() < 0.025 && (word.end_s - end_s).abs() < 0.025
    };
    let found: Vec<_> = words.iter().map(|word| (word.start_s, word.end_s)).collect();
    assert!(words.len() == expected.len() && words.iter().zip(expected).all(|(a, b)| near(a, b)), "{found:?}");
}

const TWO_WORDS: Said<'_> =
    &[(" ", 20), ("ㄱ", 5), ("ㅏ", 8), ("ㅁ.", 5), ("ㄴ", 4), ("ㅏ", 9), (" ", 15), ("ㄷ", 4), ("ㅣ", 10), (" ", 20)];

#[test]
fn phones_place_words_where_they_sound() {
    let aligned = align(TWO_WORDS, &emissions(TWO_WORDS), &["감나", "디"], "ko");
    assert_eq!(aligned.method, "phones+energy");
    assert_times(&aligned.words, &[(0.4, 1.02), (1.32, 1.6)]);
    for word in &aligned.words {
        assert!(word.timing.expected_error_s.unwrap() < 0.1 && !word.timing.uncertain, "{word:?}");
        assert!(word.timing.score.unwrap() > 0.7 && word.timing.fallback.is_none(), "{word:?}");
    }
}

#[test]
fn phones_follow_the_pronunciation_and_not_the_spelling() {
    // 담니 is how 답니 sounds; the phones of its letters do not occur.
    let said: Said<'_> = &[(" ", 20), ("ㄷ", 5), ("ㅏ", 8), ("ㅁ.", 6), ("ㄴ", 5), ("ㅣ", 8), (" ", 20)];
    let aligned = align(said, &emissions(said), &["답", "니"], "ko");
    let joined = align(said, &emissions(said), &["답니"], "ko");
    assert!(joined.words[0].timing.score > aligned.words[0].timing.score);
    assert_times(&joined.words, &[(0.4, 1.04)]);
}

#[test]
fn phones_of_words_that_touch_separate_them() {
    let said: Said<'_> = &[(" ", 20), ("ㄱ", 6), ("ㅏ", 24), ("ㄷ", 6), ("ㅣ", 10), (" ", 20)];
    assert_times(&align(said, &emissions(said), &["가", "디"], "ko").words, &[(0.4, 1.0), (1.0, 1.32)]);
}

#[test]
fn phones_of_latin_words_are_letters() {
    let said: Said<'_> = &[(" ", 20), ("a", 8), ("b", 8), ("ㄴ", 5), ("ㅏ", 10), (" ", 20)];
    assert_times(&align(said, &emissions(said), &["AB", "나"], "ko").words, &[(0.4, 0.72), (0.72, 1.02)]);
}

#[test]
fn word_that_was_not_said_is_marked() {
    let said: Said<'_> = &[(" ", 20), ("ㄱ", 6), ("ㅏ", 30), (" ", 30), ("ㄷ", 6), ("ㅣ", 20), (" ", 20)];
    let aligned = align(said, &emissions(said), &["가", "미리미리", "디"], "ko");
    let [first, wrong, last] = &aligned.words[..] else { panic!("{aligned:?}") };
    assert!(wrong.timing.uncertain, "{wrong:?}");
    assert!(!first.timing.uncertain && !last.timing.uncertain, "{aligned:?}");
    assert!(wrong.timing.score < first.timing.score, "{aligned:?}");
}

#[test]
fn words_that_phones_cannot_time_say_why() {
    let good = emissions(TWO_WORDS);
    let fallback = |emissions: &PhoneEmissions, words: &[&str], language: &str| {
        let aligned = align(TWO_WORDS, emissions, words, language);
        assert!(aligned.words.iter().all(|word| word.timing.uncertain && word.timing.expected_error_s.is_none()));
        assert_eq!(aligned.words[0].timing.method.name(), "cross-attention+energy");
        aligned.words[0].timing.fallback.clone().unwrap()
    };
    assert!(fallback(&PhoneEmissions::default(), &["감나"], "ko").contains("no phones"));
    assert!(fallback(&good, &["감나"], "de").contains("Korean and English"));
    assert!(fallback(&good, &["中"], "ko").contains("no character"));
    let other_channel = TimedEmissions { channel: 1, ..good.windows[0].clone() };
    assert!(
        fallback(&PhoneEmissions { windows: vec![other_channel], ..good.clone() }, &["감나"], "ko")
            .contains("interval")
    );
    let late = TimedEmissions { start_s: 1.0, ..good.windows[0].clone() };
    assert!(fallback(&PhoneEmissions { windows: vec![late], ..good.clone() }, &["감나"], "ko").contains("interval"));
    let long: Vec<String> = vec!["가나다라마".repeat(40)];
    assert!(fallback(&good, &[&long[0]], "ko").contains("frames of sound"));
}

#[test]
fn damaged_emissions_are_a_reason_and_no_panic() {
    let damaged: WindowEmissions = serde_json::from_str(r#""%%%""#).unwrap();
    let window = TimedEmissions { channel: 0, start_s: 0.0, emissions: damaged };
    let emissions = PhoneEmissions { windows: vec![window], ..emissions(TWO_WORDS) };
    let aligned = align(TWO_WORDS, &emissions, &["감나", "디"], "ko");
    assert!(aligned.words.iter().all(|word| word.timing.fallback.is_some()));
    let without_step = PhoneEmissions { step_s: 0.0, ..self::emissions(TWO_WORDS) };
    assert!(align(TWO_WORDS, &without_step, &["감나"], "ko").words[0].timing.fallback.is_some());
}
