//! Forced alignment that tries every labeling of the frames. A pattern describes the valid labelings, without the
//! states and steps of the trellis.

use crate::emissions::{Emissions, Symbol};
use models::wav2vec2::Topology;

/// Labels that may occur in a run, and whether the run is required.
struct Piece {
    labels: Vec<usize>,
    needed: bool,
}

/// Highest log-probability of a labeling of these words, or `None` if there is no valid labeling. 0 is blank.
pub(super) fn best_labeling(
    emissions: &Emissions,
    symbols: usize,
    words: &[&[Symbol]],
    topology: Topology,
    delimiter: Option<Symbol>,
) -> Option<f64> {
    let pattern = pattern(symbols, words, topology, delimiter);
    let frames = emissions.frames();
    let score = |labels: &[usize]| -> f64 {
        labels.iter().enumerate().map(|(frame, label)| f64::from(emissions.at(frame, Symbol::Id(*label)))).sum()
    };
    (0..symbols.pow(frames as u32))
        .map(|number| (0..frames).map(|frame| number / symbols.pow(frame as u32) % symbols).collect::<Vec<_>>())
        .filter(|labels| matches(labels, &pattern))
        .map(|labels| score(&labels))
        .max_by(f64::total_cmp)
}

fn pattern(symbols: usize, words: &[&[Symbol]], topology: Topology, delimiter: Option<Symbol>) -> Vec<Piece> {
    let blank = |needed| Piece { labels: vec![0], needed };
    let sound = |symbol: Symbol| {
        let labels = match symbol {
            Symbol::Blank => vec![0],
            Symbol::Id(id) => vec![id],
            Symbol::Wildcard => (1..symbols).collect(),
        };
        Piece { labels, needed: true }
    };
    let mut pattern = vec![blank(false)];
    match topology {
        Topology::Ctc => {
            let mut text: Vec<Symbol> = Vec::new();
            for (at, word) in words.iter().enumerate() {
                text.extend(delimiter.filter(|_| at > 0));
                text.extend(*word);
            }
            for (at, symbol) in text.iter().enumerate() {
                pattern.push(sound(*symbol));
                pattern.push(blank(matches!(symbol, Symbol::Id(_)) && text.get(at + 1) == Some(symbol)));
            }
        }
        Topology::Frames => {
            for word in words {
                let mut word = word.to_vec();
                word.dedup_by(|b, a| a == b && matches!(a, Symbol::Id(_)));
                pattern.extend(word.into_iter().map(sound));
                pattern.push(blank(false));
            }
        }
    }
    pattern
}

/// Whether labels are runs of the pattern's pieces, in order.
fn matches(labels: &[usize], pattern: &[Piece]) -> bool {
    let Some((piece, rest)) = pattern.split_first() else { return labels.is_empty() };
    let longest = labels.iter().take_while(|label| piece.labels.contains(label)).count();
    (usize::from(piece.needed)..=longest).any(|run| matches(&labels[run..], rest))
}
