//! Finds the positions of a window that contain sound.

use std::io;

use dsp::{ACTIVITY_HOP, Activity};
use stage_core::{Pcm, SAMPLE_RATE_HZ, SpeechSpan, Window};

/// Samples in a position: 20 ms.
pub(crate) const POSITION: i64 = 320;
/// Levels in a position.
const HOPS: usize = POSITION as usize / ACTIVITY_HOP;
/// Margin on each side of the window that is measured to estimate the noise: 0.76 s, whole positions.
const MARGIN: i64 = 38 * POSITION;

/// For each of the window's first `positions` positions, whether at least half of it is sound.
///
/// # Errors
/// The samples could not be read back.
pub(crate) fn sounding_positions(
    pcm: &Pcm,
    spans: &[SpeechSpan],
    window: &Window,
    positions: usize,
) -> io::Result<Vec<bool>> {
    let rate = f64::from(SAMPLE_RATE_HZ);
    let start = (window.start_s.max(0.0) * rate).round() as i64;
    let origin = start - MARGIN.min(start / POSITION * POSITION);
    let end = start + positions as i64 * POSITION + MARGIN;
    let samples = pcm.read(window.channel.into(), origin as u64, (end - origin) as usize)?;
    let own = spans.iter().filter(|span| span.channel == window.channel).map(|span| (span.start_s, span.end_s));
    let activity = Activity::of_samples(&samples, origin, rate, own);
    let first = (start - origin) as usize / ACTIVITY_HOP;
    let of_position = |position: usize| {
        let hops = activity.sounding().iter().skip(first + position * HOPS).take(HOPS);
        2 * hops.filter(|sounds| **sounds).count() >= HOPS
    };
    Ok((0..positions).map(of_position).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounding_positions_follow_the_window_start_and_the_channel() {
        let tone = |n: usize| 0.3 * (n as f32 * 0.2).sin();
        // Sound from 1.0 to 1.5 s in channel 1; only faint noise elsewhere.
        let noise = |n: usize| 1e-4 * ((n * 7919) % 101) as f32 / 101.0;
        let loud: Vec<f32> =
            (0..48_000).map(|n| if (16_000..24_000).contains(&n) { tone(n) } else { noise(n) }).collect();
        let pcm = Pcm::from_channels(vec![(0..48_000).map(noise).collect(), loud]);
        let span = SpeechSpan { channel: 1, start_s: 0.9, end_s: 1.6, probability: 1.0 };
        for start_s in [0.0, 0.5, 0.913] {
            let window = Window { channel: 1, start_s, end_s: 2.0, first_span: 0, spans: 1 };
            let positions = ((2.0 - start_s) / 0.02) as usize;
            let found = sounding_positions(&pcm, &[span], &window, positions).unwrap();
            let (first, last) = (found.iter().position(|x| *x).unwrap(), found.iter().rposition(|x| *x).unwrap());
            let at = |position: usize| start_s + position as f64 * 0.02;
            assert!(
                (at(first) - 1.0).abs() <= 0.021 && (at(last + 1) - 1.5).abs() <= 0.021,
                "{start_s}: {first}, {last}"
            );
            assert!(found[first..=last].iter().all(|sounds| *sounds));
        }
    }
}
