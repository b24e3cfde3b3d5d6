//! Agglomerative clustering with average linkage, by chains of nearest neighbors (F. Murtagh, "A survey of recent advances
//! in hierarchical clustering algorithms", The Computer Journal 26(4), 1983).

/// Labels `0..clusters` of points whose pairs have these distances (`[points][points]`, symmetric). Labels are numbered
/// in the order of the first point. There are fewer if there are fewer points.
pub(crate) fn average_linkage(distances: Vec<Vec<f32>>, clusters: usize) -> Vec<usize> {
    let points = distances.len();
    let mut merges = merges(distances);
    merges.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let mut parents: Vec<usize> = (0..points).collect();
    for merge in merges.iter().take(points.saturating_sub(clusters.max(1))) {
        let (a, b) = (root(&parents, merge.a), root(&parents, merge.b));
        parents[a.max(b)] = a.min(b);
    }
    let mut seen: Vec<usize> = Vec::new();
    let label = |point: usize| {
        let own = root(&parents, point);
        seen.iter().position(|other| *other == own).unwrap_or_else(|| {
            seen.push(own);
            seen.len() - 1
        })
    };
    (0..points).map(label).collect()
}

/// Two clusters that are joined, each named by one of its points.
struct Merge {
    a: usize,
    b: usize,
    distance: f32,
}

fn root(parents: &[usize], mut point: usize) -> usize {
    while parents[point] != point {
        point = parents[point];
    }
    point
}

/// All merges, in the order in which chains of nearest neighbors find them.
fn merges(mut distances: Vec<Vec<f32>>) -> Vec<Merge> {
    let points = distances.len();
    let mut sizes = vec![1usize; points];
    let (mut merges, mut chain): (Vec<Merge>, Vec<usize>) = (Vec::new(), Vec::new());
    while merges.len() + 1 < points {
        if chain.is_empty() {
            chain.extend(sizes.iter().position(|size| *size > 0));
        }
        let Some(&last) = chain.last() else { break };
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        // The cluster before in the chain wins ties, so that the chain ends.
        let nearest = (0..points).filter(|other| *other != last && sizes[*other] > 0).min_by(|a, b| {
            let by_distance = distances[last][*a].total_cmp(&distances[last][*b]);
            by_distance.then_with(|| (Some(*b) == before).cmp(&(Some(*a) == before)))
        });
        let Some(nearest) = nearest else { break };
        if Some(nearest) != before {
            chain.push(nearest);
            continue;
        }
        chain.truncate(chain.len() - 2);
        merges.push(Merge { a: last, b: nearest, distance: distances[last][nearest] });
        join(&mut distances, &mut sizes, last.min(nearest), last.max(nearest));
    }
    merges
}

/// Joins the cluster `gone` to `kept`.
fn join(distances: &mut [Vec<f32>], sizes: &mut [usize], kept: usize, gone: usize) {
    let (a, b) = (sizes[kept] as f32, sizes[gone] as f32);
    for other in (0..sizes.len()).filter(|other| sizes[*other] > 0 && *other != kept && *other != gone) {
        let mean = (a * distances[kept][other] + b * distances[gone][other]) / (a + b);
        distances[kept][other] = mean;
        distances[other][kept] = mean;
    }
    sizes[kept] += sizes[gone];
    sizes[gone] = 0;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distances(points: &[f32]) -> Vec<Vec<f32>> {
        points.iter().map(|a| points.iter().map(|b| (a - b).abs()).collect()).collect()
    }

    /// Average linkage as it is defined: the two nearest clusters are joined, again and again.
    fn plain(points: &[f32], clusters: usize) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = (0..points.len()).map(|at| vec![at]).collect();
        while groups.len() > clusters {
            let mean = |a: &[usize], b: &[usize]| {
                let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (points[*a] - points[*b]).abs()));
                pairs.sum::<f32>() / (a.len() * b.len()) as f32
            };
            let pairs = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b)));
            let nearest =
                pairs.min_by(|x, y| mean(&groups[x.0], &groups[x.1]).total_cmp(&mean(&groups[y.0], &groups[y.1])));
            let (a, b) = nearest.unwrap();
            let gone = groups.remove(b);
            groups[a].extend(gone);
            groups[a].sort_unstable();
        }
        groups.sort();
        groups
    }

    proptest! {
        #[test]
        fn linkage_by_chains_is_average_linkage(
            points in prop::collection::vec(0.0f32..100.0, 1..20),
            clusters in 1usize..6,
        ) {
            let labels = average_linkage(distances(&points), clusters);
            let mut groups: Vec<Vec<usize>> = Vec::new();
            for (point, label) in labels.iter().enumerate() {
                groups.resize(groups.len().max(label + 1), Vec::new());
                groups[*label].push(point);
            }
            groups.sort();
            prop_assert_eq!(groups, plain(&points, clusters));
        }
    }

    #[test]
    fn linkage_of_no_points_has_no_labels() {
        assert!(average_linkage(Vec::new(), 3).is_empty());
        assert_eq!(average_linkage(distances(&[1.0]), 3), [0]);
        assert_eq!(average_linkage(distances(&[2.0, 2.0, 2.0]), 1), [0, 0, 0]);
    }
}
