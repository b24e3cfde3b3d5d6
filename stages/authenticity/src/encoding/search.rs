//! The search for the offsets of frame grids, from few blocks and all offsets to many blocks and few offsets.

use super::bank::Bank;
use super::sparseness::{Groups, Weights};
use super::steps::Steps;
use super::{Block, center_and_width};

/// Blocks on which the best [`SECOND`] offsets are compared, and on which the best few are.
const SOME: usize = 24;
const SECOND: usize = 48;
const MANY: usize = 96;
/// Offsets that are compared on [`MANY`] blocks, and those that they are compared with.
const BEST: usize = 8;
const REFERENCES: usize = 40;
/// Offsets beside a strong grid, and half a frame from it, that are not those of another one.
const BESIDE: usize = 24;
const BETWEEN: usize = 4;
/// Deviations of a block count from and to this value.
const DEVIATION: (f32, f32) = (-3.0, 12.0);

/// The trace of a grid.
pub(super) struct Grid {
    pub(super) offset: usize,
    /// Deviation of the sparseness from other offsets, in standard deviations.
    pub(super) sparseness: f32,
    /// The same of the steps.
    pub(super) steps: f32,
    /// Deviation of the steps by block, and the blocks that these are.
    pub(super) blocks: Vec<f32>,
    pub(super) at: Vec<usize>,
}

impl Grid {
    pub(super) fn deviation(&self) -> f32 {
        self.sparseness + self.steps
    }
}

/// The most deviating offsets of a bank, the strongest first. All are compared on `few` blocks. If one is that of the last
/// encoding, it is the strongest, and only offsets that are not its images are beside it.
pub(super) fn grids(bank: &mut dyn Bank, blocks: &[Block], few: usize, has_own: bool) -> Vec<Grid> {
    let period = bank.period();
    let mut search = Search { steps: Steps::new(bank.band_ends()), bank, blocks };
    let all: Vec<usize> = (0..period).collect();
    let mut first = search.compare(&all, &spread(blocks.len(), few), period);
    first.truncate(SECOND);
    let second: Vec<usize> = first.iter().map(|grid| grid.offset).collect();
    let second = search.compare(&second, &spread(blocks.len(), SOME), SECOND);
    let mut best: Vec<usize> = Vec::new();
    for grid in second {
        let is_image = has_own && best.first().is_some_and(|own| is_image(*own, grid.offset, period));
        if best.len() < BEST && !is_image && best.iter().all(|other| distance(*other, grid.offset, period) > 2) {
            best.push(grid.offset);
        }
    }
    let references = (0..REFERENCES).map(|at| (at * period / REFERENCES + 11) % period);
    let references: Vec<usize> =
        references.filter(|at| best.iter().all(|other| distance(*other, *at, period) > 2)).collect();
    let offsets = [references.clone(), best].concat();
    let third = search.compare(&offsets, &spread(blocks.len(), MANY), references.len());
    third.into_iter().filter(|grid| !references.contains(&grid.offset)).collect()
}

struct Search<'a> {
    bank: &'a mut dyn Bank,
    blocks: &'a [Block],
    steps: Steps,
}

impl Search<'_> {
    /// Compares offsets on blocks with the first few of them, the strongest first.
    fn compare(&mut self, offsets: &[usize], at: &[usize], references: usize) -> Vec<Grid> {
        let period = self.bank.period();
        let mut groups = vec![Groups::NONE; offsets.len()];
        let mut by_block = vec![vec![0.0; at.len()]; offsets.len()];
        for (column, block) in at.iter().map(|at| &self.blocks[*at]).enumerate() {
            let local: Vec<usize> = offsets.iter().map(|offset| block.local(*offset, period)).collect();
            self.bank.frames(&block.samples, &local, &mut |index, coefficients| {
                groups[index].add(coefficients);
                by_block[index][column] = self.steps.of(coefficients);
            });
            let values: Vec<f32> = by_block[..references].iter().map(|row| row[column]).collect();
            let (center, width) = center_and_width(&values);
            for row in &mut by_block {
                row[column] = ((row[column] - center) / width).clamp(DEVIATION.0, DEVIATION.1);
            }
        }
        let weights = Weights::of(&groups[..references].iter().collect::<Vec<_>>());
        let sparseness: Vec<f32> = groups.iter().map(|groups| weights.deviation(groups)).collect();
        let steps: Vec<f32> = by_block.iter().map(|row| row.iter().sum()).collect();
        let (sparseness, steps) = (standard(&sparseness, references), standard(&steps, references));
        let traces = offsets.iter().zip(by_block).zip(sparseness.into_iter().zip(steps));
        let mut grids: Vec<Grid> = traces
            .map(|((offset, blocks), (sparseness, steps))| Grid {
                offset: *offset,
                sparseness,
                steps,
                blocks,
                at: at.to_vec(),
            })
            .collect();
        grids.sort_by(|a, b| b.deviation().total_cmp(&a.deviation()));
        grids
    }
}

/// Values in standard deviations of the first few of them.
fn standard(values: &[f32], references: usize) -> Vec<f32> {
    let (center, width) = center_and_width(&values[..references]);
    values.iter().map(|value| (value - center) / width).collect()
}

/// Whether an offset is beside a strong grid, or half a frame from it, where a weak image of it is.
pub(super) fn is_image(of: usize, offset: usize, period: usize) -> bool {
    distance(of, offset, period) <= BESIDE || distance((of + period / 2) % period, offset, period) <= BETWEEN
}

/// Samples between two offsets of a grid.
pub(super) fn distance(a: usize, b: usize, period: usize) -> usize {
    let apart = a.abs_diff(b);
    apart.min(period - apart)
}

/// `count` of `all` indices, evenly spread.
fn spread(all: usize, count: usize) -> Vec<usize> {
    (0..count.min(all)).map(|at| at * all / count.min(all)).collect()
}
