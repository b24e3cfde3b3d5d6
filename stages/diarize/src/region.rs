//! Regions: intervals of a channel with speech that are read at once, and which of their frames are speech.

use std::io;
use std::ops::Range;

use dsp::{Activity, runs};
use stage_core::{Pcm, SAMPLE_RATE_HZ, SpeechSegments, SpeechSpan};

/// Samples in a frame: 10 ms.
pub(crate) const FRAME: usize = 160;
/// Frames per second.
pub(crate) const FRAMES_PER_S: f64 = 100.0;
/// Audio on each side of a region that is read too, in frames: windows and the noise level extend into it.
const MARGIN: u64 = 75;
/// Spans with a longer pause between them are in different regions, in frames.
const PAUSE: u64 = 150;
/// Longest region, in frames: a minute.
const LONGEST: u64 = 6_000;
/// The ends of a span move to its first and last sound, by at most this many frames: the padding of the detector, and its
/// delay. Sound inside a span is not examined, because soft speech may be below the noise.
const TRIM: u64 = 20;
/// Without a detector, silences up to this many frames belong to the speech around them.
const SHORT_SILENCE: u64 = 40;

/// The interval of a region, in frames of the channel.
pub(crate) type Interval = Range<u64>;

/// The regions of a channel's spans, which are by time.
pub(crate) fn regions(spans: &[SpeechSpan], channel: u16) -> Vec<Interval> {
    let mut regions: Vec<Interval> = Vec::new();
    for span in spans.iter().filter(|span| span.channel == channel) {
        let (mut start, end) = (frame(span.start_s), frame(span.end_s));
        match regions.last_mut() {
            Some(last) if start <= last.end + PAUSE && end - last.start <= LONGEST => last.end = end.max(last.end),
            last => {
                start = start.max(last.map_or(0, |last| last.end));
                while end > start {
                    let cut = end.min(start + LONGEST);
                    regions.push(start..cut);
                    start = cut;
                }
            }
        }
    }
    regions
}

fn frame(second: f64) -> u64 {
    (second * FRAMES_PER_S).round() as u64
}

/// A region that was read.
#[derive(Debug)]
pub(crate) struct Region {
    /// The frames that belong to it.
    pub(crate) own: Interval,
    /// The first frame of `samples` and `active`.
    pub(crate) first: u64,
    /// The samples of the region with its margins.
    pub(crate) samples: Vec<f32>,
    /// Whether each frame has sound.
    pub(crate) active: Vec<bool>,
}

impl Region {
    pub(crate) fn read(pcm: &Pcm, channel: u16, own: Interval, spans: &[SpeechSpan]) -> io::Result<Self> {
        let first = own.start.saturating_sub(MARGIN);
        let origin = first * FRAME as u64;
        let samples = pcm.read(channel.into(), origin, (own.end + MARGIN - first) as usize * FRAME)?;
        let near = spans.iter().filter(|span| span.channel == channel).map(|span| (span.start_s, span.end_s));
        let activity = Activity::of_samples(&samples, origin as i64, f64::from(SAMPLE_RATE_HZ), near);
        let active = activity.sounding().iter().step_by(2).copied().collect();
        Ok(Self { own, first, samples, active })
    }

    /// Its speech: the spans of the detector, without silence at their ends; without a detector, what sounds.
    pub(crate) fn speech(&self, segments: &SpeechSegments, channel: u16) -> Vec<Interval> {
        if !segments.vad.detects_speech() {
            return self.sounds();
        }
        let own = segments.spans.iter().filter(|span| span.channel == channel);
        let clipped = own.map(|span| {
            let start = frame(span.start_s).max(self.own.start);
            start..frame(span.end_s).min(self.own.end)
        });
        clipped.filter(|span| span.start < span.end).map(|span| self.trimmed(span)).collect()
    }

