//! Restricts words to intervals with sound. Rules for times from attention:
//!
//! - Punctuation has no sound. Sound while the attention is at a mark belongs to the word before it up to the longest
//!   silence there, and to the word after it from there on.
//! - A word contains no silence of 0.2 s or longer, because no stop is closed for that long. It keeps its longest part,
//!   because audio that was not transcribed extends words across the silence next to it.
//! - A word begins and ends with sound. A word without sound keeps its time.

use dsp::PAUSE_MIN_MS;
use stage_core::SAMPLE_RATE_HZ;

use crate::sound::{Interval, Sound};

/// Minimum length in samples of a silence that cannot be inside a word.
const LONG_SILENCE: i64 = (PAUSE_MIN_MS * SAMPLE_RATE_HZ as usize / 1000) as i64;

/// A word's time from attention, and the end of the marks after it, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) time: Interval,
    pub(crate) marks_end: i64,
}

/// Applies these rules to words, in order, and returns their times.
pub(crate) fn onto_sound(words: &[Marked], sound: &Sound) -> Vec<Interval> {
    let mut times: Vec<Interval> = words.iter().map(|word| word.time).collect();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| word.marks_end > word.time.end) {
        let marks = Interval { start: word.time.end, end: word.marks_end };
        let silences = sound.silences(marks);
        let cut = silences.iter().copied().max_by_key(Interval::len);
        let cut = cut.unwrap_or(Interval { start: marks.end, end: marks.end });
        times[at].end = cut.start;
        if let Some(next) = times.get_mut(at + 1).filter(|next| next.start >= marks.end) {
            next.start = cut.end;
        }
    }
    times.into_iter().map(|time| trimmed(time, sound)).collect()
}

/// The longest part of a word without a long silence, from its first sound to its last sound.
fn trimmed(time: Interval, sound: &Sound) -> Interval {
    let mut parts: Vec<Interval> = Vec::new();
    for run in sound.sounds(time) {
        match parts.last_mut() {
            Some(part) if run.start - part.end < LONG_SILENCE => part.end = run.end,
            _ => parts.push(run),
        }
    }
    // Of equally long parts, use the first.
    parts.into_iter().rev().max_by_key(Interval::len).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use stage_core::Pcm;

    use super::*;

    /// A recording of 10 s with a tone in these intervals, given in ms.
    fn sound(sounding: &[(i64, i64)]) -> Sound {
        let sounds = |ms: i64| sounding.iter().any(|(start, end)| (*start..*end).contains(&ms));
        let sample = |n: i64| if sounds(n / 16) { 0.3 * (n as f32 * 0.2).sin() } else { 0.0 };
        let pcm = Pcm::from_channels(vec![(0..160_000).map(sample).collect()]);
        Sound::measure(&pcm, 0, Interval { start: 0, end: 160_000 }, &[]).unwrap()
    }

    /// Times of words in ms. Each word is given by start, end and the end of its marks, in ms.
    fn times(words: &[(i64, i64, i64)], sounding: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let word = |(start, end, marks): &(i64, i64, i64)| Marked {
            time: Interval { start: start * 16, end: end * 16 },
            marks_end: marks * 16,
        };
        let times = onto_sound(&words.iter().map(word).collect::<Vec<_>>(), &sound(sounding));
        times.iter().map(|time| (time.start / 16, time.end / 16)).collect()
    }

    fn assert_near(found: &[(i64, i64)], expected: &[(i64, i64)]) {
        let near = |(a, b): (&(i64, i64), &(i64, i64))| a.0.abs_diff(b.0) <= 10 && a.1.abs_diff(b.1) <= 10;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?} is not {expected:?}");
    }

    #[test]
    fn words_begin_and_end_with_sound() {
        assert_near(&times(&[(800, 1800, 1800)], &[(1000, 1500)]), &[(1000, 1500)]);
        assert_eq!(times(&[(3000, 3500, 3500)], &[(1000, 1500)]), [(3000, 3500)], "one without any keeps its time");
    }

    #[test]
    fn words_keep_the_longest_part_beside_a_long_silence_and_both_beside_a_short_one() {
        let around = |silence: i64| times(&[(1000, 2500, 2500)], &[(1000, 1200), (1200 + silence, 2500)]);
        assert_near(&around(400), &[(1600, 2500)]);
        assert_near(&around(150), &[(1000, 2500)]);
    }

    #[test]
    fn words_share_the_sound_of_the_mark_between_them_at_its_longest_silence() {
        let sounding = [(1000, 1600), (1650, 1900), (2300, 2900)];
        assert_near(&times(&[(1000, 1500, 2350), (2350, 2900, 2900)], &sounding), &[(1000, 1900), (2300, 2900)]);
        let steady = [(1000, 2900)];
        assert_near(&times(&[(1000, 1500, 2000), (2000, 2900, 2900)], &steady), &[(1000, 2000), (2000, 2900)]);
    }

    #[test]
    fn words_without_marks_keep_the_gap_between_them() {
        assert_near(&times(&[(1000, 1500, 1500), (1700, 2500, 2500)], &[(900, 2900)]), &[(1000, 1500), (1700, 2500)]);
    }
}
