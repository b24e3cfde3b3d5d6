//! The model that is part of the program.

use nn::EmbeddedModel;

/// A file of the embedded model.
macro_rules! model_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/embedded/", $name))
    };
}

pub(crate) const MODEL: EmbeddedModel = EmbeddedModel {
    files: &[
        ("config.json", model_file!("config.json")),
        ("generation_config.json", model_file!("generation_config.json")),
        ("preprocessor_config.json", model_file!("preprocessor_config.json")),
        ("tokenizer.json", model_file!("tokenizer.json")),
    ],
    weights: WEIGHTS,
};

/// Whether this build holds the weights.
pub(crate) const HAS_WEIGHTS: bool = cfg!(feature = "embedded-model");
#[cfg(feature = "embedded-model")]
const WEIGHTS: &[u8] = model_file!("model.safetensors");
#[cfg(not(feature = "embedded-model"))]
const WEIGHTS: &[u8] = &[];
