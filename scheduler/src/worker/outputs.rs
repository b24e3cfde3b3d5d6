//! The model's outputs for the inputs of one stage and recording.

use std::collections::BTreeMap;

/// Collects outputs until all inputs so far are complete: first the prepared inputs, then those of each follow-up.
#[derive(Debug)]
pub(super) struct StageOutputs<A> {
    /// Outputs that a follow-up has read, in the order of the inputs.
    seen: Vec<A>,
    /// The other outputs by input.
    got: BTreeMap<usize, A>,
    /// Number of leading inputs that are complete.
    whole: usize,
    /// Number of inputs so far. `None` before they are prepared and while a follow-up may emit more.
    expected: Option<usize>,
    /// Number of prepared inputs. The inputs after them come from follow-ups.
    prepared: Option<usize>,
}

impl<A> Default for StageOutputs<A> {
    fn default() -> Self {
        Self { seen: Vec::new(), got: BTreeMap::new(), whole: 0, expected: None, prepared: None }
    }
}

impl<A> StageOutputs<A> {
    /// Stores the output of an input.
    pub(super) fn put(&mut self, index: usize, output: A) {
        self.got.insert(index, output);
        while self.got.contains_key(&self.whole) {
            self.whole += 1;
        }
    }

    /// Records that `inputs` inputs were prepared.
    pub(super) fn prepared(&mut self, inputs: usize) {
        (self.expected, self.prepared) = (Some(inputs), Some(inputs));
    }

    /// Records that a follow-up has read these outputs and emitted `more` inputs.
    pub(super) fn followed_up(&mut self, seen: Vec<A>, more: usize) {
        self.expected = Some(seen.len() + more);
        self.seen = seen;
    }

    /// Whether every input so far is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.expected.is_some_and(|expected| self.whole >= expected)
    }

    /// Takes the outputs of all inputs so far, in order. Stored outputs of later inputs are kept.
    pub(super) fn take(&mut self) -> Vec<A> {
        let expected = self.expected.take().unwrap_or_default();
        let beyond = self.got.split_off(&expected);
        let mut outputs = std::mem::take(&mut self.seen);
        outputs.extend(std::mem::replace(&mut self.got, beyond).into_values());
        outputs
    }

    /// Whether an input comes from a follow-up.
    pub(super) fn is_follow_up(&self, index: usize) -> bool {
        self.prepared.is_some_and(|prepared| index >= prepared)
    }

    /// Whether a follow-up has emitted inputs.
    pub(super) fn is_following_up(&self) -> bool {
        self.expected > self.prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_in_any_order_are_complete_with_the_last_and_come_out_in_the_inputs_order() {
        let mut outputs = StageOutputs::default();
        outputs.put(1, "b");
        outputs.put(2, "c");
        outputs.prepared(3);
        assert!(!outputs.is_complete());
        outputs.put(0, "a");
        assert!(outputs.is_complete() && !outputs.is_following_up());
        assert_eq!(outputs.take(), ["a", "b", "c"]);
    }

    #[test]
    fn outputs_that_come_before_the_inputs_are_counted_do_not_complete_them() {
        let mut outputs = StageOutputs::default();
        outputs.put(0, "a");
        assert!(!outputs.is_complete());
        outputs.prepared(1);
        assert!(outputs.is_complete());
    }

    #[test]
    fn outputs_of_a_follow_up_that_overtake_its_count_are_kept_and_complete_nothing_early() {
        let mut outputs = StageOutputs::default();
        outputs.put(0, "a");
        outputs.prepared(1);
        let seen = outputs.take();
        outputs.put(1, "b");
        assert!(!outputs.is_complete(), "the number of inputs is not known yet");
        outputs.followed_up(seen, 2);
        assert!(!outputs.is_complete() && outputs.is_following_up());
        outputs.put(2, "c");
        assert!(outputs.is_complete());
        assert_eq!(outputs.take(), ["a", "b", "c"]);
        assert_eq!([0, 1, 2].map(|index| outputs.is_follow_up(index)), [false, true, true]);
    }

    #[test]
    fn outputs_stored_beyond_the_prepared_inputs_wait_for_the_follow_up_that_asks_for_them() {
        let mut outputs = StageOutputs::default();
        ["a", "b", "c", "d"].into_iter().enumerate().for_each(|(index, output)| outputs.put(index, output));
        outputs.prepared(2);
        assert!(outputs.is_complete());
        let seen = outputs.take();
        assert_eq!(seen, ["a", "b"]);
        outputs.followed_up(seen, 1);
        assert!(outputs.is_complete());
        let seen = outputs.take();
        assert_eq!(seen, ["a", "b", "c"]);
        outputs.followed_up(seen, 2);
        assert!(!outputs.is_complete(), "the last one is not stored");
    }
}
