//! Compares the network with transformers, in single precision on the CPU, with random weights in every layout.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use tempfile::TempDir;

use super::network::{BLOCK, Wav2Vec2};
use super::{Wav2Vec2Files, greedy};
use crate::ModelSource;
use crate::tests::run_script;

/// Lengths of the windows in samples. They include a single frame and odd lengths.
const LENGTHS: [usize; 4] = [400, 7_777, 16_000, 40_321];

fn windows(lengths: &[usize]) -> Vec<Vec<f32>> {
    let sample = |at: usize, n: usize| {
        let x = n as f32;
        0.3 * (x * 0.021).sin() * (x * 0.000_9).cos() + 0.1 * (x * (0.4 + at as f32 * 0.1)).sin() + 0.02
    };
    lengths.iter().enumerate().map(|(at, len)| (0..*len).map(|n| sample(at, n)).collect()).collect()
}

/// A random model and transformers' logits of the windows. `None` if transformers is not installed.
fn reference(variant: &str, windows: &[Vec<f32>]) -> Option<(TempDir, Wav2Vec2, HashMap<String, Tensor>)> {
    let folder = tempfile::tempdir().unwrap();
    let tensor = |samples: &Vec<f32>| Tensor::new(samples.as_slice(), &Device::Cpu).unwrap();
    let given: HashMap<_, _> =
        windows.iter().enumerate().map(|(at, samples)| (at.to_string(), tensor(samples))).collect();
    let given_file = folder.path().join("windows.safetensors");
    candle_core::safetensors::save(&given, &given_file).unwrap();
    run_script("wav2vec2.py", &[variant.as_ref(), given_file.as_ref(), folder.path().as_ref()])?;
    std::fs::remove_file(&given_file).unwrap();
    let files = Wav2Vec2Files::resolve(&ModelSource::Directory(folder.path().into())).unwrap();
    let logits = candle_core::safetensors::load(folder.path().join("logits.safetensors"), &Device::Cpu).unwrap();
    Some((folder, files.load().unwrap(), logits))
}

fn agrees(variant: &str, lengths: &[usize]) {
    let windows = windows(lengths);
    let Some((_folder, model, expected)) = reference(variant, &windows) else { return };
    let prepared: Vec<_> = windows.iter().map(|samples| model.prepare(samples)).collect();
    let together = model.logits(&prepared.iter().map(|samples| &**samples).collect::<Vec<_>>());
    for (at, (logits, samples)) in together.iter().zip(&prepared).enumerate() {
        let expected = expected[&at.to_string()].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(logits.len(), expected.len(), "{variant}, window {at}");
        let spread = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
        let worst = logits.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        eprintln!("{variant}, window {at}: logits up to {spread} deviate by {worst}");
        assert!(spread > 1.0 && worst <= 1e-3, "{variant}, window {at}: logits deviate by {worst}");
        assert_eq!(logits, &model.logits(&[samples])[0], "{variant}, window {at} depends on the other windows");
    }
}

/// The name of a symbol in a vocabulary of letters, in which transformers writes the delimiter as a space.
fn symbol(id: usize) -> String {
    match id {
        0 => "<pad>".to_owned(),
        1 => "<s>".to_owned(),
        2 => "</s>".to_owned(),
        3 => "<unk>".to_owned(),
        4 => " ".to_owned(),
        31 => "'".to_owned(),
        letter => char::from(b'A' + (letter - 5) as u8).to_string(),
    }
}

#[test]
fn greedy_symbols_and_their_frames_agree_with_transformers() {
    for variant in ["base", "large"] {
        let windows = windows(&LENGTHS);
        let Some((folder, model, _)) = reference(variant, &windows) else { return };
        let text = std::fs::read_to_string(folder.path().join("greedy.json")).unwrap();
        let expected: HashMap<String, Vec<(String, usize, usize)>> = serde_json::from_str(&text).unwrap();
        for (at, samples) in windows.iter().enumerate() {
            let emitted = greedy::decode(&model.emissions(&[samples])[0]);
            let found: Vec<_> = emitted.iter().map(|it| (symbol(it.id), it.start, it.end)).collect();
            assert_eq!(found, expected[&at.to_string()], "{variant}, window {at}");
        }
        assert!(expected.values().map(Vec::len).sum::<usize>() > 50, "{expected:?}");
    }
}

#[test]
fn logits_in_the_layout_of_base_agree_with_transformers() {
    agrees("base", &LENGTHS);
}

#[test]
fn logits_in_the_layout_of_large_and_xlsr_agree_with_transformers() {
    agrees("large", &LENGTHS);
}

#[test]
fn logits_with_older_names_of_the_weight_norm_agree_with_transformers() {
    agrees("older", &LENGTHS);
}

#[test]
fn logits_of_group_norm_with_stable_layers_agree_with_transformers() {
    agrees("mixed", &LENGTHS);
}

#[test]
fn logits_in_the_dimensions_of_base_agree_with_transformers() {
    agrees("real", &[16_000, 80_000]);
}

#[test]
fn emissions_of_a_window_too_short_for_a_frame_are_empty() {
    let windows = windows(&[399, 16_000, 0]);
    let Some((_folder, model, _)) = reference("base", &windows[1..2]) else { return };
    let emissions = model.emissions(&windows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(emissions.iter().map(|window| window.frames()).collect::<Vec<_>>(), [0, 49, 0]);
    assert_eq!(model.emissions(&[&windows[0]])[0].frames(), 0);
}

#[test]
fn blocks_of_a_long_window_join() {
    let windows = windows(&[(BLOCK + 700) * 320]);
    let Some((_folder, model, _)) = reference("large", &[vec![0.1; 4_000]]) else { return };
    let samples = model.prepare(&windows[0]);
    let blocks = model.blocks(samples.len());
    assert_eq!(blocks.len(), 2);
    let frames = model.config.frames(samples.len());
    assert_eq!(blocks.iter().map(|block| block.kept.len()).sum::<usize>(), frames);
    assert!(blocks.iter().all(|block| model.config.frames(block.samples.len()) <= BLOCK));
    assert!(blocks.iter().all(|block| block.samples.end <= samples.len()));
    assert_eq!(model.emissions(&[&windows[0]])[0].frames(), frames);
}
