//! Decoded samples: a seekable handle that spills to disk, so that an 11-hour call does not live in memory.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The sample rate of every [`Pcm`], in Hz.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Samples of one recording: f32 in [-1, 1], 16 kHz, channels kept apart. Cloning is cheap; the samples are shared.
#[derive(Debug, Clone)]
pub struct Pcm {
    channels: Arc<[Backing]>,
    frames: u64,
}

#[derive(Debug)]
enum Backing {
    Memory(Vec<f32>),
    /// Little-endian f32 in an unlinked temporary file.
    Spilled(File),
}

impl Pcm {
    /// Samples that are in memory already: one vector a channel, all of one length.
    ///
    /// # Panics
    /// If the channels differ in length.
    #[must_use]
    pub fn from_channels(channels: Vec<Vec<f32>>) -> Self {
        let frames = channels.first().map_or(0, Vec::len);
        assert!(channels.iter().all(|channel| channel.len() == frames), "channels differ in length");
        Self { channels: channels.into_iter().map(Backing::Memory).collect(), frames: frames as u64 }
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Samples in each channel.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Length in seconds.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.frames as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// Samples `start..start + len` of a channel, cut at the recording's end (so the answer may be shorter).
    ///
    /// # Errors
    /// The spill file could not be read.
    ///
    /// # Panics
    /// If there is no such channel.
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

    /// The samples between two times in seconds, rounded to the nearest sample and cut to the recording.
    ///
    /// # Errors
    /// The spill file could not be read.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn read_span(&self, channel: usize, start_s: f64, end_s: f64) -> io::Result<Vec<f32>> {
        let frame = |s: f64| (s.max(0.0) * f64::from(SAMPLE_RATE_HZ)).round() as u64;
        let (start, end) = (frame(start_s), frame(end_s));
        self.read(channel, start, end.saturating_sub(start) as usize)
    }

    /// Blocks of at most `len` samples of a channel, in order: for measurements that need no more than one pass.
    pub fn blocks(&self, channel: usize, len: usize) -> impl Iterator<Item = io::Result<Vec<f32>>> + '_ {
        (0..self.frames.div_ceil(len as u64)).map(move |block| self.read(channel, block * len as u64, len))
    }
}

/// Collects samples block by block; moves to temporary files when they outgrow the memory budget.
#[derive(Debug)]
pub struct PcmWriter {
    channels: Vec<Sink>,
    frames: u64,
    budget_bytes: u64,
    spill_dir: PathBuf,
}

#[derive(Debug)]
enum Sink {
    Memory(Vec<f32>),
    Spilling(BufWriter<File>),
}

impl PcmWriter {
    /// A writer for `channels` channels that holds at most `budget_bytes` in memory and spills into `spill_dir`.
    #[must_use]
    pub fn new(channels: usize, budget_bytes: u64, spill_dir: &Path) -> Self {
        Self {
            channels: (0..channels).map(|_| Sink::Memory(Vec::new())).collect(),
            frames: 0,
            budget_bytes,
            spill_dir: spill_dir.to_owned(),
        }
    }

    /// Appends one block: a slice a channel, all of one length.
    ///
    /// # Errors
    /// The spill file could not be made or written (a full disk, say).
    ///
    /// # Panics
    /// If the number of channels is wrong or their lengths differ.
    pub fn push<S: AsRef<[f32]>>(&mut self, block: &[S]) -> io::Result<()> {
        assert_eq!(block.len(), self.channels.len(), "wrong number of channels");
        let len = block.first().map_or(0, |channel| channel.as_ref().len());
        assert!(block.iter().all(|channel| channel.as_ref().len() == len), "channels differ in length");
        self.frames += len as u64;
        if self.frames * 4 * self.channels.len() as u64 > self.budget_bytes {
            self.spill()?;
        }
        for (sink, samples) in self.channels.iter_mut().zip(block) {
            match sink {
                Sink::Memory(memory) => memory.extend_from_slice(samples.as_ref()),
                Sink::Spilling(file) => write_samples(file, samples.as_ref())?,
            }
        }
        Ok(())
    }

    /// Samples in each channel so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// The finished handle.
    ///
    /// # Errors
    /// The last samples could not be written.
    pub fn finish(self) -> io::Result<Pcm> {
        let channels = self.channels.into_iter().map(Sink::finish).collect::<io::Result<Vec<_>>>()?;
        Ok(Pcm { channels: channels.into(), frames: self.frames })
    }

    fn spill(&mut self) -> io::Result<()> {
        for sink in &mut self.channels {
            if let Sink::Memory(samples) = sink {
                let mut file = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&self.spill_dir)?);
                write_samples(&mut file, samples)?;
                *sink = Sink::Spilling(file);
            }
        }
        Ok(())
    }
}

impl Sink {
    fn finish(self) -> io::Result<Backing> {
        match self {
            Self::Memory(samples) => Ok(Backing::Memory(samples)),
            Self::Spilling(file) => Ok(Backing::Spilled(file.into_inner().map_err(io::IntoInnerError::into_error)?)),
        }
    }
}

fn write_samples(file: &mut impl Write, samples: &[f32]) -> io::Result<()> {
    samples.iter().try_for_each(|sample| file.write_all(&sample.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_spilled_recording_reads_like_one_in_memory(
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
