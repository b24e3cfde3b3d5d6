//! The model that is embedded in the program: OpenAI's Whisper base in int8.

use crate::EmbeddedModel;

/// A file of the embedded model.
macro_rules! model_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/whisper-base/", $name))
    };
}

// A static rather than a constant, so that the program contains the files only once.
pub(in crate::families) static MODEL: EmbeddedModel = EmbeddedModel {
    files: &[
        ("config.json", model_file!("config.json")),
        ("generation_config.json", model_file!("generation_config.json")),
        ("phone_head.json", model_file!("phone_head.json")),
        ("phone_head.safetensors", model_file!("phone_head.safetensors")),
        ("preprocessor_config.json", model_file!("preprocessor_config.json")),
        ("tokenizer.json", model_file!("tokenizer.json")),
    ],
    weights: WEIGHTS,
};

// The tests of this crate use a smaller model. Without the embedded weights they link faster.
#[cfg(all(feature = "embedded-model", not(test)))]
const WEIGHTS: &[u8] = model_file!("model.safetensors");
#[cfg(any(not(feature = "embedded-model"), test))]
const WEIGHTS: &[u8] = &[];
