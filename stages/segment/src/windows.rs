//! Turns spans into windows: cuts runs that are too long, packs runs that fit.

use std::ops::Range;

use crate::channel::{ChannelAnalysis, LEVEL_HOP};
use crate::config::SegmentConfig;
use crate::spans::{Run, samples};

/// A long run is cut in the last part of the window, from this share of the window on.
const CUT_FROM: f64 = 2.0 / 3.0;
/// Number of levels on each side over which loudness is averaged: 0.1 s.
const QUIET_REACH: usize = 10;
/// Added to the level of a frame with a speech probability of 1, so that cuts prefer pauses, in dB.
const SPEECH_PENALTY_DB: f32 = 12.0;

/// Cuts a run that is longer than a window into contiguous runs that fit, each at the quietest point of the last third
/// of its window. No part is shorter than the minimum speech.
pub(crate) fn cut_at_quietest(run: Run, analysis: &ChannelAnalysis, config: &SegmentConfig) -> Vec<Run> {
    let longest = samples(config.window_max_s());
    let shortest = samples(config.min_speech_s).max(1);
    let mut parts = Vec::new();
    let mut rest = run;
    while rest.len() > longest {
        let from = rest.start + (longest as f64 * CUT_FROM) as u64;
        let to = (rest.start + longest).min(rest.end - shortest);
        let cut = quietest(analysis, from..to);
        parts.push(Run { end: cut, ..rest });
        rest.start = cut;
    }
    parts.push(rest);
    parts
}

/// Returns the middle of the quietest level in a range of samples, preferring pauses. Returns the end of the range if
/// it contains no level's middle.
fn quietest(analysis: &ChannelAnalysis, range: Range<u64>) -> u64 {
    let hop = LEVEL_HOP as u64;
    let loudness = |level: u64| {
        let at = level as usize;
        let around =
            &analysis.levels[at.saturating_sub(QUIET_REACH)..(at + QUIET_REACH + 1).min(analysis.levels.len())];
        let probability = analysis.probabilities.get(at * LEVEL_HOP / analysis.frame).copied().unwrap_or(0.0);
        around.iter().sum::<f32>() / around.len() as f32 + probability * SPEECH_PENALTY_DB
    };
    let middle = |level: u64| level * hop + hop / 2;
    (range.start / hop..(range.end / hop).min(analysis.levels.len() as u64))
        .filter(|level| range.contains(&middle(*level)))
        .min_by(|a, b| loudness(*a).total_cmp(&loudness(*b)))
        .map_or(range.end, middle)
}

/// Packs runs of one channel greedily. Each range of runs is one window, from the start of its first run to the end of
/// its last run. A window of several runs leaves space for the context, is at most `window_max_s` long with it, and has
/// no pause longer than `max_gap_s`. Quiet runs do not share a window with louder ones, because a window is recognized at
/// one level. No run may be longer than a window.
pub(crate) fn pack(runs: &[Run], is_quiet: impl Fn(&Run) -> bool, config: &SegmentConfig) -> Vec<Range<usize>> {
    let widest_gap = samples(config.max_gap_s());
    let longest = samples(config.window_max_s()).saturating_sub(2 * samples(config.context_s));
    let mut windows: Vec<Range<usize>> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        match windows.last_mut() {
            Some(window)
                if run.end - runs[window.start].start <= longest
                    && run.start - runs[at - 1].end <= widest_gap
                    && is_quiet(run) == is_quiet(&runs[at - 1]) =>
            {
                window.end = at + 1;
            }
            _ => windows.push(at..at + 1),
        }
    }
    windows
}

