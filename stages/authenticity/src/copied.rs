//! Copied segments: parts of a channel that occur twice with the same waveform.
//!
//! Candidates are triples of spectral peaks that recur at one lag: the landmarks of A. Wang, "An industrial-strength audio
//! search algorithm", ISMIR 2003, extended to triples, so that the number of chance matches stays linear in the length.
//! A candidate counts if the waveforms themselves correlate at one lag and at no lag near it: words that a speaker
//! repeats share landmarks but not a waveform, and tones correlate at every period.

use std::collections::VecDeque;
use std::io;

use dsp::dot;
use realfft::num_complex::Complex32;

use crate::decimate::Decimator;
use crate::spectra::Spectra;
use crate::{Cue, CueKind, PLANE_RATE_HZ, Plane};

/// Rate of the analysis: every second sample of the plane.
const RATE: usize = PLANE_RATE_HZ as usize / 2;
const N_FFT: usize = 512;
const HOP: usize = 64;
/// A peak is the maximum within this many frames and bins.
const PEAK_FRAMES: usize = 5;
const PEAK_BINS: usize = 5;
/// Bins of the telephone band.
const BINS: std::ops::Range<usize> = 20..215;
/// Triples span at most this many frames and bins.
const SPAN_FRAMES: u32 = 40;
const SPAN_BINS: i32 = 48;
/// Triples that start at one peak.
const FAN: usize = 8;
/// Bins of the first peaks of the triples that are sorted at once.
const BINS_AT_ONCE: usize = 16;
/// Lags whose pairs are sorted at once: half an hour.
const LAGS_AT_ONCE: usize = 1_800 * RATE / HOP;
/// Recurrences of one triple that are followed.
const RECURRENCES: usize = 6;
/// Shortest distance between the two places, in frames.
const LAG_FRAMES: u32 = 100;
/// Hits at one lag within [`CLUSTER_FRAMES`] that make a candidate.
const HITS: usize = 3;
const CLUSTER_FRAMES: u32 = 64;
/// Candidates whose waveforms are compared, those with most hits first.
const CANDIDATES: usize = 200;
/// Samples that are correlated to find the exact lag, and the range of lags around the candidate.
const PROBE: usize = RATE * 3 / 10;
const LAG_RANGE: usize = HOP * 3;
/// Length of the mean that the high-pass subtracts.
const SMOOTHED: usize = 13;
/// Highest correlation that counts.
const HIGHEST: f32 = 0.97;
/// Mean square below which a part holds what a decoder makes of silence, which is the same each time.
const POWER_MIN: f32 = 1e-8;
/// Frames that are correlated to find the extent.
const EXTENT: usize = RATE / 40;
/// Copies from this length on count in full, in seconds.
const CERTAIN_S: f32 = 0.5;
/// Delay of the filter that halves the rate, in samples of [`RATE`].
const DELAY: usize = 8;

/// Frame and bin in 4 bytes: 16 million frames are 37 hours.
#[derive(Clone, Copy)]
struct Peak(u32);

impl Peak {
    fn new(frame: u32, bin: usize) -> Self {
        Self(frame << 8 | bin as u32)
    }

    fn frame(self) -> u32 {
        self.0 >> 8
    }

    fn bin(self) -> u32 {
        self.0 & 0xFF
    }
}

/// Powers of a frame.
#[derive(Default)]
struct Powers {
    /// By bin.
    bins: Vec<f32>,
    /// The largest power up to [`PEAK_BINS`] beside each bin, from bin [`PEAK_BINS`] on.
    around: Vec<f32>,
}

dsp::vectorized! {
    fn set_powers<'a>(powers: &'a mut Powers, spectrum: &'a [Complex32]) {
        const WINDOW: usize = 2 * PEAK_BINS + 1;
        let bins = BINS.end + PEAK_BINS + 1;
        powers.bins.resize(bins, 0.0);
        for (power, bin) in powers.bins.iter_mut().zip(&spectrum[..bins]) {
            *power = bin.re * bin.re + bin.im * bin.im;
        }
        powers.around.resize(bins + 1 - WINDOW, 0.0);
        powers.around.copy_from_slice(&powers.bins[..bins + 1 - WINDOW]);
        for beside in 1..WINDOW {
            for (largest, power) in powers.around.iter_mut().zip(&powers.bins[beside..]) {
                *largest = if *power > *largest { *power } else { *largest };
            }
        }
    }
}

