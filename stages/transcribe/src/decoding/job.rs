//! One window on its way through the decoder: languages and silence, then attempts until one passes.

use std::sync::Arc;

use candle_core::{Error, Result};
use stage_core::{RejectedAttempt, sha256_hex};

use super::beam::Beams;
use super::choice::Candidate;
use super::guards::{Attempt, low_confidence, rejection};
use super::rules::Rules;
use super::sequence::{Ask, Lanes};
use crate::window::{Hypothesis, MelWindow};

/// What is fed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The start token alone: a prompt must not speak for a language.
    Detect,
    /// The prompt up to the start token.
    Open,
    /// The rest of it.
    Prompt,
    /// All of it, for another attempt.
    Again,
    /// The last token of each hypothesis.
    Search,
}

#[derive(Debug)]
enum Search {
    Lanes(Lanes),
    Beams(Beams),
}

/// The answer to an [`Ask`].
#[derive(Debug)]
pub(super) enum Told {
    /// No-speech probability, and the probability of each language where there are several.
    Start(f32, Vec<f32>),
    Candidates(Vec<Candidate>),
}

/// What happens to the window's lanes in the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Nothing: they go on as they are.
    Stay,
    /// They are forgotten.
    Clear,
    /// Lane `i` goes on from lane `.0[i]`.
    Reorder(Vec<usize>),
    /// The window is done.
    Leave,
}

/// One window.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: usize,
    pub(super) window: Arc<MelWindow>,
    phase: Phase,
    /// Index into the rules' languages.
    pub(super) language: usize,
    language_probability: Option<f32>,
    no_speech_prob: f32,
    /// Index into the temperatures.
    attempt: usize,
    /// Attempts that failed a fallback criterion.
    rejected: Vec<Attempt>,
    search: Search,
    /// The attempt that is kept.
    kept: Option<Attempt>,
}

impl Job {
    pub(super) fn new(key: usize, window: Arc<MelWindow>, rules: &Rules) -> Result<Self> {
        let language = match &window.language {
            None => 0,
            Some(code) => rules.languages.iter().position(|language| language.0 == *code).ok_or_else(|| {
                Error::msg(format!("a window is to be decoded in `{code}`, which is not among the languages"))
            })?,
        };
        let detect = rules.detects() && !window.prompt.is_empty();
        let mut job = Self {
            key,
            window,
            phase: if detect { Phase::Detect } else { Phase::Open },
            language,
            language_probability: None,
            no_speech_prob: 0.0,
            attempt: 0,
            rejected: Vec::new(),
            search: Search::Lanes(Lanes::greedy(1)),
            kept: None,
        };
        job.search = job.new_search(rules);
        Ok(job)
    }

    fn temperature(&self, rules: &Rules) -> f32 {
        rules.config.temperatures[self.attempt]
    }

    fn new_search(&self, rules: &Rules) -> Search {
        let prompt = rules.opening(&self.window.prompt).len() + rules.after_start(self.language).len();
        let (budget, temperature) = (rules.budget(prompt), self.temperature(rules));
        let lanes = rules.lanes_at(temperature);
        if temperature > 0.0 {
            Search::Lanes(Lanes::sampled(lanes, temperature, seed(&self.window), budget))
        } else if lanes == 1 {
            Search::Lanes(Lanes::greedy(budget))
        } else {
            Search::Beams(Beams::new(lanes, rules.config.patience, rules.config.length_penalty, budget))
        }
    }

    /// The tokens that each lane is fed next, as many for each.
    pub(super) fn feeds(&self, rules: &Rules) -> Vec<(usize, Vec<u32>)> {
        let opening = || rules.opening(&self.window.prompt);
        let rest = || rules.after_start(self.language);
        match self.phase {
            Phase::Detect => vec![(0, vec![rules.start])],
            Phase::Open => vec![(0, opening())],
            Phase::Prompt => vec![(0, rest())],
            Phase::Again => vec![(0, [opening(), rest()].concat())],
            Phase::Search => {
                let live = match &self.search {
                    Search::Lanes(lanes) => lanes.live(),
                    Search::Beams(beams) => beams.live(),
                };
                live.into_iter().map(|(lane, token)| (lane, vec![token])).collect()
            }
        }
    }

    /// What is asked of the logits behind the feeds, with the index of the feed.
    pub(super) fn asks(&mut self, rules: &Rules) -> Vec<(usize, Ask)> {
        let mut asks = Vec::new();
        if matches!(self.phase, Phase::Detect | Phase::Open) {
            asks.push((0, Ask::Start));
            if self.phase == Phase::Detect || !rules.after_start(self.language).is_empty() {
                return asks;
            }
        }
        let choices = match &mut self.search {
            Search::Lanes(lanes) => lanes.asks(rules),
            Search::Beams(beams) => beams.asks(rules),
        };
        let in_search = self.phase == Phase::Search;
        asks.extend(choices.into_iter().enumerate().map(|(index, ask)| (if in_search { index } else { 0 }, ask)));
        asks
    }

