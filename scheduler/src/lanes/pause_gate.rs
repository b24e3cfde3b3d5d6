//! A device that is too hot stops between two runs of its engine.

use std::sync::{Condvar, Mutex, PoisonError};

/// Open, or closed.
#[derive(Debug, Default)]
pub(crate) struct PauseGate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl PauseGate {
    /// Closes or opens it.
    pub(crate) fn set_closed(&self, closed: bool) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        self.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while it is closed.
    pub(crate) fn pass(&self) {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(closed, |closed| *closed).unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn gate_that_is_closed_lets_nothing_pass() {
        let (gate, passed) = (Arc::new(PauseGate::default()), Arc::new(AtomicBool::new(false)));
        gate.pass();
        gate.set_closed(true);
        let waiting = thread::spawn({
            let (gate, passed) = (Arc::clone(&gate), Arc::clone(&passed));
            move || {
                gate.pass();
                passed.store(true, Ordering::SeqCst);
            }
        });
        thread::sleep(Duration::from_millis(30));
        assert!(!passed.load(Ordering::SeqCst));
        gate.set_closed(false);
        waiting.join().unwrap();
        assert!(passed.load(Ordering::SeqCst));
    }
}
