//! A request from its place in the queue to its last event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::parameters::Parameters;
use super::queue::{Place, Queue, Slot, Waiting};
use super::transcriber::{Cancel, Event, Events, Failure, SubmitError, Transcriber, TranscriptionRequest};
use crate::blocking::Blocking;
use crate::error::ApiError;
use crate::metrics::{Metrics, Outcome};

/// How often the position in the queue is reported.
const POSITIONS: Duration = Duration::from_secs(2);

/// What all requests share.
#[derive(Clone)]
pub(super) struct Engine {
    pub(super) transcriber: Arc<dyn Transcriber>,
    pub(super) blocking: Blocking,
    pub(super) queue: Arc<Queue>,
    pub(super) limit: Duration,
    pub(super) metrics: Metrics,
    /// Canceled when the server stops and waits no longer.
    pub(super) gives_up: CancellationToken,
}

/// A request in progress. Dropping it cancels the request.
pub(super) struct Run {
    updates: mpsc::UnboundedReceiver<Result<Event, ApiError>>,
    _task: AbortOnDropHandle<()>,
    /// Free again when the client has the last event.
    _place: Place,
}

impl Run {
    /// Starts a request in a task of its own, so that it advances whether or not its client reads.
    pub(super) fn start(engine: Engine, place: Place, parameters: Parameters) -> Self {
        let (sender, updates) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut outcome = engine.metrics.transcription();
            let waiting = engine.queue.wait();
            let result = tokio::select! {
                result = engine.run(waiting, parameters, &sender, &mut outcome) => result,
                () = engine.gives_up.cancelled() => Err(stopping()),
            };
            if let Err(error) = result {
                outcome.failed();
                let _ = sender.send(Err(error));
            }
        });
        Self { updates, _task: AbortOnDropHandle::new(task), _place: place }
    }

    /// The next event. After the last one, or an error, there is none.
    pub(super) async fn next(&mut self) -> Option<Result<Event, ApiError>> {
        self.updates.recv().await
    }
}

type Updates = mpsc::UnboundedSender<Result<Event, ApiError>>;

impl Engine {
    async fn run(
        &self,
        waiting: Waiting,
        parameters: Parameters,
        updates: &Updates,
        outcome: &mut Outcome,
    ) -> Result<(), ApiError> {
        let _slot = slot(&waiting, updates).await?;
        drop(waiting);
        let started = Instant::now();
        outcome.running();
        let (events, mut receiver) = Events::channel();
        let cancel = self.submit(parameters, events).await?;
        let deadline = tokio::time::Instant::now() + self.limit;
        loop {
            match timeout_at(deadline, receiver.recv()).await {
                Err(_) => return Err(too_long(self.limit)),
                Ok(None) => {
                    tracing::error!("a transcription ended without a result");
                    cancel.forget();
                    return Err(ApiError::internal());
                }
                Ok(Some(Event::Failed(failure))) => {
                    cancel.forget();
                    return Err(failed(failure));
                }
                Ok(Some(Event::Finished(transcript))) => {
                    cancel.forget();
                    outcome.finished(started.elapsed(), transcript.duration_s);
                    let _ = updates.send(Ok(Event::Finished(transcript)));
                    return Ok(());
                }
                Ok(Some(event)) => _ = updates.send(Ok(event)),
            }
        }
    }

    async fn submit(&self, parameters: Parameters, events: Events) -> Result<Cancel, ApiError> {
        let Parameters { file, model, language, prompt, temperature, output } = parameters;
        let (task, words) = (output.task, output.words);
        let request = TranscriptionRequest { file, model, task, language, prompt, temperature, words };
        let transcriber = Arc::clone(&self.transcriber);
        let submitted = self.blocking.run(move || transcriber.submit(request, events)).await?;
        submitted.map_err(|error| match error {
            SubmitError::Parameter { name, message } => ApiError::parameter(name, message),
            SubmitError::File(message) => ApiError::parameter("file", message),
            SubmitError::Busy { retry_after_s } => ApiError::busy(retry_after_s),
            SubmitError::Unavailable(message) => ApiError::unavailable(message, None),
            SubmitError::Internal(cause) => {
                tracing::error!(cause, "a transcription was not accepted");
                ApiError::internal()
            }
        })
    }
}

/// Waits for a slot, and tells the position.
async fn slot(waiting: &Waiting, updates: &Updates) -> Result<Slot, ApiError> {
    let slot = waiting.slot();
    tokio::pin!(slot);
    loop {
        match tokio::time::timeout(POSITIONS, &mut slot).await {
            Ok(slot) => return slot.ok_or_else(stopping),
            Err(_) => _ = updates.send(Ok(Event::Queued(waiting.position()))),
        }
    }
}

fn stopping() -> ApiError {
    ApiError::unavailable("The server stops; send the request again later", Some(10))
}

fn too_long(limit: Duration) -> ApiError {
    let message = format!("The transcription took longer than {} s; send a shorter recording", limit.as_secs());
    ApiError::parameter("file", message).with_code("transcription_timeout")
}

fn failed(failure: Failure) -> ApiError {
    match failure {
        Failure::BadInput(message) => ApiError::parameter("file", message),
        Failure::Transient(message) => ApiError::unavailable(message, Some(10)),
        Failure::Internal(cause) => {
            tracing::error!(cause, "a transcription failed");
            ApiError::internal()
        }
    }
}
