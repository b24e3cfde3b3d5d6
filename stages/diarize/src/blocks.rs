//! Long recordings: windows are grouped block by block, and the speakers of the blocks are then linked.
//!
//! The evidence for a further speaker grows with the number of windows, and so does that of every slow change of one
//! voice. In blocks of bounded length it cannot exceed what the inference was tuned for, and the likelihood ratio of two
//! block speakers does not grow with the length of the recording.

use crate::cluster::{Responsibilities, cluster};
use crate::config::MOST_SPEAKERS;
use crate::windows::Window;

/// Windows of a block, at most: 90 s of speech.
const BLOCK: usize = 450;
/// Variance of the mean of a block speaker around the voice, in every dimension: that of a window divided by this number
/// of independent windows in each window, and the slow changes of a voice.
const EVIDENCE: f64 = 0.2;
const DRIFT: f64 = 0.3;
/// In recordings of several blocks, speakers with fewer windows (5 s) have no label: their voices are not clear.
const LEAST_WINDOWS: f64 = 25.0;

/// For each window the probability of each speaker. `speakers`: their number, if it is given. Windows of voices that are
/// not clear have probabilities that are all zero.
pub(crate) fn speakers(windows: &[Window], between: &[f64], speakers: Option<usize>) -> Responsibilities {
    let count = windows.len().div_ceil(BLOCK);
    if count <= 1 {
        return cluster(windows, between, speakers);
    }
    let length = windows.len().div_ceil(count);
    let blocks: Vec<Responsibilities> = windows.chunks(length).map(|block| cluster(block, between, None)).collect();
    let mut groups: Vec<Group> = Vec::new();
    for (block, who) in blocks.iter().enumerate() {
        let own = &windows[block * length..];
        groups.extend((0..who.first().map_or(0, Vec::len)).map(|speaker| Group::of(block, speaker, own, who)));
    }
    let groups = linked(groups, between, speakers);
    let kept: Vec<&Group> = groups.iter().filter(|group| group.windows >= LEAST_WINDOWS).collect();
    let kept = if kept.is_empty() { groups.iter().collect() } else { kept };
    let in_block = |(block, who): (usize, &Responsibilities)| -> Responsibilities {
        let of_group = |group: &&Group, row: &[f64]| -> f64 {
            group.members.iter().filter(|(own, _)| *own == block).map(|(_, speaker)| row[*speaker]).sum()
        };
        who.iter().map(|row| kept.iter().map(|group| of_group(group, row)).collect()).collect()
    };
    blocks.iter().enumerate().flat_map(in_block).collect()
}

/// Block speakers that are one speaker.
#[derive(Debug, Clone)]
struct Group {
    /// Numbers of block and speaker.
    members: Vec<(usize, usize)>,
    /// Number of windows.
    windows: f64,
    /// Mean of the points.
    mean: Vec<f64>,
}

impl Group {
    fn of(block: usize, speaker: usize, windows: &[Window], who: &Responsibilities) -> Self {
        let count: f64 = who.iter().map(|row| row[speaker]).sum();
        let mut mean = vec![0.0; windows.first().map_or(0, |window| window.point.len())];
        for (window, row) in windows.iter().zip(who) {
            mean.iter_mut().zip(&window.point).for_each(|(sum, x)| *sum += row[speaker] * f64::from(*x));
        }
        mean.iter_mut().for_each(|x| *x /= count.max(f64::MIN_POSITIVE));
        Self { members: vec![(block, speaker)], windows: count, mean }
    }

    fn join(&mut self, other: Self) {
        let total = self.windows + other.windows;
        let terms = self.mean.iter_mut().zip(&other.mean);
        terms.for_each(|(a, b)| *a = (*a * self.windows + b * other.windows) / total.max(f64::MIN_POSITIVE));
        self.windows = total;
        self.members.extend(other.members);
    }

    /// Variance of the mean in each dimension.
    fn variance(&self) -> f64 {
        DRIFT + 1.0 / (EVIDENCE * self.windows).max(f64::MIN_POSITIVE)
    }
}

