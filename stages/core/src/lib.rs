//! Types shared by all crates of Earwitness.
//!
//! A recording passes through stages. Each stage turns earlier artifacts into its own artifact:
//!
//! ```text
//! file -> decode -> Recording + Pcm -> segment -> SpeechSegments -> transcribe -> Transcript
//!      -> align -> AlignedWords -> forensics -> ForensicRecord
//! ```
//!
//! Artifacts are plain serde types whose field names carry the unit (`start_s`, `rms_dbfs`). [`Pcm`] is the exception:
//! samples are not stored; they are decoded again when a stage needs them. A [`Fingerprint`] identifies an artifact by
//! a hash of everything that it depends on. The class of a [`PipelineError`] determines how the scheduler handles it.

mod artifact;
mod artifacts;
pub mod as_text;
mod device;
mod error;
mod fingerprint;
mod flow;
mod hash;
mod measured;
mod name;
mod order;
mod pcm;
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
pub use hash::{Sha256Stream, sha256_file, sha256_hex};
pub use measured::Measured;
pub use name::{ArtifactName, InvalidName, OutputName, StageName};
pub use order::OrderError;
pub use pcm::{NativePacket, NativePackets, NativeReader, NativeSource, Pcm, PcmWriter, SAMPLE_RATE_HZ};
pub use publish::{publish_file, replace_file, replace_file_unsynced, replace_files};
pub use recipe::{Recipe, RecipeError, RecipeStep};
pub use runner::{
    DeviceRunner, Emit, ModelInput, ModelOutput, Runner, Runners, RunnersError, cpu_runner, device_runner,
};
pub use span::Span;
pub use spec::{OutputSpec, Phase, Phases, StageSpec};
pub use stage::{DeviceStage, Identity, Stage};
pub use tool::Tool;
