//! Lines and how they are chained.

use serde::{Deserialize, Serialize};
use stage_core::sha256_hex;

use super::Entry;
use crate::store::{RunId, StoreError};

/// In place of the hash of the line before the first one.
const NO_LINE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How far the clock may go back between two entries without an entry about it, in milliseconds: time servers correct
/// clocks in small steps.
const CLOCK_TOLERANCE_MS: u64 = 2_000;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number in the chain, from 0.
    pub seq: u64,
    /// SHA-256 of the line before; 64 zeros for the first.
    pub prev: String,
    /// When it was written, in milliseconds since 1970, by the clock of the machine, or of the database server.
    pub at_ms: u64,
    /// Number of the first line of its transaction. Older versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u64>,
    /// The run that wrote it, in a store that several runs write to at the same time. Absent otherwise, and if a command
    /// wrote it that is not a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<i64>,
    /// What it states.
    pub entry: Entry,
}

/// The hash of a line: the SHA-256 of its bytes, without the newline.
#[must_use]
pub fn line_sha256(text: &str) -> String {
    sha256_hex(text.as_bytes())
}

/// The last line of a chain, as far as the next one depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Last {
    pub(in crate::store) seq: u64,
    pub(in crate::store) sha256: String,
    pub(in crate::store) at_ms: u64,
}

impl Last {
    /// The line that a text is, for what follows it.
    fn of(line: &Line, text: &str) -> Self {
        Self { seq: line.seq, sha256: line_sha256(text), at_ms: line.at_ms }
    }

    /// The line that a text contains.
    ///
    /// # Errors
    /// It is not a line of a log: the store was altered.
    pub(in crate::store) fn parse(text: &str) -> Result<Self, StoreError> {
        let unreadable = |_| StoreError::Unreadable { what: "last line of the custody log", value: text.to_owned() };
        Ok(Self::of(&serde_json::from_str(text).map_err(unreadable)?, text))
    }
}

/// The lines of one transaction.
pub(in crate::store) struct Sealed {
    /// Their numbers and texts.
    pub(in crate::store) lines: Vec<(u64, String)>,
    /// The last line of the chain, with these.
    pub(in crate::store) last: Option<Last>,
}

/// Makes the lines of one transaction, which follow the last line of a chain. If the clock went back since the last line,
/// a line about that comes first.
pub(in crate::store) fn seal(
    last: Option<Last>,
    now_ms: u64,
    by: Option<RunId>,
    entries: impl IntoIterator<Item = Entry>,
) -> Result<Sealed, StoreError> {
    let went_back = last.as_ref().filter(|last| now_ms + CLOCK_TOLERANCE_MS < last.at_ms);
    let clock = went_back.map(|last| Entry::Clock { moved_ms: now_ms.cast_signed() - last.at_ms.cast_signed() });
    let group = Some(last.as_ref().map_or(0, |last| last.seq + 1));
    let (mut lines, mut last) = (Vec::new(), last);
    for entry in clock.into_iter().chain(entries) {
        let (seq, prev) = last.as_ref().map_or((0, NO_LINE.to_owned()), |last| (last.seq + 1, last.sha256.clone()));
        // Small steps back do not make the times of a log go back.
        let behind = last.as_ref().map(|last| last.at_ms).filter(|at_ms| *at_ms < now_ms + CLOCK_TOLERANCE_MS);
        let at_ms = behind.map_or(now_ms, |at_ms| at_ms.max(now_ms));
        let line = Line { seq, prev, at_ms, group, by: by.map(|run| run.0), entry };
        let text = serde_json::to_string(&line)?;
        last = Some(Last::of(&line, &text));
        lines.push((seq, text));
    }
    Ok(Sealed { lines, last })
}

/// Whether lines were written in one transaction, so that a kill may leave all of them out of the log file.
#[must_use]
pub fn is_one_group(lines: &[Line]) -> bool {
    let [first, rest @ ..] = lines else { return true };
    rest.iter().all(|line| line.group.is_some() && line.group == first.group)
}