/// Finds the landmarks of a channel, block by block.
pub(crate) struct Landmarks {
    halver: Decimator,
    spectra: Spectra,
    frames: u32,
    /// The last frames.
    recent: VecDeque<Powers>,
    peaks: Vec<Peak>,
}

impl Landmarks {
    pub(crate) fn new() -> Self {
        Self {
            halver: halver(),
            spectra: Spectra::new(N_FFT, HOP),
            frames: 0,
            recent: VecDeque::new(),
            peaks: Vec::new(),
        }
    }

    /// Adds the channel's next samples of the plane.
    pub(crate) fn add(&mut self, samples: &[f32]) {
        const FRAMES: usize = 2 * PEAK_FRAMES + 1;
        self.halver.add(samples, self.spectra.pending());
        while let Some(spectrum) = self.spectra.next() {
            let is_full = self.recent.len() == FRAMES;
            let mut powers = if is_full { self.recent.pop_front().unwrap_or_default() } else { Powers::default() };
            set_powers(&mut powers, spectrum);
            self.recent.push_back(powers);
            self.frames += 1;
            if self.recent.len() == FRAMES {
                self.find_peaks();
            }
        }
    }

    /// Peaks of the frame in the middle of the recent ones.
    fn find_peaks(&mut self) {
        let middle = &self.recent[PEAK_FRAMES].bins;
        let loudest = middle[BINS].iter().fold(0.0f32, |loudest, x| loudest.max(*x));
        let frame = self.frames - 1 - PEAK_FRAMES as u32;
        for bin in BINS {
            let power = middle[bin];
            if power <= 1e-9 || power < loudest * 1e-4 || power <= middle[bin - 1] || power <= middle[bin + 1] {
                continue;
            }
            let is_largest = |frame: usize| self.recent[frame].around[bin - PEAK_BINS] <= power;
            // The nearest frames are the likeliest to have a larger power.
            if (0..=PEAK_FRAMES).all(|apart| is_largest(PEAK_FRAMES - apart) && is_largest(PEAK_FRAMES + apart)) {
                self.peaks.push(Peak::new(frame, bin));
            }
        }
    }

    /// Compares the places that share landmarks.
    ///
    /// # Errors
    /// The plane cannot be read.
    pub(crate) fn finish(self, plane: &dyn Plane) -> io::Result<Vec<Cue>> {
        let mut cues: Vec<Cue> = Vec::new();
        for candidate in candidates(&self.peaks).into_iter().take(CANDIDATES) {
            let first = candidate.frame as usize * HOP;
            let second = first + candidate.lag as usize * HOP;
            let known = |cue: &Cue| {
                let (a, b) = (first as f64 / RATE as f64, second as f64 / RATE as f64);
                let lag = cue.other_start_s.unwrap_or(0.0) - cue.start_s;
                cue.start_s - 0.1 <= a && a <= cue.end_s + 0.1 && (lag - (b - a)).abs() < 0.05
            };
            if cues.iter().any(known) {
                continue;
            }
            cues.extend(compare(plane, first, second)?);
        }
        Ok(cues)
    }
}

/// Hash and frame of triples of peaks whose first bin is in a range, sorted.
fn triples(peaks: &[Peak], bins: &std::ops::Range<u32>) -> Vec<(u32, u32)> {
    let mut triples = Vec::new();
    for (at, first) in peaks.iter().enumerate().filter(|(_, first)| bins.contains(&first.bin())) {
        let near = |other: &&Peak| {
            let (frames, bins) = (other.frame() - first.frame(), other.bin() as i32 - first.bin() as i32);
            (2..=SPAN_FRAMES).contains(&frames) && bins.abs() <= SPAN_BINS
        };
        let later: Vec<&Peak> = peaks[at + 1..]
            .iter()
            .take_while(|p| p.frame() - first.frame() <= SPAN_FRAMES)
            .filter(near)
            .take(5)
            .collect();
        let pairs = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4)];
        for (second, third) in pairs.into_iter().filter(|(_, third)| *third < later.len()).take(FAN) {
            triples.push((hash(*first, *later[second], *later[third]), first.frame()));
        }
    }
    triples.sort_unstable();
    triples
}

