//! One step of a long short-term memory (S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation
//! 9(8), 1997), which cannot be batched over time, because each step needs the state of the previous one: of one sequence
//! ([`LstmCell`]), or of a batch of sequences ([`LstmLayer`]).

use crate::isa::multiversion;
use crate::math::exp;
use crate::scratch::Scratch;
use crate::{CpuPrecision, Epilogue, Isa, Linear, Rows};

/// Number of gates whose sums stay in registers while the hidden state is read: four vectors.
const BLOCK: usize = 64;

/// The recurrent part of an LSTM cell, with PyTorch's order of gates: input, forget, cell, output.
///
/// ```
/// use kernels::LstmCell;
///
/// // Without recurrent weights, the gates alone determine the state.
/// let cell = LstmCell::new(&[0.0; 4 * 16 * 16], 16);
/// let mut state = cell.start();
/// cell.step(&mut [5.0; 64], &mut state);
/// assert!(state.hidden().iter().all(|output| (0.7..0.8).contains(output)));
/// ```
#[derive(Debug)]
pub struct LstmCell {
    hidden: usize,
    /// Blocks of [`BLOCK`] gates; each block has a row for every unit of the hidden state.
    weight: Vec<f32>,
    isa: Isa,
}

/// The state of a cell: a number for each unit, initially zero.
#[derive(Debug, Clone)]
pub struct LstmState {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl LstmState {
    /// The output of the last step.
    #[must_use]
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }
}

impl LstmCell {
    /// Packs `weight_hh`, `[4 hidden, hidden]`.
    ///
    /// # Panics
    /// The number of weights is wrong, or `hidden` is not a positive multiple of 16.
    #[must_use]
    pub fn new(weight: &[f32], hidden: usize) -> Self {
        Self::with_isa(Isa::detect(), weight, hidden)
    }

    /// As [`LstmCell::new`], with the given instruction set.
    ///
    /// # Panics
    /// As [`LstmCell::new`].
    #[must_use]
    pub fn with_isa(isa: Isa, weight: &[f32], hidden: usize) -> Self {
        assert_eq!(weight.len(), 4 * hidden * hidden, "four gates for each unit");
        assert!(hidden > 0 && (4 * hidden).is_multiple_of(BLOCK), "whole blocks of gates");
        let blocks = weight.chunks_exact(BLOCK * hidden);
        let packed = blocks.flat_map(|block| {
            (0..hidden).flat_map(move |unit| (0..BLOCK).map(move |gate| block[gate * hidden + unit]))
        });
        Self { hidden, weight: packed.collect(), isa }
    }

    /// The state before the first step.
    #[must_use]
    pub fn start(&self) -> LstmState {
        LstmState { hidden: vec![0.0; self.hidden], cell: vec![0.0; self.hidden] }
    }

    /// Computes one step. `gates` (`[4 hidden]`) contains the contribution of the input and both biases; it is
    /// overwritten.
    ///
    /// # Panics
    /// `gates` or `state` has the wrong size.
    pub fn step(&self, gates: &mut [f32], state: &mut LstmState) {
        assert_eq!((gates.len(), state.hidden.len()), (4 * self.hidden, self.hidden), "the cell's own size");
        add_product(self.isa, &self.weight, &state.hidden, gates);
        remember(self.isa, gates, &mut state.cell, &mut state.hidden);
    }
}

/// A layer that computes steps of many sequences at once, in f32 and with PyTorch's order of gates. A step runs on the
/// calling thread; callers distribute batches over threads. The states of a sequence do not depend on its batch.
///
/// ```
/// use kernels::{LstmLayer, Rows};
///
/// let layer = LstmLayer::new(&[0.5; 4 * 16 * 2], &[0.0; 4 * 16 * 16], &[0.0; 4 * 16], 2);
/// let mut batch = layer.start(3);
/// layer.step(Rows::dense(&[1.0, 1.0, /**/ 0.0, 0.0, /**/ 1.0, 1.0], 2), &mut batch);
/// let [first, second, third] = [0, 1, 2].map(|row| batch.hidden()[16 * row]);
/// assert!(first > 0.3 && second == 0.0 && first == third);
/// ```
#[derive(Debug)]
pub struct LstmLayer {
    hidden: usize,
    from_input: Linear,
    recurrent: Linear,
    isa: Isa,
}

