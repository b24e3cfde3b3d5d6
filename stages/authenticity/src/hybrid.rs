//! The hybrid filter bank of MP3: 32 bands of a polyphase filter, each split by an MDCT of 18 coefficients, with alias
//! reduction (ISO/IEC 11172-3, 2.4.3.4 and annex C.1.3). Long blocks only.

use std::f32::consts::PI;

/// Coefficients of a granule, and samples between granules.
pub(crate) const GRANULE: usize = 576;
/// Samples that a granule is computed from.
pub(crate) const SPAN: usize = TAPS + BANDS * (2 * LINES - 1);

const BANDS: usize = 32;
const LINES: usize = 18;
const TAPS: usize = 512;
/// Subband samples of a granule's window.
const SLOTS: usize = 2 * LINES;
/// Makes the coefficients of white noise about as large as its samples. A power of two keeps the steps of MP3's scale
/// factors powers of the fourth root of two.
const SCALE: f32 = 16.0;

/// The first half of the polyphase window in units of 2^-21 (table C.1, with the sign of its prototype filter); the second
/// mirrors it.
#[rustfmt::skip]
const WINDOW: [i32; TAPS / 2 + 1] = [
    0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5, -5, -6, -7, -7, -8, -9, -10, -11, -13, -14, -16,
    -17, -19, -21, -24, -26, -29, -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79, -85, -91, -97, -104,
    -111, -117, -125, -132, -139, -147, -154, -161, -169, -176, -183, -190, -196, -202, -208, -213, -218, -222, -225,
    -227, -228, -228, -227, -224, -221, -215, -208, -200, -189, -177, -163, -146, -127, -106, -83, -57, -29, 2, 36,
    72, 111, 153, 197, 244, 294, 347, 401, 459, 519, 581, 645, 711, 779, 848, 919, 991, 1064, 1137, 1210, 1283, 1356,
    1428, 1498, 1567, 1634, 1698, 1759, 1817, 1870, 1919, 1962, 2001, 2032, 2057, 2075, 2085, 2087, 2080, 2063, 2037,
    2000, 1952, 1893, 1822, 1739, 1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185, -45, -288, -545, -814, -1095,
    -1388, -1692, -2006, -2330, -2663, -3004, -3351, -3705, -4063, -4425, -4788, -5153, -5517, -5879, -6237, -6589,
    -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998, -9219, -9416, -9585, -9727, -9838, -9916, -9959, -9966,
    -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134, -6574, -5959, -5288, -4561, -3776,
    -2935, -2037, -1082, -70, 998, 2122, 3300, 4533, 5818, 7154, 8540, 9975, 11455, 12980, 14548, 16155, 17799, 19478,
    21189, 22929, 24694, 26482, 28289, 30112, 31947, 33791, 35640, 37489, 39336, 41176, 43006, 44821, 46617, 48390,
    50137, 51853, 53534, 55178, 56778, 58333, 59838, 61289, 62684, 64019, 65290, 66494, 67629, 68692, 69679, 70590,
    71420, 72169, 72835, 73415, 73908, 74313, 74630, 74856, 74992, 75038,
];

/// Coefficients of the butterflies between neighboring bands (table B.9).
const ALIASES: [f32; 8] = [-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037];

/// Samples of the 32 bands at one moment.
type Slot = [f32; BANDS];

/// The filter bank, with its tables.
pub(crate) struct Hybrid {
    /// The window with the sign that its place in the cosine's period asks for.
    window: [f32; TAPS],
    /// `cosines[m][band]` of the folded window.
    cosines: Vec<Slot>,
    mdct_window: [f32; SLOTS],
    /// `mdct[n][line]` of the folded slots.
    mdct: [[f32; LINES]; LINES],
    butterflies: [(f32, f32); 8],
    slots: Vec<Slot>,
    coefficients: Vec<f32>,
}

impl Hybrid {
    pub(crate) fn new() -> Self {
        let tap = |n: usize| {
            let sign = if n / 64 % 2 == 1 { -1.0 } else { 1.0 };
            sign * WINDOW[n.min(TAPS - n)] as f32 / (1 << 21) as f32
        };
        let cosine = |m: usize, band: usize| (((2 * band + 1) * m) as f32 * PI / 64.0).cos();
        let line = |n: usize, k: usize| {
            let cosine = (PI / LINES as f32 * (n as f32 + 0.5) * (k as f32 + 0.5)).cos();
            cosine * SCALE * 2.0 / LINES as f32
        };
        let butterfly = |c: f32| (1.0 / (1.0 + c * c).sqrt(), c / (1.0 + c * c).sqrt());
        Self {
            window: std::array::from_fn(tap),
            cosines: (0..BANDS).map(|m| std::array::from_fn(|band| cosine(m, band))).collect(),
            mdct_window: std::array::from_fn(|n| (PI / SLOTS as f32 * (n as f32 + 0.5)).sin()),
            mdct: std::array::from_fn(|n| std::array::from_fn(|k| line(n, k))),
            butterflies: ALIASES.map(butterfly),
            slots: Vec::new(),
            coefficients: vec![0.0; GRANULE],
        }
    }

    /// Gives the coefficients of the granules that begin at `offsets` to `each`, with the place of each in `offsets`.
    /// Granules whose offsets differ by multiples of 32 share their subband samples.
    pub(crate) fn granules(&mut self, samples: &[f32], offsets: &[usize], each: &mut dyn FnMut(usize, &[f32])) {
        for phase in 0..BANDS {
            let of_phase = || offsets.iter().enumerate().filter(|(_, offset)| *offset % BANDS == phase);
            let Some(first) = of_phase().map(|(_, offset)| *offset).min() else { continue };
            let last = of_phase().map(|(_, offset)| *offset).max().unwrap_or(first);
            self.slots.resize((last - first) / BANDS + SLOTS, [0.0; BANDS]);
            set_slots(self, &samples[first..]);
            for (index, offset) in of_phase() {
                set_coefficients(self, (offset - first) / BANDS);
                each(index, &self.coefficients);
            }
        }
    }
}

