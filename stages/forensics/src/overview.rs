//! Waveform, spectrogram and contours of a recording at a low resolution, for the drawing on its page.

use std::f64::consts::TAU;
use std::io;
use std::sync::Arc;

use rayon::prelude::*;
use realfft::{RealFftPlanner, RealToComplex};
use stage_core::{ChannelOverview, Overview, Pcm, SAMPLE_RATE_HZ};

use crate::measure::F0Track;

/// Peaks per second, and frames of the spectrogram per second.
const PEAK_RATE_HZ: usize = 20;
const FRAME_RATE_HZ: usize = 10;
const PEAK: usize = SAMPLE_RATE_HZ as usize / PEAK_RATE_HZ;
const FRAME: usize = SAMPLE_RATE_HZ as usize / FRAME_RATE_HZ;
/// Samples of the FFT. Each frame has two windows, whose power is averaged.
const N_FFT: usize = 1_024;
const BANDS: usize = 48;
/// Levels of the spectrogram, in dBFS.
const FLOOR_DB: f32 = -90.0;
const CEILING_DB: f32 = -10.0;
/// Frames that are read at once: 30 s.
const BLOCK: usize = 30 * FRAME_RATE_HZ;

/// The overview of all channels.
///
/// # Errors
/// Spilled samples cannot be read back.
pub(crate) fn overview(pcm: &Pcm, f0: &[F0Track]) -> io::Result<Overview> {
    let spectrogram = Spectrogram::new();
    let channels =
        (0..pcm.channels()).into_par_iter().map(|channel| of_channel(pcm, channel, f0.get(channel), &spectrogram));
    let limits = |limit: fn(&F0Track) -> f64| f0.first().map_or(0.0, |track| limit(track) as f32);
    Ok(Overview {
        peak_rate_hz: PEAK_RATE_HZ as u32,
        spectrogram_rate_hz: FRAME_RATE_HZ as u32,
        bands: BANDS as u32,
        band_edges_hz: edges_hz(),
        floor_db: FLOOR_DB,
        ceiling_db: CEILING_DB,
        f0_floor_hz: limits(|track| track.floor_hz),
        f0_ceiling_hz: limits(|track| track.ceiling_hz),
        channels: channels.collect::<Result<_, _>>()?,
    })
}

