//! Duplicate channels: a mono call in both channels of a stereo file.
//!
//! A lossy codec codes the two channels differently, and a mixer may have inverted, delayed or attenuated one of them. So
//! a channel is a duplicate if three conditions hold, each for the whole recording: the channels correlate at one delay;
//! they correlate in every part with sound; and the difference of their levels is the same in every part. Two speakers
//! never fulfill the last condition, even if each leaks into the other's channel, because who is louder changes with the
//! speaker. Nor does a recording that is mono only for a time.

use std::io;

use dsp::{BandPass, SILENCE_DBFS};
use stage_core::{DuplicateChannel, Pcm, SAMPLE_RATE_HZ};

use crate::channel::{BAND_HZ, LEVEL_HOP};
use crate::correlator::{Correlator, INTERVAL, LONGEST_DELAY, padded};
use crate::similar::Envelopes;

/// Number of intervals from which the delay is found.
const PROBES: usize = 8;
/// Minimum mean correlation of these intervals. Other channels are not compared any further.
const PROBE_CORRELATION: f32 = 0.5;
/// Samples in a part: half a second.
const PART: usize = 8_000;
/// Minimum correlation over the whole recording. Lossy copies are above 0.79 (AAC at 32 kbit/s), except for those of
/// codecs that change the phase between channels. Two speakers of whom each leaks into the other's channel at -3 dB
/// reach 0.94; they differ in level.
const CORRELATION: f64 = 0.7;
/// Minimum correlation in each part.
const PART_CORRELATION: f64 = 0.3;
/// Maximum deviation of a part's level difference from the median, in dB. Lossy copies deviate by less than 2.2 dB; two
/// speakers, one of whom is 3 dB weaker in one channel, by 2.6 dB and more.
const DEVIATION_DB: f64 = 2.5;
/// Parts further below the loudest parts than this are not compared, in dB: the noise of codecs.
const RANGE_DB: f64 = 40.0;

/// Finds duplicates among the channels of one recording.
pub(crate) struct DuplicateFinder<'a> {
    pcm: &'a Pcm,
    /// Levels of each channel, [`LEVEL_HOP`] samples apart.
    levels: &'a [Vec<f32>],
    envelopes: &'a Envelopes,
    correlator: Correlator,
}

/// Power of both channels and their product, in one part.
#[derive(Debug, Default, Clone, Copy)]
struct Part {
    own: f64,
    other: f64,
    product: f64,
}

impl<'a> DuplicateFinder<'a> {
    pub(crate) fn new(pcm: &'a Pcm, levels: &'a [Vec<f32>], envelopes: &'a Envelopes) -> Self {
        Self { pcm, levels, envelopes, correlator: Correlator::new() }
    }

    /// Returns the first of the earlier channels that a channel is a duplicate of. A silent channel has no correlation
    /// and is not a duplicate.
    pub(crate) fn find(&self, channel: usize, earlier: &[usize]) -> io::Result<Option<DuplicateChannel>> {
        if self.levels[channel].iter().all(|level| *level <= SILENCE_DBFS) {
            return Ok(None);
        }
        for other in self.envelopes.most_similar(channel, earlier) {
            let Some(delay) = self.delay(channel, other)? else { continue };
            if let Some(duplicate) = self.compare(channel, other, delay)? {
                return Ok(Some(duplicate));
            }
        }
        Ok(None)
    }

    /// The delay of a channel behind another one in samples, from the loudest intervals of equal parts of the
    /// recording. `None` if they do not correlate.
    fn delay(&self, channel: usize, other: usize) -> io::Result<Option<i64>> {
        let mut by_delay = vec![0.0; 2 * LONGEST_DELAY + 1];
        let starts = self.probes(channel);
        for start in &starts {
            let own = padded(self.pcm, channel, *start as i64, INTERVAL)?;
            let field = Correlator::field(self.pcm, other, *start)?;
            let power = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>();
            let middle = &field[LONGEST_DELAY..LONGEST_DELAY + INTERVAL];
            let scale = (power(&own) * power(middle)).sqrt().max(f32::MIN_POSITIVE) * starts.len() as f32;
            let product = self.correlator.product(&own, &field);
            by_delay.iter_mut().zip(product).for_each(|(sum, product)| *sum += product / scale);
        }
        let best = by_delay.iter().map(|x| x.abs()).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        // A later copy correlates with earlier samples of the field.
        Ok(best.filter(|best| best.1 >= PROBE_CORRELATION).map(|best| LONGEST_DELAY as i64 - best.0 as i64))
    }