/// Bins exactly (8 + 7 + 7 bits), times in steps of two frames (5 + 5 bits).
fn hash(first: Peak, second: Peak, third: Peak) -> u32 {
    let bins = |peak: Peak| (peak.bin() as i32 - first.bin() as i32 + SPAN_BINS) as u32;
    let frames = |peak: Peak| (peak.frame() - first.frame()) / 2;
    first.bin() << 24 | bins(second) << 17 | bins(third) << 10 | frames(second) << 5 | frames(third)
}

struct Candidate {
    frame: u32,
    lag: u32,
    hits: usize,
}

/// Lags and first frames of triples that recur at some lags. Few bins at a time, because triples take more memory than peaks.
fn pairs(peaks: &[Peak], lags: &std::ops::RangeInclusive<u32>) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    for bin in (BINS.start as u32..BINS.end as u32).step_by(BINS_AT_ONCE) {
        for group in triples(peaks, &(bin..bin + BINS_AT_ONCE as u32)).chunk_by(|a, b| a.0 == b.0) {
            for (at, (_, first)) in group.iter().enumerate() {
                let later = group[at + 1..].iter().filter(|(_, second)| second - first >= LAG_FRAMES);
                let pair = later.take(RECURRENCES).map(|(_, second)| (second - first, *first));
                pairs.extend(pair.filter(|(lag, _)| lags.contains(lag)));
            }
        }
    }
    pairs
}

/// Places that share several triples at one lag, those with most hits first. Few lags at a time, because pairs grow with
/// the square of the length.
fn candidates(peaks: &[Peak]) -> Vec<Candidate> {
    let longest = peaks.last().map_or(0, |last| last.frame());
    let mut candidates = Vec::new();
    for lag in (0..=longest).step_by(LAGS_AT_ONCE) {
        // The next lag, too, so that neighbors are together.
        add_candidates(pairs(peaks, &(lag..=lag + LAGS_AT_ONCE as u32)), &mut candidates);
    }
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.hits));
    candidates
}

fn add_candidates(mut pairs: Vec<(u32, u32)>, candidates: &mut Vec<Candidate>) {
    // Lags in steps of two frames, at both phases, so that two neighbors are together in one of them.
    for phase in 0..2 {
        let step = |lag: u32| (lag + phase) / 2;
        pairs.sort_unstable_by_key(|(lag, first)| (step(*lag), *first));
        for group in pairs.chunk_by(|a, b| step(a.0) == step(b.0) && b.1 - a.1 <= CLUSTER_FRAMES) {
            if group.len() >= HITS {
                let (lag, frame) = group[group.len() / 2];
                candidates.push(Candidate { frame, lag, hits: group.len() });
            }
        }
    }
}

/// Reads samples at [`RATE`] without what is below about 600 Hz, so that neither hum nor one harmonic decides.
fn read(plane: &dyn Plane, start: usize, len: usize) -> io::Result<Vec<f32>> {
    let before = start.min(DELAY + 2 * SMOOTHED);
    let samples = plane.read(2 * (start - before) as u64, 2 * (len + before + DELAY + 2 * SMOOTHED))?;
    let mut halved = Vec::new();
    halver().add(&samples, &mut halved);
    let high = high_pass(&high_pass(&halved));
    Ok(high.into_iter().skip(before + DELAY).take(len).collect())
}

/// The samples less their mean over [`SMOOTHED`] samples.
fn high_pass(samples: &[f32]) -> Vec<f32> {
    let half = SMOOTHED / 2;
    let mut sum: f32 = samples.iter().take(half).sum();
    let step = |at: usize| {
        sum += samples.get(at + half).unwrap_or(&0.0);
        sum -= if at > half { samples[at - half - 1] } else { 0.0 };
        samples[at] - sum / SMOOTHED as f32
    };
    (0..samples.len()).map(step).collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-9)
}

