//! Checks the custody log: its chain, its file, and that the store contains what it states.

use scheduler::store::{
    Compared, Custody, Disagreement, Entry, IncidentKind, Line, Present, Subject, Writer, audit, is_one_group,
    line_sha256, logs_beside, read_chain,
};
use stage_core::shown;

use super::{Case, Check, Report, Request, Strength};
use crate::error::Error;
use crate::export::utc;

pub(super) fn check(case: &Case<'_>, request: &Request<'_>, report: &mut Report) -> Result<(), Error> {
    let Case { custody, lines, broken_link, .. } = case;
    report.case = Some(custody.case.clone());
    check_file(case, report)?;
    check_other_logs(request, custody, report);
    report.counts.log_lines = lines.len();
    match broken_link {
        Some(fault) => report.fault(Check::Log, format!("custody log in the store: {fault}")),
        None => report.head = custody.head(),
    }
    note_events(lines, report);
    let audit = audit(case.store, lines).map_err(Error::store)?;
    report.counts.records = audit.records;
    for disagreement in &audit.disagreements {
        report.fault(check_of(disagreement), disagreement.to_string());
    }
    check_heads(request.heads, custody, report);
    Ok(())
}

/// What a record that disagrees with the log is about.
const fn check_of(disagreement: &Disagreement) -> Check {
    match &disagreement.subject {
        Subject::Recording(_) | Subject::Place(..) => Check::Recording,
        Subject::Artifact(_) => Check::Artifact,
        Subject::Output(_) => Check::File,
        _ => Check::Log,
    }
}

/// Compares the file of the log with the store, and names the first broken link.
fn check_file(case: &Case<'_>, report: &mut Report) -> Result<(), Error> {
    let custody = &case.custody;
    let Some(path) = &custody.file else { return Ok(()) };
    let name = shown(path);
    let bytes = match custody.read_file() {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            report.fault(Check::Log, format!("{name}: the custody log is missing; the store has its lines"));
            return Ok(());
        }
        Err(error) => {
            report.fault(Check::Log, format!("{name}: the custody log cannot be read: {error}"));
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    if let (_, Some(fault)) = read_chain(whole.lines()) {
        report.fault(Check::Log, format!("{name}: {fault}"));
    }
    match custody.compare(&bytes) {
        Compared::Start(Present { whole, torn_bytes }) => {
            check_end(case, &name, whole, torn_bytes, report)?;
        }
        different => report.fault(Check::Log, format!("{name}: {different}")),
    }
    Ok(())
}

/// A killed process leaves at most the lines of one transaction out of the file, and the next one appends them.
fn check_end(case: &Case<'_>, name: &str, whole: usize, torn_bytes: usize, report: &mut Report) -> Result<(), Error> {
    let missing = &case.custody.lines[whole..];
    if missing.is_empty() {
        return Ok(());
    }
    let lacks = format!("{name}: it lacks the last {} lines that the store has", missing.len());
    let is_written = case.store.writer().map_err(Error::store)? != Writer::None;
    if is_one_group(case.lines.get(whole..).unwrap_or_default()) || is_written {
        let torn = if torn_bytes > 0 { ", and its last line is torn" } else { "" };
        let why = if is_written { "a run is in progress" } else { "a process was killed" };
        report.note(Check::Log, format!("{lacks}{torn}: {why}, and the next run appends them"));
    } else {
        report.fault(Check::Log, format!("{lacks}: it was cut"));
    }
    Ok(())
}

/// Logs with the store's name that are not its own.
fn check_other_logs(request: &Request<'_>, custody: &Custody, report: &mut Report) {
    let logs = request.url.path().map(logs_beside).unwrap_or_default();
    for log in logs.iter().filter(|log| custody.file.as_ref() != Some(*log)) {
        report.fault(Check::Log, format!("{}: a custody log that this store did not write", shown(log)));
    }
}

/// What the user should know, without being inconsistent: changes of the clock, repairs, changed recordings.
fn note_events(lines: &[Line], report: &mut Report) {
    let mut changed = 0;
    for line in lines {
        match &line.entry {
            Entry::Clock { moved_ms } => {
                let (at, by_s) = (utc(line.at_ms), *moved_ms as f64 / 1000.0);
                report.note(
                    Check::Log,
                    format!("log line {}: the clock was changed by {by_s:+.1} s, to {at}", line.seq + 1),
                );
            }
            Entry::Repaired { appended, torn } => {
                let torn = if *torn { ", the last of which was torn" } else { "" };
                let message = format!("log line {}: {appended} lines were appended after a kill{torn}", line.seq + 1);
                report.note(Check::Log, message);
            }
            Entry::Incident { incident: IncidentKind::RecordingChanged, .. } => changed += 1,
            _ => {}
        }
    }
    if changed > 0 {
        let message = format!("incidents of recordings that had changed: {changed}; see `status`");
        report.note(Check::Recording, message);
    }
}

/// Looks for heads that were written down among the lines.
fn check_heads(heads: &[String], custody: &Custody, report: &mut Report) {
    if heads.is_empty() {
        return;
    }
    report.compared_with.push(Strength::Head);
    let hashes: Vec<_> = custody.lines.iter().map(|line| line_sha256(line)).collect();
    for head in heads {
        match hashes.iter().position(|hash| hash.eq_ignore_ascii_case(head)) {
            None => {
                let message =
                    format!("head {head}: not in the custody log: the log was made anew, or is of another case");
                report.fault(Check::Head, message);
            }
            Some(at) => {
                let later = hashes.len() - at - 1;
                report.note(Check::Head, format!("head {head}: line {}, and {later} lines are later", at + 1));
            }
        }
    }
}
