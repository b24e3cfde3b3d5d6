//! Networks of a given size with random weights, in the Hugging Face layout.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

/// The size of a network.
pub(crate) struct Size {
    /// Its name in the table.
    pub(crate) name: &'static str,
    width: usize,
    layers: usize,
    heads: usize,
}

/// The dimensions of whisper-tiny.
pub(crate) const TINY: Size = Size { name: "tiny", width: 384, layers: 4, heads: 6 };
/// The dimensions of whisper-base.
pub(crate) const BASE: Size = Size { name: "base", width: 512, layers: 6, heads: 8 };

/// The dimensions of whisper-small.
pub(crate) const SMALL: Size = Size { name: "small", width: 768, layers: 12, heads: 12 };

const VOCABULARY: usize = 51_865;
/// Positions of the encoder: 30 s.
const POSITIONS: usize = 1500;
const EMBEDDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/test-tiny");

/// Writes the network, with the embedded model's tokenizer extended to the size of the vocabulary.
pub(crate) fn write(size: &Size, directory: &Path) {
    let embedded = |file: &str| -> Value {
        let bytes = fs::read(Path::new(EMBEDDED).join(file)).expect("the embedded model");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let write = |file: &str, bytes: &[u8]| fs::write(directory.join(file), bytes).expect("room on the disk");
    let end = embedded("generation_config.json")["eos_token_id"].as_u64().expect("an id") as usize;
    write("tokenizer.json", filled_up(embedded("tokenizer.json"), end).to_string().as_bytes());
    // The end token is suppressed, so that every text is as long as the budget.
    let generation = json!({"is_multilingual": true, "suppress_tokens": [end]});
    write("generation_config.json", generation.to_string().as_bytes());
    let Size { width, layers, heads, .. } = *size;
    let config = json!({
        "vocab_size": VOCABULARY, "num_mel_bins": 80, "d_model": width, "encoder_layers": layers,
        "encoder_attention_heads": heads, "encoder_ffn_dim": 4 * width, "decoder_layers": layers,
        "decoder_attention_heads": heads, "decoder_ffn_dim": 4 * width, "max_source_positions": POSITIONS,
        "max_target_positions": 448, "activation_function": "gelu",
    });
    write("config.json", config.to_string().as_bytes());
    candle_core::safetensors::save(&tensors(width, layers), directory.join("model.safetensors")).expect("room on disk");
}

/// Adds names for all tokens after the tokenizer's own. The timestamps of a window of 30 s follow their marker.
fn filled_up(mut tokenizer: Value, end: usize) -> Value {
    let added = tokenizer["added_tokens"].as_array_mut().expect("the added tokens");
    let marker = added.iter().find(|token| token["content"] == "<|notimestamps|>").expect("Whisper's token").clone();
    let first = marker["id"].as_u64().expect("an id") as usize + 1;
    added.retain(|token| token["id"].as_u64().is_some_and(|id| (id as usize) < first));
    for id in first + POSITIONS + 1..VOCABULARY {
        let mut filler = marker.clone();
        (filler["id"], filler["content"]) = (json!(id), json!(format!("<|filler {}|>", id - end)));
        added.push(filler);
    }
    tokenizer
}

fn tensors(width: usize, layers: usize) -> HashMap<String, Tensor> {
    let mut shapes = vec![
        ("encoder.conv1.weight".to_owned(), vec![width, 80, 3]),
        ("encoder.conv1.bias".to_owned(), vec![width]),
        ("encoder.conv2.weight".to_owned(), vec![width, width, 3]),
        ("encoder.conv2.bias".to_owned(), vec![width]),
        ("encoder.embed_positions.weight".to_owned(), vec![POSITIONS, width]),
        ("decoder.embed_positions.weight".to_owned(), vec![448, width]),
        ("decoder.embed_tokens.weight".to_owned(), vec![VOCABULARY, width]),
    ];
    let mut linear = |name: String, outputs: usize, inputs: usize| {
        shapes.push((format!("{name}.weight"), vec![outputs, inputs]));
        if !name.ends_with("k_proj") {
            shapes.push((format!("{name}.bias"), vec![outputs]));
        }
    };
    let mut norms = vec!["encoder.layer_norm".to_owned(), "decoder.layer_norm".to_owned()];
    for (side, attentions) in [("encoder", &["self_attn"][..]), ("decoder", &["self_attn", "encoder_attn"])] {
        for layer in (0..layers).map(|layer| format!("{side}.layers.{layer}")) {
            for attention in attentions {
                for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                    linear(format!("{layer}.{attention}.{projection}"), width, width);
                }
                norms.push(format!("{layer}.{attention}_layer_norm"));
            }
            linear(format!("{layer}.fc1"), 4 * width, width);
            linear(format!("{layer}.fc2"), width, 4 * width);
            norms.push(format!("{layer}.final_layer_norm"));
        }
    }
    shapes.extend(
        norms.into_iter().flat_map(|name| ["weight", "bias"].map(|part| (format!("{name}.{part}"), vec![width]))),
    );
    let random = |shape: Vec<usize>| {
        Tensor::randn(0f32, 0.05, shape, &Device::Cpu).and_then(|tensor| tensor.to_dtype(DType::F16)).expect("a tensor")
    };
    shapes.into_iter().map(|(name, shape)| (format!("model.{name}"), random(shape))).collect()
}
