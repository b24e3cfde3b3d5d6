//! Position embeddings by a grouped convolution over the frames. Its weights are stored as direction and norm.

use candle_core::{Result, Tensor};
use kernels::{CpuPrecision, Epilogue, Linear, Rows};

use rayon::prelude::*;

use super::model_config::Wav2Vec2Config;
use super::tensors::{NEWER, OLDER};
use crate::weights::{LayerWeights, Tensors, vector};

/// The convolution, with one layer per group of channels.
#[derive(Debug)]
pub(super) struct Positions {
    groups: Vec<Linear>,
    taps: usize,
}

impl Positions {
    /// Reads `pos_conv_embed.conv`. The weight's direction and norm may have either of torch's names.
    pub(super) fn new(tensors: &Tensors<'_>, config: &Wav2Vec2Config) -> Result<Self> {
        let (hidden, taps) = (config.hidden_size, config.num_conv_pos_embeddings);
        let width = hidden / config.num_conv_pos_embedding_groups;
        let [norm, direction] = if tensors.contains(OLDER[0]) { OLDER } else { NEWER };
        let norm = tensors.tensor(norm, &[1, 1, taps])?;
        let direction = tensors.tensor(direction, &[hidden, width, taps])?;
        let weight = weight(&direction, &norm)?;
        let bias = vector(tensors, "bias", hidden)?;
        let group = |(weight, bias): (&[f32], &[f32])| {
            LayerWeights::new(weight.to_vec(), bias.to_vec(), taps * width).pack(CpuPrecision::F32)
        };
        let groups = weight.chunks_exact(width * taps * width).zip(bias.chunks_exact(width)).map(group).collect();
        Ok(Self { groups, taps })
    }

    /// Adds the position embeddings to the frames of one window (`[frames, hidden]`).
    pub(super) fn add(&self, x: &mut [f32]) {
        let width = self.groups.first().map_or(1, Linear::outputs);
        let hidden = width * self.groups.len();
        let frames = x.len() / hidden;
        let convolve = |(index, group): (usize, &Linear)| {
            let mut padded = vec![0.0; (frames + self.taps) * width];
            let inside = padded[self.taps / 2 * width..].chunks_exact_mut(width);
            for (to, from) in inside.zip(x.chunks_exact(hidden)) {
                to.copy_from_slice(&from[index * width..][..width]);
            }
            let mut out = vec![0.0; frames * width];
            group.forward(Rows { values: &padded, stride: width, count: frames }, None, Epilogue::Gelu, &mut out);
            out
        };
        let groups: Vec<Vec<f32>> = self.groups.par_iter().enumerate().map(convolve).collect();
        for (index, group) in groups.iter().enumerate() {
            for (to, from) in x.chunks_exact_mut(hidden).zip(group.chunks_exact(width)) {
                to[index * width..][..width].iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
    }
}

/// Scales `direction` (`[outputs, inputs, taps]`) to the given norm of each tap. Returns `[outputs, taps, inputs]`.
fn weight(direction: &Tensor, norm: &Tensor) -> Result<Vec<f32>> {
    let length = direction.sqr()?.sum_keepdim((0, 1))?.sqrt()?;
    let weight = direction.broadcast_mul(&norm.div(&length)?)?;
    weight.transpose(1, 2)?.contiguous()?.flatten_all()?.to_vec1()
}
