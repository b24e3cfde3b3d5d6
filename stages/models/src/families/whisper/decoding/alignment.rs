//! Turns finished windows into hypotheses. Their text is fed to the decoder once more, to compute the cross-attention
//! of the alignment heads.

use candle_core::{Result, Tensor};
use kernels::probe::{span, span_of};
use rayon::prelude::*;

use super::options::DecodingOptions;
use super::task::DecodeTask;
use crate::families::whisper::network::{Backend, Text};
use crate::families::whisper::times::{Attention, Speech, token_boundaries_s};
use crate::families::whisper::unit::Hypothesis;

/// Number of texts that are fed at once. It is enough to fill a GPU, and fits its memory even for models that name no
/// alignment heads, which have hundreds of them.
const TEXTS_AT_ONCE: usize = 8;

/// The hypotheses of the windows in these slots, which are leaving the cache, with the keys of their units.
pub(super) fn hypotheses<B: Backend>(
    network: &B,
    options: &DecodingOptions,
    cache: &B::Cache,
    mut tasks: Vec<(usize, DecodeTask)>,
) -> Result<Vec<(usize, Hypothesis)>> {
    if !options.config.token_times {
        return Ok(tasks.into_iter().map(|(_, task)| (task.key, task.hypothesis(None, options))).collect());
    }
    let hypothesis = |((_, task), attention): ((usize, DecodeTask), Option<Attention>)| {
        let text = task.text_tokens(options);
        let may_pause: Vec<bool> = text.iter().map(|token| options.may_follow_pause(*token)).collect();
        let speech = Speech { sounding: &task.window.sounding, may_pause: &may_pause };
        let boundaries_s = match attention {
            Some(attention) => token_boundaries_s(attention, text.len(), options.median_filter_width, speech),
            None => vec![0.0],
        };
        (task.key, task.hypothesis(Some(boundaries_s), options))
    };
    let mut hypotheses = Vec::with_capacity(tasks.len());
    while !tasks.is_empty() {
        let later = tasks.split_off(tasks.len().min(TEXTS_AT_ONCE));
        let attention = span_of("alignment.attention", tasks.len(), Backend::device(network), || {
            attention(network, options, cache, &tasks)
        })?;
        let timed = || Ok(tasks.into_par_iter().zip(attention).map(hypothesis).collect::<Vec<_>>());
        hypotheses.extend(span("alignment.times", Backend::device(network), timed)?);
        tasks = later;
    }
    Ok(hypotheses)
}

/// The attention over each text, as in openai-whisper's `find_alignment`: the text follows the prompt without
/// timestamps and is followed by the end token. `None` for an empty text. A text that exceeds the decoder's positions
/// is truncated.
fn attention<B: Backend>(
    network: &B,
    options: &DecodingOptions,
    cache: &B::Cache,
    tasks: &[(usize, DecodeTask)],
) -> Result<Vec<Option<Attention>>> {
    let fed: Vec<Vec<u32>> = tasks.iter().map(|(_, task)| fed(options, task)).collect();
    let slots = tasks.iter().map(|(slot, _)| *slot);
    let texts: Vec<_> = slots.zip(&fed).map(|(slot, tokens)| Text { slot, tokens }).collect();
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.tokens.is_empty()).collect();
    let mut weights = network.attention(&texts, cache)?.into_iter();
    let of_text = |((_, task), fed): (&(usize, DecodeTask), &Vec<u32>)| {
        let weights = if fed.is_empty() { None } else { weights.next() };
        let of_weights = |weights: Tensor| {
            let (heads, rows, positions) = weights.dims3()?;
            Ok(Attention {
                weights: weights.flatten_all()?.to_vec1()?,
                heads,
                rows,
                padded_positions: positions,
                positions: task.window.positions,
                first: options.aligning(task.language).len() - 1,
            })
        };
        weights.map(of_weights).transpose()
    };
    tasks.iter().zip(&fed).map(of_text).collect()
}

/// The tokens that are fed for alignment; empty for an empty text.
fn fed(options: &DecodingOptions, task: &DecodeTask) -> Vec<u32> {
    let prompt = options.aligning(task.language);
    let mut text = task.text_tokens(options);
    text.truncate(options.capacity().saturating_sub(prompt.len() + 1));
    if text.is_empty() { text } else { [prompt.as_slice(), &text, &[options.filter.end]].concat() }
}