/// The states of a batch of sequences in one layer.
#[derive(Debug, Clone)]
pub struct LstmBatch {
    state: LstmState,
    gates: Vec<f32>,
}

impl LstmBatch {
    /// The outputs of the last step, `[sequences, hidden]`.
    #[must_use]
    pub fn hidden(&self) -> &[f32] {
        &self.state.hidden
    }
}

impl LstmLayer {
    /// Packs `weight_ih` (`[4 hidden, inputs]`), `weight_hh` (`[4 hidden, hidden]`) and the sum of both biases
    /// (`[4 hidden]`).
    ///
    /// # Panics
    /// The lengths do not fit each other.
    #[must_use]
    pub fn new(weight_ih: &[f32], weight_hh: &[f32], bias: &[f32], inputs: usize) -> Self {
        Self::with_isa(Isa::detect(), weight_ih, weight_hh, bias, inputs)
    }

    /// As [`LstmLayer::new`], with the given instruction set.
    ///
    /// # Panics
    /// As [`LstmLayer::new`].
    #[must_use]
    pub fn with_isa(isa: Isa, weight_ih: &[f32], weight_hh: &[f32], bias: &[f32], inputs: usize) -> Self {
        let hidden = bias.len() / 4;
        let lengths = (4 * hidden * inputs, 4 * hidden * hidden);
        assert_eq!((weight_ih.len(), weight_hh.len()), lengths, "four gates for each unit");
        let from_input = Linear::with_isa(isa, weight_ih, Some(bias), inputs, CpuPrecision::F32);
        let recurrent = Linear::with_isa(isa, weight_hh, None, hidden, CpuPrecision::F32);
        Self { hidden, from_input, recurrent, isa }
    }

    /// The states of a number of sequences before the first step.
    #[must_use]
    pub fn start(&self, sequences: usize) -> LstmBatch {
        let zeros = vec![0.0; sequences * self.hidden];
        LstmBatch { gates: vec![0.0; 4 * zeros.len()], state: LstmState { hidden: zeros.clone(), cell: zeros } }
    }

    /// Computes one step from the next input of each sequence.
    ///
    /// # Panics
    /// The batch has another number of sequences than `x` has rows.
    pub fn step(&self, x: Rows<'_>, batch: &mut LstmBatch) {
        let LstmBatch { state: LstmState { hidden, cell }, gates } = batch;
        Scratch::with(|scratch| {
            self.from_input.block(x, None, Epilogue::Store, gates, scratch);
            self.recurrent.block(Rows::dense(hidden, self.hidden), None, Epilogue::Add, gates, scratch);
        });
        let states = cell.chunks_exact_mut(self.hidden).zip(hidden.chunks_exact_mut(self.hidden));
        for (gates, (cell, hidden)) in gates.chunks_exact(4 * self.hidden).zip(states) {
            remember(self.isa, gates, cell, hidden);
        }
    }
}

multiversion! {
    /// Adds to each gate its weights times the hidden state.
    fn add_product(weight: &[f32], hidden: &[f32], gates: &mut [f32]) {
        for (gates, block) in gates.chunks_exact_mut(BLOCK).zip(weight.chunks_exact(BLOCK * hidden.len())) {
            let mut sums = [0.0f32; BLOCK];
            for (h, row) in hidden.iter().zip(block.chunks_exact(BLOCK)) {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += h * weight;
                }
            }
            gates.iter_mut().zip(sums).for_each(|(gate, sum)| *gate += sum);
        }
    }
}

