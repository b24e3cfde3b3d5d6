//! The rows of a batch while they are decoded. A row that has ended stays in its slot, unread, until half of the slots
//! are such: moving the caches for every row that ends would cost more than it saves.

use crate::model::{Cache, Row as ModelRow, Whisper};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::choice::{likeliest, probability};
use super::rules::Rules;
use crate::times::{HeadWeights, token_boundaries_s};
use crate::window::{Hypothesis, MelWindow};

/// One window's decoding.
#[derive(Debug)]
pub(super) struct Row {
    /// Index into the rules' languages.
    language: usize,
    language_probability: Option<f32>,
    no_speech_prob: f32,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    end_logprob: Option<f32>,
    done: bool,
    positions: usize,
}

/// The rows of a batch and the slots of the cache that they occupy.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
}

impl Rows {
    pub(super) fn new(windows: &[MelWindow]) -> Self {
        let rows = windows.iter().map(|window| Row {
            language: 0,
            language_probability: None,
            no_speech_prob: 0.0,
            tokens: Vec::new(),
            logprobs: Vec::new(),
            end_logprob: None,
            done: false,
            positions: window.positions,
        });
        Self { rows: rows.collect() }
    }

    /// Reads no-speech probability and language from the logits (`[slots, vocabulary]`) of the start token.
    pub(super) fn read_start(&mut self, rules: &Rules, logits: &Tensor) -> Result<()> {
        for (row, logits) in self.rows.iter_mut().zip(logits.to_vec2::<f32>()?) {
            row.no_speech_prob = probability(&logits, rules.no_speech);
            if rules.languages.len() > 1 {
                let choice = likeliest(&logits, &rules.is_language).ok_or_else(not_finite)?;
                let found = rules.languages.iter().position(|(_, token)| *token == Some(choice.token));
                row.language = found.unwrap_or_default();
                row.language_probability = Some(choice.logprob.exp());
            }
        }
        Ok(())
    }

    /// The rest of every row's prompt: all are of one length, only the language differs.
    pub(super) fn prompts(&self, rules: &Rules) -> Vec<u32> {
        let prompt = |row: &Row| rules.languages[row.language].1.into_iter().chain(rules.task.iter().copied());
        self.rows.iter().flat_map(prompt).collect()
    }

    /// Chooses the next token of every row that goes on, from logits `[slots, vocabulary]`.
    pub(super) fn choose(&mut self, rules: &Rules, logits: &Tensor) -> Result<()> {
        let vocabulary = logits.dim(1)?;
        let logits = logits.flatten_all()?.to_vec1::<f32>()?;
        let choices: Vec<_> = self
            .live()
            .par_iter()
            .zip(logits.par_chunks_exact(vocabulary))
            .map(|(row, logits)| {
                let slot = row.slot;
                let first = self.rows[slot].tokens.is_empty();
                let choosable = if first { &rules.choosable_first } else { &rules.choosable };
                likeliest(logits, choosable).map(|choice| (slot, choice)).ok_or_else(not_finite)
            })
            .collect::<Result<_>>()?;
        for (slot, choice) in choices {
            let row = &mut self.rows[slot];
            if choice.token == rules.end {
                row.end_logprob = Some(choice.logprob);
                row.done = true;
            } else {
                row.tokens.push(choice.token);
                row.logprobs.push(choice.logprob);
                row.done = row.tokens.len() == rules.max_tokens;
            }
        }
        Ok(())
    }

    pub(super) fn live(&self) -> Vec<ModelRow> {
        let live = |slot: &usize| !self.rows[*slot].done;
        (0..self.rows.len()).filter(live).map(|slot| ModelRow { slot, lane: 0 }).collect()
    }

    pub(super) fn last_tokens(&self, rules: &Rules) -> Vec<u32> {
        self.live().iter().map(|row| self.rows[row.slot].tokens.last().copied().unwrap_or(rules.end)).collect()
    }

    pub(super) fn finish(self) -> Vec<Row> {
        self.rows
    }
}

impl Row {
    /// The finished row, with its token times.
    pub(super) fn hypothesis(self, rules: &Rules, slot: usize, model: &Whisper, cache: &Cache) -> Result<Hypothesis> {
        let language = &rules.languages[self.language];
        let text_rows = rules.prompt_len() - 1;
        let boundaries_s = if rules.token_times {
            let prompt = [rules.start].into_iter().chain(language.1).chain(rules.task.iter().copied());
            let all: Vec<u32> = prompt.chain(self.tokens.iter().copied()).collect();
            let fed = if self.end_logprob.is_some() { all.len() } else { all.len() - 1 };
            let (_, weights) = model.attend(slot, &all[..fed], cache)?;
            let (_, n, positions) = weights.dims3()?;
            let mut attention = HeadWeights::new(self.positions);
            attention.extend(weights.flatten_all()?.to_vec1::<f32>()?.chunks_exact(n * positions), positions);
            token_boundaries_s(attention, text_rows, self.tokens.len(), rules.median_filter_width)
        } else {
            vec![0.0; self.tokens.len() + 1]
        };
        Ok(Hypothesis {
            boundaries_s,
            language: language.0.clone(),
            language_probability: self.language_probability,
            no_speech_prob: self.no_speech_prob,
            tokens: self.tokens,
            logprobs: self.logprobs,
            end_logprob: self.end_logprob,
        })
    }
}

fn not_finite() -> candle_core::Error {
    candle_core::Error::msg("the model's logits are not finite")
}
