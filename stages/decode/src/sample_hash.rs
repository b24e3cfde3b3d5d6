//! The hash of a decoder's output: SHA-256 over interleaved little-endian f32.

use stage_core::Sha256Stream;

/// The hash of samples, in any number of blocks: SHA-256 over interleaved little-endian f32, as in
/// [`Recording::pcm_sha256`](stage_core::Recording::pcm_sha256).
///
/// ```
/// use decode::SampleHash;
/// use stage_core::sha256_hex;
///
/// let mut hash = SampleHash::default();
/// hash.update(&[0.5, -0.5]);
/// hash.update(&[1.0]);
/// let bytes = [0.5_f32, -0.5, 1.0].map(f32::to_le_bytes).concat();
/// assert_eq!(hash.finish().finish_hex(), sha256_hex(&bytes));
/// ```
#[derive(Debug, Default)]
pub struct SampleHash {
    hash: Sha256Stream,
    /// The bytes of the last block, kept for their memory.
    bytes: Vec<u8>,
}

impl SampleHash {
    /// Adds interleaved samples.
    pub fn update(&mut self, samples: &[f32]) {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.hash.update(&self.bytes);
    }

    /// The hash of all samples so far.
    #[must_use]
    pub fn finish(self) -> Sha256Stream {
        self.hash
    }
}
