//! The values in the record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::Measured;

use super::limits::Limits;
use super::prosody::Prosody;
use super::totals::{Moments, Totals, WordTotals};

/// Fewer periods give no stable jitter and shimmer.
const PERIODS_MIN: u32 = 20;
/// The spectral tilt is measured from here on, where the telephone band begins.
const TILT_FROM_HZ: f64 = 300.0;
const TILT_TO_HZ: f64 = 5_000.0;

/// Acoustics of one channel. The reason of a missing value, or the limit of its validity, is next to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Voice")]
pub(crate) struct VoiceValue {
    /// Highest frequency in which the speech has a level within 60 dB of its loudest band, in bands of 100 Hz.
    #[schemars(extend("unit" = "Hz"))]
    pub(super) band_hz: Measured,
    /// Highest frequency of the formant search: five formants are sought below it.
    #[schemars(extend("unit" = "Hz"))]
    pub(super) formant_ceiling_hz: f64,
    /// All speech of the channel.
    pub(super) whole: Acoustics,
    /// Change of level and pitch in all speech of the channel. With several speakers, the baseline is that of all of them.
    pub(super) prosody: Prosody,
    /// Width of a band of the long-term average spectrum.
    #[schemars(extend("unit" = "Hz"))]
    pub(super) ltas_band_hz: f64,
    /// Long-term average spectrum of the speech: mean power of each band, from 0 Hz on, in dB relative to full scale
    /// per Hz. Empty without speech.
    #[schemars(extend("unit" = "dBFS/Hz"))]
    pub(super) ltas_dbfs_per_hz: Vec<f64>,
    /// The speakers of the channel.
    pub(super) speakers: Vec<SpeakerVoice>,
    /// The segments of the channel, by time.
    pub(super) segments: Vec<SegmentVoice>,
    /// The words of the channel, by time.
    pub(super) words: Vec<WordVoice>,
}

/// Acoustics of a speaker's turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SpeakerVoice {
    /// The label of the speaker.
    pub(super) speaker: String,
    /// The values.
    pub(super) acoustics: Acoustics,
    /// Change of level and pitch.
    pub(super) prosody: Prosody,
}

/// Acoustics of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SegmentVoice {
    /// Index of the segment.
    #[schemars(extend("unit" = "index"))]
    pub(super) segment: u32,
    /// The values.
    pub(super) acoustics: Acoustics,
}

/// F0 and level of a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WordVoice {
    /// Index of the word.
    #[schemars(extend("unit" = "index"))]
    pub(super) word: u32,
    /// Mean F0 of its voiced frames; null if it has none.
    #[schemars(extend("unit" = "Hz"))]
    pub(super) f0_hz: Option<f64>,
    /// Mean level of its frames; null if none of them is in detected speech.
    #[schemars(extend("unit" = "dBFS"))]
    pub(super) level_dbfs: Option<f64>,
}

impl WordVoice {
    pub(super) fn of(word: u32, totals: Option<&WordTotals>) -> Self {
        let level = totals.and_then(|totals| totals.mean_square.mean()).filter(|square| *square > 0.0);
        Self {
            word,
            f0_hz: totals.and_then(|totals| totals.f0_hz.mean()).map(|hz| rounded(hz, 100.0)),
            level_dbfs: level.map(|square| rounded(10.0 * square.log10(), 100.0)),
        }
    }
}

