//! Beam search, as transformers' `_beam_search` does it with `early_stopping=False`.
//!
//! In each step, the best `2 * beams` continuations of all running hypotheses are considered. Continuations that end
//! and rank among the first `beams` are finished; of the others, the best `beams` keep running. The score of a finished
//! hypothesis is the sum of its log-probabilities divided by its length (end token included) to the power of the length
//! penalty. The search ends when the maximum number of finished hypotheses is reached and the best running one, scored
//! by its current length, is not better than the worst of them.
//!
//! Unlike transformers, a hypothesis that starts to repeat itself is abandoned: each repetition is more likely than the
//! one before, so the mean log-probability of a loop would eventually exceed that of every correct text.

use candle_core::Result;

use super::fallback::is_looping;
use super::options::DecodingOptions;
use super::sampler::Candidate;
use super::sequence::{LogitsQuery, Sequence};

/// The hypotheses of an attempt, each with the sum of its log-probabilities over all tokens.
#[derive(Debug)]
pub(super) struct Beams {
    /// Best first. Hypothesis `i` is in lane `i`.
    running: Vec<(Sequence, f32)>,
    /// Best first, with length-normalized scores.
    finished: Vec<(Sequence, f32)>,
    /// The best of the hypotheses that were abandoned because they repeat themselves.
    looping: Option<(Sequence, f32)>,
    beams: usize,
    /// Maximum number of finished hypotheses.
    kept: usize,
    length_penalty: f32,
    budget: usize,
    ended: bool,
}

impl Beams {
    /// Starts with one empty hypothesis, which branches into `beams`. `beams * patience` finished hypotheses are kept.
    pub(super) fn new(beams: usize, patience: f32, length_penalty: f32, budget: usize) -> Self {
        let kept = ((beams as f32 * patience).round_ties_even() as usize).max(1);
        let running = vec![(Sequence::default(), 0.0)];
        Self { running, finished: Vec::new(), looping: None, beams, kept, length_penalty, budget, ended: false }
    }

    /// The running lanes, each with its last token.
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

    /// Processes the replies, one per running hypothesis. Returns, for each hypothesis that keeps running, the lane
    /// that it continues.
    pub(super) fn take(&mut self, outputs: &[Vec<Candidate>], options: &DecodingOptions) -> Result<Vec<usize>> {
        let mut continuations: Vec<(usize, Candidate, f32)> = Vec::new();
        for (lane, ((_, sum), candidates)) in self.running.iter().zip(outputs).enumerate() {
            continuations.extend(candidates.iter().map(|candidate| (lane, *candidate, sum + candidate.score)));
        }
        // The sort is stable: ties go to the better hypothesis, then to the lower id.
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

    /// The best finished hypothesis; if there is none, the best running one; otherwise the best that repeats itself.
    pub(super) fn best(self) -> Sequence {
        let best = self.finished.into_iter().chain(self.running).chain(self.looping).next();
        best.map(|(sequence, _)| sequence).unwrap_or_default()
    }
}
