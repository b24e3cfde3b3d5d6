//! How many units go into one call of the device: halved when its memory does not suffice, grown back slowly.

/// Full calls that succeed before one more unit is tried.
const PATIENCE: u32 = 16;

/// The present size and the wanted one.
#[derive(Debug)]
pub(crate) struct CallSize {
    wanted: usize,
    now: usize,
    succeeded: u32,
}

impl CallSize {
    pub(crate) fn new(wanted: usize) -> Self {
        let wanted = wanted.max(1);
        Self { wanted, now: wanted, succeeded: 0 }
    }

    /// Units in a call, at most.
    pub(crate) const fn now(&self) -> usize {
        self.now
    }

    /// A call of so many units did not fit.
    pub(crate) fn failed(&mut self, units: usize) {
        self.now = self.now.min(units / 2).max(1);
        self.succeeded = 0;
    }

    /// A call of so many units did fit.
    pub(crate) const fn fitted(&mut self, units: usize) {
        if self.now == self.wanted || units < self.now {
            return;
        }
        self.succeeded += 1;
        if self.succeeded >= PATIENCE {
            self.now += 1;
            self.succeeded = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_fit_halves_the_next_down_to_one() {
        let mut size = CallSize::new(8);
        let mut sizes = Vec::new();
        for _ in 0..4 {
            size.failed(size.now());
            sizes.push(size.now());
        }
        assert_eq!(sizes, [4, 2, 1, 1]);
        let mut short = CallSize::new(16);
        short.failed(6);
        assert_eq!(short.now(), 3, "the call that failed was smaller than allowed");
    }

    #[test]
    fn full_calls_that_fit_grow_it_back_unit_by_unit_and_no_further() {
        let mut size = CallSize::new(4);
        size.failed(4);
        (0..100).for_each(|_| size.fitted(1));
        assert_eq!(size.now(), 2, "small calls prove nothing");
        (0..PATIENCE).for_each(|_| size.fitted(2));
        assert_eq!(size.now(), 3);
        (0..10 * PATIENCE).for_each(|_| size.fitted(size.now()));
        assert_eq!(size.now(), 4);
    }
}