/// Measures of the frames and periods of an interval. Frames are 10 ms apart and in detected speech; all values but the
/// level and the spectral tilt are of voiced frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Acoustics {
    /// Length of the voiced frames.
    #[schemars(extend("unit" = "s"))]
    voiced_s: f64,
    /// Mean F0.
    #[schemars(extend("unit" = "Hz"))]
    f0_mean_hz: Measured,
    /// Standard deviation of F0.
    #[schemars(extend("unit" = "Hz"))]
    f0_sd_hz: Measured,
    /// Mean level: that of the mean square under a Kaiser window of 6.4 periods of the F0 floor. The loudness of the
    /// speaker is not known, because the distance to the microphone is not.
    #[schemars(extend("unit" = "dBFS"))]
    level_mean_dbfs: Measured,
    /// Standard deviation of the level of frames.
    #[schemars(extend("unit" = "dB"))]
    level_sd_db: Measured,
    /// Number of periods that jitter and shimmer are measured over.
    #[schemars(extend("unit" = "count"))]
    periods: u32,
    /// Mean difference of successive periods, relative to the mean period. Periods are found by cross-correlation
    /// (Boersma 2009); those that differ by more than a factor of 1.3 are not compared.
    #[schemars(extend("unit" = "ratio"))]
    jitter_local: Measured,
    /// Mean difference of a period from the mean of three (relative average perturbation).
    #[schemars(extend("unit" = "ratio"))]
    jitter_rap: Measured,
    /// Mean difference of a period from the mean of five.
    #[schemars(extend("unit" = "ratio"))]
    jitter_ppq5: Measured,
    /// Mean difference of the differences of successive periods: three times `jitter_rap`.
    #[schemars(extend("unit" = "ratio"))]
    jitter_ddp: Measured,
    /// Mean difference of the amplitudes of successive periods, relative to the mean amplitude. Amplitudes that differ by
    /// more than a factor of 1.6 are not compared.
    #[schemars(extend("unit" = "ratio"))]
    shimmer_local: Measured,
    /// Mean difference of an amplitude from the mean of three.
    #[schemars(extend("unit" = "ratio"))]
    shimmer_apq3: Measured,
    /// Mean difference of an amplitude from the mean of five.
    #[schemars(extend("unit" = "ratio"))]
    shimmer_apq5: Measured,
    /// Mean difference of an amplitude from the mean of eleven.
    #[schemars(extend("unit" = "ratio"))]
    shimmer_apq11: Measured,
    /// Mean harmonics-to-noise ratio by forward cross-correlation (Boersma 1993). Noise of the room and of the line counts
    /// as noise of the voice.
    #[schemars(extend("unit" = "dB"))]
    hnr_mean_db: Measured,
    /// Standard deviation of the harmonics-to-noise ratio.
    #[schemars(extend("unit" = "dB"))]
    hnr_sd_db: Measured,
    /// Mean first formant, by Burg's method of linear prediction with ten poles.
    #[schemars(extend("unit" = "Hz"))]
    f1_mean_hz: Measured,
    /// Mean second formant.
    #[schemars(extend("unit" = "Hz"))]
    f2_mean_hz: Measured,
    /// Mean third formant.
    #[schemars(extend("unit" = "Hz"))]
    f3_mean_hz: Measured,
    /// Mean fourth formant.
    #[schemars(extend("unit" = "Hz"))]
    f4_mean_hz: Measured,
    /// Mean cepstral peak prominence (Hillenbrand et al. 1994), of the spectrum up to 5 kHz or the recording's band.
    #[schemars(extend("unit" = "dB"))]
    cpp_mean_db: Measured,
    /// Slope of the long-term average spectrum from 300 Hz to 5 kHz or the end of the band.
    #[schemars(extend("unit" = "dB/octave"))]
    spectral_tilt_db_per_octave: Measured,
    /// Mean ratio of the energy from 50 to 1000 Hz to that from 1000 to 5000 Hz (Eyben et al. 2016).
    #[schemars(extend("unit" = "dB"))]
    alpha_ratio_mean_db: Measured,
    /// Mean ratio of the highest peak up to 2000 Hz to the highest from there to 5000 Hz (Eyben et al. 2016).
    #[schemars(extend("unit" = "dB"))]
    hammarberg_mean_db: Measured,
    /// Mean level of the first harmonic relative to the second.
    #[schemars(extend("unit" = "dB"))]
    h1_h2_mean_db: Measured,
    /// Mean level of the first harmonic relative to the harmonic nearest to the third formant.
    #[schemars(extend("unit" = "dB"))]
    h1_a3_mean_db: Measured,
}

