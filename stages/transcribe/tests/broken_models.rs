//! A model directory with one thing broken: the error names the file and what is wrong with it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use transcribe::{ModelFiles, ModelSource, TranscribeConfig, Transcriber};

const EMBEDDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/embedded");

/// A copy of the embedded model.
fn copy() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(EMBEDDED).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    directory
}

fn edit(directory: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = directory.join(file);
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn resolve(directory: &TempDir) -> Result<ModelFiles, transcribe::ModelError> {
    ModelFiles::resolve(&ModelSource::Directory(directory.path().into()))
}

#[track_caller]
fn assert_refused(directory: &TempDir, file: &str, complaint: &str) {
    let message = resolve(directory).unwrap_err().to_string();
    assert!(message.contains(file) && message.contains(complaint), "{message}");
}

#[test]
fn an_unbroken_copy_is_the_embedded_model() {
    let directory = copy();
    let (copied, embedded) = (resolve(&directory).unwrap(), ModelFiles::resolve(&ModelSource::Embedded).unwrap());
    assert_eq!(copied.sha256().unwrap(), embedded.sha256().unwrap());
    assert_eq!(copied.window_s(), 10.0);
    assert_eq!(copied.languages(), ["en", "ko"]);
}

#[test]
fn a_missing_file_is_named() {
    for file in ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"] {
        let directory = copy();
        fs::remove_file(directory.path().join(file)).unwrap();
        assert_refused(&directory, file, "cannot be read");
    }
}

#[test]
fn the_preprocessors_configuration_may_be_missing_but_not_be_another_models() {
    let directory = copy();
    edit(directory.path(), "preprocessor_config.json", |config| config["feature_size"] = json!(128));
    assert_refused(&directory, "preprocessor_config.json", "feature_size is 128");
    fs::remove_file(directory.path().join("preprocessor_config.json")).unwrap();
    resolve(&directory).unwrap();
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    for (field, value) in
        [("d_model", json!(190)), ("encoder_layers", json!(0)), ("activation_function", json!("relu"))]
    {
        let directory = copy();
        edit(directory.path(), "config.json", |config| config[field] = value);
        assert_refused(&directory, "config.json", field);
    }
    let directory = copy();
    edit(directory.path(), "config.json", |config| drop(config.as_object_mut().unwrap().remove("d_model")));
    assert_refused(&directory, "config.json", "missing field `d_model`");
}

#[test]
fn an_alignment_head_outside_the_decoder_is_refused() {
    let directory = copy();
    edit(directory.path(), "generation_config.json", |config| config["alignment_heads"] = json!([[7, 0]]));
    assert_refused(&directory, "generation_config.json", "alignment_heads is (7, 0)");
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let directory = copy();
    edit(directory.path(), "config.json", |config| config["vocab_size"] = json!(600));
    assert_refused(&directory, "tokenizer.json", "but the model has 600 tokens");

    let directory = copy();
    let path = directory.path().join("tokenizer.json");
    let renamed = fs::read_to_string(&path).unwrap().replace("<|notimestamps|>", "<|notime|>");
    fs::write(path, renamed).unwrap();
    assert_refused(&directory, "tokenizer.json", "lacks <|notimestamps|>");
}

#[test]
fn truncated_weights_are_refused() {
    let directory = copy();
    let path = directory.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_refused(&directory, "model.safetensors", "not a whole safetensors file");
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused_when_they_are_loaded() {
    for (field, value, tensor) in [
        ("encoder_ffn_dim", 512, "model.encoder.layers.0.fc1.weight"),
        ("decoder_layers", 3, "model.decoder.layers.2"),
        ("vocab_size", 9000, "model.decoder.embed_tokens.weight"),
    ] {
        let directory = copy();
        edit(directory.path(), "config.json", |config| config[field] = json!(value));
        let transcriber = Transcriber::new(resolve(&directory).unwrap(), TranscribeConfig::default()).unwrap();
        let error = transcriber.load().unwrap_err();
        assert_eq!(error.code, "model-malformed");
        assert!(error.message.contains(tensor), "{error}");
    }
}

#[test]
fn shards_are_found_through_their_index() {
    let directory = copy();
    let at = |name: &str| directory.path().join(name);
    fs::rename(at("model.safetensors"), at("model-00001-of-00001.safetensors")).unwrap();
    let index = json!({"weight_map": {"model.encoder.conv1.weight": "model-00001-of-00001.safetensors"}});
    fs::write(at("model.safetensors.index.json"), index.to_string()).unwrap();
    resolve(&directory).unwrap();
    fs::remove_file(at("model-00001-of-00001.safetensors")).unwrap();
    assert_refused(&directory, "model-00001-of-00001.safetensors", "cannot be read");
}

#[test]
fn an_unknown_language_is_refused_with_the_known_ones() {
    let config = TranscribeConfig { languages: vec!["fr".into()], ..TranscribeConfig::default() };
    let error = Transcriber::new(ModelFiles::resolve(&ModelSource::Embedded).unwrap(), config).unwrap_err();
    assert_eq!(error.to_string(), "embedded does not know the language `fr`; it knows en, ko");
}
