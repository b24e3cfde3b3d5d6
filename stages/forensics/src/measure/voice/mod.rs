//! Acoustics of the voice: of the channel, of each of its speakers, of each segment, and F0 and level of each word; change of
//! level and pitch.
//!
//! The frames of the F0 track are analyzed in chunks and in parallel. Of each chunk only sums remain, so that memory does
//! not grow with the samples.

mod analysis;
mod intervals;
mod limits;
mod prosody;
mod totals;
mod value;

use std::collections::BTreeMap;
use std::io;

use rayon::prelude::*;
use stage_core::PipelineError;

use self::analysis::Plans;
use self::intervals::Owners;
use self::limits::Limits;
use self::prosody::Prosody;
use self::totals::{ChunkTotals, Totals};
use self::value::{Acoustics, SegmentVoice, SpeakerVoice, VoiceValue, WordVoice};
use super::f0::{F0Chunk, F0Track};
use super::{Channel, Measure, NoSettings};
use crate::error::NAME;

/// The measure. It reads the samples at 16 kHz and the F0 track.
#[derive(Debug)]
pub(crate) struct Voice;

impl Measure for Voice {
    const NAME: &'static str = "voice";
    const DESCRIPTION: &'static str = "Acoustics of the voice.";
    type Settings = NoSettings;
    type Value = VoiceValue;

    fn begin(_settings: &NoSettings, _channel: &Channel<'_>) -> Self {
        Self
    }

    fn finish(self, _settings: &NoSettings, channel: &Channel<'_>) -> Result<VoiceValue, PipelineError> {
        let owners = Owners::of(channel);
        let totals = match channel.f0.get() {
            Some(track) => totals(channel, track, &owners),
            None => Ok(ChunkTotals::default()),
        };
        let totals = totals.map_err(|error| PipelineError::samples_unreadable(NAME, &error))?;
        Ok(value(channel, &owners, &totals))
    }
}

/// Sums over all chunks, in the order of the chunks.
fn totals(channel: &Channel<'_>, track: &F0Track, owners: &Owners) -> io::Result<ChunkTotals> {
    let plans = Plans::new(track, channel.input.recording.sample_rate_hz);
    let of_chunk = |chunk: &F0Chunk| {
        let f0_hz: Vec<_> = chunk.f0_hz().collect();
        plans.analyze(channel, track, chunk.frames, &f0_hz, owners)
    };
    let chunks = track.chunks.par_iter().map(of_chunk).collect::<io::Result<Vec<_>>>()?;
    let mut all = ChunkTotals::default();
    chunks.into_iter().for_each(|chunk| all.merge(chunk));
    Ok(all)
}

fn value(channel: &Channel<'_>, owners: &Owners, totals: &ChunkTotals) -> VoiceValue {
    let limits = Limits::of(channel.input.recording, &totals.whole);
    let none = Totals::default();
    let prosody = |speaker: Option<u32>| {
        let step_s = channel.f0.get().map_or(0.0, |track| track.step_s);
        Prosody::of(&totals.seconds_of(speaker), step_s, channel.input.pcm.duration_s())
    };
    let of = |map: &BTreeMap<u32, Totals>, at: u32| Acoustics::of(map.get(&at).unwrap_or(&none), &limits);
    let speaker = |(at, speaker): (u32, &String)| SpeakerVoice {
        speaker: speaker.clone(),
        acoustics: of(&totals.speakers, at),
        prosody: prosody(Some(at)),
    };
    let segments = owners.segments().map(|segment| SegmentVoice { segment, acoustics: of(&totals.segments, segment) });
    let words = owners.words().map(|word| WordVoice::of(word, totals.words.get(&word)));
    VoiceValue {
        band_hz: limits.band(),
        formant_ceiling_hz: analysis::FORMANT_CEILING_HZ.into(),
        whole: Acoustics::of(&totals.whole, &limits),
        prosody: prosody(None),
        ltas_band_hz: acoustics::LongTermSpectrum::BAND_HZ,
        ltas_dbfs_per_hz: value::ltas(&totals.whole),
        speakers: (0..).zip(owners.speakers()).map(speaker).collect(),
        segments: segments.collect(),
        words: words.collect(),
    }
}

#[cfg(test)]
mod tests;
