//! Results that the coordinator has not acknowledged. They are kept in memory.

use std::collections::BTreeMap;

use crate::protocol::{FromWorker, ResultId};

/// Keeps each result under its number until it is acknowledged.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged {
    next: ResultId,
    waiting: BTreeMap<ResultId, FromWorker>,
}

impl Unacknowledged {
    /// Keeps the message that `make` gives for the next number.
    pub(super) fn keep(&mut self, make: impl FnOnce(ResultId) -> FromWorker) -> &FromWorker {
        let result = self.next;
        self.next += 1;
        self.waiting.entry(result).or_insert_with(|| make(result))
    }

    /// Forgets a result.
    pub(super) fn acknowledge(&mut self, result: ResultId) {
        self.waiting.remove(&result);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_wait_until_they_are_acknowledged() {
        let mut results = Unacknowledged::default();
        for expected in 0..2 {
            results.keep(|result| {
                assert_eq!(result, expected);
                FromWorker::Ready
            });
        }
        results.acknowledge(1);
        assert!(!results.is_empty());
        results.acknowledge(0);
        results.acknowledge(0);
        assert!(results.is_empty());
    }
}
