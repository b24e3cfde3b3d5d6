//! The rows of a batch while they are decoded. A row that has ended stays in its slot, unread, until half of the slots
//! are such: moving the caches for every row that ends would cost more than it saves.

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
    attention: HeadWeights,
}

/// The rows of a batch and the slots of the cache that they occupy.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Row in each slot.
    slots: Vec<usize>,
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
            attention: HeadWeights::new(window.positions),
        });
        Self { rows: rows.collect(), slots: (0..windows.len()).collect() }
    }

    /// Keeps the alignment heads' weights (`[slots, heads, n, positions]`) of the rows that go on.
    pub(super) fn read_attention(&mut self, attention: &Tensor) -> Result<()> {
        let (_, heads, n, positions) = attention.dims4()?;
        let weights = attention.flatten_all()?.to_vec1::<f32>()?;
        for (slot, weights) in self.slots.iter().zip(weights.chunks_exact(heads * n * positions)) {
            let row = &mut self.rows[*slot];
            if !row.done {
                row.attention.extend(weights.chunks_exact(n * positions), positions);
            }
        }
        Ok(())
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
    pub(super) fn prompts(&self, rules: &Rules) -> Vec<Vec<u32>> {
        let prompt =
            |row: &Row| rules.languages[row.language].1.into_iter().chain(rules.task.iter().copied()).collect();
        self.rows.iter().map(prompt).collect()
    }

    /// Chooses the next token of every row that goes on, from logits `[slots, vocabulary]`.
    pub(super) fn choose(&mut self, rules: &Rules, logits: &Tensor) -> Result<()> {
        let vocabulary = logits.dim(1)?;
        let logits = logits.flatten_all()?.to_vec1::<f32>()?;
        let choices: Vec<_> = self
            .slots
            .par_iter()
            .zip(logits.par_chunks_exact(vocabulary))
            .filter(|(slot, _)| !self.rows[**slot].done)
            .map(|(slot, logits)| {
                let first = self.rows[*slot].tokens.is_empty();
                let choosable = if first { &rules.choosable_first } else { &rules.choosable };
                likeliest(logits, choosable).map(|choice| (*slot, choice)).ok_or_else(not_finite)
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

    pub(super) fn all_done(&self) -> bool {
        self.rows.iter().all(|row| row.done)
    }

    /// Drops the slots of rows that have ended once they are half of all; returns the slots that are kept.
    pub(super) fn compact(&mut self) -> Option<Vec<u32>> {
        let live: Vec<_> = (0..self.slots.len()).filter(|slot| !self.rows[self.slots[*slot]].done).collect();
        if 2 * live.len() > self.slots.len() {
            return None;
        }
        self.slots = live.iter().map(|slot| self.slots[*slot]).collect();
        Some(live.into_iter().map(|slot| slot as u32).collect())
    }

    /// The token that each slot feeds next; the end token in a slot whose row has ended.
    pub(super) fn last_tokens(&self, rules: &Rules) -> Vec<Vec<u32>> {
        let last = |slot: &usize| {
            let row = &self.rows[*slot];
            vec![if row.done { rules.end } else { row.tokens.last().copied().unwrap_or(rules.end) }]
        };
        self.slots.iter().map(last).collect()
    }

    pub(super) fn finish(self) -> Vec<Row> {
        self.rows
    }
}

impl Row {
    /// The finished row, with its token times.
    pub(super) fn hypothesis(self, rules: &Rules) -> Hypothesis {
        // The token before the first text token is the one whose attention points at it.
        let text_rows = rules.prompt_len() - 1;
        Hypothesis {
            boundaries_s: token_boundaries_s(self.attention, text_rows, self.tokens.len(), rules.median_filter_width),
            language: rules.languages[self.language].0.clone(),
            language_probability: self.language_probability,
            no_speech_prob: self.no_speech_prob,
            tokens: self.tokens,
            logprobs: self.logprobs,
            end_logprob: self.end_logprob,
        }
    }
}

fn not_finite() -> candle_core::Error {
    candle_core::Error::msg("the model's logits are not finite")
}
