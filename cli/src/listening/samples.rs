//! Samples as integers of a number of bits.

use decode::SampleHash;

/// Rounds samples to integers, and hashes what the integers stand for.
pub(super) struct Rounded {
    scale: f64,
    integers: Vec<i32>,
    values: Vec<f32>,
    clipped: u64,
    hash: SampleHash,
}

impl Rounded {
    pub(super) fn new(bits: u16) -> Self {
        let scale = f64::from(1_u32 << (bits - 1));
        Self { scale, integers: Vec::new(), values: Vec::new(), clipped: 0, hash: SampleHash::default() }
    }

    /// The next samples as integers.
    pub(super) fn round(&mut self, samples: &[f32]) -> &[i32] {
        let Self { scale, integers, values, clipped, hash } = self;
        integers.clear();
        values.clear();
        for sample in samples {
            let value = (f64::from(*sample) * *scale).round();
            // A conversion of a value that is not a number gives 0.
            let integer = value.clamp(-*scale, *scale - 1.0) as i32;
            *clipped += u64::from(f64::from(integer) != value);
            integers.push(integer);
            values.push((f64::from(integer) / *scale) as f32);
        }
        hash.update(values);
        integers
    }

    /// The number of samples that were beyond full scale, and the hash of all.
    pub(super) fn finish(self) -> (u64, String) {
        (self.clipped, self.hash.finish().finish_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_rounded_and_clipped() {
        let mut rounded = Rounded::new(16);
        let unit = 1.0 / 32_768.0;
        assert_eq!(rounded.round(&[0.0, -1.0, unit, 1.4 * unit, -1.6 * unit]), [0, -32_768, 1, 1, -2]);
        assert_eq!(rounded.round(&[1.0, 2.0, -1.1, f32::NAN]), [32_767, 32_767, -32_768, 0]);
        assert_eq!(rounded.finish().0, 4);
    }
}
