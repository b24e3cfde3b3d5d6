//! A model folder with a phone head: its emissions in the outputs, and broken files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use models::whisper::{WhisperFiles, WhisperRecognizer};
use models::{Compute, ModelSource, SpeechModel, TranscribeConfig, TypedRecognizer, WindowAudio};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use stage_core::Window;
use tempfile::TempDir;

#[path = "support/model_folder.rs"]
mod model_folder;

use crate::model_folder::{copy_of, edit, replace};

const TEST_MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny");
const CONFIG: &str = "phone_head.json";
const WEIGHTS: &str = "phone_head.safetensors";
/// Width of the test model's states, and of the head.
const STATES: usize = 256;
const WIDTH: usize = 16;
const TAPS: usize = 5;

/// The small model with a random phone head of one block.
fn folder() -> TempDir {
    let folder = copy_of(TEST_MODEL);
    let config = json!({
        "phones": ["<sil>", "ㄱ", "ㅏ", "ㄴ."], "letters": ["<sil>", "a", "<other>"], "states_width": STATES,
        "width": WIDTH, "kernel": TAPS, "blocks": 1,
    });
    replace(&folder.path().join(CONFIG), config.to_string().as_bytes());
    write_weights(folder.path(), 7, |value| value);
    folder
}

fn write_weights(folder: &Path, outputs: usize, change: impl Fn(f32) -> f32) {
    let shapes: [(&str, Vec<usize>); 10] = [
        ("input.weight", vec![WIDTH, STATES]),
        ("input.bias", vec![WIDTH]),
        ("blocks.0.mix.weight", vec![WIDTH, 1, TAPS]),
        ("blocks.0.mix.bias", vec![WIDTH]),
        ("blocks.0.up.weight", vec![WIDTH, WIDTH]),
        ("blocks.0.up.bias", vec![WIDTH]),
        ("blocks.0.down.weight", vec![WIDTH, WIDTH]),
        ("blocks.0.down.bias", vec![WIDTH]),
        ("output.weight", vec![outputs, WIDTH]),
        ("output.bias", vec![outputs]),
    ];
    let mut random = testkit::Random(3);
    let bytes = |shape: &[usize], random: &mut testkit::Random| -> Vec<u8> {
        (0..shape.iter().product()).flat_map(|_| change(random.signed()).to_le_bytes()).collect()
    };
    let data: Vec<_> = shapes.iter().map(|(_, shape)| bytes(shape, &mut random)).collect();
    let view = |((name, shape), data): (&(&str, Vec<usize>), &'_ Vec<u8>)| {
        let data: &'static [u8] = data.clone().leak();
        ((*name).to_owned(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
    };
    let views: Vec<_> = shapes.iter().zip(&data).map(view).collect();
    replace(&folder.join(WEIGHTS), &safetensors::serialize(views, None).unwrap());
}

fn recognizer(folder: &Path) -> WhisperRecognizer {
    let config =
        TranscribeConfig { languages: vec!["en".to_owned()], temperatures: vec![0.0], ..TranscribeConfig::default() };
    let files = WhisperFiles::resolve(&ModelSource::Directory(folder.into())).unwrap();
    let recognizer = files.typed_recognizer(config, Compute::default()).unwrap();
    recognizer.load().unwrap();
    recognizer
}

fn audio(seconds: f32) -> WindowAudio {
    let samples = (0..(16_000.0 * seconds) as usize).map(|n| 0.2 * (n as f32 * 0.1).sin());
    WindowAudio::of_samples(samples.collect())
}

#[test]
fn emissions_have_a_frame_for_every_position_of_the_window() {
    let folder = folder();
    let recognizer = recognizer(folder.path());
    let outputs = [recognizer.hypothesis_of(&audio(3.0), "one").unwrap()];
    let windows = [Window::without_spans(1, 2.0, 5.0)];
    let emissions = recognizer.phone_emissions(&windows, &outputs);
    let symbols = emissions.symbols.unwrap();
    assert_eq!(
        (symbols.phones, symbols.letters),
        (texts(&["ㄱ", "ㅏ", "ㄴ."]), texts(&["a", "<other>"])),
        "no silence"
    );
    let [window] = &emissions.windows[..] else { panic!("one window") };
    assert_eq!((window.channel, window.start_s, emissions.step_s), (1, 2.0, 0.02));
    let frames = window.emissions.decode().unwrap();
    assert_eq!(frames.len(), 150);
    for frame in frames {
        let sum = |range: std::ops::Range<usize>| -> f32 {
            frame.iter().filter(|(symbol, _)| range.contains(symbol)).map(|(_, logprob)| logprob.exp()).sum()
        };
        assert!((0.9..1.1).contains(&sum(0..3)) && (0.9..1.1).contains(&sum(3..5)), "two distributions: {frame:?}");
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn emissions_of_a_model_without_a_head_are_empty() {
    let recognizer = recognizer(Path::new(TEST_MODEL));
    let outputs = [recognizer.hypothesis_of(&audio(1.0), "one").unwrap()];
    assert_eq!(outputs[0].emissions, None);
    assert!(recognizer.phone_emissions(&[Window::without_spans(0, 0.0, 1.0)], &outputs).symbols.is_none());
}

#[test]
fn head_is_part_of_the_models_hash() {
    let hash = |folder: &Path| {
        WhisperFiles::resolve(&ModelSource::Directory(folder.into())).unwrap().sha256().unwrap().to_owned()
    };
    let (with, other) = (folder(), folder());
    write_weights(other.path(), 7, |value| value / 2.0);
    assert_ne!(hash(with.path()), hash(Path::new(TEST_MODEL)));
    assert_ne!(hash(with.path()), hash(other.path()));
}

/// A change of the folder, and the file and the text that the error names.
type Case = (fn(&Path), &'static str, &'static str);

#[test]
fn broken_heads_are_refused_before_any_work() {
    let cases: [Case; 10] = [
        (|folder| fs::remove_file(folder.join(CONFIG)).unwrap(), CONFIG, "cannot be read"),
        (|folder| fs::remove_file(folder.join(WEIGHTS)).unwrap(), WEIGHTS, "cannot be read"),
        (|folder| replace(&folder.join(CONFIG), b"{"), CONFIG, "EOF"),
        (|folder| replace(&folder.join(WEIGHTS), b"12345678"), WEIGHTS, "not a whole safetensors file"),
        (|folder| set(folder, "states_width", json!(512)), CONFIG, "d_model"),
        (|folder| set(folder, "kernel", json!(4)), CONFIG, "odd"),
        (|folder| set(folder, "width", json!(0)), CONFIG, "4096"),
        (|folder| set(folder, "blocks", json!(1_000_000_000)), CONFIG, "at most 16"),
        (|folder| set(folder, "phones", json!(["ㄱ"])), CONFIG, "<sil>"),
        (|folder| write_weights(folder, 8, |value| value), WEIGHTS, "output"),
    ];
    for (breakage, file, text) in cases {
        let folder = folder();
        breakage(folder.path());
        let opened = models::open(&ModelSource::Directory(folder.path().into()));
        let message = stage_core::full_message(&opened.unwrap_err());
        assert!(message.contains(file) && message.contains(text), "{file}, {text}: {message}");
    }
    let folder = folder();
    write_weights(folder.path(), 7, |_| f32::NAN);
    let model = models::open(&ModelSource::Directory(folder.path().into())).unwrap();
    let message = stage_core::full_message(&model.check_contents().unwrap_err());
    assert!(message.contains(WEIGHTS), "{message}");
}

fn set(folder: &Path, field: &str, value: Value) {
    edit(folder, CONFIG, |config| config[field] = value);
}
