//! Agglomerative clustering by chains of nearest neighbors (F. Murtagh, "A survey of recent advances in hierarchical
//! clustering algorithms", The Computer Journal 26(4), 1983).

/// The cost of joining two clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linkage {
    /// The mean squared distance of their pairs. It leaves outliers alone.
    Average,
    /// Twice the growth of the sum of squares (J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal
    /// of the American Statistical Association 58, 1963). It prefers clusters of similar sizes.
    Ward,
}

/// Labels `0..clusters` of points, all with the same number of dimensions. Labels are numbered in the order of the first
/// point. There are fewer if there are fewer points.
pub(crate) fn linked(points: &[Vec<f32>], linkage: Linkage, clusters: usize) -> Vec<usize> {
    let mut merges = merges(distances(points), linkage);
    merges.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut parents: Vec<usize> = (0..points.len()).collect();
    for merge in merges.iter().take(points.len().saturating_sub(clusters.max(1))) {
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
    (0..points.len()).map(label).collect()
}

/// The squared distances of all pairs.
fn distances(points: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let square = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    points.iter().map(|a| points.iter().map(|b| square(a, b)).collect()).collect()
}

/// Two clusters that are joined, each named by one of its points.
struct Merge {
    a: usize,
    b: usize,
    cost: f32,
}

fn root(parents: &[usize], mut point: usize) -> usize {
    while parents[point] != point {
        point = parents[point];
    }
    point
}

/// All merges, in the order in which chains of nearest neighbors find them.
fn merges(mut costs: Vec<Vec<f32>>, linkage: Linkage) -> Vec<Merge> {
    let points = costs.len();
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
            let by_cost = costs[last][*a].total_cmp(&costs[last][*b]);
            by_cost.then_with(|| (Some(*b) == before).cmp(&(Some(*a) == before)))
        });
        let Some(nearest) = nearest else { break };
        if Some(nearest) != before {
            chain.push(nearest);
            continue;
        }
        chain.truncate(chain.len() - 2);
        merges.push(Merge { a: last, b: nearest, cost: costs[last][nearest] });
        join(&mut costs, &mut sizes, linkage, last.min(nearest), last.max(nearest));
    }
    merges
}

/// Joins the cluster `gone` to `kept`, with the updates of Lance and Williams.
fn join(costs: &mut [Vec<f32>], sizes: &mut [usize], linkage: Linkage, kept: usize, gone: usize) {
    let (a, b, between) = (sizes[kept] as f32, sizes[gone] as f32, costs[kept][gone]);
    for other in (0..sizes.len()).filter(|other| sizes[*other] > 0 && *other != kept && *other != gone) {
        let (of_kept, of_gone) = (costs[kept][other], costs[gone][other]);
        let c = sizes[other] as f32;
        let cost = match linkage {
            Linkage::Average => (a * of_kept + b * of_gone) / (a + b),
            Linkage::Ward => ((a + c) * of_kept + (b + c) * of_gone - c * between) / (a + b + c),
        };
        costs[kept][other] = cost;
        costs[other][kept] = cost;
    }
    sizes[kept] += sizes[gone];
    sizes[gone] = 0;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(points: &[f32]) -> Vec<Vec<f32>> {
        points.iter().map(|x| vec![*x]).collect()
    }

    /// The clusters as they are defined: the two that cost least are joined, again and again.
    fn plain(points: &[f32], linkage: Linkage, clusters: usize) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = (0..points.len()).map(|at| vec![at]).collect();
        let squares = |group: &[usize]| {
            let mean = group.iter().map(|at| f64::from(points[*at])).sum::<f64>() / group.len() as f64;
            group.iter().map(|at| (f64::from(points[*at]) - mean).powi(2)).sum::<f64>()
        };
        while groups.len() > clusters {
            let mean = |a: &[usize], b: &[usize]| {
                let pairs = a.iter().flat_map(|a| b.iter().map(move |b| f64::from(points[*a] - points[*b]).powi(2)));
                pairs.sum::<f64>() / (a.len() * b.len()) as f64
            };
            let cost = |a: &[usize], b: &[usize]| match linkage {
                Linkage::Average => mean(a, b),
                Linkage::Ward => squares(&[a, b].concat()) - squares(a) - squares(b),
            };
            let pairs = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b)));
            let nearest =
                pairs.min_by(|x, y| cost(&groups[x.0], &groups[x.1]).total_cmp(&cost(&groups[y.0], &groups[y.1])));
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
        fn linkage_by_chains_is_linkage(
            points in prop::collection::vec(0.0f32..100.0, 1..20),
            clusters in 1usize..6,
            ward: bool,
        ) {
            let linkage = if ward { Linkage::Ward } else { Linkage::Average };
            let labels = linked(&line(&points), linkage, clusters);
            let mut groups: Vec<Vec<usize>> = Vec::new();
            for (point, label) in labels.iter().enumerate() {
                groups.resize(groups.len().max(label + 1), Vec::new());
                groups[*label].push(point);
            }
            groups.sort();
            prop_assert_eq!(groups, plain(&points, linkage, clusters));
        }
    }

    #[test]
    fn linkage_of_no_points_has_no_labels() {
        for linkage in [Linkage::Average, Linkage::Ward] {
            assert!(linked(&[], linkage, 3).is_empty());
            assert_eq!(linked(&line(&[1.0]), linkage, 3), [0]);
            assert_eq!(linked(&line(&[2.0, 2.0, 2.0]), linkage, 1), [0, 0, 0]);
        }
    }
}
