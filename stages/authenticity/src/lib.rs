//! Authenticity cues: places of a channel where a trace of editing may be. A cue is not a verdict: each has other
//! explanations, which its kind lists.
//!
//! ```text
//! samples at the file's rate -> levels of blocks -> digital silence
//!                            \-> blocks of frames -> grids of AAC and MP3 frames -> earlier encoding, change of the grid
//! plane at 16 kHz -> landmarks -> waveforms of both places -> copied segments
//!                 \-> harmonics of 50 and 60 Hz -> phase jumps and level steps
//!                 \-> levels of bands -> background noise -> its steps and gaps
//!                 \-> grids of AAC frames, if the file has another rate
//! container and file name -> times, encoders and layouts that disagree
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`Examiner`], [`Sought`] | examines one channel, for all cues or some |
//! | [`Cue`], [`CueKind`] | a place, what was measured there, and what it is a trace of |
//! | [`threshold`], [`unit()`], [`alternatives`] | what is known of each kind of cue |
//! | [`Plane`] | the samples at 16 kHz, which copied segments are read from again |
//! | [`container_cues`] | statements of the container that disagree |
//! | [`record`], [`add_container`], [`AuthenticityRecord`], [`AuthenticityCue`] | strong cues as the record states them |
//!
//! Work and memory are linear in the length (about 4 kB per second of a channel), and the search for grids takes a
//! fixed number of frames. `benches/authenticity` measures the detection rates on altered calls.
//!
//! # Example
//!
//! A tenth of a second of noise is replaced with zeros:
//!
//! ```
//! use authenticity::{CueKind, Examiner, PLANE_RATE_HZ, Plane};
//!
//! struct Memory(Vec<f32>);
//!
//! impl Plane for Memory {
//!     fn read(&self, start: u64, len: usize) -> std::io::Result<Vec<f32>> {
//!         Ok(self.0.iter().skip(start as usize).take(len).copied().collect())
//!     }
//! }
//!
//! let mut state = 1u32;
//! let mut noise = || {
//!     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
//!     (state >> 8) as f32 / (1 << 24) as f32 * 0.02 - 0.01
//! };
//! let mut samples: Vec<f32> = (0..128_000).map(|_| noise()).collect();
//! samples[64_000..65_600].fill(0.0);
//!
//! let mut examiner = Examiner::new(PLANE_RATE_HZ, "pcm_s16le");
//! examiner.add(&samples);
//! let cues = examiner.finish(&Memory(samples))?;
//! let is_silence = |cue: &&authenticity::Cue| cue.kind == CueKind::DigitalSilence && cue.is_strong(8.0);
//! let cue = cues.iter().find(is_silence).ok_or("a cue")?;
//! assert!((cue.start_s - 4.0).abs() < 0.02 && (cue.end_s - 4.1).abs() < 0.02);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bands;
mod container;
mod copied;
mod decimate;
mod encoding;
mod hum;
mod hybrid;
mod kind;
mod level_step;
mod maxima;
mod mdct;
mod noise;
mod noise_gap;
mod silence;
mod spectra;
#[cfg(test)]
mod tests;

use std::io;

use stage_core::Measured;
pub use stage_core::authenticity::{AuthenticityCue, AuthenticityRecord, CueKind};

pub use self::container::{NameClaims, Statements, container_cues};
pub use self::kind::{alternatives, threshold, unit};

/// Rate of the planes.
pub const PLANE_RATE_HZ: u32 = 16_000;
/// Samples of a plane that are read at once.
const BLOCK: usize = 160_000;

/// Random access to the samples of a channel at [`PLANE_RATE_HZ`].
pub trait Plane {
    /// Reads up to `len` samples from `start`; fewer at the end.
    ///
    /// # Errors
    /// The samples cannot be read.
    fn read(&self, start: u64, len: usize) -> io::Result<Vec<f32>>;
}

/// A trace of editing at a place of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// What it is a trace of.
    pub kind: CueKind,
    /// Start of the place, in seconds.
    pub start_s: f64,
    /// End of the place, in seconds.
    pub end_s: f64,
    /// Start of the other place of a copied segment, in seconds.
    pub other_start_s: Option<f64>,
    /// What the detector measured, in the unit of the kind: compare it with [`threshold`] only.
    pub statistic: f64,
}

impl Cue {
    fn new(kind: CueKind, start_s: f64, end_s: f64, statistic: f32) -> Self {
        Self { kind, start_s, end_s, other_start_s: None, statistic: f64::from(statistic) }
    }

