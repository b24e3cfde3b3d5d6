//! The alignment model that is embedded in the program.

use crate::EmbeddedModel;

/// A file of the embedded model.
macro_rules! model_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/aligner/", $name))
    };
}

pub(super) const MODEL: EmbeddedModel = EmbeddedModel {
    files: &[
        ("config.json", model_file!("config.json")),
        ("preprocessor_config.json", model_file!("preprocessor_config.json")),
        ("tokenizer_config.json", model_file!("tokenizer_config.json")),
        ("vocab.json", model_file!("vocab.json")),
    ],
    weights: model_file!("model.safetensors"),
};
