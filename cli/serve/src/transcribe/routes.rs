//! The routes of transcription.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::form;
use super::format::render;
use super::parameters::{Parameters, find_model, parse};
use super::queue::Queue;
use super::run::{Engine, Run};
use super::stream;
use super::transcriber::{Event, Model, Task, Transcriber};
use super::upload_folder::UploadFolder;
use crate::blocking::Blocking;
use crate::config::Limits;
use crate::error::ApiError;
use crate::metrics::Metrics;

/// Bytes of a form besides its file.
const FORM_BYTES: u64 = 1 << 20;
/// When a client should try again if all places are taken, in seconds.
const RETRY_S: u64 = 5;

/// Time for the first event of a stream. An error within it has a status of its own.
const FIRST: Duration = Duration::from_secs(1);

/// What the routes need.
#[derive(Clone)]
pub(crate) struct TranscribeState {
    engine: Engine,
    folder: Arc<UploadFolder>,
    limits: Limits,
}

impl TranscribeState {
    pub(crate) fn new(
        transcriber: Arc<dyn Transcriber>,
        blocking: Blocking,
        folder: UploadFolder,
        limits: Limits,
        metrics: Metrics,
        gives_up: CancellationToken,
    ) -> Self {
        let queue = Arc::new(Queue::new(limits.running, limits.queued));
        let engine = Engine { transcriber, blocking, queue, limit: limits.transcription, metrics, gives_up };
        Self { engine, folder: Arc::new(folder), limits }
    }

    async fn models(&self) -> Result<Vec<Model>, ApiError> {
        let transcriber = Arc::clone(&self.engine.transcriber);
        self.engine.blocking.run(move || transcriber.models()).await
    }
}

/// The routes of transcription.
pub(crate) fn routes(state: TranscribeState) -> Router {
    Router::new()
        .route("/v1/audio/transcriptions", post(transcriptions))
        .route("/v1/audio/translations", post(translations))
        .route("/v1/models", get(models))
        .route("/v1/models/{id}", get(model))
        .with_state(state)
}

async fn models(State(state): State<TranscribeState>) -> Result<Json<Value>, ApiError> {
    let models = state.models().await?;
    let data: Vec<_> = models.iter().map(described).collect();
    Ok(Json(json!({ "object": "list", "data": data })))
}

async fn model(State(state): State<TranscribeState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let models = state.models().await?;
    find_model(&models, &id).map(|model| Json(described(model))).ok_or_else(|| ApiError::model_not_found(&id))
}

fn described(model: &Model) -> Value {
    json!({ "id": model.id, "object": "model", "created": model.created_s, "owned_by": model.owned_by })
}

async fn transcriptions(
    State(state): State<TranscribeState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    respond(state, Task::Transcribe, headers, body).await
}

async fn translations(
    State(state): State<TranscribeState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    respond(state, Task::Translate, headers, body).await
}

async fn respond(state: TranscribeState, task: Task, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let place = state.engine.queue.enter().map_err(|_| ApiError::busy(RETRY_S))?;
    let parameters = receive(&state, task, &headers, body).await?;
    let output = parameters.output;
    let mut run = Run::start(state.engine, place, parameters);
    if output.stream {
        return match timeout(FIRST, run.next()).await {
            Ok(Some(Err(error))) => Err(error),
            Ok(first) => Ok(stream::respond(first, run, output)),
            Err(_) => Ok(stream::respond(None, run, output)),
        };
    }
    while let Some(update) = run.next().await {
        if let Event::Finished(transcript) = update? {
            return Ok(render(output, &transcript));
        }
    }
    Err(ApiError::internal())
}

/// Receives the form within the limits of size and time.
async fn receive(state: &TranscribeState, task: Task, headers: &HeaderMap, body: Body) -> Result<Parameters, ApiError> {
    let limit = state.limits.upload_bytes;
    if declared_length(headers).is_some_and(|length| length > limit.saturating_add(FORM_BYTES)) {
        return Err(ApiError::too_large(limit));
    }
    let reading = form::read(headers, body, &state.folder, limit);
    let form = timeout(state.limits.body, reading).await;
    let form = form.map_err(|_| ApiError::too_slow(state.limits.body.as_secs()))??;
    state.engine.metrics.uploaded(form.file.as_ref().map_or(0, |file| file.bytes()));
    parse(task, form, &state.models().await?)
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether requests can be transcribed.
pub(crate) async fn is_ready(state: &TranscribeState) -> bool {
    let transcriber = Arc::clone(&state.engine.transcriber);
    match state.engine.blocking.run(move || transcriber.ready()).await {
        Ok(Ok(())) => true,
        Ok(Err(reason)) => {
            tracing::warn!(reason, "the transcriber is not ready");
            false
        }
        Err(_) => false,
    }
}
