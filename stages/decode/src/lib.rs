//! Any common audio container to PCM at 16 kHz, channels kept apart.
//!
//! ```text
//! file -> container and track (symphonia) -> packets -> codec (symphonia, ropus) -> timeline (delay, padding, edits)
//!      -> SHA-256 of the decoder's output -> resampler (rubato) -> Pcm
//! ```
//!
//! Formats: wav (8 to 32 bit, float, mu-law, A-law, ADPCM), flac, mp1 to mp3, Ogg Vorbis and Opus, MP4/M4A (AAC-LC,
//! ALAC, Opus, mp3), raw ADTS, aiff, caf, WebM/Matroska. A recording is read in bounded blocks and in one pass; its
//! times are those of a player: encoder delay and padding are removed and edit lists followed. The decoders run without
//! CPU-specific code paths, so that their output and its hash do not depend on the CPU's features; the samples at
//! 16 kHz may differ by rounding (about 1e-7).

mod codec;
mod container;
mod error;
mod resample;
mod run;
mod sink;
mod source;
mod timeline;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use stage_core::{
    Artifact, Identity, Inputs, IntoArtifacts, Made, OutputSpec, Pcm, Phases, Recording, Stage, StageError, StageName,
    StageSpec,
};

use stage_core::sha256_file;

use error::DecodeError;
use source::Source;

/// The stage's name.
const NAME: StageName = Recording::NAME.stage();

/// Where samples are kept. No part of the fingerprint: it changes no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeConfig {
    /// Samples of one recording that stay in memory, in bytes; a longer one spills to `spill_dir`.
    pub memory_budget_bytes: u64,
    /// Folder for the (unlinked) spill files.
    pub spill_dir: PathBuf,
}

/// The decode stage.
#[derive(Debug, Clone)]
pub struct Decoder {
    config: DecodeConfig,
}

/// A decoded recording.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The artifact: what the container and the decoder said, and the hash of the decoder's output.
    pub recording: Recording,
    /// The samples at 16 kHz, one channel after the other.
    pub pcm: Pcm,
}

impl IntoArtifacts for Decoded {
    fn into_artifacts(self) -> Result<Made, StageError> {
        Ok(Made::default().artifact(self.recording)?.transient(self.pcm))
    }
}

impl Decoder {
    /// A decoder that keeps samples as `config` says.
    #[must_use]
    pub const fn new(config: DecodeConfig) -> Self {
        Self { config }
    }
}

impl Stage for Decoder {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 1,
        inputs: &[],
        outputs: &[OutputSpec { name: "samples", stored: false }],
        phases: Phases::Cpu,
        weight: 0.05,
    };
    type Input<'a> = DecodeInput<'a>;
    type Output = Decoded;

    fn identity(&self) -> Identity {
        Identity::without_model(serde_json::json!({}))
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<DecodeInput<'a>, StageError> {
        let source = inputs.source();
        let earlier: Option<Recording> = inputs.earlier()?;
        Ok(DecodeInput {
            path: &source.path,
            file_sha256: Some(&source.file_sha256),
            pcm_sha256: earlier.map(|earlier| earlier.pcm_sha256),
        })
    }

    /// Decodes the file. What is wrong with it but does not stop the decoder is in the recording's `warnings`.
    ///
    /// # Errors
    /// `BadInput` for a file that cannot be used (`empty-file`, `unreadable-file`, `unknown-container`,
    /// `truncated-header`, `damaged-container`, `no-audio-track`, `unsupported-codec`, `unsupported-profile`,
    /// `unsupported-edit-list`, `undecodable`: report it); `Transient` for `read-failed` and `spill-failed` (a full
    /// disk: try again); `Bug` for `resampler-failed` and `decoder-panicked`.
    fn run(&self, input: DecodeInput<'_>) -> Result<Decoded, StageError> {
        guarded(|| {
            if let Some(planned) = input.file_sha256
                && sha256_file(input.path).map_err(DecodeError::Open)? != planned
            {
                return Err(DecodeError::FileChanged);
            }
            let decoded = run::decode(input.path, &self.config)?;
            match input.pcm_sha256 {
                Some(earlier) if earlier != decoded.recording.pcm_sha256 => Err(DecodeError::PcmChanged),
                _ => Ok(decoded),
            }
        })
    }
}

/// A file to decode, and what its bytes and samples must be.
#[derive(Debug, Clone)]
pub struct DecodeInput<'a> {
    /// The file.
    pub path: &'a Path,
    /// SHA-256 of its bytes when it was planned, hex; none: any bytes.
    pub file_sha256: Option<&'a str>,
    /// The `pcm_sha256` of an earlier decoding that later artifacts were made of; none: any samples.
    pub pcm_sha256: Option<String>,
}

impl<'a> DecodeInput<'a> {
    /// Whatever is in this file.
    #[must_use]
    pub const fn of_path(path: &'a Path) -> Self {
        Self { path, file_sha256: None, pcm_sha256: None }
    }
}

/// What a file's header says, for planning.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Container format (`wav`, `isomp4`, `ogg`).
    pub container: String,
    /// Codec (`pcm_s16le`, `aac`, `opus`).
    pub codec: String,
    /// Length in seconds as the container states it, before trimming; an estimate for mp3 and ADTS without an index.
    pub duration_s: Option<f64>,
}

/// Reads a file's header only.
///
/// # Errors
/// As [`Decoder::run`], as far as the header shows it.
pub fn probe(path: &Path) -> Result<Probe, StageError> {
    guarded(|| {
        let source = Source::open(path)?;
        Ok(Probe {
            container: source.container().to_owned(),
            codec: codec::name(&source.params),
            duration_s: source.duration_s(),
        })
    })
}

/// Runs `work` so that a panic in a demuxer or decoder, on a file made to cause one, stays with that file.
fn guarded<T>(work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, StageError> {
    let reason = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(DecodeError::Panicked(reason(panic))))
        .map_err(StageError::from)
}