    /// Whether it exceeds the [`threshold`] of its kind, if `searched_s` seconds were examined, all channels together.
    #[must_use]
    pub fn is_strong(&self, searched_s: f64) -> bool {
        threshold(self.kind, searched_s).is_some_and(|threshold| self.statistic > threshold)
    }

    /// The cue as the record states it; `searched_s` as for [`is_strong`](Self::is_strong).
    #[must_use]
    pub fn to_record(&self, channel: u16, searched_s: f64) -> AuthenticityCue {
        AuthenticityCue {
            kind: self.kind,
            channel: Some(channel),
            start_s: Some(to_thousandths(self.start_s)),
            end_s: Some(to_thousandths(self.end_s)),
            other_start_s: self.other_start_s.map(to_thousandths),
            strength: Measured::of(to_thousandths(self.statistic)),
            unit: unit(self.kind).to_owned(),
            threshold: Measured::from_option(threshold(self.kind, searched_s).map(to_thousandths), "not measured"),
            detail: None,
            alternatives: alternatives(self.kind).iter().map(|text| (*text).to_owned()).collect(),
        }
    }
}

fn to_thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Silence that is this near to the start or the end of a recording, in seconds, is not a cue.
const EDGE_S: f64 = 0.1;

/// What is sought in the sound. Grids at another rate are sought only if the file has another rate.
const SOUND_KINDS: [CueKind; 10] = [
    CueKind::CopiedSegment,
    CueKind::HumPhaseJump,
    CueKind::LevelStep,
    CueKind::NoiseGap,
    CueKind::DigitalSilence,
    CueKind::EarlierEncoding,
    CueKind::EarlierMp3Encoding,
    CueKind::FrameGridChange,
    CueKind::EarlierEncodingAtOtherRate,
    CueKind::FrameGridChangeAtOtherRate,
];

/// The record of the sound of a recording of `seconds`, with the rate and the codec of its file: the strong cues of its
/// channels, from channel 0 on, by kind and start.
#[must_use]
pub fn record(rate_hz: u32, codec: &str, seconds: f64, channels: &[Vec<Cue>]) -> AuthenticityRecord {
    let searched_s = seconds * channels.len() as f64;
    let has_grids = encoding::Codec::named(codec) != encoding::Codec::OtherTransform;
    let examined = SOUND_KINDS.into_iter().filter(|kind| match kind {
        CueKind::EarlierEncodingAtOtherRate | CueKind::FrameGridChangeAtOtherRate => {
            has_grids && rate_hz != PLANE_RATE_HZ
        }
        CueKind::EarlierEncoding | CueKind::EarlierMp3Encoding | CueKind::FrameGridChange => has_grids,
        _ => true,
    });
    let of_channel = |(channel, cues): (u16, &Vec<Cue>)| {
        let strong = cues.iter().filter(|cue| cue.is_strong(searched_s)).cloned().collect();
        let has_both_sides = |cue: &Cue| cue.kind != CueKind::DigitalSilence || is_inside(cue, seconds);
        places(strong)
            .into_iter()
            .filter(has_both_sides)
            .map(move |cue| cue.to_record(channel, searched_s))
            .collect::<Vec<_>>()
    };
    let mut cues: Vec<AuthenticityCue> = (0..).zip(channels).flat_map(of_channel).collect();
    cues.sort_by(|a, b| a.kind.cmp(&b.kind).then(a.start_s.unwrap_or(0.0).total_cmp(&b.start_s.unwrap_or(0.0))));
    let mut record = AuthenticityRecord::default();
    if !channels.is_empty() {
        add(&mut record, examined, cues);
    }
    record
}

/// Whether a place is not at the start or the end of the recording, where encoders leave silence.
fn is_inside(cue: &Cue, seconds: f64) -> bool {
    cue.start_s > EDGE_S && cue.end_s < seconds - EDGE_S
}

/// One cue for cues of a kind that touch. A gap of the noise within digital silence is not another trace.
fn places(mut cues: Vec<Cue>) -> Vec<Cue> {
    cues.sort_by(|a, b| a.kind.cmp(&b.kind).then(a.start_s.total_cmp(&b.start_s)));
    let mut places: Vec<Cue> = Vec::with_capacity(cues.len());
    for cue in cues {
        match places.last_mut().filter(|last| last.kind == cue.kind && cue.start_s <= last.end_s) {
            Some(last) if last.other_start_s.is_none() => {
                last.end_s = last.end_s.max(cue.end_s);
                last.statistic = last.statistic.max(cue.statistic);
            }
            _ => places.push(cue),
        }
    }
    let silences: Vec<Cue> = places.iter().filter(|cue| cue.kind == CueKind::DigitalSilence).cloned().collect();
    let is_within = |gap: &Cue| silences.iter().any(|cue| gap.start_s < cue.end_s && gap.end_s > cue.start_s);
    places.retain(|cue| cue.kind != CueKind::NoiseGap || !is_within(cue));
    places
}