/// First and last sample of each window of [`pack`], with its context. `barred` are runs, in order and separate from
/// `runs`, that no window may include. `end` is the length of the channel.
pub(crate) fn with_context(
    windows: &[Range<usize>],
    runs: &[Run],
    barred: &[Run],
    end: u64,
    config: &SegmentConfig,
) -> Vec<Range<u64>> {
    let (longest, context) = (samples(config.window_max_s()), samples(config.context_s));
    let speech: Vec<Range<u64>> =
        windows.iter().map(|runs_of| runs[runs_of.start].start..runs[runs_of.end - 1].end).collect();
    let extent = |at: usize| {
        let Range { start, end: stop } = speech[at];
        let before = at.checked_sub(1).map_or(0, |before| speech[before].end.midpoint(start));
        let after = speech.get(at + 1).map_or(end, |after| stop.midpoint(after.start));
        let next_barred = barred.partition_point(|run| run.start < start);
        let barred_before = next_barred.checked_sub(1).map_or(0, |last| barred[last].end.min(start));
        let next_barred = barred.partition_point(|run| run.start < stop);
        let barred_after = barred.get(next_barred).map_or(end, |run| run.start);
        let lead = context.min(start - before.max(barred_before));
        let tail = context.min(after.min(barred_after) - stop);
        let room = longest.saturating_sub(stop - start);
        let lead = lead.min(room.saturating_sub(tail).max(room / 2));
        start - lead..stop + tail.min(room.saturating_sub(lead))
    };
    (0..speech.len()).map(extent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VadChoice;
    use crate::spans::find;
    use proptest::prelude::*;

    fn analysis(levels: Vec<f32>, probabilities: Vec<f32>) -> ChannelAnalysis {
        let samples = (levels.len() * LEVEL_HOP) as u64;
        ChannelAnalysis { levels, probabilities, frame: LEVEL_HOP, samples }
    }

    #[test]
    fn span_is_cut_at_its_quietest_point() {
        let config = SegmentConfig::new(VadChoice::Energy, 6.0);
        let mut levels = vec![-20.0; 900];
        levels[450..470].fill(-60.0);
        levels[100..140].fill(-80.0);
        let channel = analysis(levels, vec![1.0; 900]);
        let run = Run { start: 0, end: channel.samples, probability: 1.0 };
        let parts = cut_at_quietest(run, &channel, &config);
        assert_eq!(parts.len(), 2);
        let cut_s = parts[0].end as f64 / 16_000.0;
        assert!((cut_s - 4.6).abs() < 0.03, "cut at {cut_s} s, quiet from 4.5 to 4.7 s");
    }

    #[test]
    fn windows_do_not_span_a_long_pause() {
        let config = SegmentConfig::new(VadChoice::Energy, 6.0);
        let run = |start, end| Run { start, end, probability: 1.0 };
        let runs = [run(0, 16_000), run(20_000, 30_000), run(60_000, 70_000), run(75_000, 160_000)];
        assert_eq!(pack(&runs, |_| false, &config), [0..2, 2..3, 3..4]);
        assert_eq!(pack(&runs, |run| run.start == 20_000, &config), [0..1, 1..2, 2..3, 3..4], "the second is quiet");
    }

    #[test]
    fn context_ends_at_neighbors_crosstalk_and_the_window_length() {
        let config = SegmentConfig { context_s: 1.0, ..SegmentConfig::new(VadChoice::Energy, 6.0) };
        let run = |start, end| Run { start, end, probability: 1.0 };
        let runs = [run(8_000, 40_000), run(50_000, 70_000), run(120_000, 214_000)];
        let extents = |barred: &[Run]| with_context(&[0..1, 1..2, 2..3], &runs, barred, 240_000, &config);
        assert_eq!(extents(&[]), [0..45_000, 45_000..86_000, 119_000..215_000], "the last has room for 2,000 samples");
        let barred = [run(0, 7_000), run(75_000, 119_500)];
        assert_eq!(extents(&barred), [7_000..45_000, 45_000..75_000, 119_500..215_500]);
    }

    proptest! {
        #[test]
        fn windows_cover_every_span_once_in_order_and_fit(
            intervals in prop::collection::vec((1usize..900, 0f32..1.0, -90f32..0.0), 1..30),
            window_max_s in 1f64..30.0,
            pad_s in 0f64..0.5,
            min_speech_s in 0f64..0.25,
        ) {
            let config = SegmentConfig { pad_s, min_speech_s, ..SegmentConfig::new(VadChoice::Energy, window_max_s) };
            let (mut levels, mut probabilities) = (Vec::new(), Vec::new());
            for (count, probability, level) in intervals {
                levels.extend(vec![level; count]);
                probabilities.extend(vec![probability; count]);
            }
            let channel = analysis(levels, probabilities);
            let found = find(&channel, &config);
            for (frame, probability) in channel.probabilities.iter().enumerate() {
                let at = (frame * LEVEL_HOP) as u64;
                let inside = |run: &Run| (run.start..run.end).contains(&at);
                let listed = found.kept.iter().any(inside) || found.dropped.iter().any(|(run, _)| inside(run));
                prop_assert!(listed || *probability < config.speech_on_probability, "speech at {} is lost", at);
            }
            let cut: Vec<Vec<Run>> = found.kept.iter().map(|run| cut_at_quietest(*run, &channel, &config)).collect();
            for (run, parts) in found.kept.iter().zip(&cut) {
                prop_assert_eq!((parts[0].start, parts[parts.len() - 1].end), (run.start, run.end));
                prop_assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            }
            let runs = cut.concat();
            let longest = samples(window_max_s);
            prop_assert!(runs.iter().all(|run| run.start < run.end && run.end <= channel.samples && run.len() <= longest));
            prop_assert!(runs.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let windows = pack(&runs, |run| channel.is_quiet(run), &config);
            let covered: Vec<usize> = windows.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..runs.len()).collect::<Vec<_>>());
            let extents = with_context(&windows, &runs, &[], channel.samples, &config);
            prop_assert!(extents.windows(2).all(|pair| pair[0].end <= pair[1].start));
            for (extent, window) in extents.iter().zip(&windows) {
                prop_assert!(extent.start <= runs[window.start].start && runs[window.end - 1].end <= extent.end);
                prop_assert!(extent.end - extent.start <= longest && extent.end <= channel.samples);
            }
        }
    }
}
