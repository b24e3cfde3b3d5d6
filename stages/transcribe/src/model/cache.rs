//! What the decoder keeps of a batch: the keys and values of the tokens so far and of the encoder's states.

use candle_core::{DType, Device, Result, Tensor};

/// Keys and values of every decoder layer for the rows of a batch.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(super) layers: Vec<LayerCache>,
    /// Tokens so far, the same for every row.
    pub(super) len: usize,
}

/// Keys and values of one layer, each `[batch, heads, n, width of a head]`.
#[derive(Debug)]
pub(super) struct LayerCache {
    /// Of the tokens: allocated once, filled from the front.
    tokens: (Tensor, Tensor),
    /// Of the encoder's states: computed once.
    pub(super) audio: (Tensor, Tensor),
}

impl LayerCache {
    /// An empty cache for `capacity` tokens beside the given keys and values of the encoder's states.
    pub(super) fn new(audio: (Tensor, Tensor), capacity: usize) -> Result<Self> {
        let (batch, heads, _, width) = audio.0.dims4()?;
        let room = |device: &Device| Tensor::zeros((batch, heads, capacity, width), DType::F32, device);
        Ok(Self { tokens: (room(audio.0.device())?, room(audio.0.device())?), audio })
    }

    /// Writes keys and values of new tokens after the first `len` and returns those of all tokens so far.
    pub(super) fn append(&self, (keys, values): &(Tensor, Tensor), len: usize) -> Result<(Tensor, Tensor)> {
        let n = len + keys.dim(2)?;
        self.tokens.0.slice_set(&keys.contiguous()?, 2, len)?;
        self.tokens.1.slice_set(&values.contiguous()?, 2, len)?;
        Ok((self.tokens.0.narrow(2, 0, n)?, self.tokens.1.narrow(2, 0, n)?))
    }
}

impl Cache {
    /// Keeps the given rows, in the given order, and forgets the others.
    pub(crate) fn keep(&mut self, rows: &[u32]) -> Result<()> {
        for layer in &mut self.layers {
            let index = Tensor::new(rows, layer.audio.0.device())?;
            for tensor in [&mut layer.tokens.0, &mut layer.tokens.1, &mut layer.audio.0, &mut layer.audio.1] {
                *tensor = tensor.index_select(&index, 0)?;
            }
        }
        Ok(())
    }
}
