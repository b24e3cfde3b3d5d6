//! What ffmpeg prints on its standard error: facts about the file, and problems. Both are bounded.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::Sender;

/// Longer lines are cut.
const LINE_BYTES_MAX: u64 = 1_000;
/// Number of lines about the file that are kept.
const FACTS_MAX: usize = 500;
/// Number of different problems that are kept.
const PROBLEMS_MAX: usize = 20;
/// The name under which ffmpeg opens the file.
pub(super) const FILE: &str = "/dev/fd/0";
/// Words of warnings that mean that something is wrong with the data. Other warnings are about ffmpeg's own choices.
const BAD_DATA: [&str; 9] =
    ["corrupt", "invalid", "damaged", "truncated", "missing", "discontinuity", "broken", "error", "misdetection"];

/// A frame of the codec that was decoded, as the filter `ashowinfo` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Start in samples per channel, if it is known.
    pub(super) stamp: Option<i64>,
    /// Length in samples per channel.
    pub(super) samples: u64,
    pub(super) rate_hz: u32,
}

impl Frame {
    /// Reads `n:0 pts:0 pts_time:0 fmt:fltp channels:1 chlayout:mono rate:8000 nb_samples:160 checksum:E4C00E1A`.
    fn read(line: &str) -> Option<Self> {
        let field = |name: &str| line.split_whitespace().find_map(|field| field.strip_prefix(name)?.strip_prefix(':'));
        let (samples, rate_hz) = (field("nb_samples")?.parse().ok()?, field("rate")?.parse().ok()?);
        Some(Self { stamp: field("pts").and_then(|stamp| stamp.parse().ok()), samples, rate_hz })
    }
}

/// The messages of one run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Messages {
    /// Lines about the file, without their level.
    pub(crate) facts: Vec<String>,
    /// Different problems, in order.
    pub(crate) problems: Vec<String>,
    /// Number of problems, those that were repeated or not kept included.
    pub(crate) problem_count: u64,
    /// Whether the last line was a problem, so that its repetitions are.
    after_problem: bool,
}

impl Messages {
    /// Reads all lines. Decoded frames are sent on.
    pub(super) fn read(input: impl Read, frames: &Sender<Frame>) -> Self {
        let mut input = BufReader::new(input);
        let mut messages = Self::default();
        let mut line = Vec::new();
        while matches!(input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            match Frame::read(&text).filter(|_| text.contains("_ashowinfo_")) {
                // Nobody needs them if the receiver is gone.
                Some(frame) => drop(frames.send(frame)),
                None => messages.add(&text),
            }
            if line.len() as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') && input.skip_until(b'\n').is_err() {
                break;
            }
            line.clear();
        }
        messages
    }

    /// The message that explains why ffmpeg ended: its last problem.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.problems.last().map(String::as_str)
    }

    fn add(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(times) = repetitions(line) {
            self.problem_count += if self.after_problem { times } else { 0 };
            return;
        }
        let (level, text) = split_level(line);
        let is_problem = match level {
            Level::Error => true,
            Level::Warning => BAD_DATA.iter().any(|word| text.to_lowercase().contains(word)),
            Level::Other => false,
        };
        self.after_problem = is_problem;
        if is_problem {
            self.problem_count += 1;
            let text = text.trim().trim_start_matches(FILE).trim_start_matches(": ").replace(FILE, "the file");
            if !self.problems.contains(&text) && self.problems.len() < PROBLEMS_MAX {
                self.problems.push(text);
            }
        } else if level == Level::Other && self.facts.len() < FACTS_MAX {
            self.facts.push(text.to_owned());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Other,
}

/// Splits `[amr @ 0x55dd] [error] text` into its level and its text. The text keeps its indentation.
fn split_level(line: &str) -> (Level, &str) {
    for (name, level) in [
        ("[panic] ", Level::Error),
        ("[fatal] ", Level::Error),
        ("[error] ", Level::Error),
        ("[warning] ", Level::Warning),
        ("[info] ", Level::Other),
    ] {
        let Some(at) = line.find(name) else { continue };
        let context = &line[..at];
        if context.is_empty() || context.starts_with('[') && context.trim_end().ends_with(']') {
            return (level, &line[at + name.len()..]);
        }
    }
    (Level::Other, line)
}

/// The number in `Last message repeated 3 times`.
fn repetitions(line: &str) -> Option<u64> {
    line.split_once("Last message repeated ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn messages_have_the_decoded_frames_between_them() {
        let (sender, frames) = channel();
        let text = "[Parsed_ashowinfo_0 @ 0x55] [info] n:3 pts:480 pts_time:0.06 fmt:fltp channels:1 rate:8000 nb_samples:160\n\
            [info] n:3 pts:480 rate:8000 nb_samples:160\n\
            [Parsed_ashowinfo_0 @ 0x55] [info] n:4 pts:NOPTS pts_time:NOPTS rate:8000 nb_samples:80 checksum:0\n";
        let messages = Messages::read(text.as_bytes(), &sender);
        drop(sender);
        let frame = |stamp, samples| Frame { stamp, samples, rate_hz: 8_000 };
        assert_eq!(frames.iter().collect::<Vec<_>>(), [frame(Some(480), 160), frame(None, 80)]);
        assert_eq!(messages.facts.len(), 1, "not printed by the filter");
    }

    #[test]
    fn messages_are_facts_and_problems() {
        let text = "[info] Input #0, amr, from '/dev/fd/0':\n\
            [amr @ 0x55dd] [warning] Estimating duration from bitrate, this may be inaccurate\n\
            [info]   Stream #0:0: Audio: amr_nb\n\
            [amrnb @ 0x55dd] [error] Corrupt bitstream\n\
            \u{20}   Last message repeated 2 times\n\
            [amrnb @ 0x66ee] [error] Corrupt bitstream\n\
            [warning] corrupt decoded frame in stream 0\n\
            [fatal] /dev/fd/0: Invalid data found when processing input\n";
        let messages = Messages::read(text.as_bytes(), &channel().0);
        assert_eq!(messages.facts, ["Input #0, amr, from '/dev/fd/0':", "  Stream #0:0: Audio: amr_nb"]);
        let problems =
            ["Corrupt bitstream", "corrupt decoded frame in stream 0", "Invalid data found when processing input"];
        assert_eq!((messages.problem_count, &messages.problems[..]), (6, &problems.map(str::to_owned)[..]));
        assert_eq!(messages.reason(), Some("Invalid data found when processing input"));
    }

    #[test]
    fn messages_without_end_need_little_memory() {
        let long = [b"[error] ".as_slice(), &[b'x'; 1 << 20], b"\n[error] after it\n"].concat();
        let messages = Messages::read(&long[..], &channel().0);
        assert_eq!((messages.problem_count, messages.problems[1].as_str()), (2, "after it"));
        assert!(messages.problems[0].len() <= 1_000);
        let many: String = (0..10_000).map(|n| format!("[info] {n}\n[error] {n}\n")).collect();
        let messages = Messages::read(many.as_bytes(), &channel().0);
        assert_eq!((messages.facts.len(), messages.problems.len()), (500, 20));
        assert_eq!(messages.problem_count, 10_000);
    }
}
