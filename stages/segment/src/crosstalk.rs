//! Crosstalk: speech of one side of a stereo call that leaks, attenuated, into the other side's channel.
//!
//! Every interval of a channel's speech is compared with every other channel by normalized cross-correlation over the
//! possible delays of an echo. A crosstalk path has one delay. So the finder first counts the delays of the intervals
//! that correlate well. Then it judges each interval by its correlation near the most frequent delay, and by its level,
//! because crosstalk is weaker than its source. An interval with low correlation is speech of its own channel.

use std::io;

use stage_core::Pcm;

use crate::config::CrosstalkConfig;
use crate::correlator::{Correlator, INTERVAL, LONGEST_DELAY};
use crate::spans::{Run, samples};

/// Samples between the starts of two intervals.
const STEP: usize = INTERVAL / 2;
/// Maximum difference between an interval's delay and the path's: 1 ms.
const DELAY_TOLERANCE: usize = 16;
/// Minimum number of intervals that must agree on a delay to establish a path.
const ENOUGH_INTERVALS: usize = 3;
/// Shorter speech next to crosstalk is merged into it, and shorter crosstalk next to speech likewise.
const SHORTEST_S: f64 = 0.3;
/// Pre-emphasis flattens the spectrum of voices. Without it, their harmonics correlate by chance.
const PRE_EMPHASIS: f32 = 0.95;
/// Minimum level of a source of crosstalk, as mean square: -70 dBFS.
const SILENCE: f32 = 1e-7;

/// A run of crosstalk, with the measured values as reason.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Crosstalk {
    pub(crate) run: Run,
    pub(crate) reason: String,
}

/// A path from one channel into another.
struct Path {
    source: usize,
    /// Delay of the source in samples (negative if the source is earlier), plus [`LONGEST_DELAY`].
    delay: usize,
}

/// Correlation of one interval with one channel.
struct Correlation {
    /// Correlation by delay plus [`LONGEST_DELAY`].
    by_delay: Vec<f32>,
    /// Level of the interval relative to the source, in dB.
    gain_db: f32,
}

/// Finds crosstalk in one recording.
pub(crate) struct CrosstalkFinder<'a> {
    pcm: &'a Pcm,
    config: CrosstalkConfig,
    correlator: Correlator,
}

impl<'a> CrosstalkFinder<'a> {
    pub(crate) fn new(pcm: &'a Pcm, config: CrosstalkConfig) -> Self {
        Self { pcm, config, correlator: Correlator::new() }
    }

    /// Separates crosstalk from a channel's runs. `sources` are the channels that it may come from.
    pub(crate) fn separate(
        &self,
        runs: Vec<Run>,
        channel: usize,
        sources: &[usize],
    ) -> io::Result<(Vec<Run>, Vec<Crosstalk>)> {
        let mut paths = Vec::new();
        for source in sources {
            paths.extend(self.path(&runs, channel, *source)?);
        }
        if paths.is_empty() {
            return Ok((runs, Vec::new()));
        }
        let (mut kept, mut crosstalk) = (Vec::new(), Vec::new());
        for run in runs {
            self.split(run, channel, &paths, &mut kept, &mut crosstalk)?;
        }
        Ok((kept, crosstalk))
    }

    /// Returns the delay on which the intervals with high correlation agree.
    fn path(&self, runs: &[Run], channel: usize, source: usize) -> io::Result<Option<Path>> {
        let mut votes = vec![0usize; 2 * LONGEST_DELAY + 1];
        for run in runs {
            for start in intervals(*run) {
                let Some(correlation) = self.correlate(channel, source, start)? else { continue };
                let (delay, best) = correlation.best(0..votes.len());
                if self.is_crosstalk(best, correlation.gain_db) {
                    votes[delay] += 1;
                }
            }
        }
        let near = |delay: usize| {
            let (from, to) = (delay.saturating_sub(DELAY_TOLERANCE), (delay + DELAY_TOLERANCE + 1).min(votes.len()));
            votes[from..to].iter().sum::<usize>()
        };
        let delay = (0..votes.len()).max_by_key(|delay| (near(*delay), votes[*delay]));
        Ok(delay.filter(|delay| near(*delay) >= ENOUGH_INTERVALS).map(|delay| Path { source, delay }))
    }

    const fn is_crosstalk(&self, correlation: f32, gain_db: f32) -> bool {
        correlation >= self.config.correlation && gain_db <= -self.config.attenuation_db
    }

    /// Splits a run into the channel's own speech and crosstalk.
    fn split(
        &self,
        run: Run,
        channel: usize,
        paths: &[Path],
        kept: &mut Vec<Run>,
        crosstalk: &mut Vec<Crosstalk>,
    ) -> io::Result<()> {
        let mut verdicts = Vec::new();
        for start in intervals(run) {
            verdicts.push((start, self.verdict(channel, paths, start)?));
        }
        for part in parts(run, &verdicts) {
            match part.source_match {
                None => kept.push(part.run),
                Some(source_match) => crosstalk.push(Crosstalk { run: part.run, reason: source_match.reason() }),
            }
        }
        Ok(())
    }

