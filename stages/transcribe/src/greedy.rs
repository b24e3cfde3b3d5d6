//! Greedy decoding of a batch of windows, row by row independent of each other.

mod choice;
mod rows;
mod rules;

use candle_core::Result;

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
    let mut cache = model.cache(windows.len(), 1, rules.capacity())?;
    for (slot, audio) in model.encode(&windows.iter().collect::<Vec<_>>())?.into_iter().enumerate() {
        cache.admit(slot, audio)?;
    }
    let mut rows = Rows::new(windows);
    let logits = model.step(&rows.live(), &vec![rules.start; windows.len()], &mut cache)?;
    rows.read_start(rules, &logits)?;
    let mut logits = model.step(&rows.live(), &rows.prompts(rules), &mut cache)?;
    loop {
        rows.choose(rules, &logits)?;
        if rows.live().is_empty() {
            break;
        }
        logits = model.step(&rows.live(), &rows.last_tokens(rules), &mut cache)?;
    }
    rows.finish().into_iter().enumerate().map(|(slot, row)| row.hypothesis(rules, slot, model, &cache)).collect()
}
