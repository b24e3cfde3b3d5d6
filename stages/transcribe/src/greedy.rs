//! Greedy decoding of a batch of windows, row by row independent of each other.

mod choice;
mod rows;
mod rules;

use candle_core::Result;
use rayon::prelude::*;

use crate::model::Whisper;
use crate::window::{Hypothesis, MelWindow};

use rows::Rows;
pub(crate) use rules::Rules;

/// Transcribes a batch of windows; answer `i` belongs to window `i`. No row influences another's tokens, and no row
/// runs past the rules' token budget.
pub(crate) fn transcribe(model: &Whisper, rules: &Rules, windows: &[MelWindow]) -> Result<Vec<Hypothesis>> {
    if windows.is_empty() {
        return Ok(Vec::new());
    }
    let mut cache = model.decoder.start(&model.encode(windows)?, rules.capacity())?;
    let mut rows = Rows::new(windows);

    let step = model.step(&vec![vec![rules.start]; windows.len()], &mut cache)?;
    rows.read_attention(&step.attention)?;
    rows.read_start(rules, &step.logits)?;

    let mut step = model.step(&rows.prompts(rules), &mut cache)?;
    loop {
        rows.read_attention(&step.attention)?;
        rows.choose(rules, &step.logits)?;
        if rows.all_done() {
            break;
        }
        if let Some(kept) = rows.compact() {
            cache.keep(&kept)?;
        }
        step = model.step(&rows.last_tokens(rules), &mut cache)?;
    }
    Ok(rows.finish().into_par_iter().map(|row| row.hypothesis(rules)).collect())
}
