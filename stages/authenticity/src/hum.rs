//! Phase jumps of mains hum. The frequency of a power grid wanders by some mHz within seconds, so the phase of hum
//! continues over any natural event, and a cut or an insertion breaks it: D. Rodriguez, J. Apolinario and L. Biscainho,
//! "Audio authenticity: detecting ENF discontinuity with high precision phase analysis", IEEE TIFS 5(3), 2010.
//!
//! At each place, the likelihood of sinusoids whose phase continues is compared with that of sinusoids with two phases,
//! over the harmonics of 50 or 60 Hz that are audible. Each side has the frequency that fits it best: a frequency that
//! drifts evenly shifts the phases that both sides extrapolate to the place by the same amount, so that drift is not a
//! jump. Frames in which the bins beside a harmonic are loud (speech) weigh less.
//!
//! A step of the level of all harmonics by the same amount is a level step.
//!
//! The recording is examined in segments, so that memory does not grow with its length.

use std::f32::consts::TAU;
use std::ops::Range;

use realfft::num_complex::{Complex32, Complex64};

use crate::decimate::Decimator;
use crate::maxima::maxima;
use crate::spectra::Spectra;
use crate::{Cue, CueKind, PLANE_RATE_HZ};

/// The analysis runs at a rate of 2 kHz.
const DECIMATION: usize = 8;
const RATE: usize = PLANE_RATE_HZ as usize / DECIMATION;
/// Delay of the filter that lowers the rate, in samples of [`RATE`].
const DELAY: usize = 8;
/// Frames of 200 ms, 50 ms apart: bins of 5 Hz.
const FRAME: usize = RATE / 5;
const HOP: usize = RATE / 20;
const BIN_HZ: usize = 5;
const FRAME_RATE: f32 = RATE as f32 / HOP as f32;
/// Mains frequencies, in Hz.
const MAINS: [usize; 2] = [50, 60];
/// Highest harmonic that is used, in Hz.
const HIGHEST_HZ: usize = 720;
/// Frames on each side of a place, the fewest of them, and frames beside the place that are left out, because they
/// contain it.
const SIDE: usize = 40;
const SIDE_MIN: usize = 14;
const GUARD: usize = 2;
/// Frames beside a place that it is examined with.
const REACH: usize = SIDE + GUARD;
/// Places that are examined, in frames.
const STEP: usize = 2;
/// Frames whose places are examined at once: 30 s.
const SEGMENT: usize = 600;
/// Deviations of the fundamental that are tried, in steps around 0.
const DEVIATION_HZ: f32 = 0.2;
const DEVIATION_STEP_HZ: f32 = 0.005;
const DEVIATIONS: usize = 81;
/// Steps by which the frequencies of a phase that continues may miss those that fit each side best.
const SLACK: usize = 2;
/// A harmonic has a level if its energy on a side is this many times the noise beside it, and a level step needs this many.
const CERTAIN_ENERGY: f32 = 100.0;
const HARMONICS_MIN: usize = 3;
/// Largest [`Place::jump`] near a level step.
const JUMP_MAX: f32 = 0.2;
/// What one dB of deviation of the harmonics from a common step takes off the step, and the largest step.
const DEVIATION_WEIGHT: f32 = 2.0;
const LARGEST_DB: f32 = 20.0;

/// Follows the harmonics of a channel, block by block.
pub(crate) struct Harmonics {
    decimator: Decimator,
    spectra: Spectra,
    frames: usize,
    /// Frames before those of the tracks.
    dropped: usize,
    /// For each of [`MAINS`], for each harmonic, for each frame: the value, and the noise beside it.
    tracks: [Vec<Vec<(Complex32, f32)>>; 2],
    /// What was found at the places, [`STEP`] frames apart.
    places: Vec<Place>,
}

/// What a place has; 0 near the ends.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Energy that two phases explain beyond one that continues, relative to what they do not explain: hum that is not
    /// coherent itself has no jumps.
    jump: f32,
    /// Step of the level of all harmonics, less what is uncertain about it, in dB.
    step_db: f32,
}

