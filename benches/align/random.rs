//! A Wav2Vec2ForCTC model of base's dimensions with random weights, in the layout of transformers.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Result, Tensor};

const HIDDEN: usize = 768;
const WIDE: usize = 3072;
const LAYERS: usize = 12;
const CHANNELS: usize = 512;
const TAPS: [usize; 7] = [10, 3, 3, 3, 3, 2, 2];
const SYMBOLS: [&str; 29] = [
    "<pad>", "<unk>", "|", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
    "s", "t", "u", "v", "w", "x", "y", "z",
];

/// Writes the model into a folder.
pub(crate) fn write_base(folder: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let vocabulary: HashMap<&str, usize> = SYMBOLS.iter().enumerate().map(|(id, symbol)| (*symbol, id)).collect();
    std::fs::write(folder.join("vocab.json"), serde_json::to_string(&vocabulary)?)?;
    std::fs::write(folder.join("config.json"), format!(r#"{{"vocab_size": {}}}"#, SYMBOLS.len()))?;
    candle_core::safetensors::save(&tensors()?, folder.join("model.safetensors"))?;
    Ok(())
}

fn tensors() -> Result<HashMap<String, Tensor>> {
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[usize]| -> Result<()> {
        let inputs: usize = shape.iter().skip(1).product();
        let scale = 1.0 / (inputs as f32).sqrt();
        let plain = shape.len() == 1;
        let is_norm = name.contains("norm.weight") || name.ends_with("original0");
        let (mean, deviation) = if is_norm { (1.0, 0.1) } else { (0.0, if plain { 0.02 } else { scale }) };
        tensors.insert(name, Tensor::randn(mean, deviation, shape, &Device::Cpu)?);
        Ok(())
    };
    let extractor = "wav2vec2.feature_extractor.conv_layers";
    for (index, taps) in TAPS.into_iter().enumerate() {
        add(format!("{extractor}.{index}.conv.weight"), &[CHANNELS, if index == 0 { 1 } else { CHANNELS }, taps])?;
    }
    for (name, width) in [
        (format!("{extractor}.0.layer_norm"), CHANNELS),
        ("wav2vec2.feature_projection.layer_norm".to_owned(), CHANNELS),
        ("wav2vec2.encoder.layer_norm".to_owned(), HIDDEN),
    ] {
        add(format!("{name}.weight"), &[width])?;
        add(format!("{name}.bias"), &[width])?;
    }
    let mut linear = |name: String, inputs: usize, outputs: usize| -> Result<()> {
        add(format!("{name}.weight"), &[outputs, inputs])?;
        add(format!("{name}.bias"), &[outputs])
    };
    linear("wav2vec2.feature_projection.projection".to_owned(), CHANNELS, HIDDEN)?;
    linear("lm_head".to_owned(), HIDDEN, SYMBOLS.len())?;
    for layer in (0..LAYERS).map(|index| format!("wav2vec2.encoder.layers.{index}")) {
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            linear(format!("{layer}.attention.{name}"), HIDDEN, HIDDEN)?;
        }
        linear(format!("{layer}.feed_forward.intermediate_dense"), HIDDEN, WIDE)?;
        linear(format!("{layer}.feed_forward.output_dense"), WIDE, HIDDEN)?;
    }
    for layer in (0..LAYERS).map(|index| format!("wav2vec2.encoder.layers.{index}")) {
        for name in ["layer_norm", "final_layer_norm"] {
            add(format!("{layer}.{name}.weight"), &[HIDDEN])?;
            add(format!("{layer}.{name}.bias"), &[HIDDEN])?;
        }
    }
    let positions = "wav2vec2.encoder.pos_conv_embed.conv";
    add(format!("{positions}.parametrizations.weight.original0"), &[1, 1, 128])?;
    add(format!("{positions}.parametrizations.weight.original1"), &[HIDDEN, HIDDEN / 16, 128])?;
    add(format!("{positions}.bias"), &[HIDDEN])?;
    Ok(tensors)
}