impl Acoustics {
    pub(super) fn of(totals: &Totals, limits: &Limits) -> Self {
        let no_voice = if totals.mean_square.count == 0 { "no speech" } else { "no voiced frame" };
        let of_voice = |value: Option<f64>| Measured::from_option(value.map(|value| rounded(value, 1e3)), no_voice);
        let mean = |moments: &Moments| of_voice(moments.mean());
        let [local, rap, ppq5, ddp] = totals.perturbation.jitter().map(|value| periodic(value, totals, limits));
        let [shimmer, apq3, apq5, apq11] = totals.perturbation.shimmer().map(|value| periodic(value, totals, limits));
        let [f1, f2, f3, f4] = std::array::from_fn(|n| {
            let value = missing_or(limits.formant_missing(n + 1), || mean(&totals.formants_hz[n]));
            biased(value, limits.formant_biased(n + 1))
        });
        let harmonic = |moments: &Moments| missing_or(limits.first_harmonic_missing(), || mean(moments));
        let wide = |moments: &Moments| missing_or(limits.wide_band_missing(), || mean(moments));
        let tilt = totals.spectrum.tilt_db_per_octave(TILT_FROM_HZ, TILT_TO_HZ.min(limits.band_end_hz()));
        let level = totals.mean_square.mean().filter(|square| *square > 0.0).map(|square| 10.0 * square.log10());
        Self {
            voiced_s: rounded(totals.voiced_s, 1e3),
            f0_mean_hz: mean(&totals.f0_hz),
            f0_sd_hz: spread(&totals.f0_hz, no_voice),
            level_mean_dbfs: Measured::from_option(level.map(|level| rounded(level, 1e3)), "no speech"),
            level_sd_db: spread(&totals.level_db, "no speech"),
            periods: totals.perturbation.periods(),
            jitter_local: local,
            jitter_rap: rap,
            jitter_ppq5: ppq5,
            jitter_ddp: ddp,
            shimmer_local: shimmer,
            shimmer_apq3: apq3,
            shimmer_apq5: apq5,
            shimmer_apq11: apq11,
            hnr_mean_db: biased(mean(&totals.hnr_db), limits.perturbation()),
            hnr_sd_db: spread(&totals.hnr_db, no_voice),
            f1_mean_hz: f1,
            f2_mean_hz: f2,
            f3_mean_hz: f3,
            f4_mean_hz: f4,
            cpp_mean_db: biased(mean(&totals.cpp_db), limits.perturbation()),
            spectral_tilt_db_per_octave: Measured::from_option(tilt.map(|tilt| rounded(tilt, 1e3)), "no speech"),
            alpha_ratio_mean_db: wide(&totals.alpha_ratio_db),
            hammarberg_mean_db: wide(&totals.hammarberg_db),
            h1_h2_mean_db: harmonic(&totals.h1_h2_db),
            h1_a3_mean_db: harmonic(&totals.h1_a3_db),
        }
    }
}

/// The long-term average spectrum; empty without speech.
pub(super) fn ltas(totals: &Totals) -> Vec<f64> {
    if totals.spectrum.frames() == 0 {
        return Vec::new();
    }
    totals.spectrum.levels_db().into_iter().map(|level| rounded(level, 100.0)).collect()
}

/// Jitter or shimmer.
fn periodic(value: Option<f64>, totals: &Totals, limits: &Limits) -> Measured {
    let periods = totals.perturbation.periods();
    if periods < PERIODS_MIN {
        return Measured::missing(format!("{periods} periods, and at least {PERIODS_MIN} are needed"));
    }
    let value = Measured::from_option(value.map(|value| rounded(value, 1e6)), "too few successive periods");
    biased(value, limits.perturbation())
}

fn spread(moments: &Moments, none: &str) -> Measured {
    let reason = if moments.count() == 1 { "a single frame" } else { none };
    Measured::from_option(moments.sd().map(|sd| rounded(sd, 1e3)), reason)
}

/// A missing value if there is a reason for that.
fn missing_or(reason: Option<String>, value: impl FnOnce() -> Measured) -> Measured {
    reason.map_or_else(value, Measured::missing)
}

/// A value with what limits its validity.
fn biased(mut value: Measured, limit: Option<String>) -> Measured {
    if value.value.is_some() {
        value.reason = limit;
    }
    value
}

/// A value in steps of `1 / steps`: far finer than its precision, and short in the record.
pub(super) fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
