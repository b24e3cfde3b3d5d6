//! Beam search, as transformers' `_beam_search` does it with `early_stopping=False`.
//!
//! Of all continuations of all running hypotheses the best `2 beams` are looked at: those among the first `beams` that
//! end are finished, and the best `beams` of the others run on. Finished hypotheses are ranked by the sum of their
//! log-probabilities over their length (end token included) to the length penalty. The search ends when as many as
//! are kept are finished and the best running one, by its length so far, is no better than the worst of them.
//!
//! Other than there, a hypothesis that begins to repeat itself is followed no further: each repetition is likelier than
//! the one before, so that the mean log-probability of a loop beats every honest text in the end.

use candle_core::Result;

use super::fallback::is_looping;
use super::options::DecodingOptions;
use super::sampler::Candidate;
use super::sequence::{LogitsQuery, Sequence};

/// The hypotheses of an attempt, each with the sum of its log-probabilities among all tokens.
#[derive(Debug)]
pub(super) struct Beams {
    /// Best first. Hypothesis `i` is in lane `i`.
    running: Vec<(Sequence, f32)>,
    /// Best first, with scores in which length counts.
    finished: Vec<(Sequence, f32)>,
    /// The best of those that were given up because they repeat themselves.
    looping: Option<(Sequence, f32)>,
    beams: usize,
    /// Finished hypotheses that are kept.
    kept: usize,
    length_penalty: f32,
    budget: usize,
    ended: bool,
}

impl Beams {
    /// One empty hypothesis, of which `beams` come. `patience` times as many finished ones are kept.
    pub(super) fn new(beams: usize, patience: f32, length_penalty: f32, budget: usize) -> Self {
        let kept = ((beams as f32 * patience).round_ties_even() as usize).max(1);
        let running = vec![(Sequence::default(), 0.0)];
        Self { running, finished: Vec::new(), looping: None, beams, kept, length_penalty, budget, ended: false }
    }

    /// The lanes that continue, and the token that each was given last.
    pub(super) fn live(&self) -> Vec<(usize, u32)> {
        let running = if self.ended { &[][..] } else { &self.running };
        let last =
            |(lane, hypothesis): (usize, &(Sequence, f32))| hypothesis.0.tokens.last().map(|token| (lane, *token));
        running.iter().enumerate().filter_map(last).collect()
    }

    /// The query of each running hypothesis.
    pub(super) fn queries(&self, options: &DecodingOptions) -> Vec<LogitsQuery> {
        let query = |(sequence, _): &(Sequence, f32)| {
            LogitsQuery::Likeliest(options.filter.timestamp_rules(&sequence.tokens), 2 * self.beams)
        };
        self.running.iter().map(query).collect()
    }

    /// Takes the replies, one for each running hypothesis; gives for each that runs on the lane that it came from.
    pub(super) fn take(&mut self, outputs: &[Vec<Candidate>], options: &DecodingOptions) -> Result<Vec<usize>> {
        let mut continuations: Vec<(usize, Candidate, f32)> = Vec::new();
        for (lane, ((_, sum), candidates)) in self.running.iter().zip(outputs).enumerate() {
            continuations.extend(candidates.iter().map(|candidate| (lane, *candidate, sum + candidate.score)));
        }
        // Stable: of equals the one of the better hypothesis, then of the lower id, goes first.
        continuations.sort_by(|a, b| b.2.total_cmp(&a.2));
        continuations.truncate(2 * self.beams);

        let length = self.running.first().map_or(0, |(sequence, _)| sequence.tokens.len()) + 1;
        let full = length >= self.budget;
        let (mut running, mut from) = (Vec::with_capacity(self.beams), Vec::with_capacity(self.beams));
        for (rank, (lane, candidate, sum)) in continuations.into_iter().enumerate() {
            let mut sequence = self.running[lane].0.clone();
            sequence.push(&candidate, options.filter.end);
            if sequence.end_logprob.is_some() || full {
                if rank < self.beams {
                    self.finished.push((sequence, self.score(sum, length)));
                }
            } else if is_looping(&sequence.tokens, options.config.repetition_limit) {
                sequence.looping = true;
                self.give_up(sequence, self.score(sum, length));
            } else if running.len() < self.beams {
                running.push((sequence, sum));
                from.push(lane);
            }
        }
        self.finished.sort_by(|a, b| b.1.total_cmp(&a.1));
        self.finished.truncate(self.kept);
        self.running = running;
        self.ended = full || !self.can_improve(length);
        Ok(from)
    }

    fn score(&self, sum: f32, length: usize) -> f32 {
        sum / (length as f32).powf(self.length_penalty)
    }

    fn can_improve(&self, length: usize) -> bool {
        match (self.running.first(), self.finished.last()) {
            (None, _) => false,
            (Some((_, sum)), Some((_, worst))) if self.finished.len() == self.kept => self.score(*sum, length) > *worst,
            _ => true,
        }
    }

    fn give_up(&mut self, sequence: Sequence, score: f32) {
        if self.looping.as_ref().is_none_or(|(_, best)| score > *best) {
            self.looping = Some((sequence, score));
        }
    }

    /// The best of the finished; of the running where none is; of those that repeat themselves where there is no other.
    pub(super) fn best(self) -> Sequence {
        let best = self.finished.into_iter().chain(self.running).chain(self.looping).next();
        best.map(|(sequence, _)| sequence).unwrap_or_default()
    }
}