/// The first fault of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A line is not one that Earwitness writes.
    #[error("line {number}: not an entry of a custody log: {reason}")]
    Unreadable {
        /// Its number, from 1, as editors count.
        number: usize,
        /// Why.
        reason: String,
    },
    /// A line does not contain the hash of the one before: one of both was changed, or a line was removed or added.
    #[error(
        "line {number}: the chain is broken: it follows a line with hash {expected}, and the line before has {found}"
    )]
    Broken {
        /// Its number, from 1.
        number: usize,
        /// The hash that it contains.
        expected: String,
        /// The hash of the line before.
        found: String,
    },
    /// A line has another number than its place in the chain.
    #[error("line {number}: it has the number {found}, expected {expected}")]
    Number {
        /// Its number, from 1.
        number: usize,
        /// The number that it should have.
        expected: u64,
        /// The number that it has.
        found: u64,
    },
    /// A line states that its transaction began later, or before one that had already ended.
    #[error("line {number}: it cannot belong to a transaction that began with line {first}")]
    Group {
        /// Its number, from 1.
        number: usize,
        /// The line with which its transaction is said to begin, from 1.
        first: u64,
    },
    /// The first line does not name the case, or a later one does.
    #[error("line {number}: a chain names its case in its first line, and nowhere else")]
    Case {
        /// Its number, from 1.
        number: usize,
    },
    /// The time of a line is earlier than that of the one before, and no entry states that the clock was changed.
    #[error("line {number}: its time is {by_ms} ms before that of the line before, without an entry about the clock")]
    Time {
        /// Its number, from 1.
        number: usize,
        /// By how many milliseconds.
        by_ms: u64,
    },
}

/// Parses the lines of a chain and checks that each follows from the one before. Returns the lines before the first
/// fault, and the fault.
pub fn read_chain<'a>(texts: impl IntoIterator<Item = &'a str>) -> (Vec<Line>, Option<ChainFault>) {
    let mut lines: Vec<Line> = Vec::new();
    let mut before = NO_LINE.to_owned();
    for (index, text) in texts.into_iter().enumerate() {
        match check(index, text, lines.last(), &before) {
            Ok(line) => lines.push(line),
            Err(fault) => return (lines, Some(fault)),
        }
        before = line_sha256(text);
    }
    (lines, None)
}

