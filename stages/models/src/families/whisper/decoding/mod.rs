//! Decoding: the windows of a flow pass through the slots of a cache, each row independent of the others.
//!
//! ```text
//! flow -> encode -> slot: start (language, silence) -> prompt -> greedy | samples | beams -> fallback criteria -> times -> flow
//!                                                        ^------ next temperature ------<|
//! ```
//!
//! When a window is done, the next window of the flow takes its slot. Every round feeds each row in the cache once and
//! answers the logits queries of its window.

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

use candle_core::{D, DType, Device, Result, Tensor};
use kernels::probe::span;
use stage_core::Flow;

use super::network::{Backend, DecoderCache, Row, StatesObserver, Text};
use super::phone_head::PhoneHead;
use super::unit::{Hypothesis, MelWindow};
use crate::memory;

use logits::Reader;
pub(super) use options::{DecodingOptions, POSITION_S};
use sequence::LogitsQuery;
use task::{CacheAction, DecodeTask};

/// Number of slots that are made on a CPU for any amount of free memory.
const SLOTS_AT_LEAST: usize = 8;

/// The decoding interface of a network, independent of its backend.
pub(super) trait Decode: Debug + Send + Sync {
    /// The device of the network.
    fn device(&self) -> &Device;

    /// Decodes the windows of a flow until no window is in progress and none is waiting. The tokens of a window do not
    /// depend on other windows, and no window exceeds the token budget of the options.
    /// With a phone head, the hypotheses have its emissions.
    fn decode(
        &self,
        options: &DecodingOptions,
        head: Option<&PhoneHead>,
        flow: &mut dyn Flow<MelWindow, Hypothesis>,
    ) -> Result<()>;

    /// Logits (`[tokens, vocabulary]`, f32) before each token of a given text. The text follows the prompt that the
    /// window has with these options.
    fn logits_before(&self, options: &DecodingOptions, window: &MelWindow, tokens: &[u32]) -> Result<Tensor>;

    /// The hypothesis of a window whose text is given: its tokens with their log-probabilities and times.
    fn hypothesis_of(
        &self,
        options: &DecodingOptions,
        head: Option<&PhoneHead>,
        window: Arc<MelWindow>,
        tokens: &[u32],
    ) -> Result<Hypothesis>;

    /// The encoder states (`[positions, width]`, f32) of a window, including its padding.
    fn states(&self, window: &MelWindow) -> Result<Tensor>;
}

impl<B: Backend> Decode for B {
    fn device(&self) -> &Device {
        Backend::device(self)
    }

    fn decode(
        &self,
        options: &DecodingOptions,
        head: Option<&PhoneHead>,
        flow: &mut dyn Flow<MelWindow, Hypothesis>,
    ) -> Result<()> {
        Engine::new(self, options, head, flow.capacity())?.run(flow)
    }

    fn logits_before(&self, options: &DecodingOptions, window: &MelWindow, tokens: &[u32]) -> Result<Tensor> {
        let mut cache = self.cache(1, 1, options.capacity())?;
        self.admit(&[(0, window)], &mut cache, None)?;
        logits_before(self, options, window, tokens, &cache)
    }

    fn hypothesis_of(
        &self,
        options: &DecodingOptions,
        head: Option<&PhoneHead>,
        window: Arc<MelWindow>,
        tokens: &[u32],
    ) -> Result<Hypothesis> {
        let mut engine = Engine::new(self, options, head, 1)?;
        engine.admit(vec![(0, (0, Arc::clone(&window)))])?;
        let Engine { cache, mut tasks, .. } = engine;
        let logits = logits_before(self, options, &window, tokens, &cache)?;
        let logprobs = candle_nn::ops::log_softmax(&logits, D::Minus1)?.to_device(&Device::Cpu)?;
        let of_token = |(row, token): (usize, &u32)| logprobs.get(row)?.get(*token as usize)?.to_scalar();
        let logprobs = tokens.iter().enumerate().map(of_token).collect::<Result<Vec<f32>>>()?;
        let Some(mut task) = tasks[0].take() else { candle_core::bail!("the window was not admitted") };
        task.give_text(tokens.to_vec(), logprobs, options);
        let mut hypotheses = alignment::hypotheses(self, options, &cache, vec![(0, task)])?;
        Ok(hypotheses.remove(0).1)
    }

    fn states(&self, window: &MelWindow) -> Result<Tensor> {
        self.states_of(window)?.to_dtype(DType::F32)
    }
}