impl Harmonics {
    pub(crate) fn new() -> Self {
        let tracks = MAINS.map(|mains| vec![Vec::new(); HIGHEST_HZ / mains]);
        Self {
            decimator: Decimator::new(DECIMATION, DELAY, 0.8),
            spectra: Spectra::new(FRAME, HOP),
            frames: 0,
            dropped: 0,
            tracks,
            places: Vec::new(),
        }
    }

    /// Adds the channel's next samples of the plane.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        self.decimator.add(samples, self.spectra.pending());
        while let Some(spectrum) = self.spectra.next() {
            follow(&mut self.tracks, spectrum, self.frames);
            self.frames += 1;
            if self.frames == self.places.len() * STEP + SEGMENT + REACH {
                self.examine(SEGMENT);
            }
        }
    }

    /// Examines the places in the next `count` frames, and drops the frames that no later place needs.
    fn examine(&mut self, count: usize) {
        let first = self.places.len() * STEP;
        let places = (first..first + count).step_by(STEP).map(|place| place - self.dropped);
        let [a, b] = self.tracks.each_ref().map(|tracks| weighted(tracks));
        let loudness = |harmonics: &[Harmonic]| harmonics.iter().map(|harmonic| harmonic.ratio.ln()).sum::<f32>();
        let louder = if loudness(&a) > loudness(&b) { a } else { b };
        self.places.extend(examine(&louder, places));
        let drop = (first + count).saturating_sub(REACH + self.dropped);
        self.tracks.iter_mut().flatten().for_each(|track| drop_first(track, drop));
        self.dropped += drop;
    }

    /// Phase jumps and level steps of the mains frequency whose hum is louder.
    pub(crate) fn finish(mut self) -> Vec<Cue> {
        self.examine(self.frames - self.places.len() * STEP);
        let jumps: Vec<f32> = self.places.iter().map(|place| place.jump).collect();
        // A side that has a phase jump has a lower level.
        let near = |at: usize| at.saturating_sub(REACH / STEP)..(at + REACH / STEP + 1).min(jumps.len());
        let step_db = |(at, place): (usize, &Place)| {
            let has_jump = jumps[near(at)].iter().any(|jump| *jump > JUMP_MAX);
            if has_jump { 0.0 } else { place.step_db }
        };
        let steps_db: Vec<f32> = self.places.iter().enumerate().map(step_db).collect();
        cues(CueKind::LevelStep, &steps_db).chain(cues(CueKind::HumPhaseJump, &jumps)).collect()
    }
}

/// Adds a frame to the tracks of the harmonics.
fn follow(tracks: &mut [Vec<Vec<(Complex32, f32)>>; 2], bins: &[Complex32], frame: usize) {
    for (mains, tracks) in MAINS.iter().zip(tracks) {
        for (at, track) in tracks.iter_mut().enumerate() {
            let bin = mains * (at + 1) / BIN_HZ;
            // A bin turns by this part of a circle from one frame to the next.
            let turns = (bin * HOP * frame % FRAME) as f32 / FRAME as f32;
            let value = bins[bin] * Complex32::from_polar(1.0, -TAU * turns);
            let beside = [bin - 4, bin - 3, bin + 3, bin + 4];
            let noise = beside.map(|bin| bins[bin].norm_sqr()).iter().sum::<f32>() / 4.0;
            track.push((value, noise));
        }
    }
}

fn drop_first<T>(values: &mut Vec<T>, count: usize) {
    values.drain(..count);
}

/// A harmonic whose hum is audible.
struct Harmonic {
    order: f32,
    /// Median power, relative to the median of the noise beside it.
    ratio: f32,
    /// Value divided by the variance of the noise, by frame.
    frames: Vec<Complex32>,
    /// Sums of the inverse of that variance, and of the energy relative to it, over the frames before each.
    weights: Vec<f64>,
    energies: Vec<f64>,
}

impl Harmonic {
    fn new(order: f32, track: &[(Complex32, f32)], power: f32, noise: f32) -> Self {
        let weight = |beside: f32| 1.0 / (0.5 * noise + beside);
        Self {
            order,
            ratio: power / noise,
            frames: track.iter().map(|(value, beside)| *value * weight(*beside)).collect(),
            weights: running_sums(track.iter().map(|(_, beside)| weight(*beside))),
            energies: running_sums(track.iter().map(|(value, beside)| value.norm_sqr() * weight(*beside))),
        }
    }

