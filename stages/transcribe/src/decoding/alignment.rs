//! Windows that are done become hypotheses: their text is fed once more, to see where the alignment heads look.

use candle_core::{Result, Tensor};
use kernels::probe::{span, span_of};
use rayon::prelude::*;

use super::job::Job;
use super::rules::Rules;
use crate::model::{Cache, Text, Whisper};
use crate::times::{Attention, Speech, token_boundaries_s};
use crate::window::Hypothesis;

/// Texts that are fed at once: enough to fill a GPU, and few enough for its memory where a model names no alignment
/// heads, which makes them hundreds.
const TEXTS_AT_ONCE: usize = 8;

/// The hypotheses of the windows that leave these slots, with the keys of their units.
pub(super) fn hypotheses(
    model: &Whisper,
    rules: &Rules,
    cache: &Cache,
    mut jobs: Vec<(usize, Job)>,
) -> Result<Vec<(usize, Hypothesis)>> {
    if !rules.config.token_times {
        return Ok(jobs.into_iter().map(|(_, job)| (job.key, job.hypothesis(None, rules))).collect());
    }
    let hypothesis = |((_, job), attention): ((usize, Job), Option<Attention>)| {
        let text = job.text_tokens(rules);
        let may_pause: Vec<bool> = text.iter().map(|token| rules.may_follow_pause(*token)).collect();
        let speech = Speech { sounding: &job.window.sounding, may_pause: &may_pause };
        let boundaries_s = match attention {
            Some(attention) => token_boundaries_s(attention, text.len(), rules.median_filter_width, speech),
            None => vec![0.0],
        };
        (job.key, job.hypothesis(Some(boundaries_s), rules))
    };
    let mut hypotheses = Vec::with_capacity(jobs.len());
    while !jobs.is_empty() {
        let later = jobs.split_off(jobs.len().min(TEXTS_AT_ONCE));
        let attention =
            span_of("alignment.attention", jobs.len(), model.device(), || attention(model, rules, cache, &jobs))?;
        let timed = || Ok(jobs.into_par_iter().zip(attention).map(hypothesis).collect::<Vec<_>>());
        hypotheses.extend(span("alignment.times", model.device(), timed)?);
        jobs = later;
    }
    Ok(hypotheses)
}

/// The attention over each text as openai-whisper's `find_alignment` looks at it: behind the prompt without timestamps,
/// followed by the end token. None of an empty text; of one that the decoder has no positions for, the part that fits.
fn attention(model: &Whisper, rules: &Rules, cache: &Cache, jobs: &[(usize, Job)]) -> Result<Vec<Option<Attention>>> {
    let fed: Vec<Vec<u32>> = jobs.iter().map(|(_, job)| fed(rules, job)).collect();
    let slots = jobs.iter().map(|(slot, _)| *slot);
    let texts: Vec<_> = slots.zip(&fed).map(|(slot, tokens)| Text { slot, tokens }).collect();
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.tokens.is_empty()).collect();
    let mut weights = model.attention(&texts, cache)?.into_iter();
    let of_text = |((_, job), fed): (&(usize, Job), &Vec<u32>)| {
        let weights = if fed.is_empty() { None } else { weights.next() };
        let of_weights = |weights: Tensor| {
            let (heads, rows, positions) = weights.dims3()?;
            Ok(Attention {
                weights: weights.flatten_all()?.to_vec1()?,
                heads,
                rows,
                padded_positions: positions,
                positions: job.window.positions,
                first: rules.aligning(job.language).len() - 1,
            })
        };
        weights.map(of_weights).transpose()
    };
    jobs.iter().zip(&fed).map(of_text).collect()
}

/// The tokens that are fed for alignment; none for an empty text.
fn fed(rules: &Rules, job: &Job) -> Vec<u32> {
    let prompt = rules.aligning(job.language);
    let mut text = job.text_tokens(rules);
    text.truncate(rules.capacity().saturating_sub(prompt.len() + 1));
    if text.is_empty() { text } else { [prompt.as_slice(), &text, &[rules.choosable.end]].concat() }
}
