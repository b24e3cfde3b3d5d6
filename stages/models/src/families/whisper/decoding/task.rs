//! The decoding of one window: detects language and silence, then decodes until an attempt passes the fallback
//! criteria.

use std::sync::Arc;

use candle_core::{Error, Result};
use stage_core::{WindowEmissions, sha256_hex};

use super::beam::Beams;
use super::fallback::{Attempt, low_confidence, rejection};
use super::options::DecodingOptions;
use super::sampler::Candidate;
use super::sequence::{LogitsQuery, Samples, Sequence};
use crate::families::whisper::diagnostics::RejectedAttempt;
use crate::families::whisper::unit::{Hypothesis, MelWindow};

/// The next tokens that a task feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecodeState {
    /// Only the start token: the prompt must not influence language detection.
    Detect,
    /// The prompt up to and including the start token.
    Open,
    /// The rest of the prompt.
    Prompt,
    /// The whole prompt, for another attempt.
    Again,
    /// The last token of each hypothesis.
    Search,
}

#[derive(Debug)]
enum Search {
    Samples(Samples),
    Beams(Beams),
}

/// The reply to a [`LogitsQuery`].
#[derive(Debug)]
pub(super) enum LogitsReply {
    /// No-speech probability, and the probability of each language if there are several.
    Start(f32, Vec<f32>),
    Candidates(Vec<Candidate>),
}

/// What happens to the window's lanes in the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CacheAction {
    /// The lanes remain unchanged.
    Stay,
    /// The lanes are cleared.
    Clear,
    /// Lane `i` continues from lane `.0[i]`.
    Reorder(Vec<usize>),
    /// The window is done and leaves its slot.
    Leave,
}

/// The decoding state of one window.
#[derive(Debug)]
pub(super) struct DecodeTask {
    pub(super) key: usize,
    pub(super) window: Arc<MelWindow>,
    /// The sounds of the window, if the model recognizes them.
    emissions: Option<WindowEmissions>,
    state: DecodeState,
    /// Index into the languages of the options.
    pub(super) language: usize,
    language_probability: Option<f32>,
    no_speech_prob: f32,
    /// Index into the temperatures.
    attempt: usize,
    /// Attempts that failed a fallback criterion.
    rejected: Vec<Attempt>,
    search: Search,
    /// The attempt that was kept.
    kept: Option<Attempt>,
}

impl DecodeTask {
    pub(super) fn new(
        key: usize,
        window: Arc<MelWindow>,
        emissions: Option<WindowEmissions>,
        options: &DecodingOptions,
    ) -> Result<Self> {
        let language = match &window.language {
            None => 0,
            Some(code) => options.languages.iter().position(|language| language.0 == *code).ok_or_else(|| {
                Error::msg(format!("a window cannot be decoded in `{code}`: the settings do not include this language"))
            })?,
        };
        let detect = options.detects() && !window.prompt.is_empty();
        let mut task = Self {
            key,
            window,
            emissions,
            state: if detect { DecodeState::Detect } else { DecodeState::Open },
            language,
            language_probability: None,
            no_speech_prob: 0.0,
            attempt: 0,
            rejected: Vec::new(),
            search: Search::Samples(Samples::greedy(1)),
            kept: None,
        };
        task.search = task.new_search(options);
        Ok(task)
    }

    fn temperature(&self, options: &DecodingOptions) -> f32 {
        options.config.temperatures[self.attempt]
    }

    fn new_search(&self, options: &DecodingOptions) -> Search {
        let prompt = options.opening(&self.window.prompt).len() + options.after_start(self.language).len();
        let (budget, temperature) = (options.budget(prompt), self.temperature(options));
        let lanes = options.lanes_at(temperature);
        if temperature > 0.0 {
            Search::Samples(Samples::sampled(lanes, temperature, seed(&self.window), budget))
        } else if lanes == 1 {
            Search::Samples(Samples::greedy(budget))
        } else {
            Search::Beams(Beams::new(lanes, options.config.patience, options.config.length_penalty, budget))
        }
    }

