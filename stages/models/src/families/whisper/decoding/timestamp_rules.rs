//! Whisper's timestamp rules, as in openai-whisper (`ApplyTimestampRules`) and transformers
//! (`WhisperTimeStampLogitsProcessor`): which tokens may continue a hypothesis. The rule on the total probability of
//! timestamps needs the logits and is applied by the sampler.

use std::ops::Range;

use super::options::LogitFilter;

/// The kinds of tokens that may continue a hypothesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimestampRules {
    /// Whether this is the first token.
    pub(super) first: bool,
    pub(super) text: bool,
    pub(super) end: bool,
    /// The allowed timestamps.
    pub(super) timestamps: Range<u32>,
}

impl LogitFilter {
    /// The rules after these tokens, which do not include the prompt.
    pub(super) fn timestamp_rules(&self, tokens: &[u32]) -> TimestampRules {
        let first = tokens.is_empty();
        if self.initial.is_empty() {
            return TimestampRules { first, text: true, end: true, timestamps: self.timestamps.clone() };
        }
        if first {
            return TimestampRules { first, text: false, end: false, timestamps: self.initial.clone() };
        }
        let is_timestamp = |token: &u32| *token >= self.timestamps.start;
        let last = tokens.last().is_some_and(is_timestamp);
        let one_before = tokens.len() < 2 || is_timestamp(&tokens[tokens.len() - 2]);
        let Range { start, end } = self.timestamps;
        // A segment may start at the end time of the previous one. Otherwise timestamps must increase.
        let timestamps = match tokens.iter().rev().copied().find(is_timestamp) {
            _ if last && one_before => end..end,
            Some(timestamp) if last => timestamp..end,
            Some(timestamp) => timestamp + 1..end,
            None => start..end,
        };
        TimestampRules { first, text: !last || one_before, end: true, timestamps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn filter() -> LogitFilter {
        LogitFilter { any: Vec::new(), first: Vec::new(), end: 10, timestamps: 20..60, initial: 20..26 }
    }

    #[test]
    fn rules_without_timestamps_allow_text_and_end() {
        let none = LogitFilter { timestamps: 20..20, initial: 20..20, ..filter() };
        assert_eq!(
            none.timestamp_rules(&[]),
            TimestampRules { first: true, text: true, end: true, timestamps: 20..20 }
        );
        assert_eq!(
            none.timestamp_rules(&[3]),
            TimestampRules { first: false, text: true, end: true, timestamps: 20..20 }
        );
    }

    #[test]
    fn rules_begin_a_text_with_an_early_timestamp() {
        assert_eq!(
            filter().timestamp_rules(&[]),
            TimestampRules { first: true, text: false, end: false, timestamps: 20..26 }
        );
    }

    #[test]
    fn timestamps_come_in_pairs_and_time_passes() {
        let rules = |tokens: &[u32]| {
            let TimestampRules { text, end, timestamps, .. } = filter().timestamp_rules(tokens);
            (text, end, timestamps)
        };
        assert_eq!(rules(&[22]), (true, true, 60..60), "after the first: text");
        assert_eq!(rules(&[22, 5]), (true, true, 23..60), "within a part: later than its start");
        assert_eq!(rules(&[22, 5, 30]), (false, true, 30..60), "after a part's end: the next one's start, or the end");
        assert_eq!(rules(&[22, 5, 30, 30]), (true, true, 60..60), "after a pair: text");
        assert_eq!(rules(&[22, 5, 59]), (false, true, 59..60));
        assert_eq!(rules(&[22, 5, 59, 59, 4]), (true, true, 60..60), "no time is left");
    }
}