    /// Sums over the frames before each, turned back by `turns` of a circle per frame.
    fn sums(&self, turns: f32) -> Vec<Complex32> {
        let turn = Complex64::from_polar(1.0, -f64::from(TAU * turns));
        let (mut rotation, mut sum) = (Complex64::new(1.0, 0.0), Complex64::ZERO);
        let mut sums = Vec::with_capacity(self.frames.len() + 1);
        sums.push(Complex32::ZERO);
        for value in &self.frames {
            sum += Complex64::new(value.re.into(), value.im.into()) * rotation;
            rotation *= turn;
            sums.push(Complex32::new(sum.re as f32, sum.im as f32));
        }
        sums
    }

    fn weight(&self, frames: &Range<usize>) -> f32 {
        (self.weights[frames.end] - self.weights[frames.start]).max(1e-24) as f32
    }

    fn energy(&self, frames: &Range<usize>) -> f32 {
        (self.energies[frames.end] - self.energies[frames.start]) as f32
    }
}

fn running_sums(values: impl Iterator<Item = f32>) -> Vec<f64> {
    let sums = values.scan(0.0, |sum, value| {
        *sum += f64::from(value);
        Some(*sum)
    });
    std::iter::once(0.0).chain(sums).collect()
}

/// The audible harmonics, with frames weighted by the noise beside them.
fn weighted(tracks: &[Vec<(Complex32, f32)>]) -> Vec<Harmonic> {
    let audible = |(at, track): (usize, &Vec<(Complex32, f32)>)| {
        let noise = median(track.iter().map(|(_, noise)| *noise).collect());
        let power = median(track.iter().map(|(value, _)| value.norm_sqr()).collect());
        // The median of exponentially distributed noise in one bin is lower than that of the mean of four.
        let is_audible = noise > 1e-12 && power > 8.0 * noise;
        is_audible.then(|| Harmonic::new(at as f32 + 1.0, track, power, noise))
    };
    tracks.iter().enumerate().filter_map(audible).collect()
}

fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Cues at the places whose value is the largest of those near it.
fn cues(kind: CueKind, values: &[f32]) -> impl Iterator<Item = Cue> {
    let reach = [SIDE / 2 / STEP, SIDE / 2 / STEP - 1];
    maxima(values, 0.0, reach).map(move |(at, value)| {
        // The filter delays the samples, and the center of a frame is half a frame after its start.
        let second = (at * STEP) as f64 / f64::from(FRAME_RATE) + 0.1 - DELAY as f64 / RATE as f64;
        Cue::new(kind, second - 0.15, second + 0.15, value)
    })
}

fn examine(harmonics: &[Harmonic], places: impl Iterator<Item = usize>) -> Vec<Place> {
    let sums = |harmonic: &Harmonic| (0..DEVIATIONS).map(|step| harmonic.sums(turns(step, harmonic.order))).collect();
    let sums: Vec<Vec<Vec<Complex32>>> = harmonics.iter().map(sums).collect();
    let frames = harmonics.first().map_or(0, |harmonic| harmonic.frames.len());
    let place = |at: usize| {
        let left = at.saturating_sub(REACH)..at.saturating_sub(GUARD);
        let right = (at + GUARD).min(frames)..(at + REACH).min(frames);
        if left.len() < SIDE_MIN || right.len() < SIDE_MIN {
            return Place::default();
        }
        let [left, right] = [left, right].map(|frames| Side::of(harmonics, &sums, &frames));
        Place { jump: jump(harmonics, &left, &right, at), step_db: step_db(&left, &right) }
    };
    places.map(place).collect()
}

/// Turns per frame of a harmonic for a deviation of the fundamental.
fn turns(step: usize, order: f32) -> f32 {
    (step as f32 * DEVIATION_STEP_HZ - DEVIATION_HZ) * order / FRAME_RATE
}

