//! How many units may be under way on the device: halved when its memory does not suffice, grown back slowly.

/// Units that are completed while as many as allowed are under way before one more is tried.
const PATIENCE: u32 = 64;

/// The present size and the wanted one.
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

    /// Units under way, at most.
    pub(crate) const fn now(&self) -> usize {
        self.now
    }

    /// So many units did not fit.
    pub(crate) fn failed(&mut self, units: usize) {
        self.now = self.now.min(units / 2).max(1);
        self.completed = 0;
    }

    /// A unit was completed while so many were under way.
    pub(crate) const fn completed(&mut self, under_way: usize) {
        if self.now == self.wanted || under_way < self.now {
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
        assert_eq!(short.now(), 3, "fewer than allowed were under way");
    }

    #[test]
    fn size_grows_back_unit_by_unit_when_all_places_are_taken_and_no_further() {
        let mut size = CallSize::new(4);
        size.failed(4);
        (0..10 * PATIENCE).for_each(|_| size.completed(1));
        assert_eq!(size.now(), 2, "a free place proves nothing");
        (1..PATIENCE).for_each(|_| size.completed(2));
        assert_eq!(size.now(), 2);
        size.completed(2);
        assert_eq!(size.now(), 3);
        (0..10 * PATIENCE).for_each(|_| size.completed(size.now()));
        assert_eq!(size.now(), 4);
    }
}
