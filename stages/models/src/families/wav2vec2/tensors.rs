//! The tensors of Wav2Vec2ForCTC, with the names of transformers' implementation.

use crate::TensorSpec;

use super::model_config::{FeatureNorm, Wav2Vec2Config};

/// The embedding of masked frames. It is needed only in training, but most models store it.
pub(super) const MASK: &str = "wav2vec2.masked_spec_embed";
/// Norm and direction of the position convolution's weight, with torch's older names and its newer ones.
pub(super) const OLDER: [&str; 2] = ["weight_g", "weight_v"];
pub(super) const NEWER: [&str; 2] = ["parametrizations.weight.original0", "parametrizations.weight.original1"];
/// The position convolution.
pub(super) const POSITIONS: &str = "wav2vec2.encoder.pos_conv_embed.conv";

/// Every tensor that a network with this configuration must have, created lazily. `positions` are the names of the
/// position convolution's weight.
pub(super) fn specs(config: &Wav2Vec2Config, positions: [&str; 2]) -> impl Iterator<Item = TensorSpec> {
    let (hidden, wide) = (config.hidden_size, config.intermediate_size);
    let features = config.conv_dim.last().copied().unwrap_or(1);
    let taps = config.num_conv_pos_embeddings;
    let [norm_of_weight, direction] = positions.map(|name| format!("{POSITIONS}.{name}"));
    let body = [
        TensorSpec::floats(norm_of_weight, &[1, 1, taps]),
        TensorSpec::floats(direction, &[hidden, hidden / config.num_conv_pos_embedding_groups, taps]),
        TensorSpec::floats(format!("{POSITIONS}.bias"), &[hidden]),
    ];
    let layer = move |index| {
        let layer = format!("wav2vec2.encoder.layers.{index}");
        let attention = ["q_proj", "k_proj", "v_proj", "out_proj"]
            .map(|name| TensorSpec::linear(format!("{layer}.attention.{name}"), hidden, hidden));
        let norms = ["layer_norm", "final_layer_norm"].map(|name| TensorSpec::norm(format!("{layer}.{name}"), hidden));
        let up = TensorSpec::linear(format!("{layer}.feed_forward.intermediate_dense"), hidden, wide);
        let down = TensorSpec::linear(format!("{layer}.feed_forward.output_dense"), wide, hidden);
        attention.into_iter().chain(norms).chain([up, down]).flatten()
    };
    (0..config.conv_dim.len())
        .flat_map(|index| convolution(config, index))
        .chain(TensorSpec::norm("wav2vec2.feature_projection.layer_norm", features))
        .chain(TensorSpec::linear("wav2vec2.feature_projection.projection", features, hidden))
        .chain(body)
        .chain(TensorSpec::norm("wav2vec2.encoder.layer_norm", hidden))
        .chain(TensorSpec::linear("lm_head", hidden, config.vocab_size))
        .chain((0..config.num_hidden_layers).flat_map(layer))
}

/// The tensors of a convolution of the feature extractor, with its norm if it has one.
fn convolution(config: &Wav2Vec2Config, index: usize) -> Vec<TensorSpec> {
    let layer = format!("wav2vec2.feature_extractor.conv_layers.{index}");
    let inputs = if index == 0 { 1 } else { config.conv_dim[index - 1] };
    let outputs = config.conv_dim[index];
    let weight = TensorSpec::floats(format!("{layer}.conv.weight"), &[outputs, inputs, config.conv_kernel[index]]);
    let bias = config.conv_bias.then(|| TensorSpec::floats(format!("{layer}.conv.bias"), &[outputs]));
    let has_norm = index == 0 || config.feat_extract_norm == FeatureNorm::Layer;
    let norm = has_norm.then(|| TensorSpec::norm(format!("{layer}.layer_norm"), outputs));
    [weight].into_iter().chain(bias).chain(norm.into_iter().flatten()).collect()
}