/// Joins the two most similar groups again and again, while their likelihood ratio is positive, or until `speakers` are
/// left.
fn linked(mut groups: Vec<Group>, between: &[f64], speakers: Option<usize>) -> Vec<Group> {
    // Of every pair, the first before the second.
    let mut ratios: Vec<Vec<f64>> = (0..groups.len())
        .map(|b| (0..b).map(|a| likelihood_ratio(&groups[a], &groups[b], between)).collect())
        .collect();
    loop {
        let pairs =
            ratios.iter().enumerate().flat_map(|(b, row)| row.iter().enumerate().map(move |(a, ratio)| (*ratio, a, b)));
        let Some((ratio, a, b)) = pairs.max_by(|x, y| x.0.total_cmp(&y.0)) else { return groups };
        let joins = match speakers {
            Some(speakers) => groups.len() > speakers,
            None => ratio > 0.0 || groups.len() > usize::from(MOST_SPEAKERS),
        };
        if !joins {
            return groups;
        }
        let gone = groups.remove(b);
        groups[a].join(gone);
        ratios.remove(b);
        for row in ratios.iter_mut().skip(b) {
            row.remove(b);
        }
        for other in (0..groups.len()).filter(|other| *other != a) {
            ratios[a.max(other)][a.min(other)] = likelihood_ratio(&groups[a], &groups[other], between);
        }
    }
}

/// The logarithm of the likelihood ratio of one voice to two voices (S. Ioffe, "Probabilistic linear discriminant
/// analysis", ECCV 2006), with unit variance within a voice.
fn likelihood_ratio(a: &Group, b: &Group, between: &[f64]) -> f64 {
    let (noise_a, noise_b) = (a.variance(), b.variance());
    let dimension = |((x, y), phi): ((&f64, &f64), &f64)| {
        let (var_a, var_b) = (phi + noise_a, phi + noise_b);
        let determinant = var_a * var_b - phi * phi;
        let together = (var_b * x * x - 2.0 * phi * x * y + var_a * y * y) / determinant + determinant.ln();
        let apart = x * x / var_a + y * y / var_b + var_a.ln() + var_b.ln();
        (apart - together) / 2.0
    };
    a.mean.iter().zip(&b.mean).zip(between).map(dimension).sum()
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    /// Windows of voices that are given by a sign: points around 2 or -2 in each of 16 dimensions.
    fn windows(voices: &[f32]) -> Vec<Window> {
        let mut noise = Random(5);
        let window = |(at, voice): (usize, &f32)| {
            let point = (0..16).map(|d| noise.signed() + voice * if d % 2 == 0 { 2.0 } else { -2.0 }).collect();
            Window { middle: at as u64 * 20, point }
        };
        voices.iter().enumerate().map(window).collect()
    }

    fn counts(who: &Responsibilities) -> Vec<usize> {
        let speakers = who.first().map_or(0, Vec::len);
        let is_of = |row: &Vec<f64>, speaker: usize| row.iter().all(|x| *x <= row[speaker]) && row[speaker] > 0.0;
        (0..speakers).map(|speaker| who.iter().filter(|row| is_of(row, speaker)).count()).collect()
    }

    #[test]
    fn blocks_of_one_voice_are_one_speaker_at_any_length() {
        for length in [100, 2_000, 20_000] {
            let found = speakers(&windows(&vec![1.0; length]), &[4.0; 16], None);
            assert_eq!(counts(&found), [length]);
        }
    }

    #[test]
    fn blocks_of_two_voices_have_the_same_two_speakers_throughout() {
        let voices: Vec<f32> = (0..3_000).map(|at| if at / 40 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        for count in [None, Some(2)] {
            let found = speakers(&windows(&voices), &[4.0; 16], count);
            let mut counts = counts(&found);
            counts.sort_unstable();
            assert_eq!(counts.len(), 2, "{counts:?}");
            assert!(counts[0].abs_diff(1_480) < 30, "{counts:?}");
        }
    }
}
