//! Decoding: windows of a flow through the slots of a cache, row by row independent of each other.
//!
//! ```text
//! flow -> encode -> slot: start (language, silence) -> prompt -> greedy | samples | beams -> guards -> times -> flow
//!                                                        ^------ next temperature ------<|
//! ```
//!
//! A window that is done leaves its slot to the next one that the flow gives. Every round feeds each row in the cache
//! once and asks of its logits what its window wants to know.

mod alignment;
mod beam;
mod bounds;
mod choice;
mod device;
mod guards;
mod job;
#[cfg(test)]
pub(crate) mod judge;
mod logits;
mod rules;
mod script;
mod sequence;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use stage_core::Flow;

use crate::model::{Cache, Row, Text, Whisper};
use crate::window::{Hypothesis, MelWindow};

use job::{Job, Lane};
use logits::Reader;
pub(crate) use rules::{POSITION_S, Rules};
use sequence::Ask;

/// Decodes what the flow gives, until nothing is under way and nothing waits. No window influences another's tokens,
/// and none runs past the rules' token budget.
pub(crate) fn run(model: &Whisper, rules: &Rules, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
    Engine::new(model, rules, Reader::new(rules, model)?, flow.capacity())?.run(flow)
}

/// Logits (`[tokens, vocabulary]`) before each token of a text that is given, behind the prompt of a window that is
/// decoded with these rules.
pub(crate) fn logits_before(model: &Whisper, rules: &Rules, window: &MelWindow, tokens: &[u32]) -> Result<Tensor> {
    let prompt = [rules.opening(&window.prompt), rules.after_start(0)].concat();
    let fed = [prompt.as_slice(), &tokens[..tokens.len().saturating_sub(1)]].concat();
    let mut cache = model.cache(1, 1, fed.len())?;
    model.admit(&[(0, window)], &mut cache)?;
    let logits = model.logits(Text { slot: 0, tokens: &fed }, &cache)?;
    logits.narrow(0, prompt.len() - 1, tokens.len())
}

struct Engine<'a> {
    model: &'a Whisper,
    rules: &'a Rules,
    cache: Cache,
    reader: Reader<'a>,
    /// The window in each slot.
    jobs: Vec<Option<Job>>,
}

/// Rows that are fed as many tokens each.
#[derive(Default)]
struct Feed {
    rows: Vec<Row>,
    tokens: Vec<u32>,
    /// Index of the row, and what is asked of it.
    asks: Vec<(usize, Ask)>,
    /// The slots, and how many of the asks are each one's.
    slots: Vec<(usize, usize)>,
}

impl<'a> Engine<'a> {
    /// The cache begins with one slot and grows with the windows that are under way at once.
    fn new(model: &'a Whisper, rules: &'a Rules, reader: Reader<'a>, capacity: usize) -> Result<Self> {
        let cache = model.cache(1, rules.lanes(), rules.capacity())?;
        Ok(Self { model, rules, cache, reader, jobs: (0..capacity.max(1)).map(|_| None).collect() })
    }

    fn run(mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        loop {
            self.refill(flow)?;
            if self.jobs.iter().all(Option::is_none) {
                return Ok(());
            }
            self.round(flow)?;
        }
    }

    /// Gives free slots to windows of the flow. A processor encodes one window after the other; another device waits
    /// until a quarter of the slots is free, to encode several at once.
    fn refill(&mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        let free: Vec<usize> = (0..self.jobs.len()).filter(|slot| self.jobs[*slot].is_none()).collect();
        let one_by_one = self.model.device().is_cpu();
        if !one_by_one && free.len() < self.jobs.len() && free.len() < self.jobs.len().div_ceil(4) {
            return Ok(());
        }
        let mut free = free.into_iter();
        for chunk in free.by_ref().collect::<Vec<_>>().chunks(if one_by_one { 1 } else { self.jobs.len() }) {
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
            self.cache.grow(needed.max(2 * self.cache.slots()).min(self.jobs.len()))?;
        }
        let windows: Vec<_> = drawn.iter().map(|(slot, (_, window))| (*slot, &**window)).collect();
        self.model.admit(&windows, &mut self.cache)?;
        for (slot, (key, window)) in drawn {
            self.jobs[slot] = Some(Job::new(key, window, self.rules)?);
        }
        Ok(())
    }

    /// Feeds every row once; answers the windows that are done.
    fn round(&mut self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<()> {
        let mut leaving = Vec::new();
        for (_, feed) in self.feeds() {
            let logits = self.model.step(&feed.rows, &feed.tokens, &mut self.cache)?;
            let mut told = self.reader.read(&logits, &feed.asks)?.into_iter();
            for (slot, asks) in feed.slots {
                let Some(job) = &mut self.jobs[slot] else { continue };
                match job.take(told.by_ref().take(asks).collect(), self.rules)? {
                    Lane::Stay => {}
                    Lane::Clear => self.cache.clear(slot),
                    Lane::Reorder(from) => self.reorder(slot, from)?,
                    Lane::Leave => leaving.push(slot),
                }
            }
            flow.progressed();
        }
        let jobs: Vec<_> = leaving.into_iter().filter_map(|slot| Some((slot, self.jobs[slot].take()?))).collect();
        for (key, hypothesis) in alignment::hypotheses(self.model, self.rules, &self.cache, jobs)? {
            flow.complete(key, hypothesis);
        }
        Ok(())
    }

    /// What every window feeds next, by the number of tokens a row.
    fn feeds(&mut self) -> BTreeMap<usize, Feed> {
        let mut feeds: BTreeMap<usize, Feed> = BTreeMap::new();
        for (slot, job) in self.jobs.iter_mut().enumerate() {
            let Some(job) = job else { continue };
            let rows = job.feeds(self.rules);
            let asks = job.asks(self.rules);
            let feed = feeds.entry(rows.first().map_or(0, |(_, tokens)| tokens.len())).or_default();
            let first = feed.rows.len();
            feed.slots.push((slot, asks.len()));
            feed.asks.extend(asks.into_iter().map(|(row, ask)| (first + row, ask)));
            for (lane, tokens) in rows {
                feed.rows.push(Row { slot, lane });
                feed.tokens.extend(tokens);
            }
        }
        feeds
    }

    /// Lanes that are not named stay as they are.
    fn reorder(&mut self, slot: usize, mut from: Vec<usize>) -> Result<()> {
        from.extend(from.len()..self.rules.lanes());
        self.cache.reorder(slot, &from)
    }
}