/// Logits before each token of a text, for the window in slot 0 of a cache.
fn logits_before<B: Backend>(
    network: &B,
    options: &DecodingOptions,
    window: &MelWindow,
    tokens: &[u32],
    cache: &B::Cache,
) -> Result<Tensor> {
    let prompt = [options.opening(&window.prompt), options.after_start(0)].concat();
    let fed = [prompt.as_slice(), &tokens[..tokens.len().saturating_sub(1)]].concat();
    let logits = network.logits(Text { slot: 0, tokens: &fed }, cache)?;
    logits.narrow(0, prompt.len() - 1, tokens.len())
}

struct Engine<'a, B: Backend> {
    network: &'a B,
    options: &'a DecodingOptions,
    head: Option<&'a PhoneHead>,
    cache: B::Cache,
    reader: Reader<'a>,
    /// The window in each slot that was used so far.
    tasks: Vec<Option<DecodeTask>>,
    /// Maximum number of slots.
    limit: usize,
}

/// A batch of rows that are fed the same number of tokens.
#[derive(Default)]
struct Feed {
    rows: Vec<Row>,
    tokens: Vec<u32>,
    /// The index of the row, and its query.
    queries: Vec<(usize, LogitsQuery)>,
    /// The slots, each with its number of queries.
    slots: Vec<(usize, usize)>,
}

impl<'a, B: Backend> Engine<'a, B> {
    /// Cache and tasks grow with the number of windows in progress, up to `capacity`.
    fn new(network: &'a B, options: &'a DecodingOptions, head: Option<&'a PhoneHead>, capacity: usize) -> Result<Self> {
        let cache = network.cache(1, options.lanes(), options.capacity())?;
        let reader = Reader::new(options, network)?;
        Ok(Self { network, options, head, cache, reader, tasks: Vec::new(), limit: capacity.max(1) })
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

    /// Assigns windows of the flow to free slots. A CPU encodes windows one by one. Other devices wait until a quarter
    /// of the slots is free, to encode several windows at once.
    fn refill(&mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        let one_by_one = Backend::device(self.network).is_cpu();
        let busy = self.tasks.iter().flatten().count();
        if !one_by_one && busy > 0 && self.limit - busy < self.limit.div_ceil(4) {
            return Ok(());
        }
        let at_once = if one_by_one { 1 } else { self.limit };
        let mut next = 0;
        loop {
            let is_free = |slot: &usize| self.tasks.get(*slot).is_none_or(Option::is_none);
            let exists = |slot: &usize| *slot < self.cache.slots();
            // A CPU makes further slots only while there is memory for them. Each is made when a window needs it.
            let may_exist = |slot: &usize| !one_by_one || *slot < SLOTS_AT_LEAST || memory::has_room();
            let free =
                (next..self.limit).filter(is_free).take(at_once).take_while(|slot| exists(slot) || may_exist(slot));
            let drawn: Vec<_> = free.map_while(|slot| Some((slot, flow.draw()?))).collect();
            let Some((last, _)) = drawn.last() else { return Ok(()) };
            next = last + 1;
            self.admit(drawn)?;
            flow.progressed();
            if !one_by_one {
                return Ok(());
            }
        }
    }

    fn admit(&mut self, drawn: Vec<(usize, (usize, Arc<MelWindow>))>) -> Result<()> {
        let needed = drawn.iter().map(|(slot, _)| slot + 1).max().unwrap_or_default();
        if needed > self.cache.slots() {
            self.cache.grow(needed, self.limit)?;
        }
        self.tasks.resize_with(needed.max(self.tasks.len()), || None);
        let windows: Vec<_> = drawn.iter().map(|(slot, (_, window))| (*slot, &**window)).collect();
        let mut emissions = vec![None; windows.len()];
        let mut recognize = self.head.map(|head| {
            |index: usize, states: &Tensor| {
                let own: &MelWindow = windows[index].1;
                emissions[index] = Some(span("phone_head", states.device(), || {
                    head.emissions(&states.narrow(0, 0, own.positions)?)
                })?);
                Ok(())
            }
        });
        let observe = recognize.as_mut().map(|recognize| recognize as &mut StatesObserver<'_>);
        self.network.admit(&windows, &mut self.cache, observe)?;
        for ((slot, (key, window)), emissions) in drawn.into_iter().zip(emissions) {
            self.tasks[slot] = Some(DecodeTask::new(key, window, emissions, self.options)?);
        }
        Ok(())
    }

    /// Feeds every row once and completes the windows that are done.
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

    /// The next feed of every window, grouped by the number of tokens per row.
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

    /// Lanes that are not listed remain unchanged.
    fn reorder(&mut self, slot: usize, mut from: Vec<usize>) -> Result<()> {
        from.extend(from.len()..self.options.lanes());
        self.cache.reorder(slot, &from)
    }
}
