//! Chooses the channels that are compared with a channel, so that the work does not grow with the square of their number.

/// Number of channels that a channel is compared with. A recording with no more than one channel above this number is
/// compared completely.
const MOST_COMPARED: usize = 8;
/// Points of an envelope.
const POINTS: usize = 256;

/// How the levels of all channels change over the recording.
pub(crate) struct Envelopes(Vec<Vec<f32>>);

impl Envelopes {
    /// Envelopes of channels with these levels in dBFS.
    pub(crate) fn of(levels: &[Vec<f32>]) -> Self {
        Self(levels.iter().map(|levels| envelope(levels)).collect())
    }

    /// Those of the candidates with the most similar envelopes, at most [`MOST_COMPARED`], the most similar first. All
    /// candidates in their order, if there are no more than that.
    pub(crate) fn most_similar(&self, channel: usize, candidates: &[usize]) -> Vec<usize> {
        if candidates.len() <= MOST_COMPARED {
            return candidates.to_vec();
        }
        let similarity = |other: usize| self.0[channel].iter().zip(&self.0[other]).map(|(a, b)| a * b).sum::<f32>();
        let mut rated: Vec<(f32, usize)> = candidates.iter().map(|other| (similarity(*other), *other)).collect();
        rated.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        rated.into_iter().take(MOST_COMPARED).map(|(_, other)| other).collect()
    }
}

/// The highest levels of equal parts of a channel, with mean 0 and norm 1.
fn envelope(levels: &[f32]) -> Vec<f32> {
    let part = levels.len().div_ceil(POINTS).max(1);
    let mut points: Vec<f32> =
        levels.chunks(part).map(|levels| levels.iter().copied().fold(f32::NEG_INFINITY, f32::max)).collect();
    let mean = points.iter().sum::<f32>() / points.len().max(1) as f32;
    points.iter_mut().for_each(|point| *point -= mean);
    let norm = points.iter().map(|point| point * point).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    points.iter_mut().for_each(|point| *point /= norm);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_with_similar_levels_are_compared_first() {
        let mut random = testkit::Random(7);
        let mut levels: Vec<Vec<f32>> = (0..40).map(|_| random.noise(1000, 30.0)).collect();
        levels[33] = levels[5].iter().map(|level| level - 20.0).collect();
        let envelopes = Envelopes::of(&levels);
        let others: Vec<usize> = (0..40).filter(|other| *other != 5).collect();
        let compared = envelopes.most_similar(5, &others);
        assert_eq!((compared.len(), compared[0]), (MOST_COMPARED, 33));
        assert_eq!(envelopes.most_similar(5, &[1, 0]), [1, 0], "few candidates are all compared");
        assert_eq!(Envelopes::of(&[vec![], vec![-120.0]]).most_similar(0, &[1]), [1]);
    }
}