    fn verdict(&self, channel: usize, paths: &[Path], start: u64) -> io::Result<Option<Match>> {
        let mut best: Option<Match> = None;
        for Path { source, delay } in paths {
            let Some(found) = self.correlate(channel, *source, start)? else { continue };
            let (from, to) = (delay.saturating_sub(DELAY_TOLERANCE), delay + DELAY_TOLERANCE + 1);
            let (at, correlation) = found.best(from..to.min(found.by_delay.len()));
            let is_better = best.as_ref().is_none_or(|best| correlation > best.correlation);
            if is_better && self.is_crosstalk(correlation, found.gain_db) {
                let delay_ms = (at as f32 - LONGEST_DELAY as f32) / 16.0;
                best = Some(Match { source: *source, correlation, delay_ms, gain_db: found.gain_db, intervals: 1 });
            }
        }
        Ok(best)
    }

    /// Correlates the interval of `channel` at `start` with `source`. Returns `None` if the source is silent.
    fn correlate(&self, channel: usize, source: usize, start: u64) -> io::Result<Option<Correlation>> {
        let own = emphasized(&self.pcm.read(channel, start, INTERVAL)?);
        let field = emphasized(&Correlator::field(self.pcm, source, start)?);
        let power = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>();
        let own_power = power(&own);
        let mut beside = power(&field[..INTERVAL]);
        let loudest = field.chunks(INTERVAL / 4).map(power).fold(0.0, f32::max) * 4.0;
        if loudest < SILENCE * INTERVAL as f32 || own_power == 0.0 {
            return Ok(None);
        }
        let product = self.correlator.product(&own, &field);
        let mut by_delay = Vec::with_capacity(2 * LONGEST_DELAY + 1);
        for lag in 0..=2 * LONGEST_DELAY {
            let scale = (own_power * beside.max(loudest * 1e-3)).sqrt();
            by_delay.push(product[lag] / scale);
            let next = field.get(lag + INTERVAL).map_or(0.0, |x| x * x);
            beside = (beside + next - field[lag] * field[lag]).max(0.0);
        }
        let middle = power(&field[LONGEST_DELAY..LONGEST_DELAY + INTERVAL]);
        Ok(Some(Correlation { by_delay, gain_db: 10.0 * (own_power / middle.max(f32::MIN_POSITIVE)).log10() }))
    }
}

impl Correlation {
    /// Returns the delay with the highest magnitude, and that magnitude. An echo may be inverted.
    fn best(&self, delays: std::ops::Range<usize>) -> (usize, f32) {
        let first = delays.start;
        let strengths = self.by_delay[delays].iter().map(|x| x.abs()).enumerate();
        let best = strengths.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
        (first + best.0, best.1)
    }
}

/// The source of an interval of crosstalk.
#[derive(Debug, Clone)]
struct Match {
    source: usize,
    correlation: f32,
    delay_ms: f32,
    gain_db: f32,
    /// Number of intervals over which the values are averaged.
    intervals: usize,
}

impl Match {
    fn reason(&self) -> String {
        let Self { source, correlation, delay_ms, gain_db, .. } = self;
        let below = -gain_db;
        format!(
            "crosstalk from channel {source}: correlation {correlation:.2} at {delay_ms:.1} ms, {below:.0} dB below it"
        )
    }

    fn join(&mut self, other: &Self) {
        let (a, b) = (self.intervals as f32, other.intervals as f32);
        self.correlation = (self.correlation * a + other.correlation * b) / (a + b);
        self.gain_db = (self.gain_db * a + other.gain_db * b) / (a + b);
        self.intervals += other.intervals;
    }
}

/// A part of a run: the channel's own speech, or crosstalk.
struct Part {
    run: Run,
    source_match: Option<Match>,
}

/// Start positions of the intervals of a run, at least one.
fn intervals(run: Run) -> impl Iterator<Item = u64> {
    let last = run.len().saturating_sub(INTERVAL as u64 / 2).max(1);
    (0..last).step_by(STEP).map(move |offset| run.start + offset)
}

/// Joins adjacent intervals with the same verdict. The verdict of an interval applies to the [`STEP`] samples around
/// its middle. Short parts are merged into their neighbors.
fn parts(run: Run, verdicts: &[(u64, Option<Match>)]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (at, (start, source_match)) in verdicts.iter().enumerate() {
        let edge = |start: u64| (start + (INTERVAL - STEP) as u64 / 2).clamp(run.start, run.end);
        let from = if at == 0 { run.start } else { edge(*start) };
        let to = verdicts.get(at + 1).map_or(run.end, |(next, _)| edge(*next));
        push(&mut parts, Part { run: Run { start: from, end: to, ..run }, source_match: source_match.clone() });
    }
    let shortest = samples(SHORTEST_S);
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(before) if part.run.len() < shortest => before.run.end = part.run.end,
            Some(before) if before.run.len() < shortest => {
                let start = before.run.start;
                *before = Part { run: Run { start, ..part.run }, source_match: part.source_match };
            }
            _ => push(&mut joined, part),
        }
    }
    joined
}

fn push(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), &part.source_match) {
        (Some(Part { run, source_match: None }), None) => run.end = part.run.end,
        (Some(Part { run, source_match: Some(before) }), Some(source_match))
            if before.source == source_match.source =>
        {
            before.join(source_match);
            run.end = part.run.end;
        }
        _ => parts.push(part),
    }
}

fn emphasized(samples: &[f32]) -> Vec<f32> {
    let mut before = samples.first().copied().unwrap_or(0.0);
    let emphasize = |x: &f32| {
        let y = x - PRE_EMPHASIS * before;
        before = *x;
        y
    };
    samples.iter().map(emphasize).collect()
}
