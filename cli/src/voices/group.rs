//! Groups speakers of different recordings by the similarity of their voices: average linkage down to a threshold. Two
//! speakers of one recording are never in one group.

/// A speaker to group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupedVoice<'a> {
    /// The recording.
    pub(crate) recording: &'a str,
    /// The embedding, at unit length.
    pub(crate) embedding: &'a [f32],
}

/// The number of the group of each speaker. Groups are numbered in the order of their first speakers.
pub(crate) fn groups(voices: &[GroupedVoice<'_>], threshold: f64) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = (0..voices.len()).map(|at| vec![at]).collect();
    let cosine = |a: usize, b: usize| -> f64 {
        let pairs = voices[a].embedding.iter().zip(voices[b].embedding);
        pairs.map(|(a, b)| f64::from(a * b)).sum()
    };
    let mut similar: Vec<Vec<f64>> = (0..voices.len())
        .map(|a| {
            (0..voices.len()).map(|b| if separate(voices, &[a], &[b]) { f64::MIN } else { cosine(a, b) }).collect()
        })
        .collect();
    while let Some((a, b)) = nearest(&similar, threshold) {
        let (size_a, size_b) = (groups[a].len() as f64, groups[b].len() as f64);
        let gone = groups.remove(b);
        groups[a].extend(gone);
        let row_b = similar.remove(b);
        for row in &mut similar {
            row.remove(b);
        }
        let others = (0..groups.len()).filter(|other| *other != a);
        for other in others {
            let of_b = row_b[if other < b { other } else { other + 1 }];
            let of_a = similar[a][other];
            let mean = if of_a == f64::MIN || of_b == f64::MIN {
                f64::MIN
            } else {
                (size_a * of_a + size_b * of_b) / (size_a + size_b)
            };
            similar[a][other] = mean;
            similar[other][a] = mean;
        }
    }
    groups.sort_by_key(|group| group.iter().copied().min());
    let number = |voice: usize| groups.iter().position(|group| group.contains(&voice)).unwrap_or_default();
    (0..voices.len()).map(number).collect()
}

/// Whether two groups have speakers of one recording.
fn separate(voices: &[GroupedVoice<'_>], a: &[usize], b: &[usize]) -> bool {
    a.iter().any(|a| b.iter().any(|b| voices[*a].recording == voices[*b].recording))
}

/// The most similar pair of groups, the first before the second, if it reaches the threshold.
fn nearest(similar: &[Vec<f64>], threshold: f64) -> Option<(usize, usize)> {
    let pairs = (0..similar.len()).flat_map(|a| (a + 1..similar.len()).map(move |b| (a, b)));
    let best = pairs.max_by(|x, y| similar[x.0][x.1].total_cmp(&similar[y.0][y.1]))?;
    (similar[best.0][best.1] >= threshold).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Voices of recordings at angles in degrees.
    fn grouped(voices: &[(&str, f32)], threshold: f64) -> Vec<usize> {
        let embeddings: Vec<[f32; 2]> =
            voices.iter().map(|(_, angle)| [angle.to_radians().cos(), angle.to_radians().sin()]).collect();
        let voice = |((recording, _), embedding)| GroupedVoice { recording, embedding };
        let voices: Vec<_> =
            voices.iter().copied().zip(embeddings.iter().map(<[f32; 2]>::as_slice)).map(voice).collect();
        groups(&voices, threshold)
    }

    #[test]
    fn groups_are_similar_voices_of_different_recordings() {
        let voices = [("a", 0.0), ("a", 80.0), ("b", 5.0), ("b", 85.0), ("c", 40.0), ("d", 2.0)];
        assert_eq!(grouped(&voices, 0.9), [0, 1, 0, 1, 2, 0]);
        assert_eq!(grouped(&voices, 0.9999), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn groups_never_have_two_speakers_of_one_recording() {
        assert_eq!(grouped(&[("a", 0.0), ("a", 1.0), ("b", 0.4)], 0.5), [0, 1, 0]);
        assert!(grouped(&[], 0.5).is_empty());
    }
}