/// Correlations of `a` with each part of `b` of its length.
fn correlations(a: &[f32], b: &[f32]) -> Vec<f32> {
    let energy = dot(a, a);
    let square = |sample: f32| f64::from(sample) * f64::from(sample);
    let mut energy_of_part: f64 = b[..a.len()].iter().map(|sample| square(*sample)).sum();
    let mut correlations = Vec::with_capacity(b.len() - a.len() + 1);
    for (lag, part) in b.windows(a.len()).enumerate() {
        correlations.push(dot(a, part) / (energy * energy_of_part.max(0.0) as f32).sqrt().max(1e-9));
        energy_of_part += b.get(lag + a.len()).map_or(0.0, |next| square(*next)) - square(part[0]);
    }
    correlations
}

/// Fisher's transform of a correlation, whose spread does not depend on the correlation. The difference of two of them is
/// large for a copy of voiced speech, too, although its waveform correlates with itself one period later. Higher correlations
/// count as [`HIGHEST`]: hum alone has them at every period.
fn fisher_z(correlation: f32) -> f32 {
    correlation.clamp(0.0, HIGHEST).atanh()
}

fn halver() -> Decimator {
    Decimator::new(2, DELAY, 1.0)
}

/// Correlates the waveforms around two places, and follows the correlation to both sides.
fn compare(plane: &dyn Plane, first: usize, second: usize) -> io::Result<Option<Cue>> {
    let start = first.saturating_sub(PROBE / 4);
    let shift = first - start;
    if second < shift + LAG_RANGE {
        return Ok(None);
    }
    let a = read(plane, start, PROBE)?;
    let from = second - shift - LAG_RANGE;
    let b = read(plane, from, PROBE + 2 * LAG_RANGE)?;
    if a.len() < PROBE || b.len() < a.len() + 2 * LAG_RANGE {
        return Ok(None);
    }
    let correlations = correlations(&a, &b);
    let largest = |best: usize, lag: usize| if correlations[lag] > correlations[best] { lag } else { best };
    let best = (0..correlations.len()).fold(0, largest);
    let apart = RATE / 500;
    let others = correlations.iter().enumerate().filter(|(lag, _)| lag.abs_diff(best) > apart);
    let second_best = others.fold(0.0f32, |most, (_, x)| most.max(x.abs()));
    let lag = from + best - start;
    if correlations[best] < 0.3 || dot(&a, &a) < POWER_MIN * PROBE as f32 {
        return Ok(None);
    }
    extent(plane, start, lag, correlations[best], second_best)
}

/// Where the correlation of frames stays near that of the probe.
fn extent(plane: &dyn Plane, start: usize, lag: usize, best: f32, second_best: f32) -> io::Result<Option<Cue>> {
    let begin = start.saturating_sub(2 * RATE);
    let len = PROBE + 4 * RATE;
    let (a, b) = (read(plane, begin, len)?, read(plane, begin + lag, len)?);
    let frames: Vec<f32> = a.chunks(EXTENT).zip(b.chunks(EXTENT)).map(|(a, b)| correlation(a, b)).collect();
    let middle = (start - begin + PROBE / 2) / EXTENT;
    let smooth = |at: usize| {
        let near = &frames[at.saturating_sub(2)..(at + 3).min(frames.len())];
        near.iter().sum::<f32>() / near.len().max(1) as f32
    };
    if middle >= frames.len() {
        return Ok(None);
    }
    let (mut first, mut last) = (middle, middle);
    while first > 0 && smooth(first - 1) > 0.5 * best {
        first -= 1;
    }
    while last + 1 < frames.len() && smooth(last + 1) > 0.5 * best {
        last += 1;
    }
    let (from, to) = ((first * EXTENT).min(a.len()), ((last + 1) * EXTENT).min(a.len()).min(b.len()));
    let whole = correlation(&a[from..to.max(from)], &b[from..to.max(from)]);
    let second = |sample: usize| (begin + sample) as f64 / RATE as f64;
    let length = second(to) - second(from);
    let strength = (fisher_z(whole.min(best)) - fisher_z(second_best)) * (length as f32 / CERTAIN_S).min(1.0).powi(2);
    let cue = Cue::new(CueKind::CopiedSegment, second(from), second(to), strength);
    Ok(Some(Cue { other_start_s: Some(second(from + lag)), ..cue }))
}
