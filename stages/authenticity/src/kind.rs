//! What is known of each kind of cue: its unit, its threshold, and what else explains it.
//!
//! # One rate of false alarms
//!
//! A user reads one page per recording, so what counts is how many untouched recordings have any cue with a place. The
//! thresholds are set such that 5 % of the untouched tuning recordings of `benches/authenticity` have one, of the short ones
//! as of the long ones, all kinds together. Each kind has a part of this rate, the larger the more is found with it: level
//! steps 35 %, copied segments, hum and digital silence 15 % each, changes of the two frame grids 7.5 % each, noise gaps 5 %.
//! What a source has itself (silence of a noise gate, a part that occurs twice) is not a false alarm.

use stage_core::authenticity::CueKind;

/// Threshold of a kind, from untouched tuning recordings of `benches/authenticity` (`thresholds.py`).
struct Calibration {
    /// For recordings of 4 to 18 s: the least threshold.
    short: f64,
    /// For recordings of [`LONG_S`], and what a length of e times that adds.
    long: f64,
    growth: f64,
}

/// Length for which [`Calibration::long`] holds, in seconds.
const LONG_S: f64 = 600.0;

/// The statistic above which a cue is strong, if `searched_s` seconds were examined, all channels together.
///
/// The more is searched, the stronger is the strongest chance cue. Chance cues are a Poisson process whose rate falls
/// exponentially with the statistic (the Gumbel domain of extreme value theory: S. Coles, "An introduction to statistical
/// modeling of extreme values", 2001, sections 3.1 and 7.3), so that the threshold rises with the logarithm of the length.
/// It is never below that of recordings of 4 to 18 s. Beyond 10 minutes it is extrapolated. Cues of encodings are sought
/// in a fixed number of frames, so that their threshold does not depend on the length; untouched long recordings had no
/// digital silence. Earlier encodings, which have no place, have a rate of 5 % of their own. `None` for cues of the
/// container, which are not measured.
#[must_use]
pub fn threshold(kind: CueKind, searched_s: f64) -> Option<f64> {
    let Calibration { short, long, growth } = calibration(kind)?;
    Some((long + growth * (searched_s / LONG_S).max(1e-3).ln()).max(short))
}

const fn calibration(kind: CueKind) -> Option<Calibration> {
    let (short, long, growth) = match kind {
        CueKind::CopiedSegment => (0.138, 0.405, 0.151),
        CueKind::HumPhaseJump => (0.392, 0.613, 0.134),
        CueKind::LevelStep => (1.12, 2.66, 0.574),
        CueKind::NoiseGap => (6.88, 5.88, 0.726),
        CueKind::DigitalSilence => (12.5, 12.5, 0.0),
        CueKind::EarlierEncoding => (6.15, 6.15, 0.0),
        CueKind::EarlierMp3Encoding => (5.89, 5.89, 0.0),
        CueKind::FrameGridChange => (4.71, 4.71, 0.0),
        CueKind::EarlierEncodingAtOtherRate => (6.46, 6.46, 0.0),
        CueKind::FrameGridChangeAtOtherRate => (4.79, 4.79, 0.0),
        CueKind::TimesDisagree | CueKind::EncoderDisagrees | CueKind::ContainerStructure => return None,
    };
    Some(Calibration { short, long, growth })
}

/// The unit of the statistic.
#[must_use]
pub const fn unit(kind: CueKind) -> &'static str {
    match kind {
        CueKind::CopiedSegment => {
            "Fisher's z of the correlation of the waveforms, less that at other lags and what a length under 0.5 s takes off"
        }
        CueKind::HumPhaseJump => "energy that a second phase explains, relative to what neither explains",
        CueKind::LevelStep => "dB of the step, less its uncertainty",
        CueKind::NoiseGap => "dB below what the noise on both sides falls to, less its spread",
        CueKind::DigitalSilence => "dB below the noise around it, or below -55 dBFS if that is less",
        CueKind::EarlierEncoding | CueKind::EarlierMp3Encoding | CueKind::EarlierEncodingAtOtherRate => {
            "standard deviations from the offsets without a grid, of the sparseness and of the steps of the coefficients, added"
        }
        CueKind::FrameGridChange | CueKind::FrameGridChangeAtOtherRate => {
            "t statistic of the difference of two grids before and after"
        }
        CueKind::TimesDisagree | CueKind::EncoderDisagrees | CueKind::ContainerStructure => "",
    }
}

/// What else can leave the trace.
#[must_use]
pub const fn alternatives(kind: CueKind) -> &'static [&'static str] {
    match kind {
        CueKind::CopiedSegment => &[
            "an announcement, a ringback tone, a jingle or a recording that was played twice",
            "concealment of lost packets, which repeats sound",
        ],
        CueKind::HumPhaseJump => &[
            "a pause of the recorder, or packets lost in the network",
            "a device or a charger that was switched on or off, or a move of the microphone",
        ],
        CueKind::LevelStep => &[
            "automatic gain control or noise suppression of the phone or the network",
            "the speaker changed to another microphone, hands-free or another room, or a noise began or ended",
        ],
        CueKind::NoiseGap => &[
            "lost packets, or comfort noise of a discontinuous transmission",
            "a noise gate or noise suppression, or a noise that stopped for a moment",
        ],
        CueKind::DigitalSilence => &[
            "mute, hold, or a change of the network cell",
            "a noise gate or voice activity detection, which sends nothing in pauses",
        ],
        CueKind::EarlierEncoding | CueKind::EarlierEncodingAtOtherRate => &[
            "the file was converted or shared by an app that encodes again, without any edit of the sound",
            "a voice message or a call over the internet was AAC before it was recorded",
        ],
        CueKind::EarlierMp3Encoding => &[
            "the file was converted or shared by an app that encodes again, without any edit of the sound",
            "the recorder stores MP3 and the file was converted afterwards",
            "the call or the recording has sound that was MP3 before: music on hold, an announcement, a played file",
        ],
        CueKind::FrameGridChange | CueKind::FrameGridChangeAtOtherRate => {
            &["a recorder that paused and resumed", "an app that joined parts of one recording"]
        }
        CueKind::TimesDisagree => &[
            "the clock or the time zone of a device was set wrong, or changed",
            "an app that copied, synchronized or shared the file wrote its own time",
            "the file was renamed",
        ],
        CueKind::EncoderDisagrees => &[
            "the file was converted or shared by an app that encodes again, without any edit of the sound",
            "the recorder was updated, or is one whose files are not known",
            "the file was renamed",
        ],
        CueKind::ContainerStructure => &[
            "the recorder paused and resumed, or was interrupted",
            "an app rewrote the container without encoding again, to add tags or to make it ready for streaming",
            "the file was cut off while it was copied or sent",
        ],
    }
}
