//! Random numbers that are equal on every machine.

/// A linear congruential generator with a seed.
#[derive(Debug, Clone)]
pub struct Random(pub u32);

impl Random {
    /// 24 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    /// A number from 0 up to 1, not including 1.
    pub fn unit(&mut self) -> f32 {
        self.bits() as f32 / (1 << 24) as f32
    }

    /// A number from -1 up to 1, not including 1.
    pub fn signed(&mut self) -> f32 {
        self.bits() as f32 / (1 << 23) as f32 - 1.0
    }

    /// A whole number below `limit`, or 0 if the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit.max(1)
    }

    /// White noise of an amplitude.
    pub fn noise(&mut self, samples: usize, amplitude: f32) -> Vec<f32> {
        (0..samples).map(|_| amplitude * self.signed()).collect()
    }
}
