//! A folder of an aligner with one fault. A single error names the file and the fault, before any work starts.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use models::wav2vec2::Wav2Vec2Files;
use models::{ModelError, ModelSource, SpeechModel};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/model_folder.rs"]
mod model_folder;

use model_folder::{copy_of, edit, replace};

const EMBEDDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-ctc");
const WEIGHTS: &str = "model.safetensors";

/// A copy of the embedded model.
fn copy() -> TempDir {
    copy_of(EMBEDDED)
}

/// The error of a folder, from everything that is checked before a run.
fn complaint(directory: &Path) -> String {
    let checked = Wav2Vec2Files::resolve(&ModelSource::Directory(directory.into())).and_then(|files| {
        files.check_contents()?;
        Ok::<_, ModelError>(())
    });
    checked.map_or_else(|error| stage_core::full_message(&error), |()| "nothing".to_owned())
}

#[test]
fn folders_that_are_whole_are_accepted() {
    assert_eq!(complaint(copy().path()), "nothing");
    for file in ["preprocessor_config.json", "tokenizer_config.json"] {
        let directory = copy();
        fs::remove_file(directory.path().join(file)).unwrap();
        assert_eq!(complaint(directory.path()), "nothing");
    }
}

#[test]
fn fields_that_the_model_contradicts_are_refused() {
    for (file, field, value, named, text) in [
        ("config.json", "hidden_size", json!(384), WEIGHTS, "has the shape"),
        ("config.json", "intermediate_size", json!(384), WEIGHTS, "intermediate_dense.weight has the shape [768, 192]"),
        (
            "config.json",
            "num_hidden_layers",
            json!(5),
            WEIGHTS,
            "wav2vec2.encoder.layers.4.attention.q_proj.weight is missing",
        ),
        ("config.json", "num_hidden_layers", json!(1u64 << 60), WEIGHTS, "is missing"),
        ("config.json", "num_hidden_layers", json!(3), WEIGHTS, "is not part of the model"),
        ("config.json", "vocab_size", json!(32), WEIGHTS, "lm_head.weight has the shape [97, 192]"),
        ("config.json", "conv_bias", json!(false), WEIGHTS, "conv.bias is not part of the model"),
        ("config.json", "feat_extract_norm", json!("group"), WEIGHTS, "layer_norm.bias is not part of the model"),
        ("config.json", "num_conv_pos_embeddings", json!(128), WEIGHTS, "original0 has the shape [1, 1, 64]"),
        (
            "config.json",
            "conv_kernel",
            json!([10, 3, 3, 3, 3, 2, 3]),
            WEIGHTS,
            "conv_layers.6.conv.weight has the shape",
        ),
        ("config.json", "conv_stride", json!([5, 2, 2, 2, 2, 2, 9]), "config.json", "conv_stride"),
        ("config.json", "layer_norm_eps", json!(-1.0), "config.json", "layer_norm_eps is -1"),
        ("config.json", "pad_token_id", json!(5), "vocab.json", "pad_token is 0"),
        ("config.json", "conv_dim", json!([u64::MAX, 1, 1, 1, 1, 1, 1]), WEIGHTS, "has the shape"),
        ("vocab.json", "z", json!(97), "vocab.json", "an id below vocab_size is expected"),
        ("vocab.json", "z", json!(3), "vocab.json", "97 tokens with 96 ids"),
        ("preprocessor_config.json", "sampling_rate", json!(8000), "preprocessor_config.json", "sampling_rate is 8000"),
        ("tokenizer_config.json", "pad_token", json!("a"), "vocab.json", "pad_token is 3"),
    ] {
        let directory = copy();
        edit(directory.path(), file, |config| config[field] = value.clone());
        let message = complaint(directory.path());
        assert!(message.contains(named) && message.contains(text), "{field} {value}: {message}");
    }
}

#[test]
fn vocabularies_of_other_models_are_refused() {
    let directory = copy();
    let letters: serde_json::Map<String, Value> =
        ('a'..='z').enumerate().map(|(id, letter)| (letter.to_string(), json!(id))).collect();
    replace(&directory.path().join("vocab.json"), Value::from(letters).to_string().as_bytes());
    assert!(complaint(directory.path()).contains("26 tokens with 26 ids"), "{}", complaint(directory.path()));
}

#[test]
fn weights_that_are_damaged_are_refused() {
    let whole = fs::read(Path::new(EMBEDDED).join(WEIGHTS)).unwrap();
    let nan = |at: usize| {
        let mut bytes = whole.clone();
        let end = bytes.len();
        bytes[end - at - 2..end - at].copy_from_slice(&0x7E01u16.to_le_bytes());
        bytes
    };
    let other = fs::read(Path::new(EMBEDDED).with_file_name("vad").join("silero_vad_16k.safetensors")).unwrap();
    for (content, text) in [
        (whole[..whole.len() - 7].to_vec(), "not a whole safetensors file"),
        (Vec::new(), "not a whole safetensors file"),
        (other, "wav2vec2.feature_extractor.conv_layers.0.conv.weight is missing"),
        (nan(0), "is NaN: no trained model has such a weight"),
        (nan(1_000_000), "is NaN: no trained model has such a weight"),
    ] {
        let directory = copy();
        replace(&directory.path().join(WEIGHTS), &content);
        let message = complaint(directory.path());
        assert!(message.contains(WEIGHTS) && message.contains(text), "{text}: {message}");
    }
}
