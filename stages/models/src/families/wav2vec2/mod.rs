//! Wav2Vec2ForCTC (Baevski et al. 2020): character emissions, for alignment and for greedy recognition.

mod encoder;
mod features;
mod files;
mod greedy;
mod model_config;
mod network;
#[cfg(test)]
mod parity;
mod positions;
mod recognizer;
mod tensors;
mod text;
mod vocabulary;

pub use files::Wav2Vec2Files;
pub use model_config::Topology;
pub use network::{LogProbs, Wav2Vec2};
pub use recognizer::Wav2Vec2Recognizer;
pub use vocabulary::Vocabulary;

use super::Family;

/// The wav2vec2 family.
pub(super) static FAMILY: Family = Family {
    name: "wav2vec2",
    architectures: &["Wav2Vec2ForCTC"],
    model_type: "wav2vec2",
    open: |folder| Ok(Box::new(Wav2Vec2Files::read(folder)?)),
};
