//! The model that is part of the program.

use nn::EmbeddedModel;

/// A file of the embedded model.
macro_rules! model_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/embedded/", $name))
    };
}

const CONFIG: &[u8] = model_file!("config.json");
pub(crate) const TOKENIZER: &[u8] = model_file!("tokenizer.json");

pub(crate) const MODEL: EmbeddedModel = EmbeddedModel {
    files: &[
        ("config.json", CONFIG),
        ("generation_config.json", model_file!("generation_config.json")),
        ("preprocessor_config.json", model_file!("preprocessor_config.json")),
        ("tokenizer.json", TOKENIZER),
    ],
    weights: WEIGHTS,
};

/// Whether this build holds the weights.
pub(crate) const HAS_WEIGHTS: bool = cfg!(feature = "embedded-model");
#[cfg(feature = "embedded-model")]
const WEIGHTS: &[u8] = model_file!("model.safetensors");
#[cfg(not(feature = "embedded-model"))]
const WEIGHTS: &[u8] = &[];
