//! Builds the states of a text, in order.

use crate::emissions::Symbol;
use models::wav2vec2::Topology;

/// One state of the trellis. A frame in this state emits its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) symbol: Symbol,
    /// Whether it may follow the state two before it, which skips the state in between.
    pub(crate) skips: bool,
    /// Index of the word that it belongs to.
    pub(crate) word: Option<usize>,
}

/// Builds the states of words, each given as the symbols of its characters. The chain begins and ends with blank, which
/// may be skipped. `delimiter` is the symbol of the model between words, if it has one.
///
/// In [`Topology::Ctc`] there is a blank between any two symbols, which may be skipped if they differ; two wildcards
/// count as different. In [`Topology::Frames`] there are blanks only between words, and equal adjacent symbols in a
/// word are one state.
pub(crate) fn chain(words: &[&[Symbol]], topology: Topology, delimiter: Option<Symbol>) -> Vec<State> {
    let blank = State { symbol: Symbol::Blank, skips: false, word: None };
    let mut states = vec![blank];
    for (word, symbols) in words.iter().enumerate() {
        match topology {
            Topology::Ctc => {
                let between = delimiter.filter(|_| word > 0).map(|symbol| (symbol, None));
                for (symbol, word) in between.into_iter().chain(symbols.iter().map(|symbol| (*symbol, Some(word)))) {
                    let before = states.len().checked_sub(2).map(|at| states[at].symbol);
                    let skips = before.is_some_and(|before| before != symbol || symbol == Symbol::Wildcard);
                    states.extend([State { symbol, skips, word }, blank]);
                }
            }
            Topology::Frames => {
                let mut first = true;
                for (at, symbol) in symbols.iter().copied().enumerate() {
                    if at > 0 && symbols[at - 1] == symbol && symbol != Symbol::Wildcard {
                        continue;
                    }
                    states.push(State { symbol, skips: first && states.len() > 1, word: Some(word) });
                    first = false;
                }
                states.push(blank);
            }
        }
    }
    states
}

/// Minimum number of frames of a path through the states.
pub(crate) fn shortest(states: &[State]) -> usize {
    let inner = &states[1..states.len().saturating_sub(1).max(1)];
    let left_out = |at: usize| inner.get(at + 1).is_some_and(|next| next.skips);
    (0..inner.len()).filter(|at| inner[*at].symbol != Symbol::Blank || !left_out(*at)).count()
}