    /// The tokens that each lane is fed next, the same number for each lane.
    pub(super) fn feeds(&self, options: &DecodingOptions) -> Vec<(usize, Vec<u32>)> {
        let opening = || options.opening(&self.window.prompt);
        let rest = || options.after_start(self.language);
        match self.state {
            DecodeState::Detect => vec![(0, vec![options.start])],
            DecodeState::Open => vec![(0, opening())],
            DecodeState::Prompt => vec![(0, rest())],
            DecodeState::Again => vec![(0, [opening(), rest()].concat())],
            DecodeState::Search => {
                let live = match &self.search {
                    Search::Samples(lanes) => lanes.live(),
                    Search::Beams(beams) => beams.live(),
                };
                live.into_iter().map(|(lane, token)| (lane, vec![token])).collect()
            }
        }
    }

    /// The logits queries after the feeds, each with the index of its feed.
    pub(super) fn queries(&mut self, options: &DecodingOptions) -> Vec<(usize, LogitsQuery)> {
        let mut queries = Vec::new();
        if matches!(self.state, DecodeState::Detect | DecodeState::Open) {
            queries.push((0, LogitsQuery::Start));
            if self.state == DecodeState::Detect || !options.after_start(self.language).is_empty() {
                return queries;
            }
        }
        let choices = match &mut self.search {
            Search::Samples(lanes) => lanes.queries(options),
            Search::Beams(beams) => beams.queries(options),
        };
        let in_search = self.state == DecodeState::Search;
        queries
            .extend(choices.into_iter().enumerate().map(|(index, query)| (if in_search { index } else { 0 }, query)));
        queries
    }

    /// Processes the replies, in the order of the queries.
    pub(super) fn take(&mut self, replies: Vec<LogitsReply>, options: &DecodingOptions) -> Result<CacheAction> {
        let mut choices = Vec::with_capacity(replies.len());
        for replies in replies {
            match replies {
                LogitsReply::Start(no_speech, languages) => self.detect(no_speech, &languages, options),
                LogitsReply::Candidates(candidates) => choices.push(candidates),
            }
        }
        if self.state == DecodeState::Detect {
            self.state = DecodeState::Open;
            return Ok(CacheAction::Clear);
        }
        if choices.is_empty() {
            self.state = DecodeState::Prompt;
            return Ok(CacheAction::Stay);
        }
        let from = match &mut self.search {
            Search::Samples(lanes) => {
                lanes.take(&choices, options)?;
                if self.state == DecodeState::Search { Vec::new() } else { vec![0; choices.len()] }
            }
            Search::Beams(beams) => beams.take(&choices, options)?,
        };
        self.state = DecodeState::Search;
        if self.feeds(options).is_empty() {
            return Ok(self.conclude(options));
        }
        let moved = from.iter().enumerate().any(|(lane, from)| lane != *from);
        Ok(if moved { CacheAction::Reorder(from) } else { CacheAction::Stay })
    }

    /// Sets the no-speech probability, which is measured with the prompt, and the language, which is detected without
    /// it.
    fn detect(&mut self, no_speech: f32, languages: &[f32], options: &DecodingOptions) {
        self.no_speech_prob = no_speech;
        let alone = self.state == DecodeState::Detect || self.window.prompt.is_empty();
        if !options.detects() || !alone {
            return;
        }
        if self.window.language.is_none() {
            let likelier = |best: usize, other: usize| if languages[other] > languages[best] { other } else { best };
            self.language = (0..languages.len()).reduce(likelier).unwrap_or_default();
        }
        self.language_probability = languages.get(self.language).copied();
    }

