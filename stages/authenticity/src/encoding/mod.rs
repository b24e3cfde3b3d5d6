//! Traces of an earlier AAC or MP3 encoding. An encoder quantizes the coefficients of its filter bank, many to zero. If the
//! decoded sound is split again by the same filter bank at the offset of the encoder's frames, the coefficients are sparse
//! and near multiples of its steps; at any other offset they are not: R. Yang, Z. Qu, J. Huang, "Detecting digital audio
//! forgeries by checking frame offsets", ACM MM&Sec 2008 (MP3); D. Luo, R. Yang, J. Huang, "Identification of AMR and AAC
//! decompressed audio", Digital Signal Processing 37, 2015; J. Herre, M. Schug, "Analysis of decompressed audio: the
//! inverse decoder", AES 109th Convention, 2000. The last encoding has its own grid; another one is that of an earlier
//! encoding, and two of them with a change between them are a trace of a splice.
//!
//! All offsets are compared on few frames, and the best of them on many.
//!
//! Limits: long blocks alone, AAC-LC with its two window shapes, MP3 at the file's own rate alone. Frames whose coefficients
//! the encoder replaced (noise substitution, temporal noise shaping) show nothing. The coarser the last encoding, the less
//! is left: of an earlier one with the same bit rate often nothing.

mod bank;
mod search;
mod sparseness;
mod steps;

use dsp::dot;

use self::bank::{Aac, BLOCK, Bank as _, Mp3};
use self::search::{Grid, distance, grids, is_image};
use crate::mdct::{N, kaiser_bessel, sine};
use crate::{Cue, CueKind};

/// Blocks on which all offsets are compared at the channel's own rate and at another.
const FEW: usize = 8;
const FEW_AT_OTHER_RATE: usize = 8;
/// Blocks that are kept at most.
const KEPT_MAX: usize = 640;
/// Fewest blocks with sound: 3 s at 16 kHz.
const KEPT_MIN: usize = 24;
/// What is sought at a rate, and the kinds of the cues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinds {
    pub(crate) encoding: CueKind,
    pub(crate) change: CueKind,
    /// MP3 is not sought at another rate.
    pub(crate) mp3: Option<CueKind>,
    few: usize,
}

impl Kinds {
    pub(crate) const OWN_RATE: Self = Self {
        encoding: CueKind::EarlierEncoding,
        change: CueKind::FrameGridChange,
        mp3: Some(CueKind::EarlierMp3Encoding),
        few: FEW,
    };
    pub(crate) const OTHER_RATE: Self = Self {
        encoding: CueKind::EarlierEncodingAtOtherRate,
        change: CueKind::FrameGridChangeAtOtherRate,
        mp3: None,
        few: FEW_AT_OTHER_RATE,
    };
}

/// Codec of the last encoding: one grid is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Aac,
    Mp3,
    /// Leaves coefficients of another transform sparse, which look like a grid: none is sought.
    OtherTransform,
    Other,
}

/// How the names of codecs begin whose coefficients are those of other transforms than AAC's and MP3's.
const OTHER_TRANSFORMS: [&str; 10] = ["vorbis", "opus", "wma", "ac3", "eac3", "ac-3", "mp1", "mp2", "atrac", "cook"];

impl Codec {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            name if name.starts_with("aac") => Self::Aac,
            name if name.starts_with("mp3") => Self::Mp3,
            name if OTHER_TRANSFORMS.iter().any(|start| name.starts_with(start)) => Self::OtherTransform,
            _ => Self::Other,
        }
    }
}

/// Samples in which a frame begins at each offset.
#[derive(Debug)]
struct Block {
    /// Its start, in multiples of [`N`].
    frame: usize,
    samples: Vec<f32>,
}

impl Block {
    /// Where a frame of a grid begins in it.
    fn local(&self, offset: usize, period: usize) -> usize {
        (offset + period - self.frame * N % period) % period
    }
}

