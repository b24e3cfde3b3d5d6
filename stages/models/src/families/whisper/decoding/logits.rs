//! Reads logits: on the CPU from slices, on a GPU with [`kernels::fused::choose`].

use std::collections::BTreeMap;

use candle_core::{Device, Error, Result, Storage, Tensor};
use kernels::fused::Vocabulary;
use kernels::probe::span_of;
use rayon::prelude::*;

use super::device_sampler;
use super::options::DecodingOptions;
use super::sampler::{check, likeliest, probabilities, probability, sample};
use super::sequence::LogitsQuery;
use super::task::LogitsReply;
use crate::families::whisper::network::Backend;

/// Answers the logits queries of the windows.
pub(super) struct Reader<'a> {
    options: &'a DecodingOptions,
    /// The language tokens, if there are several.
    languages: Vec<u32>,
    /// Token masks on the device, if it finds the likely tokens; `None` if the host does.
    vocabulary: Option<Vocabulary>,
}

impl<'a> Reader<'a> {
    /// Creates a reader for the logits of `network`. The fused network finds the most likely tokens on its device; for
    /// other networks, the host does.
    pub(super) fn new<B: Backend>(options: &'a DecodingOptions, network: &B) -> Result<Self> {
        let languages = if options.detects() { options.languages.as_slice() } else { &[] };
        let languages = languages.iter().filter_map(|language| language.1).collect();
        let vocabulary = || device_sampler::vocabulary(&options.filter, network.device());
        let vocabulary = B::FINDS_TOKENS.then(vocabulary).transpose()?;
        Ok(Self { options, languages, vocabulary })
    }

    /// Answers queries in order. Each has the index of its row in `logits` (`[rows, vocabulary]`).
    pub(super) fn read(&self, logits: &Tensor, queries: &[(usize, LogitsQuery)]) -> Result<Vec<LogitsReply>> {
        match &self.vocabulary {
            None => span_of("step.choice", queries.len(), logits.device(), || {
                self.read_slices(&logits.to_device(&Device::Cpu)?, queries)
            }),
            Some(vocabulary) => self.read_tensor(logits, vocabulary, queries),
        }
    }

    fn read_slices(&self, logits: &Tensor, queries: &[(usize, LogitsQuery)]) -> Result<Vec<LogitsReply>> {
        let (rows, vocabulary) = logits.dims2()?;
        let (storage, layout) = logits.storage_and_layout();
        let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            return Err(Error::msg("logits that are not contiguous in host memory"));
        };
        let values = &storage.as_slice::<f32>()?[start..end];
        debug_assert_eq!(values.len(), rows * vocabulary);
        let row = |index: usize| &values[index * vocabulary..(index + 1) * vocabulary];
        queries.par_iter().map(|(index, query)| self.read_row(row(*index), query)).collect()
    }

    fn read_row(&self, logits: &[f32], query: &LogitsQuery) -> Result<LogitsReply> {
        let filter = &self.options.filter;
        match query {
            LogitsQuery::Start => {
                check(logits, 0.0)?;
                Ok(LogitsReply::Start(
                    probability(logits, self.options.no_speech),
                    probabilities(logits, &self.languages),
                ))
            }
            LogitsQuery::Likeliest(rules, count) => {
                Ok(LogitsReply::Candidates(likeliest(logits, filter, rules, *count)?))
            }
            LogitsQuery::Drawn(rules, temperature, uniform) => {
                Ok(LogitsReply::Candidates(vec![sample(logits, filter, rules, *temperature, *uniform)?]))
            }
        }
    }

    /// Queries that occur once per window, and samples, are answered on the host. The most likely tokens are found on
    /// the device.
    fn read_tensor(
        &self,
        logits: &Tensor,
        vocabulary: &Vocabulary,
        queries: &[(usize, LogitsQuery)],
    ) -> Result<Vec<LogitsReply>> {
        let mut replies: Vec<Option<LogitsReply>> = queries.iter().map(|_| None).collect();
        let mut by_count: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut on_host = Vec::new();
        for (index, (_, query)) in queries.iter().enumerate() {
            match query {
                LogitsQuery::Likeliest(_, count) => by_count.entry(*count).or_default().push(index),
                LogitsQuery::Start | LogitsQuery::Drawn(..) => on_host.push(index),
            }
        }
        if !on_host.is_empty() {
            // All rows are copied together: copying a single row would copy the whole tensor.
            let rows: Vec<u32> = on_host.iter().map(|index| queries[*index].0 as u32).collect();
            let rows = logits.contiguous()?.index_select(&Tensor::new(rows, logits.device())?, 0)?;
            let queries: Vec<_> =
                on_host.iter().enumerate().map(|(row, index)| (row, queries[*index].1.clone())).collect();
            for (index, answer) in on_host.into_iter().zip(self.read_slices(&rows.to_device(&Device::Cpu)?, &queries)?)
            {
                replies[index] = Some(answer);
            }
        }
        for (count, indices) in by_count {
            let of_ask = |index: &usize| queries[*index].1.rules().map(|rules| (queries[*index].0, rules));
            let rows: Vec<_> = indices.iter().filter_map(of_ask).collect();
            let found = device_sampler::likeliest(logits, vocabulary, &rows, count)?;
            for (index, candidates) in indices.into_iter().zip(found) {
                replies[index] = Some(LogitsReply::Candidates(candidates));
            }
        }
        replies.into_iter().map(|replies| replies.ok_or_else(|| Error::msg("a logits query without a reply"))).collect()
    }
}
