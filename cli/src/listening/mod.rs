//! Listening copies: the samples of a recording as FLAC or WAV, for players that cannot play the recording or cannot seek
//! in it exactly. Times in a copy are those of the results.
//!
//! ```text
//! file, hashed -> decode -> survey: hash, smallest exact format -> FLAC or WAV file -> decoded again and compared
//! ```

mod flac;
mod samples;

use std::fs::File;
use std::io;
use std::path::Path;

use decode::{DecodeConfig, Decoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::{Existing, Pcm, Recording, sha256_file, shown, write_stream};

use self::flac::FlacError;
use self::samples::Rounded;
use crate::clip::{Cut, SampleFormat, Survey, WavSpec, WriteError};
use crate::error::{Error, ErrorContext, ErrorKind};

/// The samples at 16 kHz are not read, unless the recording has this rate.
const MEMORY_BUDGET_BYTES: u64 = 16 << 20;

/// The format of listening copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CopyFormat {
    /// FLAC: about half the size. The output of lossy codecs is rounded to 16 bits.
    Flac,
    /// WAV: every sample exactly, up to 32-bit float.
    Wav,
}

impl CopyFormat {
    /// All formats.
    pub(crate) const ALL: [Self; 2] = [Self::Flac, Self::Wav];

    /// The extension of a copy, without its leading dot: it states that the file is a copy.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Flac => "listening-copy.flac",
            Self::Wav => "listening-copy.wav",
        }
    }
}

/// Whether a file is named like a listening copy, so that it is not taken for a recording.
pub(crate) fn is_copy_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    CopyFormat::ALL.iter().any(|format| name.ends_with(&format!(".{}", format.extension())))
}

/// What a copy contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyFacts {
    pub(crate) format: CopyFormat,
    /// Bits of a sample.
    pub(crate) bits: u16,
    /// Whether every sample equals that of the decoder. Otherwise it is rounded.
    pub(crate) exact: bool,
    /// Samples above full scale, which became full scale.
    pub(crate) clipped_samples: u64,
}

/// What to copy, and how.
#[derive(Clone, Copy)]
pub(crate) struct CopyRequest<'a> {
    /// The recording.
    pub(crate) input: &'a Path,
    /// The hash that its file must have.
    pub(crate) file_sha256: &'a str,
    /// The hash that its samples must have: those from which the results were made.
    pub(crate) pcm_sha256: &'a str,
    pub(crate) format: CopyFormat,
    /// Settings of decode.
    pub(crate) decode: &'a DecodeConfig,
    /// Asked again and again; the copy is given up when it returns true.
    pub(crate) is_stopped: &'a dyn Fn() -> bool,
}

/// Why a copy was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("the copy cannot be written: {0}")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Flac(#[from] FlacError),
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<WriteError> for CopyError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Disk(error) => Self::Disk(error),
            WriteError::Samples(error) => Self::Other(error),
        }
    }
}

/// Writes a copy, as a stream. Before it appears under its name, it is decoded and compared with the recording, and
/// `record` gets its contents and its hash.
///
/// # Errors
/// The recording is not there or is another one, cannot be decoded or gives other samples than those of the results, or has
/// a form that the format cannot hold; the file cannot be written, or does not decode to the samples; `record` fails; or the
/// user has stopped it. Then a file of that name is unchanged.
pub(crate) fn write(
    request: &CopyRequest<'_>,
    path: &Path,
    existing: Existing,
    record: impl FnOnce(&CopyFacts, String) -> Result<(), Error>,
) -> Result<(), CopyError> {
    let source = Source::read(request)?;
    write_stream(path, existing, |file, unfinished| {
        let (facts, samples_sha256) = match request.format {
            CopyFormat::Wav => source.write_wav(file)?,
            CopyFormat::Flac => source.write_flac(file)?,
        };
        check(unfinished, &source, &samples_sha256)?;
        Ok(record(&facts, sha256_file(unfinished)?)?)
    })
}

/// A recording whose samples are those of the results.
struct Source<'a> {
    request: &'a CopyRequest<'a>,
    recording: Recording,
    pcm: Pcm,
    survey: Survey,
}