multiversion! {
    fn remember(gates: &[f32], cell: &mut [f32], hidden: &mut [f32]) {
        let (first, last) = gates.split_at(2 * hidden.len());
        let ((input, forget), (new, output)) = (first.split_at(hidden.len()), last.split_at(hidden.len()));
        let width = input.iter().zip(forget).zip(new.iter().zip(output)).zip(cell.iter_mut().zip(hidden));
        for (((input, forget), (new, output)), (cell, hidden)) in width {
            *cell = sigmoid(*forget) * *cell + sigmoid(*input) * tanh(*new);
            *hidden = sigmoid(*output) * tanh(*cell);
        }
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent with an absolute error of 2e-7; small values have a larger relative error.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from -1 to 1.
    fn numbers(count: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// The step as defined in the literature, in double precision.
    fn plain(weight: &[f32], gates: &[f32], hidden: &mut [f64], cell: &mut [f64]) {
        let width = hidden.len();
        let gate = |at: usize| -> f64 {
            let row = weight[at * width..(at + 1) * width].iter();
            f64::from(gates[at]) + row.zip(hidden.iter()).map(|(w, h)| f64::from(*w) * h).sum::<f64>()
        };
        let sums: Vec<f64> = (0..4 * width).map(gate).collect();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for unit in 0..width {
            let [input, forget, new, output] = [0, 1, 2, 3].map(|kind| sums[kind * width + unit]);
            cell[unit] = sigmoid(forget) * cell[unit] + sigmoid(input) * new.tanh();
            hidden[unit] = sigmoid(output) * cell[unit].tanh();
        }
    }

    #[test]
    fn lstm_steps_agree_with_double_precision() {
        for isa in Isa::available() {
            for width in [16, 128] {
                let weight = numbers(4 * width * width, 5);
                let cell = LstmCell::with_isa(isa, &weight, width);
                let mut state = cell.start();
                let (mut hidden, mut remembered) = (vec![0.0; width], vec![0.0; width]);
                for step in 0..100 {
                    let mut gates: Vec<f32> = numbers(4 * width, step).into_iter().map(|x| 3.0 * x).collect();
                    plain(&weight, &gates, &mut hidden, &mut remembered);
                    cell.step(&mut gates, &mut state);
                    // Rounding grows in a recurrent network: each step begins from the same state.
                    let worst = state.hidden.iter().zip(&hidden).map(|(a, b)| (f64::from(*a) - b).abs());
                    assert!(worst.fold(0.0, f64::max) < 5e-6, "{isa:?}, {width} width, step {step}");
                    state.hidden = hidden.iter().map(|x| *x as f32).collect();
                    state.cell = remembered.iter().map(|x| *x as f32).collect();
                }
            }
        }
    }

    #[test]
    fn lstm_layers_step_every_sequence_like_a_cell() {
        const WIDTH: usize = 64;
        for isa in Isa::available() {
            let (ih, hh) = (numbers(4 * WIDTH * 5, 1), numbers(4 * WIDTH * WIDTH, 2));
            let bias = numbers(4 * WIDTH, 3);
            let layer = LstmLayer::with_isa(isa, &ih, &hh, &bias, 5);
            let cell = LstmCell::with_isa(isa, &hh, WIDTH);
            let (mut batch, mut states) = (layer.start(7), vec![cell.start(); 7]);
            for step in 0..4 {
                let x = numbers(7 * 5, step);
                layer.step(Rows::dense(&x, 5), &mut batch);
                for (row, state) in states.iter_mut().enumerate() {
                    let product = |gate: usize| (0..5).map(|at| ih[gate * 5 + at] * x[row * 5 + at]).sum::<f32>();
                    let mut gates: Vec<f32> = (0..4 * WIDTH).map(|gate| bias[gate] + product(gate)).collect();
                    cell.step(&mut gates, state);
                    let found = batch.hidden()[row * WIDTH..][..WIDTH].iter().zip(state.hidden());
                    let worst = found.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(worst < 1e-4, "{isa:?}, row {row}, step {step}: {worst}");
                }
            }
        }
    }

    #[test]
    fn gates_far_out_are_shut_or_open() {
        let cell = LstmCell::new(&vec![0.0; 4 * 16 * 16], 16);
        let mut state = cell.start();
        cell.step(&mut [[200.0; 16], [-200.0; 16], [200.0; 16], [200.0; 16]].concat(), &mut state);
        assert!(state.hidden.iter().all(|h| (h - 1f32.tanh()).abs() < 1e-6), "{:?}", state.hidden);
        cell.step(&mut [[-200.0; 16], [-200.0; 16], [200.0; 16], [200.0; 16]].concat(), &mut state);
        assert!(state.hidden.iter().all(|h| h.abs() < 1e-6), "{:?}", state.hidden);
    }
}
