//! Stop requests, passed from a signal handler to the coordinator.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts how often the user asked to stop. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Asks to stop. The first request gives the work in progress a grace period to finish; the second ends the run at
    /// once. Safe to call in a signal handler.
    pub fn request(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