/// Blocks of a channel at one rate, spread evenly.
#[derive(Debug)]
pub(crate) struct Blocks {
    pending: Vec<f32>,
    frames: usize,
    stride: usize,
    kept: Vec<Block>,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self { pending: Vec::new(), frames: 0, stride: 1, kept: Vec::new() }
    }

    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.pending.extend_from_slice(samples);
        let mut at = 0;
        while at + BLOCK <= self.pending.len() {
            let block = &self.pending[at..at + BLOCK];
            if self.frames.is_multiple_of(self.stride) && dot(block, block) / BLOCK as f32 > 1e-9 {
                self.kept.push(Block { frame: self.frames, samples: block.to_vec() });
            }
            self.frames += 1;
            at += N;
            if self.kept.len() == KEPT_MAX {
                self.stride *= 2;
                let stride = self.stride;
                self.kept.retain(|block| block.frame.is_multiple_of(stride));
            }
        }
        self.pending.drain(..at);
    }

    /// The grids of earlier encodings; `last` is the codec of the last one at this rate.
    pub(crate) fn finish(self, rate_hz: u32, last: Codec, kinds: Kinds) -> Vec<Cue> {
        if self.kept.len() < KEPT_MIN {
            return Vec::new();
        }
        let to_seconds = |frames: usize| (frames * N) as f64 / f64::from(rate_hz);
        let end_s = to_seconds(self.frames);
        let is_last = last == Codec::Aac;
        let of_window = |window: Vec<f32>| grids(&mut Aac::new(&window, rate_hz), &self.kept, kinds.few, is_last);
        let aac = [kaiser_bessel(), sine()].into_iter().flat_map(of_window).collect();
        let aac = earlier(aac, N, is_last);
        let mut cues: Vec<Cue> =
            aac.first().map(|best| Cue::new(kinds.encoding, 0.0, end_s, best.deviation())).into_iter().collect();
        if let Some((at, strength)) = strongest_change(&aac) {
            let (middle_s, reach_s) = (to_seconds(self.kept[at].frame + 1), 0.2);
            cues.push(Cue::new(kinds.change, middle_s - reach_s, middle_s + reach_s, strength));
        }
        if let Some(kind) = kinds.mp3 {
            let (mut bank, is_last) = (Mp3::new(rate_hz), last == Codec::Mp3);
            let mp3 = earlier(grids(&mut bank, &self.kept, kinds.few, is_last), bank.period(), is_last);
            cues.extend(mp3.first().map(|best| Cue::new(kind, 0.0, end_s, best.deviation())));
        }
        cues
    }
}

/// Grids that are not of the last encoding, the strongest first. If one is its own, it is the strongest of all.
fn earlier(mut grids: Vec<Grid>, period: usize, has_own: bool) -> Vec<Grid> {
    grids.sort_by(|a, b| b.deviation().total_cmp(&a.deviation()));
    if let Some(own) = grids.first().map(|grid| grid.offset).filter(|_| has_own) {
        grids.retain(|grid| !is_image(own, grid.offset, period));
    }
    grids
}

/// Place and strength of the clearest change from the first grid of AAC to another one.
fn strongest_change(grids: &[Grid]) -> Option<(usize, f32)> {
    let best = grids.first()?;
    let rivals = grids.iter().filter(|grid| distance(grid.offset, best.offset, N) > 2);
    rivals.map(|rival| change(best, rival)).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Place of the change from one grid to another, and how clear it is: the t statistic of the difference of the two grids
/// before and after it, or 0 if a grid is not above the other on its side.
fn change(one: &Grid, other: &Grid) -> (usize, f32) {
    let difference: Vec<f32> = one.blocks.iter().zip(&other.blocks).map(|(a, b)| a - b).collect();
    let (mean, width) = center_and_width(&difference);
    let count = difference.len() as f32;
    let (mut sum, mut best) = (0.0f32, (0, 0.0f32));
    for (at, value) in difference.iter().enumerate() {
        sum += value - mean;
        let left = at as f32 + 1.0;
        if left < 4.0 || count - left < 4.0 {
            continue;
        }
        let t = sum / width / (left * (count - left) / count).sqrt();
        let (before, after) = (mean + sum / left, mean - sum / (count - left));
        if t.abs() > best.1 && before * after < 0.0 {
            best = (at, t.abs());
        }
    }
    (one.at[best.0], best.1.min(one.deviation().max(0.0)).min(4.0 * other.deviation().max(0.0)))
}

fn center_and_width(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f32;
    let center = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|x| (x - center) * (x - center)).sum::<f32>() / count;
    (center, variance.sqrt().max(1e-9))
}

#[cfg(test)]
mod tests;
