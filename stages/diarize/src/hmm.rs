//! Assigns windows to speakers: a hidden Markov model whose states are speakers, with Bayesian inference of their voices
//! (F. Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization", Computer Speech &
//! Language 71, 2022).
//!
//! Points are in a space in which the windows of one speaker have unit variance in every dimension, and speakers have
//! the variances `between`. A speaker who explains too little speech loses all of it, so that the number of speakers
//! follows from the data.

use crate::cluster::Responsibilities;

/// Parameters of the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hmm {
    /// Weight of the evidence of a window. Below 1, because neighboring windows share audio.
    pub(crate) evidence: f64,
    /// Weight of the prior of the speakers: larger values give fewer speakers.
    pub(crate) prior: f64,
    /// Probability that the speaker of a window is that of the window before.
    pub(crate) stay: f64,
}

/// Most iterations.
const ITERATIONS: usize = 20;
/// Iterations end when the evidence lower bound grows by less than this.
const CONVERGED: f64 = 1e-3;
/// Lower limit of probabilities in logarithms.
const TINY: f64 = 1e-8;

impl Hmm {
    /// Improves responsibilities (`[windows][speakers]`) of points (`[windows][dimensions]`, in order of time). Returns them
    /// with the share of each speaker in the changes of speaker.
    pub(crate) fn infer(
        &self,
        points: &[Vec<f32>],
        between: &[f64],
        mut who: Responsibilities,
    ) -> (Responsibilities, Vec<f64>) {
        let speakers = who.first().map_or(0, Vec::len);
        let mut weights = vec![1.0 / speakers.max(1) as f64; speakers];
        let mut bound = f64::NEG_INFINITY;
        for _ in 0..ITERATIONS {
            let voices = self.voices(points, between, &who);
            let likelihoods = self.likelihoods(points, between, &voices);
            let pass = self.forward_backward(&likelihoods, &weights);
            (who, weights) = (pass.who, pass.weights);
            let complexity: f64 = voices.iter().map(Voice::complexity).sum();
            let reached = pass.log_evidence + self.prior * complexity;
            if reached - bound < CONVERGED {
                break;
            }
            bound = reached;
        }
        (who, weights)
    }

    /// The posterior of each speaker's voice.
    fn voices(&self, points: &[Vec<f32>], between: &[f64], who: &Responsibilities) -> Vec<Voice> {
        let ratio = self.evidence / self.prior;
        let voice = |speaker: usize| {
            let count: f64 = who.iter().map(|row| row[speaker]).sum();
            let mut mean = vec![0.0; between.len()];
            for (point, row) in points.iter().zip(who) {
                mean.iter_mut().zip(point).for_each(|(sum, x)| *sum += row[speaker] * f64::from(*x));
            }
            let variance: Vec<f64> = between.iter().map(|phi| 1.0 / (1.0 + ratio * count * phi)).collect();
            let terms = mean.iter_mut().zip(between.iter().zip(&variance));
            terms.for_each(|(mean, (phi, variance))| *mean *= ratio * variance * phi.sqrt());
            Voice { mean, variance }
        };
        (0..who.first().map_or(0, Vec::len)).map(voice).collect()
    }

    /// Weighted log-likelihoods of the points for each speaker, up to a constant.
    fn likelihoods(&self, points: &[Vec<f32>], between: &[f64], voices: &[Voice]) -> Responsibilities {
        let scales: Vec<f64> = between.iter().map(|phi| phi.sqrt()).collect();
        let offset = |voice: &Voice| -> f64 {
            let squares = voice.mean.iter().zip(&voice.variance).map(|(mean, variance)| variance + mean * mean);
            squares.zip(between).map(|(square, phi)| square * phi).sum::<f64>() / 2.0
        };
        let offsets: Vec<f64> = voices.iter().map(offset).collect();
        let of_point = |point: &Vec<f32>| {
            let scaled: Vec<f64> = point.iter().zip(&scales).map(|(x, scale)| f64::from(*x) * scale).collect();
            let norm: f64 = point.iter().map(|x| f64::from(x * x)).sum::<f64>() / 2.0;
            let of_voice = |(voice, offset): (&Voice, &f64)| {
                let product: f64 = voice.mean.iter().zip(&scaled).map(|(mean, x)| mean * x).sum();
                self.evidence * (product - offset - norm)
            };
            voices.iter().zip(&offsets).map(of_voice).collect()
        };
        points.iter().map(of_point).collect()
    }