    /// Takes the answers, in the order of the asks.
    pub(super) fn take(&mut self, told: Vec<Told>, rules: &Rules) -> Result<Lane> {
        let mut choices = Vec::with_capacity(told.len());
        for told in told {
            match told {
                Told::Start(no_speech, languages) => self.hear(no_speech, &languages, rules),
                Told::Candidates(candidates) => choices.push(candidates),
            }
        }
        if self.phase == Phase::Detect {
            self.phase = Phase::Open;
            return Ok(Lane::Clear);
        }
        if choices.is_empty() {
            self.phase = Phase::Prompt;
            return Ok(Lane::Stay);
        }
        let from = match &mut self.search {
            Search::Lanes(lanes) => {
                lanes.take(&choices, rules)?;
                if self.phase == Phase::Search { Vec::new() } else { vec![0; choices.len()] }
            }
            Search::Beams(beams) => beams.take(&choices, rules)?,
        };
        self.phase = Phase::Search;
        if self.feeds(rules).is_empty() {
            return Ok(self.conclude(rules));
        }
        let moved = from.iter().enumerate().any(|(lane, from)| lane != *from);
        Ok(if moved { Lane::Reorder(from) } else { Lane::Stay })
    }

    /// No-speech probability, which the prompt is part of, and languages, which it must not be.
    fn hear(&mut self, no_speech: f32, languages: &[f32], rules: &Rules) {
        self.no_speech_prob = no_speech;
        let alone = self.phase == Phase::Detect || self.window.prompt.is_empty();
        if !rules.detects() || !alone {
            return;
        }
        if self.window.language.is_none() {
            let likelier = |best: usize, other: usize| if languages[other] > languages[best] { other } else { best };
            self.language = (0..languages.len()).reduce(likelier).unwrap_or_default();
        }
        self.language_probability = languages.get(self.language).copied();
    }

    /// Judges the attempt: keeps it, or begins the next. Where the last one fails too, the most likely is kept.
    fn conclude(&mut self, rules: &Rules) -> Lane {
        let search = std::mem::replace(&mut self.search, Search::Lanes(Lanes::greedy(1)));
        let sequence = match search {
            Search::Lanes(lanes) => lanes.best(rules.config.length_penalty),
            Search::Beams(beams) => beams.best(),
        };
        let text = rules.text(&sequence.tokens);
        let mut attempt = Attempt::new(sequence, self.temperature(rules), &text);
        let language = &rules.languages[self.language].0;
        attempt.rejection = rejection(&rules.config, &attempt, self.no_speech_prob, &text, language);
        let is_last = self.attempt + 1 == rules.config.temperatures.len();
        if attempt.rejection.is_some() && !is_last {
            self.rejected.push(attempt);
            self.attempt += 1;
            self.search = self.new_search(rules);
            self.phase = Phase::Again;
            return Lane::Clear;
        }
        self.keep(attempt, rules);
        Lane::Leave
    }

    /// Keeps an attempt that passed; of those that all failed, the most likely.
    fn keep(&mut self, last: Attempt, rules: &Rules) {
        if last.rejection.is_none() {
            self.kept = Some(last);
            return;
        }
        self.rejected.push(last);
        let rank = |attempt: &Attempt| (!attempt.is_degenerate(&rules.config), attempt.avg_logprob);
        let better = |best: usize, other: usize| {
            if rank(&self.rejected[other]) > rank(&self.rejected[best]) { other } else { best }
        };
        let best = (0..self.rejected.len()).reduce(better).unwrap_or_default();
        self.kept = Some(self.rejected.remove(best));
    }

    /// The text tokens of what was kept.
    pub(super) fn text_tokens(&self, rules: &Rules) -> Vec<u32> {
        let tokens = self.kept.iter().flat_map(|attempt| &attempt.sequence.tokens);
        tokens.copied().filter(|token| rules.is_text(*token)).collect()
    }

    /// The answer, with the times of its text tokens.
    pub(super) fn hypothesis(self, boundaries_s: Option<Vec<f64>>, rules: &Rules) -> Hypothesis {
        let kept = self.kept.unwrap_or_default();
        let low_confidence = low_confidence(&rules.config, &kept, self.language_probability, self.window.contrast_db);
        Hypothesis {
            tokens: kept.sequence.tokens,
            logprobs: kept.sequence.logprobs,
            end_logprob: kept.sequence.end_logprob,
            looping: kept.sequence.looping,
            boundaries_s,
            language: rules.languages[self.language].0.clone(),
            language_probability: self.language_probability,
            no_speech_prob: self.no_speech_prob,
            temperature: kept.temperature,
            compression_ratio: kept.compression_ratio,
            rejected: self.rejected.into_iter().map(rejected).collect(),
            low_confidence,
            loudest_dbfs: self.window.loudest_dbfs,
        }
    }
}

fn rejected(attempt: Attempt) -> RejectedAttempt {
    let Attempt { temperature, compression_ratio, avg_logprob, rejection, .. } = attempt;
    RejectedAttempt { temperature, compression_ratio, avg_logprob, reason: rejection.unwrap_or_default() }
}

/// What a window's random numbers follow from: its features alone.
fn seed(window: &MelWindow) -> u64 {
    let bytes: Vec<u8> = window.features.iter().flat_map(|feature| feature.to_le_bytes()).collect();
    u64::from_str_radix(&sha256_hex(&bytes)[..16], 16).unwrap_or_default()
}
