//! Emissions of a model: the log-probability of every symbol at every frame.

use models::wav2vec2::LogProbs;

/// Symbol of a state of the trellis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    /// The blank of connectionist temporal classification, or silence.
    Blank,
    /// A symbol of the vocabulary.
    Id(usize),
    /// A character that is not in the vocabulary. It is scored as the most likely symbol other than blank.
    Wildcard,
}

/// Log-probabilities (natural), `[frames, symbols]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Emissions {
    values: Vec<f32>,
    symbols: usize,
    blank: usize,
    /// Highest log-probability of a symbol other than blank, for each frame.
    best: Vec<f32>,
}

impl From<LogProbs> for Emissions {
    fn from(LogProbs { values, symbols, blank }: LogProbs) -> Self {
        Self::new(values, symbols, blank)
    }
}

impl Emissions {
    /// Creates emissions for a vocabulary of this many symbols, including `blank`.
    pub(crate) fn new(values: Vec<f32>, symbols: usize, blank: usize) -> Self {
        let best = |row: &[f32]| {
            let others = row.iter().enumerate().filter(|(id, _)| *id != blank);
            others.map(|(_, value)| *value).fold(f32::NEG_INFINITY, f32::max)
        };
        let best = values.chunks_exact(symbols).map(best).collect();
        Self { values, symbols, blank, best }
    }

    pub(crate) fn frames(&self) -> usize {
        self.best.len()
    }

    /// Log-probability of a symbol at a frame.
    pub(crate) fn at(&self, frame: usize, symbol: Symbol) -> f32 {
        match symbol {
            Symbol::Blank => self.values[frame * self.symbols + self.blank],
            Symbol::Id(id) => self.values[frame * self.symbols + id],
            Symbol::Wildcard => self.best[frame],
        }
    }
}