dsp::vectorized! {
    /// Sets the slots, each [`BANDS`] samples after the one before it.
    fn set_slots<'a>(hybrid: &'a mut Hybrid, samples: &'a [f32]) {
        let Hybrid { slots, window, cosines, .. } = hybrid;
        for (at, slot) in slots.iter_mut().enumerate() {
            *slot = split(&samples[at * BANDS..at * BANDS + TAPS], window, cosines);
        }
    }

    /// Sets the coefficients of the granule whose window begins at a slot.
    fn set_coefficients<'a>(hybrid: &'a mut Hybrid, start: usize) {
        const HALF: usize = LINES / 2;
        let Hybrid { slots, mdct_window, mdct, butterflies, coefficients, .. } = hybrid;
        let slots = &slots[start..start + SLOTS];
        for (band, lines) in coefficients.as_chunks_mut::<LINES>().0.iter_mut().enumerate() {
            let mut windowed = [0.0f32; SLOTS];
            for n in 0..SLOTS {
                // Every other sample of every other band is inverted, since decimation mirrors these bands.
                let sign = if band % 2 == 1 && n % 2 == 1 { -1.0 } else { 1.0 };
                windowed[n] = slots[n][band] * mdct_window[n] * sign;
            }
            let mut sums = [0.0f32; LINES];
            for n in 0..LINES {
                let value = if n < HALF {
                    -windowed[3 * HALF - 1 - n] - windowed[3 * HALF + n]
                } else {
                    windowed[n - HALF] - windowed[LINES - 1 - (n - HALF)]
                };
                for (sum, cosine) in sums.iter_mut().zip(&mdct[n]) {
                    *sum += value * cosine;
                }
            }
            *lines = sums;
        }
        for boundary in (LINES..GRANULE).step_by(LINES) {
            for (at, (cosine, sine)) in butterflies.iter().enumerate() {
                let (below, above) = (coefficients[boundary - 1 - at], coefficients[boundary + at]);
                coefficients[boundary - 1 - at] = below * cosine + above * sine;
                coefficients[boundary + at] = above * cosine - below * sine;
            }
        }
    }
}

/// The bands at the last of 512 samples.
#[inline(always)]
fn split(samples: &[f32], window: &[f32; TAPS], cosines: &[Slot]) -> Slot {
    let mut sums = [0.0f32; 64];
    for (part, window) in samples.rchunks_exact(64).zip(window.chunks_exact(64)) {
        for n in 0..64 {
            sums[n] += part[63 - n] * window[n];
        }
    }
    let mut slot = [0.0f32; BANDS];
    for (m, cosines) in cosines.iter().enumerate() {
        // The cosine is symmetric about 16 and antisymmetric about 48.
        let value = match m {
            0 => sums[16],
            1..=16 => sums[16 + m] + sums[16 - m],
            _ => sums[16 + m] - sums[80 - m],
        };
        for (band, cosine) in slot.iter_mut().zip(cosines) {
            *band += value * cosine;
        }
    }
    slot
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Splits into granules, alters the coefficients of each, and puts them together with the transposed filter bank.
    pub(crate) fn resynthesized(samples: &[f32], alter: impl Fn(&mut [f32])) -> Vec<f32> {
        let mut hybrid = Hybrid::new();
        let mut basis = vec![[0.0f32; GRANULE]; SPAN];
        let mut impulse = vec![0.0; SPAN];
        for at in 0..SPAN {
            impulse.fill(0.0);
            impulse[at] = 1.0;
            hybrid.granules(&impulse, &[0], &mut |_, coefficients| basis[at].copy_from_slice(coefficients));
        }
        let energy: f32 = basis.iter().map(|row| row[40] * row[40]).sum();
        let mut made = vec![0.0; samples.len()];
        for start in (0..samples.len().saturating_sub(SPAN)).step_by(GRANULE) {
            let mut altered = Vec::new();
            hybrid
                .granules(&samples[start..start + SPAN], &[0], &mut |_, coefficients| altered = coefficients.to_vec());
            alter(&mut altered);
            for (sample, row) in made[start..].iter_mut().zip(&basis) {
                *sample += dsp::dot(row, &altered) / energy;
            }
        }
        made
    }

    #[test]
    fn hybrid_reconstructs_nearly_perfectly() {
        let samples: Vec<f32> = (0..9_000).map(|n| ((n * n % 977) as f32 / 977.0) - 0.5).collect();
        let made = resynthesized(&samples, |_| ());
        let middle = 2 * SPAN..samples.len() - 2 * SPAN;
        let error: f32 = middle.clone().map(|n| (made[n] - samples[n]).powi(2)).sum();
        let power: f32 = middle.map(|n| samples[n].powi(2)).sum();
        assert!(error < 1e-7 * power, "{error} of {power}");
    }

    #[test]
    fn hybrid_gives_the_same_for_one_offset_and_for_many() {
        let samples: Vec<f32> = (0..SPAN + 100).map(|n| ((n * n % 977) as f32 / 977.0) - 0.5).collect();
        let (mut hybrid, mut one) = (Hybrid::new(), Vec::new());
        hybrid.granules(&samples, &[70], &mut |_, coefficients| one = coefficients.to_vec());
        let mut seen = 0;
        hybrid.granules(&samples, &[6, 7, 70, 38], &mut |index, coefficients| {
            seen += 1;
            assert_eq!(index == 2, coefficients == one);
        });
        assert_eq!(seen, 4);
    }
}
