//! Builds the planes of a [`Pcm`] block by block.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Backing, Pcm};

/// Collects samples block by block, and moves them to temporary files when they exceed the memory budget.
///
/// ```
/// use stage_core::PcmWriter;
///
/// // At most 64 bytes in memory: the second block moves the samples to an unlinked temporary file.
/// let mut writer = PcmWriter::new(1, 64, &std::env::temp_dir());
/// writer.push(&[[0.5; 16]])?;
/// writer.push(&[[-0.5; 16]])?;
/// let pcm = writer.finish()?;
/// assert_eq!(pcm.read(0, 15, 2)?, [0.5, -0.5]);
/// # Ok::<(), std::io::Error>(())
/// ```
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
    /// A writer for `channels` channels that keeps at most `budget_bytes` in memory and spills into `spill_dir`.
    #[must_use]
    pub fn new(channels: usize, budget_bytes: u64, spill_dir: &Path) -> Self {
        Self {
            channels: (0..channels).map(|_| Sink::Memory(Vec::new())).collect(),
            frames: 0,
            budget_bytes,
            spill_dir: spill_dir.to_owned(),
        }
    }

    /// Appends one block: one slice per channel, all of the same length.
    ///
    /// # Errors
    /// The spill file could not be created or written (for example, the disk is full).
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

    /// Number of samples in each channel so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Finishes and returns the samples.
    ///
    /// # Errors
    /// The last samples could not be written.
    pub fn finish(self) -> io::Result<Pcm> {
        let channels = self.channels.into_iter().map(Sink::finish).collect::<io::Result<Vec<_>>>()?;
        Ok(Pcm { channels: channels.into(), frames: self.frames, native: None })
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
