//! Aligns the words of one segment with the frames of a model.

use models::wav2vec2::Topology;

use crate::emissions::{Emissions, Symbol};
use crate::trellis::{Path, Scores, State, align, chain, shortest};

/// Maximum number of alternatives that are tried in one segment. Later words keep their first variant.
const MOST_TRIALS: usize = 64;

/// Rules by which a model's symbols form the states of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) topology: Topology,
    /// Symbol between words.
    pub(crate) delimiter: Option<Symbol>,
}

/// Pronunciation variants of a word, each as symbols, the most frequent first.
pub(crate) type Variants = Vec<Vec<Symbol>>;

/// A word aligned with frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alignment {
    /// First frame of its first character.
    pub(crate) start: usize,
    /// One past the last frame of its last character.
    pub(crate) end: usize,
    /// Geometric mean of the probabilities of its characters over their frames, 0 to 1.
    pub(crate) score: f32,
    /// Whether a wildcard replaced some of its characters.
    pub(crate) wildcard: bool,
}

/// Reason why words were not aligned.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub(crate) enum AlignError {
    #[error("the model that transcribed recognizes no phones")]
    NoPhones,
    #[error("phones are aligned in Korean and English alone")]
    Language,
    #[error("no phones were recorded for this interval")]
    NoFrames,
    #[error("no character of the text is in the model's vocabulary")]
    Unknown,
    #[error("{frames} frames of sound for a text that takes {needed}")]
    TooShort { frames: usize, needed: usize },
    #[error("the text does not sound like this: score {score:.4} below {floor}")]
    Unlikely { score: f64, floor: f64 },
}

/// Aligns words with frames. For a word with several variants, the one that gives the whole segment the highest
/// likelihood is used; words are decided one by one. `floor` is the minimum score of the whole segment.
///
/// # Errors
/// [`AlignError`] if the words cannot be aligned with these frames.
pub(crate) fn align_words(
    emissions: &Emissions,
    words: &[Variants],
    script: Script,
    floor: f64,
) -> Result<Vec<Alignment>, AlignError> {
    let known = |symbol: &Symbol| matches!(symbol, Symbol::Id(_));
    if !words.iter().flatten().flatten().any(known) {
        return Err(AlignError::Unknown);
    }
    let (states, path) = choose_variants(emissions, words, script)?;
    let spoken = || path.states.iter().enumerate().filter(|(_, state)| states[**state].word.is_some());
    let logprob = |(frame, state): (usize, &usize)| f64::from(emissions.at(frame, states[*state].symbol));
    let score = (spoken().map(logprob).sum::<f64>() / spoken().count().max(1) as f64).exp();
    if score < floor {
        return Err(AlignError::Unlikely { score, floor });
    }
    let of_word = |word: usize| {
        let own = || spoken().filter(|(_, state)| states[**state].word == Some(word));
        let mean = own().map(logprob).sum::<f64>() / own().count().max(1) as f64;
        Alignment {
            start: own().next().map_or(0, |(frame, _)| frame),
            end: own().next_back().map_or(0, |(frame, _)| frame + 1),
            score: mean.exp().clamp(0.0, 1.0) as f32,
            wildcard: own().any(|(_, state)| states[*state].symbol == Symbol::Wildcard),
        }
    };
    Ok((0..words.len()).map(of_word).collect())
}

