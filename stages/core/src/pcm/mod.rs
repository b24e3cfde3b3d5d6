//! Decoded samples: a seekable handle to 16 kHz planes that spill to disk, so that an 11-hour call does not have to fit
//! in memory, and a reader at the file's own sample rate.

mod native;
mod writer;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub use self::native::{NativePacket, NativePackets, NativeReader, NativeSource};
pub use self::writer::PcmWriter;
use crate::PipelineError;

/// The sample rate of the planes of every [`Pcm`], in Hz.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Samples of one recording: f32 in [-1, 1], 16 kHz, one plane per channel. Cloning is cheap; the samples are shared.
///
/// Models read the planes. Measurements that resampling would change (peak, clipping) read [`Pcm::native`].
///
/// ```
/// use stage_core::{Pcm, SAMPLE_RATE_HZ};
///
/// let second = vec![0.25; SAMPLE_RATE_HZ as usize];
/// let call = Pcm::from_channels(vec![second.clone(), second]);
/// assert_eq!((call.channels(), call.duration_s()), (2, 1.0));
/// assert_eq!(call.read_span(1, 0.9, 2.0)?.len(), 1600, "clipped to the recording");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pcm {
    channels: Arc<[Backing]>,
    frames: u64,
    /// Decodes the file again at its own rate; `None` where the planes are at that rate.
    native: Option<Arc<dyn NativeSource>>,
}

#[derive(Debug)]
enum Backing {
    Memory(Vec<f32>),
    /// Little-endian f32 in an unlinked temporary file.
    Spilled(File),
}

impl Pcm {
    /// Creates samples from memory: one vector per channel, all of the same length.
    ///
    /// # Panics
    /// If the channels differ in length.
    #[must_use]
    pub fn from_channels(channels: Vec<Vec<f32>>) -> Self {
        let frames = channels.first().map_or(0, Vec::len);
        assert!(channels.iter().all(|channel| channel.len() == frames), "channels differ in length");
        Self { channels: channels.into_iter().map(Backing::Memory).collect(), frames: frames as u64, native: None }
    }

    /// The same samples with a source at the file's own rate. A recording at 16 kHz needs none: its planes are the
    /// decoder's output.
    #[must_use]
    pub fn with_native(self, source: Arc<dyn NativeSource>) -> Self {
        Self { native: Some(source), ..self }
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Number of samples in each channel.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Length in seconds.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.frames as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// Samples `start..start + len` of a channel, clipped to the recording (so the result may be shorter).
    ///
    /// # Errors
    /// The spill file could not be read.
    ///
    /// # Panics
    /// If the channel does not exist.
    pub fn read(&self, channel: usize, start: u64, len: usize) -> io::Result<Vec<f32>> {
        let start = start.min(self.frames);
        let len = len.min((self.frames - start) as usize);
        match &self.channels[channel] {
            Backing::Memory(samples) => Ok(samples[start as usize..start as usize + len].to_vec()),
            Backing::Spilled(file) => {
                let mut bytes = vec![0; len * 4];
                file.read_exact_at(&mut bytes, start * 4)?;
                Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
        }
    }

    /// The samples between two times in seconds, rounded to the nearest sample and clipped to the recording.
    ///
    /// # Errors
    /// The spill file could not be read.
    ///
    /// # Panics
    /// If the channel does not exist.
    pub fn read_span(&self, channel: usize, start_s: f64, end_s: f64) -> io::Result<Vec<f32>> {
        let frame = |s: f64| (s.max(0.0) * f64::from(SAMPLE_RATE_HZ)).round() as u64;
        let (start, end) = (frame(start_s), frame(end_s));
        self.read(channel, start, end.saturating_sub(start) as usize)
    }

    /// Blocks of at most `len` samples of a channel, in order, for measurements that need only one pass.
    pub fn blocks(&self, channel: usize, len: usize) -> impl Iterator<Item = io::Result<Vec<f32>>> + '_ {
        (0..self.frames.div_ceil(len as u64)).map(move |block| self.read(channel, block * len as u64, len))
    }

    /// Reads the whole recording once, packet by packet, at the file's own sample rate: the decoder's output before
    /// resampling, on the same timeline as the planes (delay and padding removed, edits followed, gaps filled with
    /// silence). Memory is bounded by one packet. A file that is not at 16 kHz is decoded again.
    ///
    /// # Errors
    /// A [`PipelineError`] of decode, class `BadInput` and code `file-changed` if the file has changed since it was
    /// decoded.
    pub fn native(&self) -> Result<NativeReader, PipelineError> {
        match &self.native {
            Some(source) => NativeReader::of_source(source.as_ref()),
            None => Ok(NativeReader::of_planes(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pcm_that_spilled_reads_like_pcm_in_memory(
            blocks in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 0..50), 1..12),
            budget in 0u64..600,
            start in 0u64..400,
            len in 0usize..400,
        ) {
            let mut writer = PcmWriter::new(2, budget, &std::env::temp_dir());
            let mut whole = Vec::new();
            for block in &blocks {
                let negated: Vec<f32> = block.iter().map(|x| -x).collect();
                writer.push(&[block.as_slice(), &negated]).unwrap();
                whole.extend_from_slice(block);
            }
            let pcm = writer.finish().unwrap();
            prop_assert_eq!(pcm.frames(), whole.len() as u64);
            let from = (start as usize).min(whole.len());
            let to = (from + len).min(whole.len());
            prop_assert_eq!(pcm.read(0, start, len).unwrap(), &whole[from..to]);
            let negated: Vec<f32> = whole[from..to].iter().map(|x| -x).collect();
            prop_assert_eq!(pcm.read(1, start, len).unwrap(), negated);
            let joined: Vec<f32> = pcm.blocks(0, 7).flat_map(Result::unwrap).collect();
            prop_assert_eq!(joined, whole);
        }
    }
}
