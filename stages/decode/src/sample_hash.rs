//! The hash of a decoder's output: SHA-256 over interleaved little-endian f32.

use stage_core::Sha256Stream;

/// Hashes samples in any number of blocks.
#[derive(Default)]
pub(crate) struct SampleHash {
    hash: Sha256Stream,
    /// The bytes of the last block, kept for their memory.
    bytes: Vec<u8>,
}

impl SampleHash {
    /// Adds interleaved samples.
    pub(crate) fn update(&mut self, samples: &[f32]) {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.hash.update(&self.bytes);
    }

    /// The hash of all samples so far.
    pub(crate) fn finish(self) -> Sha256Stream {
        self.hash
    }
}
