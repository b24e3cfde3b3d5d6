//! The recurrent part of Silero VAD: converts features to speech probabilities, frame by frame.

use candle_core::Tensor;
use candle_nn::VarBuilder;
use kernels::{LstmCell, LstmState};

use super::HIDDEN;

/// The LSTM cell and the output layer.
#[derive(Debug)]
pub(super) struct Decoder {
    /// `[128, 512]`: features times this matrix are the gates.
    from_input: Tensor,
    /// The sum of both biases, `[512]`.
    bias: Tensor,
    cell: LstmCell,
    output: Vec<f32>,
    output_bias: f32,
}

impl Decoder {
    pub(super) fn load(tensors: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let (cell, last) = (tensors.pp("lstm_cell"), tensors.pp("final_conv"));
        let shape = (4 * HIDDEN, HIDDEN);
        Ok(Self {
            from_input: cell.get(shape, "weight_ih")?.t()?.contiguous()?,
            bias: (cell.get(4 * HIDDEN, "bias_ih")? + cell.get(4 * HIDDEN, "bias_hh")?)?,
            cell: LstmCell::new(&cell.get(shape, "weight_hh")?.flatten_all()?.to_vec1::<f32>()?, HIDDEN),
            output: last.get((1, HIDDEN, 1), "weight")?.flatten_all()?.to_vec1()?,
            output_bias: last.get(1, "bias")?.to_vec1::<f32>()?[0],
        })
    }

    /// The state before the first frame of a channel.
    pub(super) fn start(&self) -> LstmState {
        self.cell.start()
    }

    /// Computes the probabilities of the next n frames from their features `[n, 128]`. One matrix product computes the
    /// gates' input part for all frames.
    pub(super) fn forward(&self, features: &Tensor, state: &mut LstmState) -> candle_core::Result<Vec<f32>> {
        let gates = features.matmul(&self.from_input)?.broadcast_add(&self.bias)?.flatten_all()?;
        let step = |gates: &mut [f32]| {
            self.cell.step(gates, state);
            self.probability(state.hidden())
        };
        Ok(gates.to_vec1::<f32>()?.chunks_exact_mut(4 * HIDDEN).map(step).collect())
    }

    fn probability(&self, hidden: &[f32]) -> f32 {
        let logit = self.output.iter().zip(hidden).map(|(w, h)| w * h.max(0.0)).sum::<f32>() + self.output_bias;
        1.0 / (1.0 + (-logit).exp())
    }
}