    /// Ends the attempt: keeps it or starts the next one. If the last attempt fails too, the most likely one is kept.
    fn conclude(&mut self, options: &DecodingOptions) -> CacheAction {
        let search = std::mem::replace(&mut self.search, Search::Samples(Samples::greedy(1)));
        let sequence = match search {
            Search::Samples(lanes) => lanes.best(options.config.length_penalty),
            Search::Beams(beams) => beams.best(),
        };
        let text = options.text(&sequence.tokens);
        let mut attempt = Attempt::new(sequence, self.temperature(options), &text);
        let language = &options.languages[self.language].0;
        attempt.rejection = rejection(&options.config, &attempt, self.no_speech_prob, &text, language);
        let is_last = self.attempt + 1 == options.config.temperatures.len();
        if attempt.rejection.is_some() && !is_last {
            self.rejected.push(attempt);
            self.attempt += 1;
            self.search = self.new_search(options);
            self.state = DecodeState::Again;
            return CacheAction::Clear;
        }
        self.keep(attempt, options);
        CacheAction::Leave
    }

    /// Keeps an attempt that passed. If all attempts failed, keeps the most likely one.
    fn keep(&mut self, last: Attempt, options: &DecodingOptions) {
        if last.rejection.is_none() {
            self.kept = Some(last);
            return;
        }
        self.rejected.push(last);
        let rank = |attempt: &Attempt| (!attempt.is_degenerate(&options.config), attempt.avg_logprob);
        let better = |best: usize, other: usize| {
            if rank(&self.rejected[other]) > rank(&self.rejected[best]) { other } else { best }
        };
        let best = (0..self.rejected.len()).reduce(better).unwrap_or_default();
        self.kept = Some(self.rejected.remove(best));
    }

    /// Keeps a given text instead of searching for one.
    pub(super) fn give_text(&mut self, tokens: Vec<u32>, logprobs: Vec<f32>, options: &DecodingOptions) {
        let text = options.text(&tokens);
        let sequence = Sequence { tokens, logprobs, end_logprob: None, looping: false };
        self.kept = Some(Attempt::new(sequence, 0.0, &text));
    }

    /// The text tokens of the attempt that was kept.
    pub(super) fn text_tokens(&self, options: &DecodingOptions) -> Vec<u32> {
        let tokens = self.kept.iter().flat_map(|attempt| &attempt.sequence.tokens);
        tokens.copied().filter(|token| options.is_text(*token)).collect()
    }

    /// The hypothesis of the window, with the times of its text tokens.
    pub(super) fn hypothesis(self, boundaries_s: Option<Vec<f64>>, options: &DecodingOptions) -> Hypothesis {
        let kept = self.kept.unwrap_or_default();
        let low_confidence = low_confidence(&options.config, &kept, self.language_probability, self.window.contrast_db);
        Hypothesis {
            tokens: kept.sequence.tokens,
            logprobs: kept.sequence.logprobs,
            end_logprob: kept.sequence.end_logprob,
            looping: kept.sequence.looping,
            boundaries_s,
            language: options.languages[self.language].0.clone(),
            language_probability: self.language_probability,
            no_speech_prob: self.no_speech_prob,
            temperature: kept.temperature,
            compression_ratio: kept.compression_ratio,
            rejected: self.rejected.into_iter().map(rejected).collect(),
            low_confidence,
            loudest_dbfs: self.window.loudest_dbfs,
            emissions: self.emissions,
        }
    }
}

fn rejected(attempt: Attempt) -> RejectedAttempt {
    let Attempt { temperature, compression_ratio, avg_logprob, rejection, .. } = attempt;
    RejectedAttempt { temperature, compression_ratio, avg_logprob, reason: rejection.unwrap_or_default() }
}

/// The seed of a window's random numbers. It depends only on the window's features.
fn seed(window: &MelWindow) -> u64 {
    let bytes: Vec<u8> = window.features.iter().flat_map(|feature| feature.to_le_bytes()).collect();
    u64::from_str_radix(&sha256_hex(&bytes)[..16], 16).unwrap_or_default()
}
