//! How many transcriptions run and wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Requests in their order. A request has a place from its first byte to the last one of its answer, and a slot while
/// the transcriber has it.
#[derive(Debug)]
pub(super) struct Queue {
    places: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    /// Numbers of the requests that wait for a slot, and the next number.
    waiting: Mutex<(BTreeSet<u64>, u64)>,
}

/// A request that may be received.
pub(super) type Place = OwnedSemaphorePermit;
/// A request that the transcriber may have.
pub(super) type Slot = OwnedSemaphorePermit;

impl Queue {
    pub(super) fn new(running: usize, queued: usize) -> Self {
        let places = running.saturating_add(queued).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            slots: Arc::new(Semaphore::new(running.min(Semaphore::MAX_PERMITS))),
            waiting: Mutex::default(),
        }
    }

    /// A place, if there is one.
    pub(super) fn enter(&self) -> Result<Place, TryAcquireError> {
        Arc::clone(&self.places).try_acquire_owned()
    }

    /// A number in the line for slots.
    pub(super) fn wait(self: &Arc<Self>) -> Waiting {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let number = waiting.1;
        waiting.1 += 1;
        waiting.0.insert(number);
        Waiting { queue: Arc::clone(self), number }
    }
}

/// A request that waits for a slot.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: Arc<Queue>,
    number: u64,
}

impl Waiting {
    /// The number of requests before it.
    pub(super) fn position(&self) -> usize {
        let waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0.range(..self.number).count()
    }

    /// A slot, in the order of calls.
    pub(super) async fn slot(&self) -> Option<Slot> {
        Arc::clone(&self.queue.slots).acquire_owned().await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queue_has_places_and_positions() {
        let queue = Arc::new(Queue::new(1, 2));
        let places: Vec<_> = (0..3).map(|_| queue.enter().unwrap()).collect();
        assert!(queue.enter().is_err());
        let (first, second, third) = (queue.wait(), queue.wait(), queue.wait());
        let slot = first.slot().await.unwrap();
        drop(first);
        assert_eq!((second.position(), third.position()), (0, 1));
        drop(second);
        assert_eq!(third.position(), 0);
        drop(slot);
        drop(third.slot().await.unwrap());
        drop(places);
        assert!(queue.enter().is_ok());
    }
}
