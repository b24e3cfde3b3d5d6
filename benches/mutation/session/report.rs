//! The result of a session as Markdown.

use std::fmt::Write as _;

use super::{Outcome, Session};

pub(super) fn markdown(session: &Session) -> String {
    let Session { options, sources, counts, findings, batches, elapsed, peak_memory, peak_disk, .. } = session;
    let mutants: usize = counts.values().map(|counts| counts.mutants).sum();
    let mut text = String::from("# Mutated files through `earwitness run`\n\n");
    let mut line = |written: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = text.write_fmt(written);
    };
    line(format_args!(
        "`cargo bench -p earwitness --bench mutation -- --seconds {} --seed {} --batch {}`\n\n",
        elapsed.as_secs(),
        options.seed,
        options.batch
    ));
    line(format_args!(
        "- {mutants} mutants of {} formats in {batches} runs, {:.0} s\n",
        sources.len(),
        elapsed.as_secs_f64()
    ));
    line(format_args!("- highest memory of the program and its workers {} MiB, ", peak_memory >> 20));
    line(format_args!("highest size of result folder and spill folder {} MiB\n", peak_disk >> 20));
    line(format_args!("- {} findings (panic, hang, exit code, memory, disk, unexplained loss)\n\n", findings.len()));
    line(format_args!(
        "| format | unmutated | mutants | done | of these with warnings | failed, by code |\n|---|---|---|---|---|---|\n"
    ));
    for (format, counts) in counts {
        let source = sources.iter().find(|source| source.format == format);
        let whole = match source.and_then(|source| source.whole.as_ref()) {
            Some(Outcome::Done(facts)) => format!("{:.2} s", facts.duration_s),
            Some(Outcome::Failed(code)) => code.clone(),
            None => "-".to_owned(),
        };
        let failed: Vec<String> = counts.failed.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let (done, warned) = (counts.done, counts.with_warnings);
        line(format_args!("| {format} | {whole} | {} | {done} | {warned} | {} |\n", counts.mutants, failed.join(", ")));
    }
    if !findings.is_empty() {
        line(format_args!("\nFindings:\n\n"));
    }
    for finding in findings {
        line(format_args!("- {finding}\n"));
    }
    text
}
