//! The model that is part of the program.

/// A file of the embedded model.
macro_rules! model_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/embedded/", $name))
    };
}

pub(crate) const CONFIG: &[u8] = model_file!("config.json");
pub(crate) const GENERATION_CONFIG: &[u8] = model_file!("generation_config.json");
pub(crate) const PREPROCESSOR_CONFIG: &[u8] = model_file!("preprocessor_config.json");
pub(crate) const TOKENIZER: &[u8] = model_file!("tokenizer.json");
pub(crate) const WEIGHTS: &[u8] = model_file!("model.safetensors");
