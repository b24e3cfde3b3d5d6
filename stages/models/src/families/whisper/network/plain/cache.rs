//! The keys and values of windows and hypotheses, in one tensor per layer.

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::families::whisper::network::{DecoderCache, Row};

/// Keys and values of a window's states in every decoder layer, each `[1, heads, positions, width of a head]`.
#[derive(Debug)]
pub(super) struct Audio(pub(super) Vec<(Tensor, Tensor)>);

/// The windows in the slots, each with its hypotheses in lanes.
#[derive(Debug)]
pub(in crate::families::whisper) struct Cache {
    pub(super) layers: Vec<Layer>,
    /// Number of tokens in every lane, slot by slot.
    lens: Vec<usize>,
    pub(super) slots: usize,
    pub(super) lanes: usize,
    shape: Shape,
}

/// The keys and values of one layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// For tokens: `[slots * lanes * heads * tokens, width of a head]`. Every lane is filled from its beginning.
    tokens: (Tensor, Tensor),
    /// For windows: `[slots, heads, positions, width of a head]`. Allocated with the first window.
    audio: Option<(Tensor, Tensor)>,
}

#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) head_width: usize,
    pub(super) tokens: usize,
    pub(super) dtype: DType,
    pub(super) device: Device,
}

impl Cache {
    pub(super) fn new(shape: Shape, slots: usize, lanes: usize) -> Result<Self> {
        let Shape { layers, heads, head_width, tokens, dtype, ref device } = shape;
        let room = || Tensor::zeros((slots * lanes * heads * tokens, head_width), dtype, device);
        let layer = |_| Ok(Layer { tokens: (room()?, room()?), audio: None });
        let layers = (0..layers).map(layer).collect::<Result<_>>()?;
        Ok(Self { layers, lens: vec![0; slots * lanes], slots, lanes, shape })
    }

    pub(super) const fn index(&self, row: Row) -> usize {
        row.slot * self.lanes + row.lane
    }

    pub(super) fn extend(&mut self, rows: &[Row], n: usize) {
        for row in rows {
            let index = self.index(*row);
            self.lens[index] += n;
        }
    }

    pub(super) fn admit(&mut self, slot: usize, audio: &Audio) -> Result<()> {
        self.clear(slot);
        let slots = self.slots;
        for (layer, (keys, values)) in self.layers.iter_mut().zip(&audio.0) {
            let (_, heads, positions, width) = keys.dims4()?;
            let room = || Tensor::zeros((slots, heads, positions, width), keys.dtype(), keys.device());
            let (all_keys, all_values) = match &mut layer.audio {
                Some(audio) => audio,
                none => none.insert((room()?, room()?)),
            };
            all_keys.slice_set(keys, 0, slot)?;
            all_values.slice_set(values, 0, slot)?;
        }
        Ok(())
    }

    /// The locations of the rows' new tokens: an index for [`Layer::append`].
    pub(super) fn places(&self, rows: &[Row], n: usize) -> Result<Tensor> {
        let Shape { heads, head_width, tokens, device, .. } = &self.shape;
        let of_head = |row: Row, head: usize| {
            let first = (self.index(row) * heads + head) * tokens + self.row_len(row);
            (first..first + n).map(|place| place as u32)
        };
        let places: Vec<_> =
            rows.iter().flat_map(|row| (0..*heads).flat_map(move |head| of_head(*row, head))).collect();
        Tensor::new(places, device)?.unsqueeze(1)?.broadcast_as((rows.len() * heads * n, *head_width))?.contiguous()
    }

    /// The keys and values of the first `len` tokens of the rows in a layer, each `[rows, heads, len, width of a
    /// head]`.
    pub(super) fn tokens(&self, layer: usize, rows: &[Row], len: usize) -> Result<(Tensor, Tensor)> {
        let Shape { heads, head_width, tokens, device, .. } = &self.shape;
        let indices: Vec<_> = rows.iter().map(|row| self.index(*row) as u32).collect();
        let all_in_order = indices.len() == self.lens.len() && indices.is_sorted();
        let select = |all: &Tensor| {
            let all = all.reshape((self.lens.len(), *heads, *tokens, *head_width))?.narrow(2, 0, len)?;
            if all_in_order {
                return Ok(all);
            }
            all.contiguous()?.index_select(&Tensor::new(indices.as_slice(), device)?, 0)
        };
        let (keys, values) = &self.layers[layer].tokens;
        Ok((select(keys)?, select(values)?))
    }

    /// The keys and values of all windows in a layer.
    pub(super) fn audio(&self, layer: usize) -> Result<(&Tensor, &Tensor)> {
        match &self.layers[layer].audio {
            Some((keys, values)) => Ok((keys, values)),
            None => bail!("all slots are empty"),
        }
    }

    pub(super) fn row_len(&self, row: Row) -> usize {
        self.lens[self.index(row)]
    }
}

impl DecoderCache for Cache {
    fn slots(&self) -> usize {
        self.slots
    }

    fn grow(&mut self, needed: usize, limit: usize) -> Result<()> {
        let slots = needed.max((2 * self.slots()).min(limit));
        let more = |tensor: &mut Tensor| -> Result<()> {
            *tensor = grown(tensor, tensor.dim(0)? / self.slots * slots)?;
            Ok(())
        };
        for Layer { tokens: (keys, values), audio } in &mut self.layers {
            more(keys)?;
            more(values)?;
            if let Some((keys, values)) = audio {
                more(keys)?;
                more(values)?;
            }
        }
        self.slots = slots;
        self.lens.resize(slots * self.lanes, 0);
        Ok(())
    }

    fn clear(&mut self, slot: usize) {
        self.lens[slot * self.lanes..][..self.lanes].fill(0);
    }

    fn reorder(&mut self, slot: usize, from: &[usize]) -> Result<()> {
        let lane_len = self.shape.heads * self.shape.tokens;
        let first = slot * self.lanes;
        let sources: Vec<u32> = from
            .iter()
            .flat_map(|lane| ((first + lane) * lane_len) as u32..((first + lane + 1) * lane_len) as u32)
            .collect();
        let sources = Tensor::new(sources, &self.shape.device)?;
        for layer in &self.layers {
            for tensor in [&layer.tokens.0, &layer.tokens.1] {
                tensor.slice_set(&tensor.index_select(&sources, 0)?, 0, first * lane_len)?;
            }
        }
        let lens: Vec<_> = from.iter().map(|lane| self.lens[first + lane]).collect();
        self.lens[first..][..lens.len()].copy_from_slice(&lens);
        Ok(())
    }

    #[cfg(test)]
    fn len(&self, row: Row) -> usize {
        self.row_len(row)
    }
}

/// Appends rows of zeros to a tensor, up to `rows` in total.
pub(in crate::families::whisper::network) fn grown(tensor: &Tensor, rows: usize) -> Result<Tensor> {
    let shape = [&[rows], &tensor.dims()[1..]].concat();
    let grown = Tensor::zeros(shape, tensor.dtype(), tensor.device())?;
    grown.slice_set(tensor, 0, 0)?;
    Ok(grown)
}

impl Layer {
    /// Writes keys and values of new tokens, each `[rows, heads, n, width of a head]`, to `places`.
    pub(super) fn append(&self, (keys, values): &(Tensor, Tensor), places: &Tensor) -> Result<()> {
        let (_, width) = places.dims2()?;
        self.tokens.0.scatter_set(places, &keys.contiguous()?.reshape(((), width))?, 0)?;
        self.tokens.1.scatter_set(places, &values.contiguous()?.reshape(((), width))?, 0)
    }
}
