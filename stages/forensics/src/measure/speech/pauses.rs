//! Finds silences in a channel's speech. They are measured in the audio, so speech that was not transcribed is not a
//! pause.

use std::io;
use std::ops::Range;

use dsp::{ACTIVITY_HOP, Activity, PAUSE_MIN_MS};
use stage_core::{Pcm, SAMPLE_RATE_HZ, Span};

use crate::spans::common_s;

/// Minimum length of a pause, in seconds.
const PAUSE_MIN_S: f64 = PAUSE_MIN_MS as f64 / 1000.0;
/// Number of levels that are classified at once, one minute, and the context on each side: 2 s.
const BLOCK: i64 = 12_000;
const MARGIN: i64 = 400;
const HOP_S: f64 = ACTIVITY_HOP as f64 / SAMPLE_RATE_HZ as f64;

/// Returns the pauses of a channel between its first and its last sound. A silence that contains speech of another
/// channel, at least as long as the shortest pause, is that channel's turn. `others` lists the speech of each other
/// channel by time.
///
/// # Errors
/// The samples could not be read back.
pub(super) fn pauses<'a>(
    pcm: &Pcm,
    channel: u16,
    spans: &[Span],
    others: impl Iterator<Item = &'a [Span]>,
) -> io::Result<Vec<Span>> {
    let others: Vec<&[Span]> = others.collect();
    let is_turn = |pause: &Span| others.iter().any(|other| common_s(&[*pause], other) >= PAUSE_MIN_S);
    let mut pauses = silences(pcm, channel, spans)?;
    pauses.retain(|silence| silence.duration_s() >= PAUSE_MIN_S && !is_turn(silence));
    Ok(pauses)
}

/// Returns the silences between the first and the last sound.
fn silences(pcm: &Pcm, channel: u16, spans: &[Span]) -> io::Result<Vec<Span>> {
    let levels = pcm.frames().div_ceil(ACTIVITY_HOP as u64) as i64;
    let mut silences = Vec::new();
    let mut last_sound: Option<i64> = None;
    for first in (0..levels).step_by(BLOCK as usize) {
        let sounding = sounding(pcm, channel, spans, first..(first + BLOCK).min(levels))?;
        for (at, _) in (first..).zip(sounding).filter(|(_, sounds)| *sounds) {
            if let Some(before) = last_sound.filter(|before| before + 1 < at) {
                silences.push(Span::new((before + 1) as f64 * HOP_S, at as f64 * HOP_S));
            }
            last_sound = Some(at);
        }
    }
    Ok(silences)
}

/// Whether each level of a block is sound. Levels far from speech are not.
fn sounding(pcm: &Pcm, channel: u16, spans: &[Span], block: Range<i64>) -> io::Result<Vec<bool>> {
    let origin = (block.start - MARGIN).max(0);
    let end = block.end + MARGIN;
    let level = |second: f64| (second / HOP_S).round() as i64;
    let is_near = |span: &&Span| level(span.start_s) < end && level(span.end_s) > origin;
    let near: Vec<(f64, f64)> = spans.iter().filter(is_near).map(|span| (span.start_s, span.end_s)).collect();
    let len = (block.end - block.start) as usize;
    if near.is_empty() {
        return Ok(vec![false; len]);
    }
    let (first, samples) = (origin * ACTIVITY_HOP as i64, (end - origin) * ACTIVITY_HOP as i64);
    let samples = pcm.read(channel.into(), first as u64, samples as usize)?;
    let activity = Activity::of_samples(&samples, first, f64::from(SAMPLE_RATE_HZ), near.into_iter());
    Ok(activity.sounding().iter().copied().skip((block.start - origin) as usize).take(len).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A channel with a tone in these intervals, given in seconds, and faint noise.
    fn channel(sounding: &[(f64, f64)], seconds: usize) -> Vec<f32> {
        let sounds = |s: f64| sounding.iter().any(|(start, end)| (*start..*end).contains(&s));
        let sample = |n: usize| {
            let noise = 1e-4 * ((n * 7919) % 101) as f32 / 101.0;
            if sounds(n as f64 / 16_000.0) { 0.3 * (n as f32 * 0.2).sin() } else { noise }
        };
        (0..16_000 * seconds).map(sample).collect()
    }

    fn of(pcm: &Pcm, spans: &[(f64, f64)], other: &[(f64, f64)]) -> Vec<Span> {
        let list = |spans: &[(f64, f64)]| spans.iter().map(|(a, b)| Span::new(*a, *b)).collect::<Vec<_>>();
        pauses(pcm, 0, &list(spans), [&list(other)[..]].into_iter()).expect("samples in memory")
    }

    fn assert_near(found: &[Span], expected: &[(f64, f64)]) {
        let near = |(a, b): (&Span, &(f64, f64))| (a.start_s - b.0).abs() < 0.011 && (a.end_s - b.1).abs() < 0.011;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?} is not {expected:?}");
    }

    #[test]
    fn pauses_are_silences_inside_spans_and_between_them() {
        let pcm = Pcm::from_channels(vec![channel(&[(1.0, 2.0), (2.1, 3.0), (3.4, 4.0), (6.0, 7.0)], 9)]);
        let spans = [(0.85, 4.2), (5.85, 7.2)];
        assert_near(&of(&pcm, &spans, &[]), &[(3.0, 3.4), (4.0, 6.0)]);
        assert_near(&of(&pcm, &spans, &[(4.3, 5.9)]), &[(3.0, 3.4)]);
        assert_near(&of(&pcm, &spans, &[(3.9, 4.1)]), &[(3.0, 3.4), (4.0, 6.0)]);
    }

    #[test]
    fn pauses_across_blocks_are_whole() {
        let pcm = Pcm::from_channels(vec![channel(&[(50.0, 59.0), (61.0, 62.0), (190.0, 191.0)], 200)]);
        let spans = [(49.8, 59.2), (60.8, 62.2), (189.8, 191.2)];
        assert_near(&of(&pcm, &spans, &[]), &[(59.0, 61.0), (62.0, 190.0)]);
        assert!(of(&pcm, &[], &[]).is_empty(), "without speech there are none");
    }
}
