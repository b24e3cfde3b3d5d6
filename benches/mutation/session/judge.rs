//! Checks what became of the mutants.

use std::fmt;

use super::batch::{Account, Batch, Facts, Outcome};
use super::mutations::Mutant;

/// Memory of the program and its workers that is never needed, in bytes.
const MOST_MEMORY: u64 = 2 << 30;
/// Disk that is never needed for a batch, in bytes.
const MOST_DISK: u64 = 2 << 30;
/// Bytes of headers that a mutation may turn into sound and back.
const SLACK_BYTES: u64 = 64;
/// Frames of a codec that may be trimmed, and the length of the longest one in seconds.
const TRIMMED_FRAMES: u64 = 2;
const FRAME_S: f64 = 0.13;

/// A check that a mutant or its batch failed.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// The file, or empty for the whole batch.
    pub(crate) file: String,
    pub(crate) mutations: Vec<String>,
    pub(crate) problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, mutations, problem } = self;
        write!(f, "{file} ({}): {problem}", mutations.join("; "))
    }
}

pub(crate) fn judge(mutants: &[Mutant], batch: &Batch) -> Vec<Finding> {
    let of_batch = |problem: String| Finding { file: String::new(), mutations: Vec::new(), problem };
    let mut found: Vec<Finding> = batch_problems(batch).into_iter().map(of_batch).collect();
    for mutant in mutants {
        let problem = match batch.outcome(&mutant.name) {
            None => Some("neither done nor failed".to_owned()),
            Some(Outcome::Failed(code)) => bad_code(code),
            Some(Outcome::Done(facts)) => loss(mutant, facts),
        };
        let finding = |problem| Finding { file: mutant.name.clone(), mutations: mutant.mutations.clone(), problem };
        found.extend(problem.map(finding));
    }
    found
}

fn batch_problems(batch: &Batch) -> Vec<String> {
    let mut problems = Vec::new();
    if batch.hung {
        problems.push(format!("did not end in {:.0} s", batch.took.as_secs_f64()));
    } else if !matches!(batch.code, Some(0 | 3)) && !documented_warning(batch.code) {
        problems.push(format!("exit code {:?}: {}", batch.code, batch.stderr));
    }
    if batch.stderr.contains("panicked") {
        problems.push(format!("a panic: {}", batch.stderr));
    }
    for (what, used, most) in [("memory", batch.peak_memory, MOST_MEMORY), ("disk", batch.peak_disk, MOST_DISK)] {
        if used > most {
            problems.push(format!("used {} MiB of {what}", used >> 20));
        }
    }
    problems
}

/// The help lists all exit codes; codes from 7 to 99 are reserved for runs that are complete, with warnings.
const fn documented_warning(code: Option<i32>) -> bool {
    matches!(code, Some(7..=99))
}

/// Codes that no file may cause.
fn bad_code(code: &str) -> Option<String> {
    let internal = ["panic", "worker-died", "time-limit", "memory-limit", "samples-changed", "inference-failed"];
    internal.contains(&code).then(|| format!("failed with {code}"))
}

/// Why sound is missing without a warning, or `None`.
fn loss(mutant: &Mutant, facts: &Facts) -> Option<String> {
    let size = mutant.bytes.len() as u64;
    if let Some(Account { audio, other, left_out, .. }) = facts.account
        && audio + other + left_out != size
    {
        return Some(format!("{audio} + {other} + {left_out} bytes are accounted for, the file has {size}"));
    }
    if facts.warnings > 0 {
        return None;
    }
    if facts.duration_s <= 0.0 {
        return Some("an empty recording without a warning".to_owned());
    }
    let Some(Outcome::Done(whole)) = &mutant.whole else { return None };
    if mutant.removes {
        return None;
    }
    match (whole.account, facts.account) {
        (Some(whole), Some(own)) => {
            let frames = TRIMMED_FRAMES * whole.audio / whole.packets.max(1);
            let least = whole.audio.saturating_sub(frames + SLACK_BYTES);
            (own.audio < least).then(|| format!("{} of {} bytes of sound, without a warning", own.audio, whole.audio))
        }
        _ => {
            let same = (whole.rate_hz, whole.channels, &whole.codec) == (facts.rate_hz, facts.channels, &facts.codec);
            let (least, got) = (whole.duration_s - TRIMMED_FRAMES as f64 * FRAME_S, facts.duration_s);
            (same && got < least).then(|| format!("{got:.2} of {:.2} s, without a warning", whole.duration_s))
        }
    }
}