/// [`Place::jump`] at a frame.
fn jump(harmonics: &[Harmonic], left: &Side, right: &Side, at: usize) -> f32 {
    let two = left.explained + right.explained;
    let mut one = 0.0f32;
    for left_step in left.near() {
        for right_step in right.near() {
            let of_harmonic = |(index, harmonic): (usize, &Harmonic)| {
                let at_place = |side: &Side, step: usize| {
                    let turned = TAU * (turns(step, harmonic.order) * at as f32).fract();
                    side.amplitude(step, index) * Complex32::from_polar(1.0, turned)
                };
                continued(at_place(left, left_step), at_place(right, right_step))
            };
            one = one.max(harmonics.iter().enumerate().map(of_harmonic).sum());
        }
    }
    let all = left.energy + right.energy;
    (two - one) / (all - two + 0.02 * all).max(1e-9)
}

/// [`Place::step_db`]: the median of the harmonics, less twice their median deviation from it.
fn step_db(left: &Side, right: &Side) -> f32 {
    let certain = |side: &Side, index: usize| side.amplitude(side.best, index).norm_sqr() > CERTAIN_ENERGY;
    let step = |index: usize| {
        let level = |side: &Side| 10.0 * (side.amplitude(side.best, index).norm_sqr() / side.weights[index]).log10();
        level(right) - level(left)
    };
    let steps: Vec<f32> =
        (0..left.weights.len()).filter(|at| certain(left, *at) && certain(right, *at)).map(step).collect();
    if steps.len() < HARMONICS_MIN {
        return 0.0;
    }
    let middle = median(steps.clone());
    let deviation = median(steps.iter().map(|step| (step - middle).abs()).collect());
    if middle.abs() > LARGEST_DB { 0.0 } else { (middle.abs() - DEVIATION_WEIGHT * deviation).max(0.0) }
}

/// The hum on one side of a place.
struct Side {
    /// Deviation that explains most energy, and that energy.
    best: usize,
    explained: f32,
    energy: f32,
    /// Amplitudes of the harmonics for the deviations near the best one, from `first` on.
    amplitudes: Vec<Vec<Complex32>>,
    first: usize,
    /// Weights of the harmonics.
    weights: Vec<f32>,
}

impl Side {
    fn of(harmonics: &[Harmonic], sums: &[Vec<Vec<Complex32>>], frames: &Range<usize>) -> Self {
        let weights: Vec<f32> = harmonics.iter().map(|harmonic| harmonic.weight(frames)).collect();
        let of_step =
            |step: usize| sums.iter().zip(&weights).map(move |(sums, weight)| (sum_of(&sums[step], frames), *weight));
        let explained = |step: usize| of_step(step).map(|(sum, weight)| sum.norm_sqr() / weight).sum::<f32>();
        let larger = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
        let (best, explained) = (0..DEVIATIONS).map(|step| (step, explained(step))).fold((0, 0.0), larger);
        let (first, end) = (best.saturating_sub(SLACK), (best + SLACK + 1).min(DEVIATIONS));
        let amplitudes = |step: usize| of_step(step).map(|(sum, weight)| sum / weight.sqrt()).collect();
        let amplitudes = (first..end).map(amplitudes).collect();
        let energy = harmonics.iter().map(|harmonic| harmonic.energy(frames)).sum();
        Self { best, explained, energy, amplitudes, first, weights }
    }

    /// Deviations near the best one.
    fn near(&self) -> Range<usize> {
        self.first..self.first + self.amplitudes.len()
    }

    /// Weighted mean amplitude of a harmonic, times the root of its weight.
    fn amplitude(&self, step: usize, harmonic: usize) -> Complex32 {
        self.amplitudes[step - self.first][harmonic]
    }
}

fn sum_of(sums: &[Complex32], frames: &Range<usize>) -> Complex32 {
    sums[frames.end] - sums[frames.start]
}

/// Energy that one phase explains with two amplitudes.
fn continued(left: Complex32, right: Complex32) -> f32 {
    let two = left.norm_sqr() + right.norm_sqr();
    if (left * right.conj()).re > 0.0 {
        0.5 * (two + (left * left + right * right).norm_sqr().sqrt())
    } else {
        left.norm_sqr().max(right.norm_sqr())
    }
}