    /// The forward-backward algorithm. A change of speaker leads to a speaker in proportion to `weights`.
    fn forward_backward(&self, likelihoods: &Responsibilities, weights: &[f64]) -> Pass {
        let speakers = weights.len();
        let (stay, change) = (self.stay.ln(), (1.0 - self.stay).ln());
        let entry: Vec<f64> = weights.iter().map(|weight| (weight + TINY).ln()).collect();
        let mut forward: Responsibilities = Vec::with_capacity(likelihoods.len());
        for row in likelihoods {
            let before = forward.last().map(|before| (before, log_sum_exp(before)));
            let of_speaker = |speaker: usize| match before {
                None => entry[speaker] + row[speaker],
                Some((before, total)) => {
                    let changed = change + entry[speaker] + total;
                    log_sum_exp(&[stay + before[speaker], changed]) + row[speaker]
                }
            };
            let reached = (0..speakers).map(of_speaker).collect();
            forward.push(reached);
        }
        let log_evidence = forward.last().map_or(0.0, |last| log_sum_exp(last));
        let mut backward = vec![0.0; speakers];
        let mut shares = vec![0.0; speakers];
        let mut who = vec![Vec::new(); likelihoods.len()];
        for at in (0..likelihoods.len()).rev() {
            let joint: Vec<f64> =
                forward[at].iter().zip(&backward).map(|(f, b)| (f + b - log_evidence).exp()).collect();
            let total: f64 = joint.iter().sum();
            who[at] = joint.iter().map(|x| x / total).collect();
            let ahead: Vec<f64> = backward.iter().zip(&likelihoods[at]).map(|(b, l)| b + l).collect();
            let entered: Vec<f64> = ahead.iter().zip(&entry).map(|(ahead, entry)| ahead + entry).collect();
            if at == 0 {
                shares.iter_mut().zip(&who[0]).for_each(|(share, first)| *share += first);
                break;
            }
            let before = log_sum_exp(&forward[at - 1]);
            let changes = entered.iter().map(|entered| (change + before + entered - log_evidence).exp());
            shares.iter_mut().zip(changes).for_each(|(share, change)| *share += change);
            let any = change + log_sum_exp(&entered);
            backward = ahead.iter().map(|ahead| log_sum_exp(&[stay + ahead, any])).collect();
        }
        let total: f64 = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        Pass { who, weights: shares.into_iter().map(|share| share / total).collect(), log_evidence }
    }
}

/// The posterior of a voice: a normal distribution in the scaled space.
#[derive(Debug)]
struct Voice {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Voice {
    /// Its part of the evidence lower bound: the negative divergence from the prior.
    fn complexity(&self) -> f64 {
        let terms = self.mean.iter().zip(&self.variance);
        terms.map(|(mean, variance)| (variance.ln() - variance - mean * mean + 1.0) / 2.0).sum()
    }
}

struct Pass {
    who: Responsibilities,
    weights: Vec<f64>,
    log_evidence: f64,
}

/// The logarithm of the sum of exponentials.
fn log_sum_exp(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        return highest;
    }
    highest + values.iter().map(|value| (value - highest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    const HMM: Hmm = Hmm { evidence: 0.5, prior: 4.0, stay: 0.9 };

    /// Points around a center in each dimension of the first half, or of the second half.
    fn points(labels: &[bool]) -> Vec<Vec<f32>> {
        let mut noise = Random(9);
        let mut point =
            |second: &bool| (0..8).map(|d| noise.signed() + if (d < 4) == *second { 3.0 } else { -3.0 }).collect();
        labels.iter().map(&mut point).collect()
    }

    fn even(windows: usize) -> Responsibilities {
        (0..windows).map(|at| (0..4).map(|speaker| if at % 4 == speaker { 0.7 } else { 0.1 }).collect()).collect()
    }

    fn most_likely(row: &[f64]) -> usize {
        (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
    }

    #[test]
    fn hmm_finds_two_voices_and_where_they_change() {
        let labels: Vec<bool> = (0..60).map(|at| (10..25).contains(&at) || at >= 40).collect();
        let start: Responsibilities =
            (0..60).map(|at| if at < 20 { vec![0.9, 0.05, 0.05] } else { vec![0.05, 0.5, 0.45] }).collect();
        let (who, _) = HMM.infer(&points(&labels), &[9.0; 8], start);
        let found: Vec<usize> = who.iter().map(|row| most_likely(row)).collect();
        for (at, label) in labels.iter().enumerate() {
            assert_eq!(found[at] == found[0], *label == labels[0], "window {at}: {found:?}");
        }
    }

    #[test]
    fn hmm_gives_one_voice_to_one_speaker() {
        let (who, weights) = HMM.infer(&points(&[false; 80]), &[9.0; 8], even(80));
        let first = most_likely(&who[0]);
        assert!(who.iter().all(|row| row[first] > 0.99) && weights[first] > 0.9, "{weights:?}");
    }

    #[test]
    fn hmm_rows_are_distributions() {
        let (who, _) = HMM.infer(&points(&[true, false, true, false, true]), &[2.0; 8], even(5));
        assert!(who.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
        assert!(HMM.infer(&[], &[2.0; 8], Vec::new()).0.is_empty());
    }
}