/// Selects the variants that give the whole text the highest likelihood, word by word, and returns their states and the
/// path through them.
///
/// # Errors
/// [`AlignError::TooShort`] if there are fewer frames than symbols.
pub(crate) fn choose_variants<S: Scores>(
    frames: &S,
    words: &[Variants],
    script: Script,
) -> Result<(Vec<State>, Path), AlignError> {
    let mut chosen = vec![0; words.len()];
    let states = |chosen: &[usize]| {
        let symbols: Vec<&[Symbol]> = words.iter().zip(chosen).map(|(variants, at)| variants[*at].as_slice()).collect();
        chain(&symbols, script.topology, script.delimiter)
    };
    let trial = |chosen: &[usize]| {
        let states = states(chosen);
        align(frames, &states).map(|path| (states, path))
    };
    let mut best = trial(&chosen);
    let alternatives = words.iter().enumerate().flat_map(|(at, variants)| (1..variants.len()).map(move |r| (at, r)));
    for (word, variant) in alternatives.take(MOST_TRIALS) {
        let kept = std::mem::replace(&mut chosen[word], variant);
        let score =
            |found: &Option<(Vec<State>, Path)>| found.as_ref().map_or(f64::NEG_INFINITY, |(_, path)| path.score);
        match trial(&chosen) {
            found if score(&found) > score(&best) => best = found,
            _ => chosen[word] = kept,
        }
    }
    best.ok_or_else(|| AlignError::TooShort { frames: frames.frames(), needed: shortest(&states(&chosen)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: Script = Script { topology: Topology::Frames, delimiter: None };
    const CTC: Script = Script { topology: Topology::Ctc, delimiter: Some(Symbol::Id(4)) };

    /// Frames that each assign one symbol a probability of 0.9, in a vocabulary of five symbols with 0 as blank.
    fn emissions(symbols: &[usize]) -> Emissions {
        let row = |best: &usize| (0..5).map(|id| if id == *best { 0.9f32 } else { 0.025 }.ln()).collect::<Vec<_>>();
        Emissions::new(symbols.iter().flat_map(row).collect(), 5, 0)
    }

    fn word(ids: &[usize]) -> Variants {
        vec![ids.iter().map(|id| Symbol::Id(*id)).collect()]
    }

    fn spans(aligned: &[Alignment]) -> Vec<(usize, usize)> {
        aligned.iter().map(|word| (word.start, word.end)).collect()
    }

    #[test]
    fn align_gives_a_word_its_first_to_last_character() {
        let frames = emissions(&[0, 0, 1, 1, 2, 0, 3, 3, 1, 0]);
        let aligned = align_words(&frames, &[word(&[1, 2]), word(&[3, 1])], FRAMES, 0.1).unwrap();
        assert_eq!(spans(&aligned), [(2, 5), (6, 9)]);
        assert!(aligned.iter().all(|word| (word.score - 0.9).abs() < 1e-6 && !word.wildcard));
        let spikes = emissions(&[0, 1, 0, 2, 0, 4, 0, 3, 1, 0]);
        assert_eq!(spans(&align_words(&spikes, &[word(&[1, 2]), word(&[3, 1])], CTC, 0.1).unwrap()), [(1, 4), (7, 9)]);
    }

    #[test]
    fn align_marks_wildcards() {
        let frames = emissions(&[1, 1, 0, 3, 2, 0, 2]);
        let unknown = vec![vec![Symbol::Wildcard, Symbol::Wildcard]];
        let aligned = align_words(&frames, &[word(&[1]), unknown.clone(), word(&[2])], FRAMES, 0.1).unwrap();
        assert_eq!(spans(&aligned), [(0, 2), (3, 5), (6, 7)]);
        assert_eq!(aligned.iter().map(|word| word.wildcard).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(align_words(&frames, &[unknown], FRAMES, 0.1), Err(AlignError::Unknown));
    }

    #[test]
    fn align_takes_the_variant_that_was_said() {
        let frames = emissions(&[0, 1, 1, 0, 3, 2, 3, 0, 1]);
        let variants = [word(&[2, 2]), word(&[3, 2, 3]), word(&[3])].concat();
        let aligned = align_words(&frames, &[word(&[1]), variants, word(&[1])], FRAMES, 0.1).unwrap();
        assert_eq!(spans(&aligned), [(1, 3), (4, 7), (8, 9)]);
        assert!((aligned[1].score - 0.9).abs() < 1e-6);
    }

    #[test]
    fn align_fails_with_a_reason() {
        let frames = emissions(&[1, 2, 3]);
        let long = word(&[1, 2, 1, 2]);
        assert_eq!(align_words(&frames, &[long], FRAMES, 0.1), Err(AlignError::TooShort { frames: 3, needed: 4 }));
        let wrong = align_words(&frames, &[word(&[4])], FRAMES, 0.1).unwrap_err();
        assert!(matches!(wrong, AlignError::Unlikely { score, .. } if score < 0.1), "{wrong}");
        assert!(wrong.to_string().contains("below 0.1"), "{wrong}");
    }
}
