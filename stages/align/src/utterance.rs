//! Segments of a recording with their words, and the audio that each is aligned with.

use stage_core::{SAMPLE_RATE_HZ, Segment, SpeechSpan};

use crate::alignment::Variants;
use crate::emissions::Symbol;
use crate::normalize::variants;
use crate::sound::Interval;
use crate::words::UntimedWord;

/// Maximum length by which a speech span may extend beyond the segment and still be aligned with it, in samples: half a
/// second. Speech that is not in the text pulls words to it.
const LONGEST_OVERHANG: i64 = SAMPLE_RATE_HZ as i64 / 2;

/// A segment and its words.
pub(crate) struct Utterance<'a> {
    /// Index of the segment in the transcript.
    pub(crate) index: usize,
    pub(crate) segment: &'a Segment,
    pub(crate) words: Vec<UntimedWord>,
}

impl Utterance<'_> {
    /// Symbols of the pronunciation variants of every word. A word without symbols is a wildcard.
    pub(crate) fn variants(&self, symbols: impl Fn(&str) -> Vec<Symbol>) -> Vec<Variants> {
        let next = |at: usize| self.words.get(at + 1).map(|word| word.text.as_str());
        let symbols = |text: String| {
            let symbols = symbols(&text);
            if symbols.is_empty() { vec![Symbol::Wildcard] } else { symbols }
        };
        let of = |(at, word): (usize, &UntimedWord)| {
            variants(&word.text, next(at), &self.segment.language).into_iter().map(symbols).collect()
        };
        self.words.iter().enumerate().map(of).collect()
    }
}

/// The audio of each utterance (by channel, then by time): the segment with the speech that it overlaps and a margin in
/// samples, limited by the neighboring segments. Wrong times inside the segment do not truncate the audio.
pub(crate) fn audio_windows(
    utterances: &[Utterance<'_>],
    spans: &[SpeechSpan],
    margin: i64,
    recording: i64,
) -> Vec<Interval> {
    let own = |utterance: &Utterance<'_>| Interval {
        start: samples(utterance.segment.start_s).clamp(0, recording),
        end: samples(utterance.segment.end_s).clamp(0, recording),
    };
    let neighbor = |at: Option<usize>, channel: u16| {
        at.and_then(|at| utterances.get(at)).filter(|utterance| utterance.segment.channel == channel).map(own)
    };
    let window = |(at, utterance): (usize, &Utterance<'_>)| {
        let (own, channel) = (own(utterance), utterance.segment.channel);
        let (mut start, mut end) = (own.start, own.end);
        for span in spans.iter().filter(|span| span.channel == channel) {
            let span = Interval { start: samples(span.start_s), end: samples(span.end_s) };
            if span.distance(&own) < 0 {
                start = start.min(span.start.max(own.start - LONGEST_OVERHANG));
                end = end.max(span.end.min(own.end + LONGEST_OVERHANG));
            }
        }
        let before = neighbor(at.checked_sub(1), channel).map_or(0, |utterance| utterance.end);
        let after = neighbor(Some(at + 1), channel).map_or(recording, |utterance| utterance.start);
        let start = (start - margin).max(before).min(own.start).max(0);
        let end = (end + margin).min(after).max(own.end).min(recording);
        Interval { start, end: end.max(start) }
    };
    utterances.iter().enumerate().map(window).collect()
}

pub(crate) fn samples(seconds: f64) -> i64 {
    (seconds * f64::from(SAMPLE_RATE_HZ)).round() as i64
}

pub(crate) fn seconds(samples: i64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(channel: u16, start_s: f64, end_s: f64) -> Segment {
        Segment::of_text(channel, (start_s, end_s), "", "en")
    }

    /// Windows in seconds, with a margin of half a second, in a recording of 20 s.
    fn windows(segments: &[Segment], spans: &[(u16, f64, f64)]) -> Vec<(f64, f64)> {
        let utterances: Vec<_> = segments
            .iter()
            .enumerate()
            .map(|(index, segment)| Utterance { index, segment, words: Vec::new() })
            .collect();
        let span = |(channel, start_s, end_s): &(u16, f64, f64)| SpeechSpan {
            channel: *channel,
            start_s: *start_s,
            end_s: *end_s,
            probability: 1.0,
        };
        let spans: Vec<_> = spans.iter().map(span).collect();
        let windows = audio_windows(&utterances, &spans, samples(0.5), samples(20.0));
        windows.iter().map(|window| (seconds(window.start), seconds(window.end))).collect()
    }

    #[test]
    fn audio_windows_have_a_margin_up_to_their_neighbors() {
        let segments = [segment(0, 0.2, 3.0), segment(0, 3.25, 5.0), segment(0, 5.0, 19.9), segment(1, 1.0, 2.0)];
        let expected = [(0.0, 3.25), (3.0, 5.0), (5.0, 20.0), (0.5, 2.5)];
        assert_eq!(windows(&segments, &[]), expected);
    }

    #[test]
    fn audio_windows_include_touching_speech_up_to_a_limit() {
        let spans = [(0, 3.0, 6.0), (0, 7.0, 8.0), (1, 4.0, 9.0)];
        assert_eq!(windows(&[segment(0, 4.0, 5.0)], &spans), [(3.0, 6.0)]);
        assert_eq!(windows(&[segment(0, 4.0, 5.0)], &[(0, 3.8, 5.1)]), [(3.3, 5.6)]);
    }

    #[test]
    fn audio_windows_of_overlapping_segments_keep_their_own_audio() {
        assert_eq!(windows(&[segment(0, 1.0, 4.0), segment(0, 3.0, 6.0)], &[]), [(0.5, 4.0), (3.0, 6.5)]);
    }
}