/// Adds the cues of the container to a record, and the kinds that its statements allow to examine.
pub fn add_container(record: &mut AuthenticityRecord, file: &Statements<'_>, name: &NameClaims<'_>) {
    add(record, container::examined(file), container_cues(file, name));
}

/// Adds cues, and the kinds that were examined and have none.
fn add(record: &mut AuthenticityRecord, examined: impl IntoIterator<Item = CueKind>, cues: Vec<AuthenticityCue>) {
    let is_without = |kind: &CueKind| cues.iter().all(|cue| cue.kind != *kind);
    record.without_cue.extend(examined.into_iter().filter(is_without));
    record.cues.extend(cues);
}

/// Which cues an [`Examiner`] seeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sought {
    /// All of them.
    #[default]
    All,
    /// Frame grids of earlier encodings.
    Grids,
    /// All but frame grids.
    WithoutGrids,
}

/// Examines one channel: takes its samples at the file's own rate, and at last its plane.
#[derive(Debug)]
pub struct Examiner {
    rate_hz: u32,
    codec: encoding::Codec,
    sought: Sought,
    levels: silence::Levels,
    blocks: encoding::Blocks,
}

impl Examiner {
    /// Starts to examine a channel of a file whose codec is `codec`, as in `Recording::codec`: an AAC or MP3 file has the
    /// frame grid of its own encoding, which is not a cue. In files of codecs with other transforms (Vorbis, Opus) no grids are
    /// sought.
    #[must_use]
    pub fn new(rate_hz: u32, codec: &str) -> Self {
        Self::seeking(Sought::All, rate_hz, codec)
    }

    /// The same for some of the cues.
    #[must_use]
    pub fn seeking(sought: Sought, rate_hz: u32, codec: &str) -> Self {
        let (levels, blocks) = (silence::Levels::new(rate_hz), encoding::Blocks::new());
        let codec = encoding::Codec::named(codec);
        let is_sought = sought != Sought::All || codec != encoding::Codec::OtherTransform;
        Self { rate_hz, codec, sought: if is_sought { sought } else { Sought::WithoutGrids }, levels, blocks }
    }

    /// Adds the channel's next samples at the file's own rate.
    pub fn add(&mut self, samples: &[f32]) {
        if self.sought != Sought::Grids {
            self.levels.add(samples);
        }
        if self.sought != Sought::WithoutGrids {
            self.blocks.add(samples);
        }
    }

    /// All cues of the channel, weak ones included.
    ///
    /// # Errors
    /// The plane cannot be read.
    pub fn finish(self, plane: &dyn Plane) -> io::Result<Vec<Cue>> {
        let mut cues = Vec::new();
        if self.sought != Sought::Grids {
            cues.extend(cues_of_plane(plane)?);
            cues.extend(self.levels.finish());
        }
        if self.sought == Sought::WithoutGrids {
            return Ok(cues);
        }
        cues.extend(self.blocks.finish(self.rate_hz, self.codec, encoding::Kinds::OWN_RATE));
        if self.rate_hz != PLANE_RATE_HZ {
            let mut blocks = encoding::Blocks::new();
            each_block(plane, |block| blocks.add(block))?;
            cues.extend(blocks.finish(PLANE_RATE_HZ, encoding::Codec::Other, encoding::Kinds::OTHER_RATE));
        }
        Ok(cues)
    }
}

fn cues_of_plane(plane: &dyn Plane) -> io::Result<Vec<Cue>> {
    let mut landmarks = copied::Landmarks::new();
    let mut bands = bands::Bands::new();
    let mut harmonics = hum::Harmonics::new();
    each_block(plane, |block| {
        landmarks.add(block);
        harmonics.add(block);
        bands.add(block);
    })?;
    let mut cues = landmarks.finish(plane)?;
    cues.extend(harmonics.finish());
    let noise = noise::Noise::of(&bands);
    cues.extend(level_step::steps(&noise));
    cues.extend(noise_gap::gaps(&noise));
    Ok(cues)
}

fn each_block(plane: &dyn Plane, mut add: impl FnMut(&[f32])) -> io::Result<()> {
    let mut at = 0;
    loop {
        let block = plane.read(at, BLOCK)?;
        if block.is_empty() {
            return Ok(());
        }
        add(&block);
        at += block.len() as u64;
    }
}
