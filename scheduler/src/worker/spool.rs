//! Results that the coordinator has not acknowledged. In memory; nothing outside depends on that.

use std::collections::BTreeMap;

use crate::protocol::{FromWorker, ResultId};

/// Keeps each result under its number until it is acknowledged.
#[derive(Debug, Default)]
pub(super) struct Spool {
    next: ResultId,
    waiting: BTreeMap<ResultId, FromWorker>,
}

impl Spool {
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
    fn a_result_waits_until_it_is_acknowledged() {
        let mut spool = Spool::default();
        for expected in 0..2 {
            spool.keep(|result| {
                assert_eq!(result, expected);
                FromWorker::Ready
            });
        }
        spool.acknowledge(1);
        assert!(!spool.is_empty());
        spool.acknowledge(0);
        spool.acknowledge(0);
        assert!(spool.is_empty());
    }
}
