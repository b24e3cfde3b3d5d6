//! Types shared by all crates of Earwitness: artifacts, stages, fingerprints, samples, errors.
//!
//! A recording passes through stages. Each stage turns earlier artifacts into its own artifact:
//!
//! ```text
//! file -> decode -> Recording + Pcm -> segment -> SpeechSegments -> transcribe -> Transcript
//!      -> align -> AlignedWords -> forensics -> ForensicRecord
//! ```
//!
//! | type | purpose |
//! |---|---|
//! | [`Recording`], [`SpeechSegments`], [`Transcript`], [`AlignedWords`], [`ForensicRecord`](forensics::ForensicRecord) | the artifacts: plain serde types whose field names carry the unit (`start_s`, `rms_dbfs`) |
//! | [`Pcm`] | the samples; not stored, but decoded again when a stage needs them |
//! | [`Stage`], [`DeviceStage`], [`StageSpec`] | one step of the pipeline, and its description for the engine |
//! | [`Runner`], [`Runners`] | stages with their types erased, as the engine runs them |
//! | [`Artifacts`] | the artifacts of one recording while stages work on it |
//! | [`Recipe`], [`StageKey`], [`Fingerprint`] | everything that an artifact depends on, and its hash |
//! | [`PipelineError`], [`ErrorClass`] | a failure; its class determines how the scheduler handles it |
//!
//! # Example
//!
//! A stage that counts words, with its artifact, as a worker runs it:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//! use stage_core::{
//!     Artifact, ArtifactName, Artifacts, Identity, Inputs, Phases, PipelineError, Segment, Source, Stage, StageName,
//!     StageSpec, Transcript, cpu_runner,
//! };
//!
//! const COUNT: StageName = StageName::new("count");
//!
//! #[derive(Serialize, Deserialize)]
//! struct WordCount {
//!     words: usize,
//! }
//!
//! impl Artifact for WordCount {
//!     const NAME: ArtifactName = COUNT.artifact();
//! }
//!
//! struct Counter;
//!
//! impl Stage for Counter {
//!     const SPEC: StageSpec = StageSpec {
//!         name: COUNT,
//!         version: 1,
//!         inputs: &[Transcript::NAME],
//!         outputs: &[],
//!         phases: Phases::Cpu,
//!         weight: 0.01,
//!     };
//!     type Input<'a> = &'a Transcript;
//!     type Output = WordCount;
//!
//!     fn identity(&self) -> Identity {
//!         Identity::without_model(json!({}))
//!     }
//!
//!     fn input<'a>(inputs: &Inputs<'a>) -> Result<&'a Transcript, PipelineError> {
//!         inputs.get()
//!     }
//!
//!     fn run(&self, transcript: &Transcript) -> Result<WordCount, PipelineError> {
//!         let words = transcript.segments.iter().map(|segment| segment.text.split_whitespace().count()).sum();
//!         Ok(WordCount { words })
//!     }
//! }
//!
//! // The transcript comes from the store, as JSON.
//! let segment = Segment::of_text(0, (0.0, 2.0), "Call me back", "en");
//! let transcript = Transcript { model: "none".to_owned(), segments: vec![segment], dropped: Vec::new() };
//! let stored = [(Transcript::NAME, serde_json::to_string(&transcript)?)];
//! let source = Source { path: "call.wav".into(), file_sha256: "ab".repeat(32), audio_s: 2.0 };
//! let artifacts = Artifacts::new(source, stored, [&Counter::SPEC]);
//!
//! let made = cpu_runner(Counter).run(&artifacts)?;
//! assert_eq!(artifacts.keep(&Counter::SPEC, made)?, [(WordCount::NAME, r#"{"words":3}"#.to_owned())]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artifact;
mod artifacts;
pub mod as_text;
mod device;
mod error;
mod fingerprint;
mod flow;
mod hash;
pub mod lossless_path;
mod measured;
mod name;
mod order;
mod pcm;
mod printable;
mod publish;
mod recipe;
mod runner;
mod span;
mod spec;
mod stage;
mod tool;

pub use artifact::*;
pub use artifacts::{Artifact, Artifacts, Inputs, IntoArtifacts, Made, Source};
pub use device::{DeviceId, ParseDeviceError};
pub use error::{CodeInfo, ErrorClass, ErrorCode, Origin, PipelineError, UnknownCode, causes_of, full_message};
pub use fingerprint::{Fingerprint, ParseFingerprintError, StageKey};
pub use flow::{Flow, ListFlow};
pub use hash::{Sha256Stream, require_file, sha256_file, sha256_file_unless, sha256_hex, to_hex};
pub use measured::{Measured, sum};
pub use name::{ArtifactName, InvalidName, OutputName, StageName};
pub use order::OrderError;
pub use pcm::{NativePacket, NativePackets, NativeReader, NativeSource, Pcm, PcmWriter, SAMPLE_RATE_HZ};
pub use printable::{
    is_unprintable, on_one_line, path_bytes, path_text, printable, printable_json, printable_lines, shown,
};
pub use publish::{
    Existing, create_file, publish_file, remove_unfinished, replace_file, replace_file_unsynced, write_files,
    write_new, write_private_file, write_stream,
};
pub use recipe::{Recipe, RecipeError, RecipeStep};
pub use runner::{
    DeviceRunner, Emit, ModelInput, ModelOutput, Runner, Runners, RunnersError, cpu_runner, device_runner,
};
pub use span::Span;
pub use spec::{OutputSpec, Phase, Phases, StageSpec};
pub use stage::{DeviceStage, Identity, Stage};
pub use tool::Tool;
