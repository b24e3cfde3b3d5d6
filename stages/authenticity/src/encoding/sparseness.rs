//! How sparse the coefficients of a frame are, in groups.

/// Coefficients that are compared, in groups.
const GROUP: usize = 8;
pub(super) const GROUPS: usize = 120;
const LOWEST: usize = 4;
/// Mean square of a group below which it holds the rounding to 16 bit.
const POWER_MIN: f32 = 6e-10;
/// Deviations of a group count from and to this value.
const DEVIATION: (f32, f32) = (-3.0, 6.0);

/// Mean sparseness of groups.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    sums: [f32; GROUPS],
    counts: [u16; GROUPS],
    frames: u16,
}

impl Groups {
    pub(super) const NONE: Self = Self { sums: [0.0; GROUPS], counts: [0; GROUPS], frames: 0 };

    /// Adds for each group the mean root of the magnitudes, relative to their power: the lower, the sparser. Groups that
    /// hold rounding noise have none.
    pub(super) fn add(&mut self, coefficients: &[f32]) {
        self.frames += 1;
        add(self, &coefficients[LOWEST..]);
    }

    fn mean(&self, group: usize) -> Option<f32> {
        let count = self.counts[group];
        (count > 0 && count * 8 >= self.frames).then(|| self.sums[group] / f32::from(count))
    }
}

dsp::vectorized! {
    fn add<'a>(groups: &'a mut Groups, coefficients: &'a [f32]) {
        // Square roots and quotients of many groups side by side.
        let (mut powers, mut means) = ([0.0f32; GROUPS], [0.0f32; GROUPS]);
        let each = coefficients.as_chunks::<GROUP>().0.iter().zip(powers.iter_mut().zip(&mut means));
        for (coefficients, (power, mean)) in each {
            let (mut squares, mut roots) = ([0.0f32; GROUP], [0.0f32; GROUP]);
            for lane in 0..GROUP {
                squares[lane] = coefficients[lane] * coefficients[lane];
                roots[lane] = coefficients[lane].abs().sqrt();
            }
            *power = pairwise_sum(squares) / GROUP as f32;
            *mean = pairwise_sum(roots) / GROUP as f32;
        }
        for group in 0..GROUPS {
            let is_sound = powers[group] > POWER_MIN;
            let value = means[group] / powers[group].sqrt().sqrt();
            groups.sums[group] += if is_sound { value } else { 0.0 };
            groups.counts[group] += u16::from(is_sound);
        }
    }
}

#[inline(always)]
fn pairwise_sum(x: [f32; GROUP]) -> f32 {
    ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]))
}

/// Mean and deviation of each group over offsets without a grid.
pub(super) struct Weights(Vec<Option<(f32, f32)>>);

impl Weights {
    pub(super) fn of(offsets: &[&Groups]) -> Self {
        let of = |group: usize| {
            let values: Vec<f32> = offsets.iter().filter_map(|groups| groups.mean(group)).collect();
            (values.len() * 2 > offsets.len()).then(|| super::center_and_width(&values))
        };
        Self((0..GROUPS).map(of).collect())
    }

    /// How much sparser the groups are than those of other offsets.
    pub(super) fn deviation(&self, groups: &Groups) -> f32 {
        let of = |(group, known): (usize, &Option<(f32, f32)>)| match (known, groups.mean(group)) {
            (Some((center, width)), Some(value)) => ((center - value) / width).clamp(DEVIATION.0, DEVIATION.1),
            _ => 0.0,
        };
        self.0.iter().enumerate().map(of).sum()
    }
}
