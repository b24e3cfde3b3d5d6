//! The wish to stop, from a signal handler to the coordinator.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts how often a person asked to stop. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Asks to stop: once, what is open is finished within a grace period; twice, everything ends at once.
    /// Safe to call in a signal handler.
    pub fn request(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was asked.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
