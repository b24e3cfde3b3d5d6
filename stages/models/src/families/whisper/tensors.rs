//! The tensors of Whisper's network, with the names of transformers' implementation.

use crate::TensorSpec;

use crate::families::whisper::model_config::WhisperConfig;

/// The token embedding, which is also the output projection.
pub(crate) const EMBEDDING: &str = "model.decoder.embed_tokens.weight";
/// The output projection, which some tools store separately. It is a copy of the embedding.
pub(crate) const PROJECTION: &str = "proj_out.weight";
/// Scales of the output projection, if it is in 8 bits.
pub(crate) const PROJECTION_SCALES: &str = "proj_out.weight_scale";

/// Every tensor that a network with this configuration must have. Specs are created lazily, because a configuration may
/// state any number of layers.
pub(crate) fn specs(config: &WhisperConfig) -> impl Iterator<Item = TensorSpec> + '_ {
    let width = config.d_model;
    let encoder = [
        TensorSpec::floats("model.encoder.conv1.weight", &[width, config.num_mel_bins, 3]),
        TensorSpec::floats("model.encoder.conv1.bias", &[width]),
        TensorSpec::floats("model.encoder.conv2.weight", &[width, width, 3]),
        TensorSpec::floats("model.encoder.conv2.bias", &[width]),
        TensorSpec::floats("model.encoder.embed_positions.weight", &[config.max_source_positions, width]),
    ];
    let decoder = [
        TensorSpec::matrix("model.decoder.embed_tokens", config.vocab_size, width),
        TensorSpec::floats("model.decoder.embed_positions.weight", &[config.max_target_positions, width]),
    ];
    let encoder_layer = move |index| {
        let layer = format!("model.encoder.layers.{index}");
        let blocks = [attention(&layer, "self_attn", width), mlp(&layer, width, config.encoder_ffn_dim)];
        blocks.into_iter().flatten()
    };
    let decoder_layer = move |index| {
        let layer = format!("model.decoder.layers.{index}");
        let attentions = ["self_attn", "encoder_attn"].map(|name| attention(&layer, name, width));
        attentions.into_iter().flatten().chain(mlp(&layer, width, config.decoder_ffn_dim))
    };
    let norms = ["model.encoder.layer_norm", "model.decoder.layer_norm"]
        .into_iter()
        .flat_map(move |name| TensorSpec::norm(name, width));
    encoder
        .into_iter()
        .chain(decoder)
        .chain(norms)
        .chain((0..config.encoder_layers).flat_map(encoder_layer))
        .chain((0..config.decoder_layers).flat_map(decoder_layer))
}

/// An attention with its preceding norm. Keys have no bias.
fn attention(layer: &str, name: &str, width: usize) -> Vec<TensorSpec> {
    let projections =
        ["q_proj", "k_proj", "v_proj", "out_proj"].map(|projection| format!("{layer}.{name}.{projection}"));
    let matrices = projections.iter().map(|projection| TensorSpec::matrix(projection, width, width));
    let with_bias = projections.iter().filter(|projection| !projection.ends_with("k_proj"));
    let biases = with_bias.map(|projection| TensorSpec::floats(format!("{projection}.bias"), &[width]));
    matrices.chain(biases).chain(TensorSpec::norm(format!("{layer}.{name}_layer_norm"), width)).collect()
}

/// An MLP with its preceding norm.
fn mlp(layer: &str, width: usize, hidden: usize) -> Vec<TensorSpec> {
    let linear = |name: &str, inputs, outputs| TensorSpec::linear(format!("{layer}.{name}"), inputs, outputs);
    let norm = TensorSpec::norm(format!("{layer}.final_layer_norm"), width);
    linear("fc1", width, hidden).into_iter().chain(linear("fc2", hidden, width)).chain(norm).collect()
}
