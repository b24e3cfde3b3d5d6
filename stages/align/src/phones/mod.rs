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

use std::ops::Range;

use models::wav2vec2::Topology;
use stage_core::PhoneEmissions;

use self::expected::{EdgeEvidence, expected_error_s, mean};
use self::frames::Frames;
use self::posterior::{Spread, spread};
use crate::alignment::{AlignError, Script, choose_variants};
use crate::emissions::Symbol;
use crate::model::{Timed, TimedWord};
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
        let words = utterance.variants(|text| phones.symbols(text));
        if !words.iter().flatten().flatten().any(|symbol| matches!(symbol, Symbol::Id(_))) {
            return Err(AlignError::Unknown);
        }
        let (states, path) = choose_variants(&frames, &words, SCRIPT)?;
        let word_of: Vec<Option<usize>> = path.states.iter().map(|state| states[*state].word).collect();
        let own = frames_of_words(&word_of, words.len());
        let spreads = spread(&frames, &states, &own);
        let logprob = |(frame, state): (usize, &usize)| frames.logprob(frame, states[*state].symbol);
        let logprobs: Vec<f32> = path.states.iter().enumerate().map(logprob).collect();
        let is_wildcard = |frame: usize| states[path.states[frame]].symbol == Symbol::Wildcard;
        let timed = |(own, spread): (Range<usize>, Spread)| {
            let Range { start, end } = own;
            let time = Interval { start: frames.sample(start), end: frames.sample(end) };
            let edges = EdgeEvidence::of_word(&frames, &word_of, start..end, spread);
            let logprob = mean(&logprobs[start..end]);
            let is_audible = 2 * (start..end).filter(|frame| frames.is_sounding(*frame)).count() >= end - start;
            TimedWord {
                time,
                score: logprob.exp(),
                wildcard: (start..end).any(is_wildcard),
                expected_error_s: is_audible.then(|| expected_error_s(logprob, &edges)),
            }
        };
        Ok(own.into_iter().zip(spreads).map(timed).collect())
    }
}

/// The frames of each word, from the word of each frame. Every word has at least one.
fn frames_of_words(word_of: &[Option<usize>], words: usize) -> Vec<Range<usize>> {
    let mut own = vec![0..0; words];
    for (frame, word) in word_of.iter().enumerate() {
        if let Some(word) = *word {
            let start = if own[word].is_empty() { frame } else { own[word].start };
            own[word] = start..frame + 1;
        }
    }
    own
}