impl<'a> Source<'a> {
    fn read(request: &'a CopyRequest<'a>) -> Result<Self, Error> {
        let CopyRequest { input, file_sha256, pcm_sha256, is_stopped, .. } = *request;
        let decoded = decoded(request.decode, input)?;
        if decoded.sha256 != *file_sha256 {
            let message = "the file is not the one that was analyzed: it has another SHA-256; restore the recording";
            return Err(Error::new(ErrorKind::Recording, message)).context(shown(input));
        }
        let (recording, pcm) = (decoded.decoded.recording, decoded.decoded.pcm);
        let survey = Cut::whole(input, &pcm, recording.pcm.source_frames, is_stopped).survey()?;
        let is_same = !recording.is_one_stream() || survey.recording_sha256 == recording.pcm_sha256;
        if recording.pcm_sha256 != *pcm_sha256 || !is_same {
            let message = "the decoder gives other samples than those of the results; run the recording again with this \
                           version and decoder";
            return Err(Error::new(ErrorKind::Recording, message)).context(shown(input));
        }
        Ok(Self { request, recording, pcm, survey })
    }

    fn cut(&self) -> Cut<'_> {
        let CopyRequest { input, is_stopped, .. } = *self.request;
        Cut::whole(input, &self.pcm, self.recording.pcm.source_frames, is_stopped)
    }

    /// Writes all samples exactly. Returns their hash.
    fn write_wav(&self, file: &mut File) -> Result<(CopyFacts, String), CopyError> {
        let Recording { channels, sample_rate_hz, .. } = self.recording;
        let format = self.survey.format;
        let spec = WavSpec { format, rate_hz: sample_rate_hz, channels, frames: self.recording.pcm.source_frames };
        self.cut().write_to(file, &spec, &self.survey)?;
        let facts = CopyFacts { format: CopyFormat::Wav, bits: format.bits(), exact: true, clipped_samples: 0 };
        Ok((facts, self.survey.range_sha256.clone()))
    }

    /// Writes the samples as integers of 16 or 24 bits. Returns the hash of the written ones.
    fn write_flac(&self, file: &mut File) -> Result<(CopyFacts, String), CopyError> {
        let Recording { channels, sample_rate_hz, .. } = self.recording;
        let bits = if self.survey.format == SampleFormat::Int24 { 24 } else { 16 };
        let exact = self.survey.format <= SampleFormat::Int24;
        let frames = self.recording.pcm.source_frames;
        let mut flac = flac::Writer::new(file, sample_rate_hz, channels, bits, frames)?;
        let mut rounded = Rounded::new(bits);
        self.cut().each_packet(|_, samples| {
            flac.write(rounded.round(samples))?;
            Ok::<_, CopyError>(true)
        })?;
        flac.finish()?;
        let (clipped_samples, sha256) = rounded.finish();
        Ok((CopyFacts { format: CopyFormat::Flac, bits, exact, clipped_samples }, sha256))
    }
}

/// Decodes a copy again, and compares what it gives with what was written.
fn check(copy: &Path, source: &Source<'_>, samples_sha256: &str) -> Result<(), Error> {
    let CopyRequest { input, is_stopped, decode, .. } = *source.request;
    let again = decoded(decode, copy)?.decoded;
    let (ours, theirs) = (&source.recording, &again.recording);
    let survey = Cut::whole(input, &again.pcm, theirs.pcm.source_frames, is_stopped).survey()?;
    let form = |recording: &Recording| (recording.channels, recording.sample_rate_hz, recording.pcm.source_frames);
    if form(ours) == form(theirs) && survey.recording_sha256 == samples_sha256 {
        return Ok(());
    }
    Err(Error::unexpected("the written copy does not decode to the samples of the recording")).context(shown(input))
}

fn decoded(config: &DecodeConfig, path: &Path) -> Result<decode::DecodedFile, Error> {
    let memory_budget_bytes = config.memory_budget_bytes.min(MEMORY_BUDGET_BYTES);
    let config = DecodeConfig { memory_budget_bytes, ..config.clone() };
    Decoder::new(config).decode_file(path).map_err(Error::from).context(shown(path))
}
