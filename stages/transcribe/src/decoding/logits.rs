//! Reading logits, where they are: on the processor as slices, on another device by tensor operations.

use std::collections::BTreeMap;

use candle_core::{Device, Error, Result, Storage, Tensor};
use kernels::fused::Vocabulary;
use rayon::prelude::*;

use super::choice::{check, likeliest, probabilities, probability, sample};
use super::device;
use super::job::Told;
use super::rules::Rules;
use super::sequence::Ask;

/// Answers what the windows ask of their logits.
pub(super) struct Reader<'a> {
    rules: &'a Rules,
    /// Tokens of the languages, where there are several.
    languages: Vec<u32>,
    /// What may be chosen, on a device that chooses; none on the CPU.
    vocabulary: Option<Vocabulary>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rules: &'a Rules, device: &Device) -> Result<Self> {
        let languages = if rules.detects() { rules.languages.as_slice() } else { &[] };
        let languages = languages.iter().filter_map(|language| language.1).collect();
        let vocabulary = if device.is_cpu() { None } else { Some(device::vocabulary(&rules.choosable, device)?) };
        Ok(Self { rules, languages, vocabulary })
    }

    /// A reader that takes a device's path on the CPU.
    #[cfg(test)]
    pub(super) fn of_a_device(rules: &'a Rules) -> Result<Self> {
        let vocabulary = Some(device::vocabulary(&rules.choosable, &Device::Cpu)?);
        Ok(Self { vocabulary, ..Self::new(rules, &Device::Cpu)? })
    }

    /// Answers asks, each with the index of its row in `logits` (`[rows, vocabulary]`), in their order.
    pub(super) fn read(&self, logits: &Tensor, asks: &[(usize, Ask)]) -> Result<Vec<Told>> {
        match &self.vocabulary {
            None => self.read_slices(logits, asks),
            Some(vocabulary) => self.read_tensor(logits, vocabulary, asks),
        }
    }

    fn read_slices(&self, logits: &Tensor, asks: &[(usize, Ask)]) -> Result<Vec<Told>> {
        let (rows, vocabulary) = logits.dims2()?;
        let (storage, layout) = logits.storage_and_layout();
        let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            return Err(Error::msg("logits that do not lie in the processor's memory"));
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
            let rows = logits.contiguous()?.index_select(&Tensor::new(rows, logits.device())?, 0)?.to_vec2::<f32>()?;
            let read = |(index, row): (&usize, &Vec<f32>)| Ok((*index, self.read_row(row, &asks[*index].1)?));
            for (index, answer) in on_host.par_iter().zip(&rows).map(read).collect::<Result<Vec<_>>>()? {
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