    /// Starts of the loudest intervals of equal parts of a channel, without parts that are much quieter.
    fn probes(&self, channel: usize) -> Vec<u64> {
        let levels = &self.levels[channel];
        let part = levels.len().div_ceil(PROBES).max(1);
        let loudest = levels.chunks(part).enumerate().filter_map(|(index, levels)| {
            let (at, level) = levels.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
            Some((index * part + at, *level))
        });
        let loudest: Vec<(usize, f32)> = loudest.collect();
        let peak = loudest.iter().map(|(_, level)| *level).fold(f32::NEG_INFINITY, f32::max);
        let near = loudest.iter().filter(|(_, level)| f64::from(peak - level) <= RANGE_DB);
        near.map(|(at, _)| ((at * LEVEL_HOP) as u64).saturating_sub(INTERVAL as u64 / 2)).collect()
    }

    /// Compares two channels over the whole recording.
    fn compare(&self, channel: usize, other: usize, delay: i64) -> io::Result<Option<DuplicateChannel>> {
        let rate = f64::from(SAMPLE_RATE_HZ);
        let mut bands = [(); 2].map(|()| BandPass::new(rate, BAND_HZ.0, BAND_HZ.1));
        let (mut parts, mut identical) = (Vec::new(), delay == 0);
        for start in (0..self.pcm.frames()).step_by(PART) {
            let own = self.pcm.read(channel, start, PART)?;
            let theirs = padded(self.pcm, other, start as i64 - delay, own.len())?;
            identical = identical && own == theirs;
            let mut part = Part::default();
            for (own, other) in own.iter().zip(&theirs) {
                let [own, other] = [bands[0].step(f64::from(*own)), bands[1].step(f64::from(*other))];
                part.own += own * own;
                part.other += other * other;
                part.product += own * other;
            }
            parts.push(part);
        }
        if delay != 0 && parts.len() > 2 {
            // The first and the last part contain the samples that only one channel has.
            parts = parts[1..parts.len() - 1].to_vec();
        }
        Ok(judged(&parts).map(|(correlation, gain_db)| DuplicateChannel {
            channel: channel as u16,
            of: other as u16,
            identical,
            correlation,
            gain_db,
            delay_ms: delay as f64 * 1000.0 / rate,
        }))
    }
}

/// Correlation and gain in dB of a duplicate, or `None` if the channel is not a duplicate.
fn judged(parts: &[Part]) -> Option<(f64, f64)> {
    let sum = parts.iter().fold(Part::default(), |sum, part| Part {
        own: sum.own + part.own,
        other: sum.other + part.other,
        product: sum.product + part.product,
    });
    let correlation = sum.correlation();
    if correlation.abs() < CORRELATION {
        return None;
    }
    let gain = sum.own / sum.other;
    let loudness = |part: &Part| part.own.max(part.other * gain);
    let mut loudest: Vec<f64> = parts.iter().map(loudness).collect();
    loudest.sort_by(f64::total_cmp);
    let threshold = loudest[(loudest.len() - 1) * 95 / 100] * 10f64.powf(-RANGE_DB / 10.0);
    let with_sound: Vec<&Part> = parts.iter().filter(|part| loudness(part) >= threshold).collect();
    let mut differences: Vec<f64> = with_sound.iter().map(|part| part.difference_db()).collect();
    differences.sort_by(f64::total_cmp);
    let median = differences[differences.len() / 2];
    let same = |part: &&Part| {
        part.correlation() * correlation.signum() >= PART_CORRELATION
            && (part.difference_db() - median).abs() <= DEVIATION_DB
    };
    with_sound.iter().all(same).then_some((correlation, median))
}

impl Part {
    /// Normalized correlation. It is 0 if either channel is silent.
    fn correlation(self) -> f64 {
        self.product / (self.own * self.other).sqrt().max(f64::MIN_POSITIVE)
    }

    fn difference_db(self) -> f64 {
        10.0 * (self.own.max(f64::MIN_POSITIVE) / self.other.max(f64::MIN_POSITIVE)).log10()
    }
}
