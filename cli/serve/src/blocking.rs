//! Blocking calls, away from the threads that serve connections.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Runs blocking calls, a limited number at once.
#[derive(Debug, Clone)]
pub(crate) struct Blocking(Arc<Semaphore>);

impl Blocking {
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// The result of a call. A call whose client left still ends, and keeps its place until then.
    ///
    /// # Errors
    /// The call panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|_| ApiError::internal())?;
        let running = tokio::task::spawn_blocking(move || {
            let result = call();
            drop(permit);
            result
        });
        running.await.map_err(|_| {
            tracing::error!("a blocking call panicked");
            ApiError::internal()
        })
    }
}
