//! The stage: decodes a recording in one pass to its hash and its 16 kHz planes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stage_core::container::ContainerFacts;
use stage_core::{
    DecodeWarning, ExternalDecoder, FileAccount, Identity, Inputs, IntoArtifacts, Made, OutputSpec, Pcm, PcmSource,
    Phases, PipelineError, Recording, SAMPLE_RATE_HZ, Stage, StageSpec,
};

use crate::codec::Spec;
use crate::config::{DecodeConfig, DecodeLimits, DecodeSettings, DecoderChoice};
use crate::error::{DecodeError, NAME, guarded};
use crate::external;
use crate::input::InputFile;
use crate::native::{NativeFile, Passes};
use crate::program::{Ended, Program};
use crate::sink::{Collected, Sink};

/// The input of the stage: one file, by its path and its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeInput<'a> {
    /// The file.
    pub path: &'a Path,
    /// SHA-256 of its bytes, 64 hex digits in lower case. A file with another hash is not decoded.
    pub sha256: &'a str,
}

/// The decode stage.
#[derive(Debug, Clone)]
pub struct Decoder {
    config: DecodeConfig,
}

/// A decoded recording.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The artifact: facts from the container and the decoder, and the hash of the decoder's output.
    pub recording: Recording,
    /// What the container states about its own making.
    pub container_facts: ContainerFacts,
    /// The samples: planes at 16 kHz, and a reader at the file's own rate, which keeps the file open.
    pub pcm: Pcm,
}

/// A file that was hashed while it was opened, and decoded.
#[derive(Debug, Clone)]
pub struct DecodedFile {
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The recording.
    pub decoded: Decoded,
}

impl IntoArtifacts for Decoded {
    fn into_artifacts(self) -> Result<Made, PipelineError> {
        Ok(Made::default().artifact(self.recording)?.artifact(self.container_facts)?.transient(self.pcm))
    }
}

impl Decoder {
    /// Creates a decoder that stores samples as `config` states.
    #[must_use]
    pub const fn new(config: DecodeConfig) -> Self {
        Self { config }
    }

    /// Opens a file, hashes it and decodes it, for callers that do not know its hash. It is opened once.
    ///
    /// # Errors
    /// As [`Decoder::run`].
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use decode::{DecodeConfig, Decoder};
    /// use stage_core::sha256_file;
    ///
    /// let path = Path::new("../../fixtures/calls/reading.wav");
    /// let file = Decoder::new(DecodeConfig::default()).decode_file(path)?;
    /// assert_eq!(file.sha256, sha256_file(path)?);
    /// assert_eq!(file.decoded.recording.codec, "pcm_s16le");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode_file(&self, path: &Path) -> Result<DecodedFile, PipelineError> {
        guarded(|| {
            let (file, sha256) = InputFile::open_and_hash(path)?;
            Ok(DecodedFile { sha256, bytes: file.len(), decoded: self.decode_opened(path, &file)? })
        })
    }

    fn decode(&self, input: DecodeInput<'_>) -> Result<Decoded, DecodeError> {
        self.decode_opened(input.path, &InputFile::open_hashed(input.path, input.sha256, &self.config.spill_dir)?)
    }

    fn decode_opened(&self, path: &Path, file: &Arc<InputFile>) -> Result<Decoded, DecodeError> {
        external::decode(path, file, &self.config, || self.decode_built_in(file))
    }

    fn decode_built_in(&self, file: &Arc<InputFile>) -> Result<Decoded, DecodeError> {
        let mut program = Program::open(file, &self.config.settings.limits)?;
        let mut sink = None;
        while let Some(block) = program.next()? {
            let sink = match &mut sink {
                Some(sink) => sink,
                None => sink.insert(Sink::new(block.spec, &self.config)?),
            };
            sink.push(block.samples)?;
        }
        let Ended { facts, layout, spec, trimmed, pcm_sha256, account, warnings } = program.end()?;
        let sink = sink.map_or_else(|| Sink::new(spec, &self.config), Ok)?;
        let output = Output {
            container: facts.container.to_owned(),
            codec: facts.codec,
            lossless: facts.lossless,
            tags: facts.tags,
            container_facts: facts.container_facts,
            spec,
            trimmed,
            pcm_sha256,
            external_decoder: None,
            account,
            warnings,
        };
        let passes = Passes::BuiltIn { layout, limits: self.config.settings.limits.clone() };
        Ok(output.into_decoded(file, sink.finish()?, passes))
    }
}

/// What a decoder states about its output.
pub(crate) struct Output {
    pub(crate) container: String,
    pub(crate) codec: String,
    pub(crate) lossless: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) container_facts: ContainerFacts,
    pub(crate) spec: Spec,
    /// Frames removed at the start and at the end.
    pub(crate) trimmed: (u64, u64),
    pub(crate) pcm_sha256: String,
    pub(crate) external_decoder: Option<ExternalDecoder>,
    pub(crate) account: FileAccount,
    pub(crate) warnings: Vec<DecodeWarning>,
}

