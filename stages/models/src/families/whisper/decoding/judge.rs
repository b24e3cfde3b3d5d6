//! The decoding rules applied to given numbers, for comparison with a reference.

use super::fallback::{Attempt, rejection};
use super::options::LogitFilter;
use super::sampler;
use crate::TranscribeConfig;

pub(crate) use super::fallback::compression_ratio;

/// The most likely token after `tokens` and its log-probability, with timestamps. `rules` are the end token, the first
/// timestamp and the last initial timestamp. All tokens are allowed except those between end token and timestamps.
pub(crate) fn likeliest(logits: &[f32], rules: [u32; 3], tokens: &[u32]) -> (u32, f32) {
    let [end, first, last_initial] = rules;
    let mut any = vec![0.0; logits.len()];
    any[end as usize + 1..first as usize].fill(f32::NEG_INFINITY);
    let timestamps = first..logits.len() as u32;
    let filter = LogitFilter { first: any.clone(), any, end, timestamps, initial: first..last_initial + 1 };
    let best = sampler::likeliest(logits, &filter, &filter.timestamp_rules(tokens), 1).unwrap();
    (best[0].token, best[0].logprob)
}

/// The temperature of the attempt that is kept. The columns of `attempts` are temperature, compression ratio, mean
/// log-probability and no-speech probability. `None` if the window is dropped as silent.
pub(crate) fn taken(attempts: &[[f32; 4]]) -> Option<f32> {
    let config = TranscribeConfig::default();
    let is_rejected = |row: &[f32; 4]| {
        let [_, compression_ratio, avg_logprob, no_speech_prob] = *row;
        let attempt = Attempt { compression_ratio, avg_logprob, ..Attempt::default() };
        rejection(&config, &attempt, no_speech_prob, "", "en").is_some()
    };
    let taken = attempts.iter().find(|row| !is_rejected(row)).or(attempts.last())?;
    let [temperature, _, avg_logprob, no_speech_prob] = *taken;
    (!config.is_silent(avg_logprob, no_speech_prob)).then_some(temperature)
}
