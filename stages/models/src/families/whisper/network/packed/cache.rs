//! The keys and values of windows and hypotheses.

use candle_core::{Result, bail};
use kernels::{CpuPrecision, KvCache};

use crate::families::whisper::network::{DecoderCache, Row};

/// Keys and values of a window's states in every decoder layer.
#[derive(Debug)]
pub(super) struct Audio(pub(super) Vec<KvCache>);

/// Keys and values of a hypothesis's tokens in every decoder layer.
type LaneCache = Vec<KvCache>;

/// The windows in the slots, each with its hypotheses in lanes.
#[derive(Debug)]
pub(in crate::families::whisper) struct Cache {
    slots: Vec<Slot>,
    shape: Shape,
    lanes: usize,
    tokens: usize,
}

#[derive(Debug)]
struct Slot {
    audio: Option<Audio>,
    lanes: Vec<LaneCache>,
}

/// The dimensions of a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) head_width: usize,
    pub(super) precision: CpuPrecision,
}

impl Shape {
    pub(super) fn lane(self, tokens: usize) -> LaneCache {
        let layer = |_| KvCache::new(self.heads, self.head_width, tokens, self.precision);
        (0..self.layers).map(layer).collect()
    }
}

impl Cache {
    pub(super) fn new(shape: Shape, slots: usize, lanes: usize, tokens: usize) -> Self {
        let mut cache = Self { slots: Vec::new(), shape, lanes, tokens };
        cache.make_slots(slots);
        cache
    }

    pub(super) fn audio(&self, slot: usize) -> Result<&Audio> {
        let Some(audio) = &self.slots[slot].audio else { bail!("slot {slot} is empty") };
        Ok(audio)
    }

    pub(super) fn lane(&self, row: Row) -> &LaneCache {
        &self.slots[row.slot].lanes[row.lane]
    }

    pub(super) fn lane_mut(&mut self, row: Row) -> &mut LaneCache {
        &mut self.slots[row.slot].lanes[row.lane]
    }

    pub(super) fn admit(&mut self, slot: usize, audio: Audio) {
        self.slots[slot].audio = Some(audio);
        self.clear(slot);
    }

    fn make_slots(&mut self, slots: usize) {
        let Self { shape, lanes, tokens, .. } = *self;
        let slot = || Slot { audio: None, lanes: (0..lanes).map(|_| shape.lane(tokens)).collect() };
        self.slots.resize_with(slots, slot);
    }

    pub(super) fn row_len(&self, row: Row) -> usize {
        self.lane(row).first().map_or(0, KvCache::len)
    }
}

impl DecoderCache for Cache {
    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn grow(&mut self, needed: usize, _limit: usize) -> Result<()> {
        self.make_slots(needed);
        Ok(())
    }

    fn clear(&mut self, slot: usize) {
        self.slots[slot].lanes.iter_mut().flatten().for_each(|layer| layer.truncate(0));
    }

    /// Lane `i` continues with the contents of lane `from[i]`. The first lane that continues another one takes over its
    /// buffers; only further lanes copy them.
    fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        let lanes = &mut self.slots[slot].lanes;
        let mut old: Vec<_> = std::mem::take(lanes).into_iter().map(Some).collect();
        let mut heirs: Vec<Option<LaneCache>> = from.iter().map(|&source| old[source].take()).collect();
        let mut free = old.into_iter().flatten();
        let first_heir = |source: usize| from.iter().position(|&other| other == source).expect("a source of its own");
        for heir in 0..from.len() {
            if heirs[heir].is_none() {
                let mut lane = free.next().expect("as many lanes as before");
                let source = heirs[first_heir(from[heir])].as_ref().expect("the first heir took it over");
                lane.iter_mut().zip(source).for_each(|(to, from)| to.copy_from(from));
                heirs[heir] = Some(lane);
            }
        }
        lanes.extend(heirs.into_iter().flatten().chain(free));
        Ok(())
    }

    #[cfg(test)]
    fn len(&self, row: Row) -> usize {
        self.row_len(row)
    }
}
