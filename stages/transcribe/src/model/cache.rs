//! What the decoder keeps: of every slot's window the keys and values of the encoder's states, of every lane those of
//! its tokens.

use candle_core::{Result, Tensor};

use super::Row;

/// Keys and values of one layer, each `[1, heads, n, width of a head]`.
pub(super) type KeysAndValues = (Tensor, Tensor);

/// What cross-attention needs of one window: keys and values of every decoder layer.
#[derive(Debug)]
pub(crate) struct Audio(pub(super) Vec<KeysAndValues>);

/// Room for several windows (slots) with several hypotheses (lanes) each.
#[derive(Debug)]
pub(crate) struct Cache {
    slots: Vec<Slot>,
    /// Most tokens of a lane.
    tokens: usize,
}

#[derive(Debug)]
struct Slot {
    audio: Option<Audio>,
    lanes: Vec<Lane>,
}

/// The tokens of one hypothesis.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    pub(super) len: usize,
    /// By layer; empty before the first token.
    pub(super) layers: Vec<KeysAndValues>,
}

impl Cache {
    pub(super) fn new(slots: usize, lanes: usize, tokens: usize) -> Self {
        let slot = || Slot { audio: None, lanes: vec![Lane::default(); lanes] };
        Self { slots: (0..slots).map(|_| slot()).collect(), tokens }
    }

    /// Gives a slot to a window; its lanes are empty.
    pub(crate) fn admit(&mut self, slot: usize, audio: Audio) -> Result<()> {
        self.clear(slot);
        self.slots[slot].audio = Some(audio);
        Ok(())
    }

    /// Forgets the tokens of all lanes, to decode the window again.
    pub(crate) fn clear(&mut self, slot: usize) {
        self.slots[slot].lanes.fill(Lane::default());
    }

    /// Lane `i` goes on from what lane `from[i]` had.
    pub(crate) fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        let lanes = &mut self.slots[slot].lanes;
        let taken: Vec<Lane> = from.iter().map(|lane| lanes[*lane].clone()).collect();
        lanes.iter_mut().zip(taken).for_each(|(lane, taken)| *lane = taken);
        Ok(())
    }

    /// Tokens that a row has so far.
    #[cfg(test)]
    pub(crate) fn len(&self, row: Row) -> usize {
        self.lane(row).len
    }

    pub(super) fn lane(&self, row: Row) -> &Lane {
        &self.slots[row.slot].lanes[row.lane]
    }

    pub(super) fn put(&mut self, row: Row, lane: Lane) -> Result<()> {
        if lane.len > self.tokens {
            candle_core::bail!("a row of {} tokens, the cache has room for {}", lane.len, self.tokens);
        }
        self.slots[row.slot].lanes[row.lane] = lane;
        Ok(())
    }

    pub(super) fn audio(&self, slot: usize) -> Result<&Audio> {
        let missing = || candle_core::Error::msg("a slot without a window");
        self.slots[slot].audio.as_ref().ok_or_else(missing)
    }
}
