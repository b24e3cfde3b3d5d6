//! The analysis of one chunk of the F0 track.

use std::io;

use acoustics::{
    Cepstrum, CepstrumScratch, Contour, FormantScratch, Formants, Harmonicity, HarmonicityScratch, Intensity,
    Resampler, Spectrum, SpectrumScratch, perturbation, pulses,
};
use stage_core::{Pcm, SAMPLE_RATE_HZ};

use super::intervals::Owners;
use super::totals::{ChunkTotals, FrameValues};
use crate::measure::Channel;
use crate::measure::f0::{Chunk, F0Track};

const RATE_HZ: f64 = SAMPLE_RATE_HZ as f64;
/// Highest frequency of the formants. Five formants of most adult voices are below it.
pub(super) const FORMANT_CEILING_HZ: u32 = 5_500;
/// The cepstrum takes the spectrum up to here, or less if the recording has a smaller band.
const CEPSTRUM_BAND_HZ: f64 = 5_000.0;
/// Share of half the sample rate that filters leave intact.
const INTACT_BAND: f64 = 0.85;
/// Samples around a chunk that its frames read: more than the reach of any analysis.
const MARGIN: u64 = 2_048;

/// Data shared by all chunks.
pub(super) struct Plans {
    harmonicity: Harmonicity,
    intensity: Intensity,
    formants: Formants,
    resampler: Resampler,
    spectrum: Spectrum,
    cepstrum: Cepstrum,
}

/// Buffers of one chunk.
struct Scratch {
    harmonicity: HarmonicityScratch,
    formants: FormantScratch,
    spectrum: SpectrumScratch,
    cepstrum: CepstrumScratch,
}

/// The samples of one chunk with [`MARGIN`] samples on both sides.
struct Samples {
    /// Start in the recording, in seconds; negative at the start of a recording.
    start_s: f64,
    samples: Vec<f32>,
    /// The samples for formants, at twice [`FORMANT_CEILING_HZ`].
    resampled: Vec<f32>,
}

impl Plans {
    pub(super) fn new(track: &F0Track, native_rate_hz: u32) -> Self {
        let spectrum = Spectrum::new(RATE_HZ);
        let band_hz = CEPSTRUM_BAND_HZ.min(INTACT_BAND * f64::from(native_rate_hz) / 2.0);
        Self {
            harmonicity: Harmonicity::new(RATE_HZ, track.floor_hz),
            intensity: Intensity::new(RATE_HZ, track.floor_hz),
            formants: Formants::new(f64::from(2 * FORMANT_CEILING_HZ)),
            resampler: Resampler::new(SAMPLE_RATE_HZ, 2 * FORMANT_CEILING_HZ),
            cepstrum: Cepstrum::new(spectrum.bin_hz(), band_hz, track.floor_hz, track.ceiling_hz),
            spectrum,
        }
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            harmonicity: self.harmonicity.scratch(),
            formants: FormantScratch::default(),
            spectrum: self.spectrum.scratch(),
            cepstrum: self.cepstrum.scratch(),
        }
    }

    /// The sums of a chunk.
    ///
    /// # Errors
    /// The samples could not be read.
    pub(super) fn analyze(
        &self,
        channel: &Channel<'_>,
        track: &F0Track,
        chunk: Chunk,
        f0_hz: &[Option<f64>],
        owners: &Owners,
    ) -> io::Result<ChunkTotals> {
        let samples = self.read(channel.input.pcm, channel.number, track.step_s, chunk)?;
        let (mut totals, mut scratch) = (ChunkTotals::default(), self.scratch());
        for (k, f0_hz) in (chunk.first..chunk.end).zip(f0_hz) {
            let time_s = k as f64 * track.step_s;
            let owner = owners.at(time_s);
            let (frame, power) = self.frame(&samples, time_s, *f0_hz, &mut scratch);
            totals.each(owner, |totals| totals.spectrum.add(&self.spectrum, power));
            totals.add(owner, time_s, &frame, track.step_s);
        }
        let first_s = chunk.first as f64 * track.step_s - samples.start_s;
        let contour = Contour { first_s, step_s: track.step_s, f0_hz };
        let pulses = pulses(&samples.samples, RATE_HZ, track.peak as f32, &contour);
        for (pulse_s, terms) in pulses.iter().zip(perturbation(&samples.samples, RATE_HZ, &pulses)) {
            let owner = owners.at(pulse_s + samples.start_s);
            totals.each(owner, |totals| totals.perturbation.merge(&terms));
        }
        Ok(totals)
    }

    /// The measures of one frame, and its power spectrum.
    fn frame<'a>(
        &self,
        samples: &Samples,
        time_s: f64,
        f0_hz: Option<f64>,
        scratch: &'a mut Scratch,
    ) -> (FrameValues, &'a [f32]) {
        let right = ((time_s - samples.start_s) * RATE_HZ).round() as usize;
        let power = self.spectrum.power(&samples.samples, right, &mut scratch.spectrum);
        let mut frame =
            FrameValues { mean_square: self.intensity.mean_square(&samples.samples, right), ..Default::default() };
        let Some(f0_hz) = f0_hz else { return (frame, power) };
        let right_resampled = ((time_s - samples.start_s) * f64::from(2 * FORMANT_CEILING_HZ)).round() as usize;
        let formants = self.formants.of_frame(&samples.resampled, right_resampled, &mut scratch.formants);
        frame.f0_hz = Some(f0_hz);
        frame.hnr_db = self.harmonicity.db(&samples.samples, right, &mut scratch.harmonicity);
        frame.formants_hz = std::array::from_fn(|n| formants.get(n).map(|formant| formant.frequency_hz));
        frame.cpp_db = self.cepstrum.prominence_db(power, &mut scratch.cepstrum);
        frame.alpha_ratio_db = Some(self.spectrum.alpha_ratio_db(power));
        frame.hammarberg_db = Some(self.spectrum.hammarberg_db(power));
        frame.h1_h2_db = self.spectrum.h1_h2_db(power, f0_hz);
        frame.h1_a3_db = frame.formants_hz[2].and_then(|f3_hz| self.spectrum.h1_a3_db(power, f0_hz, f3_hz));
        (frame, power)
    }

    fn read(&self, pcm: &Pcm, channel: u16, step_s: f64, chunk: Chunk) -> io::Result<Samples> {
        let right_of = |k: u64| (k as f64 * step_s * RATE_HZ).round() as u64;
        let (first, end) = (right_of(chunk.first), right_of(chunk.end - 1) + MARGIN);
        let before = MARGIN.min(first);
        let read = pcm.read(usize::from(channel), first - before, (end - first + before) as usize)?;
        // Silence before and after the recording.
        let mut samples = vec![0.0; (MARGIN - before) as usize];
        samples.extend(read);
        samples.resize((MARGIN + end - first) as usize, 0.0);
        let mut resampled = self.resampler.convert(&samples);
        self.formants.preemphasize(&mut resampled);
        Ok(Samples { start_s: (first as f64 - MARGIN as f64) / RATE_HZ, samples, resampled })
    }
}
