//! Groups the windows of up to 90 s of speech by voice.

use crate::hmm::Hmm;
use crate::linkage::{Linkage, linked};
use crate::windows::Window;

/// For each window the probability of each speaker.
pub(crate) type Responsibilities = Vec<Vec<f64>>;

const HMM: Hmm = Hmm { evidence: 0.2, prior: 2.5, stay: 0.9 };
/// How the inference starts if the number of speakers is not given. Average linkage keeps a speaker with few turns
/// apart; with more than two speakers, Ward's linkage finds more of them.
const FEW: Start = Start { linkage: Linkage::Average, clusters: 8 };
const SEVERAL: Start = Start { linkage: Linkage::Ward, clusters: 6 };
/// Probability of its cluster for each window at the start.
const START_SURE: f64 = 0.9;
/// Speakers with a smaller share of the changes of speaker, or with less speech in windows, are none.
const LEAST_SHARE: f64 = 0.02;
const LEAST_WINDOWS: f64 = 1.5;

/// Clusters with which the inference starts.
#[derive(Debug, Clone, Copy)]
struct Start {
    linkage: Linkage,
    clusters: usize,
}

/// The probability of each speaker for each window. `speakers`: their number, if it is given.
pub(crate) fn cluster(windows: &[Window], between: &[f64], speakers: Option<usize>) -> Responsibilities {
    let points: Vec<Vec<f32>> = windows.iter().map(|window| window.point.clone()).collect();
    if let Some(clusters) = speakers {
        return infer(&points, between, Start { linkage: Linkage::Ward, clusters }).0;
    }
    let started = |start| {
        let (who, shares) = infer(&points, between, start);
        kept(&who, &shares)
    };
    let few = started(FEW);
    if few.first().is_none_or(|row| row.len() <= 2) { few } else { started(SEVERAL) }
}

/// The responsibilities that follow from a start, and the share of each speaker in the changes of speaker.
fn infer(points: &[Vec<f32>], between: &[f64], start: Start) -> (Responsibilities, Vec<f64>) {
    let labels = labels(points, between, start);
    let count = labels.iter().max().map_or(0, |last| last + 1);
    let rest = (1.0 - START_SURE) / count.max(1) as f64;
    let row = |label: &usize| (0..count).map(|own| if own == *label { START_SURE + rest } else { rest }).collect();
    HMM.infer(points, between, labels.iter().map(row).collect())
}

/// Labels of points by linkage of their directions.
fn labels(points: &[Vec<f32>], between: &[f64], start: Start) -> Vec<usize> {
    let directions: Vec<Vec<f32>> = points.iter().map(|point| direction(point, between)).collect();
    linked(&directions, start.linkage, start.clusters)
}

/// A point at unit length, with the dimensions weighted by how well they separate voices.
fn direction(point: &[f32], between: &[f64]) -> Vec<f32> {
    let weighted: Vec<f32> = point.iter().zip(between).map(|(x, phi)| x * (phi / (1.0 + phi)).sqrt() as f32).collect();
    let length = product(&weighted, &weighted).sqrt().max(f32::MIN_POSITIVE);
    weighted.into_iter().map(|x| x / length).collect()
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Without the speakers who explain next to nothing.
fn kept(who: &Responsibilities, shares: &[f64]) -> Responsibilities {
    let windows = |speaker: usize| who.iter().map(|row| row[speaker]).sum::<f64>();
    let mut kept: Vec<usize> =
        (0..shares.len()).filter(|s| shares[*s] > LEAST_SHARE && windows(*s) >= LEAST_WINDOWS).collect();
    if kept.is_empty() {
        kept.extend((0..shares.len()).max_by(|a, b| windows(*a).total_cmp(&windows(*b))));
    }
    let row = |row: &Vec<f64>| {
        let total: f64 = kept.iter().map(|speaker| row[*speaker]).sum::<f64>().max(f64::MIN_POSITIVE);
        kept.iter().map(|speaker| row[*speaker] / total).collect()
    };
    who.iter().map(row).collect()
}
