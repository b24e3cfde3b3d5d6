//! A growing hypothesis, and the search over several hypotheses.

use candle_core::{Error, Result};

use super::fallback::is_looping;
use super::options::DecodingOptions;
use super::sampler::Candidate;
use super::timestamp_rules::TimestampRules;

/// The tokens of a hypothesis after its prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sequence {
    /// Text and timestamps.
    pub(super) tokens: Vec<u32>,
    /// Natural log-probability of each token.
    pub(super) logprobs: Vec<f32>,
    /// Natural log-probability of the end token, once it has been generated.
    pub(super) end_logprob: Option<f32>,
    /// Whether the hypothesis was stopped because it repeats itself.
    pub(super) looping: bool,
}

impl Sequence {
    /// Appends a token. The end token ends the sequence.
    pub(super) fn push(&mut self, candidate: &Candidate, end: u32) {
        if candidate.token == end {
            self.end_logprob = Some(candidate.logprob);
        } else {
            self.tokens.push(candidate.token);
            self.logprobs.push(candidate.logprob);
        }
    }

    /// Whether the sequence has ended: by its end token, by the token budget, or by a repetition.
    pub(super) fn has_ended(&self, budget: usize) -> bool {
        self.end_logprob.is_some() || self.looping || self.tokens.len() >= budget
    }

    fn sum_logprob(&self) -> f32 {
        self.logprobs.iter().chain(&self.end_logprob).sum()
    }
}

/// A query of the logits of one lane.
#[derive(Debug, Clone)]
pub(super) enum LogitsQuery {
    /// No-speech probability and language probabilities, after the start token.
    Start,
    /// The given number of most likely tokens.
    Likeliest(TimestampRules, usize),
    /// A token sampled at a temperature with a random number from 0 to 1.
    Drawn(TimestampRules, f32, f64),
}

impl LogitsQuery {
    /// The timestamp rules of the query.
    pub(super) const fn rules(&self) -> Option<&TimestampRules> {
        match self {
            Self::Start => None,
            Self::Likeliest(rules, _) | Self::Drawn(rules, ..) => Some(rules),
        }
    }
}

/// The independent hypotheses of an attempt: one greedy hypothesis or several samples.
#[derive(Debug)]
pub(super) struct Samples {
    lanes: Vec<Sequence>,
    /// 0 for greedy decoding.
    temperature: f32,
    /// The random number generators of the lanes.
    random: Vec<SplitMix>,
    budget: usize,
}

impl Samples {
    /// A single greedy hypothesis.
    pub(super) fn greedy(budget: usize) -> Self {
        Self { lanes: vec![Sequence::default()], temperature: 0.0, random: Vec::new(), budget }
    }

    /// `count` sampled hypotheses. Their random numbers depend only on `seed`, the temperature and the lane.
    pub(super) fn sampled(count: usize, temperature: f32, seed: u64, budget: usize) -> Self {
        let random = |lane: usize| SplitMix::new(&[seed, u64::from(temperature.to_bits()), lane as u64]);
        Self { lanes: vec![Sequence::default(); count], temperature, random: (0..count).map(random).collect(), budget }
    }

    /// The running lanes, each with its last token.
    pub(super) fn live(&self) -> Vec<(usize, u32)> {
        let live = self.lanes.iter().enumerate().filter(|(_, lane)| !lane.has_ended(self.budget));
        live.filter_map(|(index, lane)| lane.tokens.last().map(|token| (index, *token))).collect()
    }

    /// The query of each running lane.
    pub(super) fn queries(&mut self, options: &DecodingOptions) -> Vec<LogitsQuery> {
        let mut queries = Vec::new();
        for (index, lane) in self.lanes.iter().enumerate().filter(|(_, lane)| !lane.has_ended(self.budget)) {
            let rules = options.filter.timestamp_rules(&lane.tokens);
            queries.push(match self.random.get_mut(index) {
                Some(random) => LogitsQuery::Drawn(rules, self.temperature, random.next()),
                None => LogitsQuery::Likeliest(rules, 1),
            });
        }
        queries
    }

    /// Processes the replies, one per running lane.
    pub(super) fn take(&mut self, outputs: &[Vec<Candidate>], options: &DecodingOptions) -> Result<()> {
        let live = self.lanes.iter_mut().filter(|lane| !lane.has_ended(self.budget));
        for (lane, answer) in live.zip(outputs) {
            let candidate = answer.first().ok_or_else(|| Error::msg("a reply without a candidate"))?;
            lane.push(candidate, options.filter.end);
            lane.looping = is_looping(&lane.tokens, options.config.repetition_limit);
        }
        Ok(())
    }

    /// The hypothesis with the highest length-normalized log-probability; the first of equals.
    pub(super) fn best(self, length_penalty: f32) -> Sequence {
        let score = |lane: &Sequence| lane.sum_logprob() / (lane.tokens.len().max(1) as f32).powf(length_penalty);
        let better = |a: Sequence, b: Sequence| if score(&b) > score(&a) { b } else { a };
        self.lanes.into_iter().reduce(better).unwrap_or_default()
    }
}

/// Steele, Lea and Flood's SplitMix64.
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn new(seeds: &[u64]) -> Self {
        seeds.iter().fold(Self(0), |mut random, seed| Self(random.word() ^ seed))
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A random number from 0 (inclusive) to 1 (exclusive).
    fn next(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(logprobs: &[f32], end: f32) -> Sequence {
        let tokens = (0..logprobs.len() as u32).collect();
        Sequence { tokens, logprobs: logprobs.to_vec(), end_logprob: Some(end), looping: false }
    }

    #[test]
    fn best_sample_is_the_likeliest_for_its_length() {
        let (short, long) = (sequence(&[-1.0], -0.2), sequence(&[-0.5, -0.5, -0.5], -0.2));
        let lanes = || Samples { lanes: vec![short.clone(), long.clone()], ..Samples::greedy(9) };
        assert_eq!(lanes().best(1.0), long);
        assert_eq!(lanes().best(0.0), short);
    }

    #[test]
    fn random_numbers_differ_by_lane_and_temperature_and_come_again() {
        let numbers = |seeds: &[u64]| {
            let mut random = SplitMix::new(seeds);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(numbers(&[1, 2, 3]), numbers(&[1, 2, 3]));
        assert_ne!(numbers(&[1, 2, 3]), numbers(&[1, 2, 4]));
        assert_ne!(numbers(&[1, 2, 3]), numbers(&[1, 3, 2]));
        let mut random = SplitMix::new(&[7]);
        let mean = (0..10_000).map(|_| random.next()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01);
    }
}