fn check(index: usize, text: &str, last: Option<&Line>, before: &str) -> Result<Line, ChainFault> {
    let number = index + 1;
    let line: Line =
        serde_json::from_str(text).map_err(|reason| ChainFault::Unreadable { number, reason: reason.to_string() })?;
    if line.prev != before {
        return Err(ChainFault::Broken { number, expected: line.prev, found: before.to_owned() });
    }
    if line.seq != index as u64 {
        return Err(ChainFault::Number { number, expected: index as u64, found: line.seq });
    }
    let continued = last.and_then(|last| last.group);
    if line.group.is_some_and(|group| group != line.seq && Some(group) != continued) {
        return Err(ChainFault::Group { number, first: line.group.unwrap_or_default() + 1 });
    }
    if matches!(line.entry, Entry::Case { .. }) != (index == 0) {
        return Err(ChainFault::Case { number });
    }
    let by_ms = last.map_or(0, |last| last.at_ms.saturating_sub(line.at_ms));
    if by_ms > 0 && !matches!(line.entry, Entry::Clock { .. }) {
        return Err(ChainFault::Time { number, by_ms });
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(times: &[u64]) -> Vec<String> {
        let mut last = None;
        let mut texts = Vec::new();
        for (index, now_ms) in times.iter().enumerate() {
            let entry = match index {
                0 => Entry::Case {
                    format: 1,
                    case: "c".to_owned(),
                    chain: "d".to_owned(),
                    salt_sha256: "e".to_owned(),
                    heads: [].into(),
                },
                _ => Entry::Adopted { schema: index as i64 },
            };
            let sealed = seal(last, *now_ms, None, [entry]).unwrap();
            last = sealed.last;
            texts.extend(sealed.lines.into_iter().map(|(_, text)| text));
        }
        texts
    }

    fn fault(texts: &[String]) -> Option<ChainFault> {
        read_chain(texts.iter().map(String::as_str)).1
    }

    #[test]
    fn chain_is_whole_if_nothing_was_changed() {
        let texts = chain(&[10_000, 10_001, 10_000, 99_000]);
        let (lines, fault) = read_chain(texts.iter().map(String::as_str));
        assert_eq!((lines.len(), fault), (4, None), "small steps back are allowed");
        assert!(lines.is_sorted_by_key(|line| line.at_ms));
    }

    #[test]
    fn chain_states_that_the_clock_was_set_back() {
        let texts = chain(&[100_000, 50_000]);
        let (lines, fault) = read_chain(texts.iter().map(String::as_str));
        assert_eq!(fault, None);
        assert_eq!(lines[1].entry, Entry::Clock { moved_ms: -50_000 });
        let mut without = texts;
        without.remove(1);
        assert!(fault_of_line(&without, 2));
    }

    fn fault_of_line(texts: &[String], expected: usize) -> bool {
        let number = match fault(texts) {
            Some(
                ChainFault::Unreadable { number, .. }
                | ChainFault::Broken { number, .. }
                | ChainFault::Number { number, .. }
                | ChainFault::Group { number, .. }
                | ChainFault::Case { number }
                | ChainFault::Time { number, .. },
            ) => number,
            None => return false,
        };
        number == expected
    }

    #[test]
    fn chain_breaks_at_the_line_after_one_that_was_changed_removed_or_moved() {
        let texts = chain(&[1, 2, 3, 4]);
        let mut changed = texts.clone();
        changed[1] = changed[1].replace("\"schema\":1", "\"schema\":7");
        let mut removed = texts.clone();
        removed.remove(2);
        let mut moved = texts.clone();
        moved.swap(1, 2);
        let mut first = texts.clone();
        first.remove(0);
        for (texts, line) in [(changed, 3), (removed, 3), (moved, 2), (first, 1)] {
            assert!(fault_of_line(&texts, line), "{:?}", fault(&texts));
        }
    }

    #[test]
    fn lines_of_one_transaction_are_a_group_that_cannot_be_widened() {
        let adopted = |schema| Entry::Adopted { schema };
        let first = seal(None, 5, None, [Entry::Clock { moved_ms: 1 }, adopted(1)]).unwrap();
        let second = seal(first.last, 6, None, [adopted(2), adopted(3)]).unwrap().lines;
        let line = |(_, text): &(u64, String)| serde_json::from_str::<Line>(text).unwrap();
        let lines: Vec<_> = first.lines.iter().chain(&second).map(line).collect();
        assert_eq!(lines.iter().map(|line| line.group).collect::<Vec<_>>(), [Some(0), Some(0), Some(2), Some(2)]);
        assert!(
            is_one_group(&lines[2..]) && is_one_group(&lines[3..]) && is_one_group(&[]) && !is_one_group(&lines[1..])
        );
        let texts = chain(&[1, 2, 3]);
        let mut widened = texts.clone();
        widened[2] = widened[2].replace("\"group\":2", "\"group\":0");
        assert!(matches!(fault(&widened), Some(ChainFault::Group { number: 3, first: 1 })), "{:?}", fault(&widened));
    }

    #[test]
    fn line_that_is_no_entry_is_a_fault() {
        let texts = chain(&[1, 2]);
        for wrong in ["", "{}", "\u{0}", r#"{"seq":1}"#] {
            let with = [texts[0].clone(), wrong.to_owned()];
            assert!(matches!(fault(&with), Some(ChainFault::Unreadable { number: 2, .. })), "{wrong}");
        }
        let mut more = texts[1].clone();
        more.insert_str(1, r#""more":1,"#);
        assert!(matches!(fault(&[texts[0].clone(), more]), Some(ChainFault::Unreadable { number: 2, .. })));
    }
}
