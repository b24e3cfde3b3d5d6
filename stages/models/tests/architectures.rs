//! Which family opens a folder, and the error for a folder that no family supports.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use models::{ModelError, ModelSource, SpeechModel};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/model_folder.rs"]
mod model_folder;

use model_folder::{copy_of, edit};

const WHISPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny");
const WAV2VEC2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-ctc");

fn open(folder: &TempDir) -> Result<Box<dyn SpeechModel>, ModelError> {
    models::open(&ModelSource::Directory(folder.path().into()))
}

#[test]
fn family_follows_the_architectures_and_not_the_files() {
    let [whisper, wav2vec2] = [WHISPER, WAV2VEC2].map(|folder| open(&copy_of(folder)).unwrap());
    assert_eq!((whisper.family(), whisper.window_s(), whisper.languages()), ("whisper", 10.0, vec!["en", "ko"]));
    assert_eq!((wav2vec2.family(), wav2vec2.window_s(), wav2vec2.languages()), ("wav2vec2", 30.0, vec![]));
    assert!(whisper.reads("beam_size") && !wav2vec2.reads("beam_size"));
}

#[test]
fn family_of_a_folder_without_architectures_follows_its_model_type() {
    for (folder, family) in [(WHISPER, "whisper"), (WAV2VEC2, "wav2vec2")] {
        let copy = copy_of(folder);
        edit(copy.path(), "config.json", |config| drop(config.as_object_mut().unwrap().remove("architectures")));
        assert_eq!(open(&copy).unwrap().family(), family);
    }
}

#[test]
fn architecture_that_is_unknown_is_an_error_that_lists_the_known_ones() {
    let known = ["one of ", "WhisperForConditionalGeneration", "Wav2Vec2ForCTC", " is expected"];
    for (architectures, model_type, found) in [
        (json!(["Wav2Vec2ForPreTraining"]), json!("wav2vec2"), "architectures is [\"Wav2Vec2ForPreTraining\"]"),
        (json!([]), json!("whisper"), "architectures is []"),
        (Value::Null, json!("hubert"), "architectures is missing"),
        (Value::Null, Value::Null, "architectures is missing"),
    ] {
        let copy = copy_of(WAV2VEC2);
        edit(copy.path(), "config.json", |config| {
            config["architectures"] = architectures.clone();
            config["model_type"] = model_type.clone();
        });
        let message = stage_core::full_message(&open(&copy).unwrap_err());
        let mut parts = ["config.json", found].into_iter().chain(known);
        assert!(parts.all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn wav2vec2_folder_that_is_broken_names_file_and_reason() {
    let missing = copy_of(WAV2VEC2);
    fs::remove_file(missing.path().join("vocab.json")).unwrap();
    let message = stage_core::full_message(&open(&missing).unwrap_err());
    assert!(message.contains("vocab.json: cannot be read"), "{message}");
    let wrong = copy_of(WAV2VEC2);
    edit(wrong.path(), "config.json", |config| config["hidden_size"] = json!(384));
    let message = stage_core::full_message(&open(&wrong).unwrap_err());
    assert!(message.contains("model.safetensors") && message.contains("has the shape"), "{message}");
}
