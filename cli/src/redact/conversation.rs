//! Finds numbers in the lines of a conversation. A number may be spread over several lines of one speaker, and another
//! speaker may have asked for it.

use std::ops::Range;

use super::rules::{Context, Rule, rule_of};
use super::runs::runs;

/// Characters before a number that are searched for what it is about.
const BEFORE: usize = 28;
/// Characters behind a number that are searched for what it is about.
const AFTER: usize = 16;
/// Most lines of others between two lines of a speaker that may have parts of one number.
const MOST_BETWEEN: usize = 3;
/// What stands between lines that are too far apart. It is not a digit or a filler.
const BREAK: &str = "\n|\n";

/// What one speaker says without a pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) channel: u16,
    pub(super) text: &'a str,
}

/// A part of a line that is masked.
pub(super) type Mask = (Range<usize>, Rule);

/// The text of all lines, or of those of one channel.
struct Joined {
    text: String,
    /// Where each line starts, and its index.
    starts: Vec<(usize, usize)>,
}

impl Joined {
    fn of(lines: &[Line<'_>], channel: Option<u16>) -> Self {
        let mut joined = Self { text: String::new(), starts: Vec::new() };
        let own = lines.iter().enumerate().filter(|(_, line)| channel.is_none_or(|channel| line.channel == channel));
        for (index, line) in own {
            if let Some((_, last)) = joined.starts.last() {
                joined.text.push_str(if index - last > MOST_BETWEEN + 1 { BREAK } else { "\n" });
            }
            joined.starts.push((joined.text.len(), index));
            joined.text.push_str(line.text);
        }
        joined
    }

    /// The line at a place, and the place in that line.
    fn line(&self, at: usize) -> (usize, usize) {
        let next = self.starts.partition_point(|(start, _)| *start <= at);
        let (start, line) = self.starts[next - 1];
        (line, at - start)
    }
}

/// The masks of each line, in order. The lines are in the order of time.
pub(super) fn masks(lines: &[Line<'_>]) -> Vec<Vec<Mask>> {
    let mut masks = vec![Vec::new(); lines.len()];
    let all = Joined::of(lines, None);
    let mut channels: Vec<_> = lines.iter().map(|line| line.channel).collect();
    channels.sort_unstable();
    channels.dedup();
    for channel in channels {
        let own = Joined::of(lines, Some(channel));
        for mut run in runs(&own.text) {
            let range = run.range();
            let (line, at) = own.line(range.start);
            let before = last_chars(&all.text[..all.starts[line].0 + at], BEFORE);
            let context = Context { before, after: first_chars(&own.text[range.end..], AFTER) };
            let Some(rule) = rule_of(&run, &context) else { continue };
            if matches!(rule, Rule::Identity | Rule::Account) {
                run.take_letters(&own.text);
            }
            for part in run.spans {
                let (line, at) = own.line(part.start);
                masks[line].push((at..at + part.len(), rule));
            }
        }
    }
    masks
}

fn last_chars(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().take(count).last().map_or(text.len(), |(at, _)| at);
    &text[start..]
}

fn first_chars(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at])
}