impl Output {
    /// Joins it with the samples. `passes` is how the file is decoded again.
    pub(crate) fn into_decoded(self, file: &Arc<InputFile>, collected: Collected, passes: Passes) -> Decoded {
        let (spec, frames) = (self.spec, collected.source_frames);
        let recording = Recording {
            container: self.container,
            codec: self.codec,
            lossless: self.lossless,
            sample_rate_hz: spec.rate_hz,
            channels: spec.channels as u16,
            duration_s: frames as f64 / f64::from(spec.rate_hz),
            pcm_sha256: self.pcm_sha256,
            pcm: PcmSource {
                source_frames: frames,
                frames: collected.pcm.frames(),
                trimmed_start_frames: self.trimmed.0,
                trimmed_end_frames: self.trimmed.1,
            },
            tags: self.tags,
            external_decoder: self.external_decoder,
            account: Some(self.account),
            warnings: self.warnings,
        };
        let pcm = match spec.rate_hz {
            // The planes are the decoder's output, so the file is not decoded again and need not stay open.
            SAMPLE_RATE_HZ => collected.pcm,
            _ => collected.pcm.with_native(Arc::new(NativeFile { file: Arc::clone(file), spec, frames, passes })),
        };
        Decoded { recording, container_facts: self.container_facts, pcm }
    }
}

impl Stage for Decoder {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 3,
        inputs: &[],
        outputs: &[OutputSpec { name: "container", stored: true }, OutputSpec { name: "samples", stored: false }],
        phases: Phases::Cpu,
        weight: 0.05,
    };
    type Input<'a> = (DecodeInput<'a>, Option<Recording>);
    type Output = Decoded;

    fn identity(&self) -> Identity {
        let max_gap_s = self.config.settings.limits.max_gap_s;
        // `auto` and `native` give the same samples if both succeed.
        Identity::without_model(match self.config.settings.decoder {
            DecoderChoice::Auto | DecoderChoice::Native => serde_json::json!({ "max_gap_s": max_gap_s }),
            DecoderChoice::Ffmpeg => serde_json::json!({ "max_gap_s": max_gap_s, "decoder": "ffmpeg" }),
        })
    }

    /// Input of the stage: the file, and the recording as an earlier run stored it.
    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, PipelineError> {
        let source = inputs.source();
        Ok((DecodeInput { path: &source.path, sha256: &source.file_sha256 }, inputs.earlier()?))
    }

    /// Decodes the file. Problems that do not stop the decoder are listed in the recording's `warnings`.
    ///
    /// # Errors
    /// `BadInput` for a file that cannot be used (`empty-file`, `unreadable-file`, `unknown-container`,
    /// `truncated-header`, `damaged-container`, `no-audio-track`, `unsupported-codec`, `unsupported-profile`,
    /// `unsupported-edit-list`, `undecodable`, `limit-exceeded`: report it), or that has changed since it was hashed (`file-changed`);
    /// `Transient` for a read that fails later (`unreadable-file`) and `spill-failed` (a full disk: try again); `Bug` for
    /// `resampler-failed`, `panic` and `samples-changed` (the samples differ from those of an earlier pass).
    fn run(&self, (input, earlier): Self::Input<'_>) -> Result<Decoded, PipelineError> {
        guarded(|| {
            let decoded = self.decode(input)?;
            match earlier {
                Some(earlier) if earlier.pcm_sha256 != decoded.recording.pcm_sha256 => Err(DecodeError::PcmChanged),
                _ => Ok(decoded),
            }
        })
    }
}

/// Facts from the header of a file, for planning.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Container format (`wav`, `isomp4`, `ogg`).
    pub container: String,
    /// Codec (`pcm_s16le`, `aac`, `opus`).
    pub codec: String,
    /// Length in seconds before trimming, as the container states it or as its frames were counted.
    pub duration_s: Option<f64>,
    /// Version of the external decoder that will decode the file; `None` for the built-in one.
    pub external_decoder: Option<String>,
}

/// Scans a file without decoding or hashing it.
///
/// # Errors
/// As [`Decoder::run`], if the header shows the problem.
///
/// ```
/// use std::path::Path;
///
/// let header = decode::probe(Path::new("../../fixtures/calls/reading.wav"))?;
/// assert_eq!((header.container.as_str(), header.codec.as_str()), ("wav", "pcm_s16le"));
/// assert!(header.duration_s.is_some_and(|seconds| (7.0..9.0).contains(&seconds)));
///
/// assert!(decode::probe(Path::new("../../fixtures/calls/expected.json")).is_err());
/// # Ok::<(), stage_core::PipelineError>(())
/// ```
pub fn probe(path: &Path) -> Result<Probe, PipelineError> {
    probe_with(path, &DecodeSettings::default())
}

/// As [`probe`], with these settings of the external decoder.
///
/// # Errors
/// As [`Decoder::run`], if the header shows the problem.
pub fn probe_with(path: &Path, config: &DecodeSettings) -> Result<Probe, PipelineError> {
    guarded(|| {
        let file = InputFile::open(path)?;
        external::probe(path, &file, config, || probe_built_in(&file))
    })
}

fn probe_built_in(file: &Arc<InputFile>) -> Result<Probe, DecodeError> {
    let facts = Program::open(file, &DecodeLimits::default())?.facts();
    Ok(Probe {
        container: facts.container.to_owned(),
        codec: facts.codec,
        duration_s: facts.duration_s,
        external_decoder: None,
    })
}
