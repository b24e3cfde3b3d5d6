//! Word times from the phone head: the sounds that transcription recognized in every frame, aligned with the sounds of the
//! text.
//!
//! ```text
//! words -> pronunciation variants -> phones -> states -+
//! emissions, activity, the recognizer's times -> frames -> trellis -> words with spreads -> expected errors
//! ```

mod expected;
mod frames;
mod posterior;

use models::wav2vec2::Topology;
use stage_core::PhoneEmissions;

use self::expected::{EdgeEvidence, expected_error_s, mean};
use self::frames::Frames;
use self::posterior::spread;
use crate::alignment::{AlignError, Script, Variants, choose_variants};
use crate::emissions::Symbol;
use crate::model::{Timed, TimedWord};
use crate::normalize::variants;
use crate::pronounce::Phones;
use crate::sound::{Interval, Sound};
use crate::utterance::{Utterance, samples};

/// The states of a text: a silence or unknown sound between words, which may be skipped.
const SCRIPT: Script = Script { topology: Topology::Frames, delimiter: None };
/// Languages whose sounds the head was trained on.
const LANGUAGES: [&str; 2] = ["ko", "en"];

/// Aligns the words of utterances with the sounds of one recording.
#[derive(Debug)]
pub(crate) struct PhoneAligner<'a> {
    emissions: &'a PhoneEmissions,
    phones: Option<Phones>,
}

impl<'a> PhoneAligner<'a> {
    pub(crate) fn new(emissions: &'a PhoneEmissions) -> Self {
        Self { emissions, phones: emissions.symbols.as_ref().map(Phones::new) }
    }

    /// The times of an utterance's words.
    pub(crate) fn align(&self, utterance: &Utterance<'_>, sound: &Sound) -> Timed {
        let phones = self.phones.as_ref().ok_or(AlignError::NoPhones)?;
        let segment = utterance.segment;
        if !LANGUAGES.contains(&segment.language.as_str()) {
            return Err(AlignError::Language);
        }
        let room = Interval { start: samples(segment.start_s), end: samples(segment.end_s) };
        let expected =
            utterance.words.iter().map(|word| Interval { start: samples(word.start_s), end: samples(word.end_s) });
        let frames = Frames::new(self.emissions, segment.channel, room, sound, expected.collect());
        let frames = frames.ok_or(AlignError::NoFrames)?;
        let words = symbols(phones, utterance);
        if !words.iter().flatten().flatten().any(|symbol| matches!(symbol, Symbol::Id(_))) {
            return Err(AlignError::Unknown);
        }
        let (states, path) = choose_variants(&frames, &words, SCRIPT)?;
        let spreads = spread(&frames, &states, &path.states, words.len());
        let word_of: Vec<Option<usize>> = path.states.iter().map(|state| states[*state].word).collect();
        let logprob = |(frame, state): (usize, &usize)| frames.logprob(frame, states[*state].symbol);
        let logprobs: Vec<f32> = path.states.iter().enumerate().map(logprob).collect();
        let is_wildcard = |frame: usize| states[path.states[frame]].symbol == Symbol::Wildcard;
        let timed = |word: usize| {
            let start = word_of.iter().position(|of| *of == Some(word)).unwrap_or_default();
            let end = word_of.iter().rposition(|of| *of == Some(word)).map_or(start, |last| last + 1);
            let time = Interval { start: frames.sample(start), end: frames.sample(end) };
            let edges = EdgeEvidence::of_word(&frames, &word_of, start..end, spreads[word]);
            let logprob = mean(&logprobs[start..end]);
            let is_audible = 2 * (start..end).filter(|frame| frames.is_sounding(*frame)).count() >= end - start;
            TimedWord {
                time,
                score: logprob.exp(),
                wildcard: (start..end).any(is_wildcard),
                expected_error_s: is_audible.then(|| expected_error_s(logprob, &edges)),
            }
        };
        Ok((0..words.len()).map(timed).collect())
    }
}

/// Symbols of the variants of every word. A word without symbols is a wildcard.
fn symbols(phones: &Phones, utterance: &Utterance<'_>) -> Vec<Variants> {
    let of = |at: usize| {
        let next = utterance.words.get(at + 1).map(|word| word.text.as_str());
        let variants = variants(&utterance.words[at].text, next, &utterance.segment.language).into_iter();
        let symbols = variants.map(|text| phones.symbols(&text));
        symbols.map(|symbols| if symbols.is_empty() { vec![Symbol::Wildcard] } else { symbols }).collect()
    };
    (0..utterance.words.len()).map(of).collect()
}
