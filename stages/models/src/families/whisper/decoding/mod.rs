//! Decoding: windows of a flow through the slots of a cache, row by row independent of each other.
//!
//! ```text
//! flow -> encode -> slot: start (language, silence) -> prompt -> greedy | samples | beams -> fallback criteria -> times -> flow
//!                                                        ^------ next temperature ------<|
//! ```
//!
//! A window that is done leaves its slot to the next one that the flow gives. Every round feeds each row in the cache
//! once and answers its window's queries of the logits.

mod alignment;
mod beam;
mod device_sampler;
mod fallback;
#[cfg(test)]
pub(super) mod judge;
mod logits;
mod options;
mod sampler;
mod script;
mod sequence;
mod task;
#[cfg(test)]
mod tests;
mod timestamp_rules;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use stage_core::Flow;

use super::network::{Backend, DecoderCache, Row, Text};
use super::unit::{Hypothesis, MelWindow};

use logits::Reader;
pub(super) use options::{DecodingOptions, POSITION_S};
use sequence::LogitsQuery;
use task::{CacheAction, DecodeTask};

/// A network of any backend, as far as a recognizer uses it.
pub(super) trait Decode: Debug + Send + Sync {
    /// Where the network computes.
    fn device(&self) -> &Device;

    /// Decodes the windows of a flow, until nothing is in progress and nothing waits. No window influences another's
    /// tokens, and none exceeds the token budget of the options.
    fn decode(&self, options: &DecodingOptions, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()>;

    /// Logits (`[tokens, vocabulary]`, f32) before each token of a given text, behind the prompt of a window that is
    /// decoded with these options.
    fn logits_before(&self, options: &DecodingOptions, window: &MelWindow, tokens: &[u32]) -> Result<Tensor>;
}

impl<B: Backend> Decode for B {
    fn device(&self) -> &Device {
        Backend::device(self)
    }

    fn decode(&self, options: &DecodingOptions, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        Engine::new(self, options, flow.capacity())?.run(flow)
    }

    fn logits_before(&self, options: &DecodingOptions, window: &MelWindow, tokens: &[u32]) -> Result<Tensor> {
        let prompt = [options.opening(&window.prompt), options.after_start(0)].concat();
        let fed = [prompt.as_slice(), &tokens[..tokens.len().saturating_sub(1)]].concat();
        let mut cache = self.cache(1, 1, fed.len())?;
        self.admit(&[(0, window)], &mut cache)?;
        let logits = self.logits(Text { slot: 0, tokens: &fed }, &cache)?;
        logits.narrow(0, prompt.len() - 1, tokens.len())
    }
}

struct Engine<'a, B: Backend> {
    network: &'a B,
    options: &'a DecodingOptions,
    cache: B::Cache,
    reader: Reader<'a>,
    /// The window in each slot.
    tasks: Vec<Option<DecodeTask>>,
}

/// Rows that are fed as many tokens each.
#[derive(Default)]
struct Feed {
    rows: Vec<Row>,
    tokens: Vec<u32>,
    /// Index of the row, and its query.
    queries: Vec<(usize, LogitsQuery)>,
    /// The slots, and how many of the asks are each one's.
    slots: Vec<(usize, usize)>,
}

impl<'a, B: Backend> Engine<'a, B> {
    /// The cache begins with one slot and grows with the windows that are in progress at once.
    fn new(network: &'a B, options: &'a DecodingOptions, capacity: usize) -> Result<Self> {
        let cache = network.cache(1, options.lanes(), options.capacity())?;
        let reader = Reader::new(options, network)?;
        Ok(Self { network, options, cache, reader, tasks: (0..capacity.max(1)).map(|_| None).collect() })
    }

    fn run(mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        loop {
            self.refill(flow)?;
            if self.tasks.iter().all(Option::is_none) {
                return Ok(());
            }
            self.round(flow)?;
        }
    }

    /// Gives free slots to windows of the flow. A CPU encodes one window after the other; another device waits
    /// until a quarter of the slots is free, to encode several at once.
    fn refill(&mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        let free: Vec<usize> = (0..self.tasks.len()).filter(|slot| self.tasks[*slot].is_none()).collect();
        let one_by_one = Backend::device(self.network).is_cpu();
        if !one_by_one && free.len() < self.tasks.len() && free.len() < self.tasks.len().div_ceil(4) {
            return Ok(());
        }
        let mut free = free.into_iter();
        for chunk in free.by_ref().collect::<Vec<_>>().chunks(if one_by_one { 1 } else { self.tasks.len() }) {
            let drawn: Vec<_> = chunk.iter().map_while(|slot| Some((*slot, flow.draw()?))).collect();
            if drawn.is_empty() {
                break;
            }
            self.admit(drawn)?;
            flow.progressed();
        }
        Ok(())
    }

    fn admit(&mut self, drawn: Vec<(usize, (usize, Arc<MelWindow>))>) -> Result<()> {
        let needed = drawn.iter().map(|(slot, _)| slot + 1).max().unwrap_or_default();
        if needed > self.cache.slots() {
            self.cache.grow(needed.max(2 * self.cache.slots()).min(self.tasks.len()))?;
        }
        let windows: Vec<_> = drawn.iter().map(|(slot, (_, window))| (*slot, &**window)).collect();
        self.network.admit(&windows, &mut self.cache)?;
        for (slot, (key, window)) in drawn {
            self.tasks[slot] = Some(DecodeTask::new(key, window, self.options)?);
        }
        Ok(())
    }

    /// Feeds every row once; answers the windows that are done.
    fn round(&mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        let mut leaving = Vec::new();
        for (_, feed) in self.feeds() {
            let logits = self.network.step(&feed.rows, &feed.tokens, &mut self.cache)?;
            let mut replies = self.reader.read(&logits, &feed.queries)?.into_iter();
            for (slot, queries) in feed.slots {
                let Some(task) = &mut self.tasks[slot] else { continue };
                match task.take(replies.by_ref().take(queries).collect(), self.options)? {
                    CacheAction::Stay => {}
                    CacheAction::Clear => self.cache.clear(slot),
                    CacheAction::Reorder(from) => self.reorder(slot, from)?,
                    CacheAction::Leave => leaving.push(slot),
                }
            }
            flow.progressed();
        }
        let tasks: Vec<_> = leaving.into_iter().filter_map(|slot| Some((slot, self.tasks[slot].take()?))).collect();
        for (key, hypothesis) in alignment::hypotheses(self.network, self.options, &self.cache, tasks)? {
            flow.complete(key, hypothesis);
        }
        Ok(())
    }

    /// The next feed of every window, by the number of tokens per row.
    fn feeds(&mut self) -> BTreeMap<usize, Feed> {
        let mut feeds: BTreeMap<usize, Feed> = BTreeMap::new();
        for (slot, task) in self.tasks.iter_mut().enumerate() {
            let Some(task) = task else { continue };
            let rows = task.feeds(self.options);
            let queries = task.queries(self.options);
            let feed = feeds.entry(rows.first().map_or(0, |(_, tokens)| tokens.len())).or_default();
            let first = feed.rows.len();
            feed.slots.push((slot, queries.len()));
            feed.queries.extend(queries.into_iter().map(|(row, query)| (first + row, query)));
            for (lane, tokens) in rows {
                feed.rows.push(Row { slot, lane });
                feed.tokens.extend(tokens);
            }
        }
        feeds
    }

    /// Lanes that are not named stay as they are.
    fn reorder(&mut self, slot: usize, mut from: Vec<usize>) -> Result<()> {
        from.extend(from.len()..self.options.lanes());
        self.cache.reorder(slot, &from)
    }
}