    /// A span without silence at its ends.
    fn trimmed(&self, span: Interval) -> Interval {
        let sounds = |frame: u64| self.active.get((frame - self.first) as usize).copied().unwrap_or_default();
        let (first, last) = (span.clone().find(|at| sounds(*at)), span.clone().rev().find(|at| sounds(*at)));
        let (start, end) = (first.unwrap_or(span.end), last.map_or(span.start, |last| last + 1));
        let start = start.min(span.start + TRIM);
        start.min(span.end - 1)..end.max(span.end.saturating_sub(TRIM)).max(start + 1).min(span.end)
    }

    /// Frames with sound and the short silences between them.
    fn sounds(&self) -> Vec<Interval> {
        let mut joined: Vec<Interval> = Vec::new();
        for run in runs(&self.active, true) {
            let start = (self.first + run.start as u64).max(self.own.start);
            let end = (self.first + run.end as u64).min(self.own.end);
            match joined.last_mut() {
                Some(last) if start <= last.end + SHORT_SILENCE => last.end = end.max(last.end),
                _ => joined.push(start..end),
            }
        }
        joined.retain(|run| run.start < run.end);
        joined
    }

    /// The share of a window of frames, counted from `first`, that has sound.
    pub(crate) fn sound_share(&self, frames: Range<usize>) -> f64 {
        let length = frames.len().max(1);
        let active = self.active.get(frames.start..frames.end.min(self.active.len())).unwrap_or_default();
        active.iter().filter(|active| **active).count() as f64 / length as f64
    }
}

#[cfg(test)]
mod tests {
    use stage_core::VadIdentity;

    use super::*;

    fn span(channel: u16, start_s: f64, end_s: f64) -> SpeechSpan {
        SpeechSpan { channel, start_s, end_s, probability: 1.0 }
    }

    #[test]
    fn regions_join_near_spans_and_cut_long_ones() {
        let spans = [span(0, 0.5, 2.0), span(0, 3.0, 4.0), span(1, 0.0, 9.0), span(0, 10.0, 150.0)];
        assert_eq!(regions(&spans, 0), [50..400, 1_000..7_000, 7_000..13_000, 13_000..15_000]);
        assert_eq!(regions(&spans, 1).as_slice(), std::slice::from_ref(&(0..900)));
        assert!(regions(&spans, 2).is_empty());
    }

    #[test]
    fn regions_have_the_speech_of_the_detector_without_silent_ends() {
        let mut samples = vec![0.0f32; 16_000 * 6];
        let sounding = [16_000..32_000, 35_000..48_000, 64_000..80_000];
        for at in sounding.into_iter().flatten() {
            samples[at] = 0.2 * (at as f32 * 0.3).sin();
        }
        let pcm = Pcm::from_channels(vec![samples]);
        let vad = |name: &str| VadIdentity { name: name.to_owned(), model_sha256: None };
        let detected = SpeechSegments {
            spans: vec![span(0, 0.9, 3.1), span(0, 3.7, 5.1)],
            vad: vad("silero"),
            ..SpeechSegments::of_windows(Vec::new())
        };
        let everything =
            SpeechSegments { spans: vec![span(0, 0.0, 6.0)], vad: vad(VadIdentity::OFF), ..detected.clone() };
        // The second span loses at most 0.2 s of its 0.3 s of silence.
        for (segments, expected) in [(detected, [100..300, 390..500]), (everything, [100..300, 400..500])] {
            let [interval] = &regions(&segments.spans, 0)[..] else { panic!("one region") };
            let region = Region::read(&pcm, 0, interval.clone(), &segments.spans).unwrap();
            let speech = region.speech(&segments, 0);
            assert_eq!(speech.len(), 2, "{speech:?}");
            for (found, expected) in speech.iter().zip(&expected) {
                let off = found.start.abs_diff(expected.start).max(found.end.abs_diff(expected.end));
                assert!(off <= 2, "{speech:?}");
            }
        }
    }
}