fn of_channel(
    pcm: &Pcm,
    channel: usize,
    f0: Option<&F0Track>,
    spectrogram: &Spectrogram,
) -> io::Result<ChannelOverview> {
    let (mut peaks, mut contour, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    for start in (0..pcm.frames()).step_by(BLOCK * FRAME) {
        let samples = pcm.read(channel, start, BLOCK * FRAME)?;
        peaks.extend(samples.chunks(PEAK).map(peak));
        contour.extend(samples.chunks(PEAK).map(|samples| level(dsp::mean_square(samples))));
        samples.chunks(FRAME).for_each(|frame| spectrogram.add(frame, &mut levels));
    }
    let f0 = f0.map(|track| f0_contour(track, peaks.len())).unwrap_or_default();
    Ok(ChannelOverview::encode(&peaks, &levels).with_contours(&f0, &contour))
}

/// The median F0 of each interval.
fn f0_contour(track: &F0Track, intervals: usize) -> Vec<u8> {
    let mut contour = vec![0; intervals];
    let point = |f0_hz: f64| {
        let share = (f0_hz / track.floor_hz).log2() / (track.ceiling_hz / track.floor_hz).log2();
        (1.0 + 254.0 * share).round().clamp(1.0, 255.0) as u8
    };
    let interval_of = |frame: u64| (frame as f64 * track.step_s * PEAK_RATE_HZ as f64) as usize;
    for chunk in &track.chunks {
        let frames: Vec<(usize, Option<f64>)> = (chunk.frames.first..).map(interval_of).zip(chunk.f0_hz()).collect();
        for interval in frames.chunk_by(|a, b| a.0 == b.0) {
            let mut voiced: Vec<f64> = interval.iter().filter_map(|(_, f0_hz)| *f0_hz).collect();
            voiced.sort_by(f64::total_cmp);
            if let (Some(f0_hz), Some(place)) = (voiced.get(voiced.len() / 2), contour.get_mut(interval[0].0)) {
                *place = point(*f0_hz);
            }
        }
    }
    contour
}

fn peak(samples: &[f32]) -> u8 {
    let largest = samples.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    (largest.min(1.0) * 255.0).ceil() as u8
}

/// The edges of the bands: equal widths on the mel scale of D. O'Shaughnessy, "Speech communication", 1987.
fn edges_hz() -> Vec<f32> {
    let mel = |hz: f32| 2595.0 * (1.0 + hz / 700.0).log10();
    let highest = mel(SAMPLE_RATE_HZ as f32 / 2.0);
    (0..=BANDS).map(|edge| 700.0 * (10f32.powf(highest * edge as f32 / BANDS as f32 / 2595.0) - 1.0)).collect()
}

struct Spectrogram {
    fft: Arc<dyn RealToComplex<f64>>,
    hann: Vec<f64>,
    /// For each bin its band.
    bands: Vec<usize>,
    /// Whether a band has no bin, so that nothing is known of it.
    is_empty: [bool; BANDS],
}

impl Spectrogram {
    fn new() -> Self {
        let hann = (0..N_FFT).map(|i| 0.5 - 0.5 * (TAU * i as f64 / N_FFT as f64).cos()).collect();
        let edges = edges_hz();
        let bin_hz = SAMPLE_RATE_HZ as f32 / N_FFT as f32;
        let band = |bin: usize| edges[1..].partition_point(|edge| *edge <= bin as f32 * bin_hz).min(BANDS - 1);
        let bands: Vec<usize> = (0..=N_FFT / 2).map(band).collect();
        let is_empty = std::array::from_fn(|band| !bands.contains(&band));
        Self { fft: RealFftPlanner::new().plan_fft_forward(N_FFT), hann, bands, is_empty }
    }

    /// Adds the level of each band in a frame. A frame that is too short for a window is filled with silence.
    fn add(&self, frame: &[f32], levels: &mut Vec<u8>) {
        let mut power = [0.0f64; BANDS];
        let last = frame.len().saturating_sub(N_FFT);
        for start in [0, last] {
            self.add_power(&frame[start..frame.len().min(start + N_FFT)], &mut power);
        }
        let places = power.iter().zip(self.is_empty);
        levels.extend(places.map(|(power, is_empty)| if is_empty { 0 } else { level(*power) }));
    }

    /// Adds half of the power of a window: a sine of amplitude 1 has a power of 1.
    fn add_power(&self, window: &[f32], power: &mut [f64; BANDS]) {
        let mut input = self.fft.make_input_vec();
        let places = input.iter_mut().zip(window).zip(&self.hann);
        places.for_each(|((place, x), hann)| *place = f64::from(*x) * hann);
        let mut spectrum = self.fft.make_output_vec();
        if self.fft.process(&mut input, &mut spectrum).is_err() {
            unreachable!("the buffers were made by the plan");
        }
        // The sum of the window is half its length, and a sine with it is spread over three bins: 1, 1/4, 1/4.
        let full_scale = (N_FFT as f64 / 4.0).powi(2) * 1.5;
        for (bin, band) in spectrum.iter().zip(&self.bands) {
            power[*band] += bin.norm_sqr() / full_scale / 2.0;
        }
    }
}

fn level(power: f64) -> u8 {
    let db = 10.0 * power.max(1e-12).log10() as f32;
    ((db - FLOOR_DB) / (CEILING_DB - FLOOR_DB) * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, amplitude: f32, seconds: usize) -> Vec<f32> {
        let rate = SAMPLE_RATE_HZ as f32;
        (0..SAMPLE_RATE_HZ as usize * seconds)
            .map(|n| amplitude * (n as f32 * hz * std::f32::consts::TAU / rate).sin())
            .collect()
    }

    #[test]
    fn overview_has_the_peaks_and_the_band_of_a_tone() {
        let found = overview(&Pcm::from_channels(vec![sine(1_000.0, 0.1, 3)]), &[]).unwrap();
        let edges = &found.band_edges_hz;
        let band = (0..BANDS).find(|band| edges[*band] <= 1_000.0 && 1_000.0 < edges[band + 1]).unwrap();
        let mut levels = Vec::new();
        Spectrogram::new().add(&sine(1_000.0, 0.1, 1)[..FRAME], &mut levels);
        let loudest = levels.iter().enumerate().max_by_key(|(_, level)| **level).unwrap();
        let db = FLOOR_DB + f32::from(*loudest.1) / 255.0 * (CEILING_DB - FLOOR_DB);
        assert_eq!(loudest.0, band);
        assert!((db + 20.0).abs() < 1.0, "{db} dBFS");
        let expected = ChannelOverview::encode(&[26; 60], &[]);
        assert_eq!(found.channels[0].peaks, expected.peaks);
    }

    #[test]
    fn overview_of_nothing_and_of_a_moment_are_short() {
        let nothing = overview(&Pcm::from_channels(vec![Vec::new()]), &[]).unwrap();
        assert_eq!(nothing.channels, [ChannelOverview::default()]);
        let moment = overview(&Pcm::from_channels(vec![vec![1.0; 10]]), &[]).unwrap();
        assert_eq!(moment.channels[0].peaks, ChannelOverview::encode(&[255], &[]).peaks);
    }

    #[test]
    fn overview_has_the_contours_of_f0_and_level() {
        let pcm = Pcm::from_channels(vec![[sine(200.0, 0.1, 1), vec![0.0; SAMPLE_RATE_HZ as usize]].concat()]);
        let f0_hz = [vec![Some(75.0); 50], vec![Some(500.0); 50], vec![None; 100]].concat();
        let found = overview(&pcm, &[F0Track::of_frames(0, &f0_hz)]).unwrap();
        assert_eq!((found.f0_floor_hz, found.f0_ceiling_hz), (75.0, 500.0));
        let f0 = [vec![1; 10], vec![255; 10], vec![0; 20]].concat();
        let sounding = level(0.1_f64.powi(2) / 2.0);
        let levels = [vec![sounding; 20], vec![0; 20]].concat();
        let expected = ChannelOverview::default().with_contours(&f0, &levels);
        assert_eq!((&found.channels[0].f0, &found.channels[0].level), (&expected.f0, &expected.level));
    }
}
