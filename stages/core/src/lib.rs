//! The vocabulary that every crate of Earwitness shares.
//!
//! A recording passes stages, each of which turns the artifacts before it into one of its own:
//!
//! ```text
//! file -> decode -> Recording + Pcm -> segment -> SpeechSegments -> transcribe -> Transcript
//!      -> align -> AlignedWords -> forensics -> ForensicRecord
//! ```
//!
//! Artifacts are plain serde types with the unit in the field's name (`start_s`, `rms_dbfs`). [`Pcm`] is the exception:
//! samples are never stored and are decoded again when a stage needs them. A [`Fingerprint`] names an artifact by
//! everything that it depends on; a [`StageError`] has a class that says how the scheduler treats it.

mod artifact;
mod artifacts;
mod device;
mod error;
mod fingerprint;
mod flow;
mod hash;
mod measured;
mod name;
mod pcm;
mod recipe;
mod runner;
mod span;
mod spec;
mod stage;
mod tool;

pub use artifact::*;
pub use artifacts::{Artifact, Artifacts, Inputs, IntoArtifacts, Made, Source};
pub use device::{DeviceId, ParseDeviceError};
pub use error::{ErrorClass, StageError};
pub use fingerprint::{Fingerprint, ParseFingerprintError, StageKey};
pub use flow::{Flow, ListFlow};
pub use hash::{Sha256Stream, sha256_file, sha256_hex};
pub use measured::Measured;
pub use name::{ArtifactName, InvalidName, OutputName, StageName};
pub use pcm::{NativePacket, NativePackets, NativeReader, NativeSource, Pcm, PcmWriter, SAMPLE_RATE_HZ};
pub use recipe::{Recipe, RecipeError, RecipeStep};
pub use runner::{
    DeviceRunner, Emit, ModelInput, ModelOutput, Runner, Runners, RunnersError, cpu_runner, device_runner,
};
pub use span::Span;
pub use spec::{OutputSpec, Phase, Phases, StageSpec};
pub use stage::{DeviceStage, Identity, Stage};
pub use tool::Tool;
