//! Reads logits: on the CPU as slices, on a GPU by [`kernels::fused::choose`].

use std::collections::BTreeMap;

use candle_core::{Device, Error, Result, Storage, Tensor};
use kernels::fused::Vocabulary;
use kernels::probe::span_of;
use rayon::prelude::*;

use super::choice::{check, likeliest, probabilities, probability, sample};
use super::device;
use super::job::Told;
use super::rules::Rules;
use super::sequence::Ask;
use crate::model::Whisper;

/// Answers what the windows ask of their logits.
pub(super) struct Reader<'a> {
    rules: &'a Rules,
    /// Tokens of the languages, where there are several.
    languages: Vec<u32>,
    /// Token masks on the device that chooses; none where the host does.
    vocabulary: Option<Vocabulary>,
}

impl<'a> Reader<'a> {
    /// For a model's logits: the fused network's device finds the likeliest tokens, the host those of other networks.
    pub(super) fn new(rules: &'a Rules, model: &Whisper) -> Result<Self> {
        let languages = if rules.detects() { rules.languages.as_slice() } else { &[] };
        let languages = languages.iter().filter_map(|language| language.1).collect();
        let vocabulary = || device::vocabulary(&rules.choosable, model.device());
        let vocabulary = model.is_fused().then(vocabulary).transpose()?;
        Ok(Self { rules, languages, vocabulary })
    }

    /// Answers asks, each with the index of its row in `logits` (`[rows, vocabulary]`), in their order.
    pub(super) fn read(&self, logits: &Tensor, asks: &[(usize, Ask)]) -> Result<Vec<Told>> {
        match &self.vocabulary {
            None => span_of("step.choice", asks.len(), logits.device(), || {
                self.read_slices(&logits.to_device(&Device::Cpu)?, asks)
            }),
            Some(vocabulary) => self.read_tensor(logits, vocabulary, asks),
        }
    }

    fn read_slices(&self, logits: &Tensor, asks: &[(usize, Ask)]) -> Result<Vec<Told>> {
        let (rows, vocabulary) = logits.dims2()?;
        let (storage, layout) = logits.storage_and_layout();
        let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            return Err(Error::msg("logits that are not contiguous in host memory"));
        };
        let values = &storage.as_slice::<f32>()?[start..end];
        debug_assert_eq!(values.len(), rows * vocabulary);
        let row = |index: usize| &values[index * vocabulary..(index + 1) * vocabulary];
        asks.par_iter().map(|(index, ask)| self.read_row(row(*index), ask)).collect()
    }

    fn read_row(&self, logits: &[f32], ask: &Ask) -> Result<Told> {
        let choosable = &self.rules.choosable;
        match ask {
            Ask::Start => {
                check(logits, 0.0)?;
                Ok(Told::Start(probability(logits, self.rules.no_speech), probabilities(logits, &self.languages)))
            }
            Ask::Likeliest(bounds, count) => Ok(Told::Candidates(likeliest(logits, choosable, bounds, *count)?)),
            Ask::Drawn(bounds, temperature, uniform) => {
                Ok(Told::Candidates(vec![sample(logits, choosable, bounds, *temperature, *uniform)?]))
            }
        }
    }

    /// What is asked once a window, and samples, are read on the host; the likeliest tokens are found on the device.
    fn read_tensor(&self, logits: &Tensor, vocabulary: &Vocabulary, asks: &[(usize, Ask)]) -> Result<Vec<Told>> {
        let mut told: Vec<Option<Told>> = asks.iter().map(|_| None).collect();
        let mut by_count: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut on_host = Vec::new();
        for (index, (_, ask)) in asks.iter().enumerate() {
            match ask {
                Ask::Likeliest(_, count) => by_count.entry(*count).or_default().push(index),
                Ask::Start | Ask::Drawn(..) => on_host.push(index),
            }
        }
        if !on_host.is_empty() {
            // One copy for all: a row alone would bring the whole tensor along.
            let rows: Vec<u32> = on_host.iter().map(|index| asks[*index].0 as u32).collect();
            let rows = logits.contiguous()?.index_select(&Tensor::new(rows, logits.device())?, 0)?;
            let asks: Vec<_> = on_host.iter().enumerate().map(|(row, index)| (row, asks[*index].1.clone())).collect();
            for (index, answer) in on_host.into_iter().zip(self.read_slices(&rows.to_device(&Device::Cpu)?, &asks)?) {
                told[index] = Some(answer);
            }
        }
        for (count, indices) in by_count {
            let of_ask = |index: &usize| asks[*index].1.bounds().map(|bounds| (asks[*index].0, bounds));
            let rows: Vec<_> = indices.iter().filter_map(of_ask).collect();
            let found = device::likeliest(logits, vocabulary, &rows, count)?;
            for (index, candidates) in indices.into_iter().zip(found) {
                told[index] = Some(Told::Candidates(candidates));
            }
        }
        told.into_iter().map(|told| told.ok_or_else(|| Error::msg("a question without an answer"))).collect()
    }
}
