//! The samples of a clip: surveyed in one pass over the recording, then written in another.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use decode::SampleHash;
use stage_core::{Pcm, Sha256Stream, shown, write_new};

use super::places;
use super::range::FrameRange;
use super::wav::{SampleFormat, TooWide, WavSpec};
use crate::error::{Error, ErrorContext, ErrorKind};

/// The decoded recording, the frames to take from it, and the way to stop.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'a> {
    pub(super) input: &'a Path,
    pub(super) pcm: &'a Pcm,
    pub(super) range: FrameRange,
    pub(super) is_stopped: &'a dyn Fn() -> bool,
}

/// What one pass over the recording finds.
pub(crate) struct Survey {
    /// The smallest format that holds all samples of the range exactly.
    pub(crate) format: SampleFormat,
    /// Hash of all samples of the recording.
    pub(crate) recording_sha256: String,
    /// Hash of the samples of the range.
    pub(crate) range_sha256: String,
}

/// A WAV file that was written.
pub(crate) struct Written {
    /// SHA-256 of the file.
    pub(super) sha256: String,
    /// Its size in bytes.
    pub(super) bytes: u64,
}

/// Why a WAV file was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Samples(#[from] Error),
}

impl<'a> Cut<'a> {
    /// All frames of a recording.
    pub(crate) fn whole(input: &'a Path, pcm: &'a Pcm, frames: u64, is_stopped: &'a dyn Fn() -> bool) -> Self {
        Self { input, pcm, range: FrameRange { first: 0, end: frames }, is_stopped }
    }

    /// Reads the whole recording, so that the hash of its samples can be compared with that of the first pass.
    ///
    /// # Errors
    /// The recording cannot be decoded again, or the user has stopped it.
    pub(crate) fn survey(&self) -> Result<Survey, Error> {
        let (mut whole, mut part) = (SampleHash::default(), SampleHash::default());
        let mut format = SampleFormat::Int16;
        self.each_packet(|samples, of_range| {
            whole.update(samples);
            part.update(of_range);
            format = of_range.iter().fold(format, |format, sample| format.widened_to(*sample));
            Ok::<_, Error>(true)
        })?;
        let [recording_sha256, range_sha256] = [whole, part].map(|hash| hash.finish().finish_hex());
        Ok(Survey { format, recording_sha256, range_sha256 })
    }

    /// Writes the samples of the range to a new WAV file, as a stream.
    ///
    /// # Errors
    /// The file exists or cannot be written; the recording cannot be decoded again or gives other samples than those that
    /// were surveyed; the user has stopped it. Then no file is left.
    pub(super) fn write(&self, survey: &Survey, path: &Path) -> Result<Written, Error> {
        let reader = self.pcm.native().map_err(Error::from).context(shown(self.input))?;
        let channels = u16::try_from(reader.channels()).unwrap_or(u16::MAX);
        let rate_hz = reader.sample_rate_hz();
        let spec = WavSpec { format: survey.format, rate_hz, channels, frames: self.range.frames() };
        let written = write_new(path, |file| self.write_to(file, &spec, survey));
        written.or_else(|error| match error {
            WriteError::Samples(error) => Err(error),
            WriteError::Disk(error) => places::unwritable(path, error),
        })
    }

    /// Writes the samples of the range to an empty file.
    ///
    /// # Errors
    /// As [`Cut::write`].
    pub(crate) fn write_to(&self, file: &mut File, spec: &WavSpec, survey: &Survey) -> Result<Written, WriteError> {
        let header = spec.header().map_err(|error: TooWide| Error::usage(error));
        let mut bytes = header.context(shown(self.input))?;
        let (mut of_file, mut of_samples, mut written) = (Sha256Stream::default(), SampleHash::default(), 0);
        let mut put = |bytes: &[u8]| {
            of_file.update(bytes);
            written += bytes.len() as u64;
            file.write_all(bytes)
        };
        put(&bytes)?;
        let mut left = self.range.frames() * u64::from(spec.channels);
        self.each_packet(|_, of_range| {
            of_samples.update(of_range);
            bytes.clear();
            spec.format.encode(of_range, &mut bytes);
            put(&bytes)?;
            left = left.saturating_sub(of_range.len() as u64);
            Ok::<_, WriteError>(left > 0)
        })?;
        put(spec.padding())?;
        if of_samples.finish().finish_hex() != survey.range_sha256 {
            return Err(WriteError::Samples(Error::unexpected(format!(
                "{}: the decoder's output differs between two passes",
                shown(self.input)
            ))));
        }
        Ok(Written { sha256: of_file.finish_hex(), bytes: written })
    }

    /// Passes on the samples of each packet of the recording, and those of them that are in the range, until `take` returns
    /// false.
    pub(crate) fn each_packet<E: From<Error>>(
        &self,
        mut take: impl FnMut(&[f32], &[f32]) -> Result<bool, E>,
    ) -> Result<(), E> {
        for packet in self.pcm.native().map_err(Error::from).context(shown(self.input))? {
            let packet = packet.map_err(Error::from).context(shown(self.input))?;
            if (self.is_stopped)() {
                return Err(Error::new(ErrorKind::Interrupted, "interrupted: nothing was written").into());
            }
            let frames = packet.frames() as u64;
            let at = |frame: u64| frame.saturating_sub(packet.first_frame).min(frames) as usize * packet.channels;
            if !take(&packet.samples, &packet.samples[at(self.range.first)..at(self.range.end)])? {
                break;
            }
        }
        Ok(())
    }
}
