//! Windows that are done become hypotheses: their text is fed once more, to see where the alignment heads look.

use candle_core::Result;
use rayon::prelude::*;

use super::job::Job;
use super::rules::Rules;
use crate::model::{Cache, Whisper};
use crate::times::{Attention, token_boundaries_s};
use crate::window::Hypothesis;

/// The hypotheses of the windows that leave these slots, with the keys of their units.
pub(super) fn hypotheses(
    model: &Whisper,
    rules: &Rules,
    cache: &Cache,
    jobs: Vec<(usize, Job)>,
) -> Result<Vec<(usize, Hypothesis)>> {
    let attended = jobs.into_iter().map(|(slot, job)| {
        let attention = if rules.config.token_times { Some(attend(model, rules, cache, slot, &job)?) } else { None };
        Ok((job, attention))
    });
    let attended = attended.collect::<Result<Vec<_>>>()?;
    let hypothesis = |(job, attention): (Job, Option<Option<Attention>>)| {
        let tokens = job.text_tokens(rules).len();
        let boundaries_s = attention.map(|attention| match attention {
            Some(attention) => token_boundaries_s(attention, tokens, rules.median_filter_width),
            None => vec![0.0],
        });
        (job.key, job.hypothesis(boundaries_s, rules))
    };
    Ok(attended.into_par_iter().map(hypothesis).collect())
}

/// The attention over a text as openai-whisper's `find_alignment` looks at it: behind the prompt without timestamps,
/// followed by the end token. None of an empty text; of one that the decoder has no positions for, the part that fits.
fn attend(model: &Whisper, rules: &Rules, cache: &Cache, slot: usize, job: &Job) -> Result<Option<Attention>> {
    let prompt = rules.aligning(job.language);
    let mut text = job.text_tokens(rules);
    text.truncate(rules.capacity().saturating_sub(prompt.len() + 1));
    if text.is_empty() {
        return Ok(None);
    }
    let tokens = [prompt.as_slice(), &text, &[rules.choosable.end]].concat();
    let (_, weights) = model.attend(slot, &tokens, cache)?;
    let (heads, rows, positions) = weights.dims3()?;
    Ok(Some(Attention {
        weights: weights.flatten_all()?.to_vec1()?,
        heads,
        rows,
        padded_positions: positions,
        positions: job.window.positions,
        first: prompt.len() - 1,
    }))
}
