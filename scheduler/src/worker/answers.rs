//! The answers to one stage's units of one recording.

use std::collections::BTreeMap;

/// Answers as they come, until all units so far have theirs: those that were prepared, then those of each follow-up.
#[derive(Debug)]
pub(super) struct Answers<A> {
    /// Those that a follow-up saw, in the order of the units.
    seen: Vec<A>,
    /// The others, by unit.
    got: BTreeMap<usize, A>,
    /// Every unit before this one is answered.
    whole: usize,
    /// The units so far; none before they are prepared, and while a follow-up may emit more.
    expected: Option<usize>,
    /// Units that were prepared; what lies behind are follow-ups.
    prepared: Option<usize>,
}

impl<A> Default for Answers<A> {
    fn default() -> Self {
        Self { seen: Vec::new(), got: BTreeMap::new(), whole: 0, expected: None, prepared: None }
    }
}

impl<A> Answers<A> {
    /// Keeps a unit's answer.
    pub(super) fn put(&mut self, index: usize, answer: A) {
        self.got.insert(index, answer);
        while self.got.contains_key(&self.whole) {
            self.whole += 1;
        }
    }

    /// So many units were prepared.
    pub(super) fn prepared(&mut self, units: usize) {
        (self.expected, self.prepared) = (Some(units), Some(units));
    }

    /// A follow-up saw these answers and emitted so many units more.
    pub(super) fn followed_up(&mut self, seen: Vec<A>, more: usize) {
        self.expected = Some(seen.len() + more);
        self.seen = seen;
    }

    /// Whether every unit so far is answered.
    pub(super) fn is_complete(&self) -> bool {
        self.expected.is_some_and(|expected| self.whole >= expected)
    }

    /// The answers to all units so far, in their order; what is on record beyond them waits for its unit.
    pub(super) fn take(&mut self) -> Vec<A> {
        let expected = self.expected.take().unwrap_or_default();
        let beyond = self.got.split_off(&expected);
        let mut answers = std::mem::take(&mut self.seen);
        answers.extend(std::mem::replace(&mut self.got, beyond).into_values());
        answers
    }

    /// Whether a unit came from a follow-up.
    pub(super) fn is_follow_up(&self, index: usize) -> bool {
        self.prepared.is_some_and(|prepared| index >= prepared)
    }

    /// Whether a follow-up has emitted units.
    pub(super) fn is_following_up(&self) -> bool {
        self.expected > self.prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_any_order_are_complete_with_the_last_and_come_out_in_the_units_order() {
        let mut answers = Answers::default();
        answers.put(1, "b");
        answers.put(2, "c");
        answers.prepared(3);
        assert!(!answers.is_complete());
        answers.put(0, "a");
        assert!(answers.is_complete() && !answers.is_following_up());
        assert_eq!(answers.take(), ["a", "b", "c"]);
    }

    #[test]
    fn answers_that_come_before_the_units_are_counted_do_not_complete_them() {
        let mut answers = Answers::default();
        answers.put(0, "a");
        assert!(!answers.is_complete());
        answers.prepared(1);
        assert!(answers.is_complete());
    }

    #[test]
    fn a_follow_ups_answer_that_overtakes_its_count_is_kept_and_completes_nothing_early() {
        let mut answers = Answers::default();
        answers.put(0, "a");
        answers.prepared(1);
        let seen = answers.take();
        answers.put(1, "b");
        assert!(!answers.is_complete(), "the follow-up has not said how many units there are");
        answers.followed_up(seen, 2);
        assert!(!answers.is_complete() && answers.is_following_up());
        answers.put(2, "c");
        assert!(answers.is_complete());
        assert_eq!(answers.take(), ["a", "b", "c"]);
        assert_eq!([0, 1, 2].map(|index| answers.is_follow_up(index)), [false, true, true]);
    }

    #[test]
    fn answers_on_record_beyond_the_prepared_units_wait_for_the_follow_up_that_asks_for_them() {
        let mut answers = Answers::default();
        ["a", "b", "c", "d"].into_iter().enumerate().for_each(|(index, answer)| answers.put(index, answer));
        answers.prepared(2);
        assert!(answers.is_complete());
        let seen = answers.take();
        assert_eq!(seen, ["a", "b"]);
        answers.followed_up(seen, 1);
        assert!(answers.is_complete());
        let seen = answers.take();
        assert_eq!(seen, ["a", "b", "c"]);
        answers.followed_up(seen, 2);
        assert!(!answers.is_complete(), "the last one is not on record");
    }
}
