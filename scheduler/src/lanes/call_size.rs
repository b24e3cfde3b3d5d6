//! The number of inputs that may be in flight on the device. It is halved when the device runs out of memory and grows
//! back slowly.

/// The limit grows by one after this number of inputs were completed while the limit was reached.
const PATIENCE: u32 = 64;

/// The current limit and the wanted one.
#[derive(Debug)]
pub(crate) struct CallSize {
    wanted: usize,
    now: usize,
    completed: u32,
}

impl CallSize {
    pub(crate) fn new(wanted: usize) -> Self {
        let wanted = wanted.max(1);
        Self { wanted, now: wanted, completed: 0 }
    }

    /// Maximum number of inputs in flight.
    pub(crate) const fn now(&self) -> usize {
        self.now
    }

    /// Lowers the limit after `inputs` inputs in flight did not fit into memory.
    pub(crate) fn failed(&mut self, inputs: usize) {
        self.now = self.now.min(inputs / 2).max(1);
        self.completed = 0;
    }

    /// Records that an input was completed while `in_flight` inputs were in flight.
    pub(crate) const fn completed(&mut self, in_flight: usize) {
        if self.now == self.wanted || in_flight < self.now {
            return;
        }
        self.completed += 1;
        if self.completed >= PATIENCE {
            self.now += 1;
            self.completed = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_that_does_not_fit_is_halved_down_to_one() {
        let mut size = CallSize::new(8);
        let mut sizes = Vec::new();
        for _ in 0..4 {
            size.failed(size.now());
            sizes.push(size.now());
        }
        assert_eq!(sizes, [4, 2, 1, 1]);
        let mut short = CallSize::new(16);
        short.failed(6);
        assert_eq!(short.now(), 3, "fewer than allowed were in flight");
    }

    #[test]
    fn size_grows_back_input_by_input_when_all_places_are_taken_and_no_further() {
        let mut size = CallSize::new(4);
        size.failed(4);
        (0..10 * PATIENCE).for_each(|_| size.completed(1));
        assert_eq!(size.now(), 2, "the limit grows only when it is reached");
        (1..PATIENCE).for_each(|_| size.completed(2));
        assert_eq!(size.now(), 2);
        size.completed(2);
        assert_eq!(size.now(), 3);
        (0..10 * PATIENCE).for_each(|_| size.completed(size.now()));
        assert_eq!(size.now(), 4);
    }
}
