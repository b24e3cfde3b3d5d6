//! Whether the server runs and can work, and its metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::blocking::Blocking;
use crate::case::CaseSource;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::transcribe::{TranscribeState, is_ready};

/// Time for the answer of the case.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the routes need.
#[derive(Clone)]
pub(crate) struct HealthState {
    pub(crate) case: Option<Arc<dyn CaseSource>>,
    pub(crate) transcribe: Option<TranscribeState>,
    /// Apart from other calls, so that a busy server is not taken for a broken one.
    pub(crate) blocking: Blocking,
    pub(crate) metrics: Metrics,
}

/// The routes `/healthz`, `/readyz` and `/metrics`.
pub(crate) fn routes(state: HealthState) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn ready(State(state): State<HealthState>) -> Response {
    match tokio::time::timeout(PATIENCE, unready(&state)).await {
        Ok(None) => "ready\n".into_response(),
        Ok(Some(part)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{part}: not ready\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer\n").into_response(),
    }
}

/// The first part that is not ready.
async fn unready(state: &HealthState) -> Option<&'static str> {
    if let Some(case) = state.case.clone() {
        let result = state.blocking.run(move || case.ready()).await;
        if let Ok(Err(reason)) = &result {
            tracing::warn!(%reason, "the case is not ready");
        }
        if !matches!(result, Ok(Ok(()))) {
            return Some("case");
        }
    }
    match &state.transcribe {
        Some(transcribe) if !is_ready(transcribe).await => Some("transcriber"),
        _ => None,
    }
}

async fn metrics(State(state): State<HealthState>) -> Result<Response, ApiError> {
    let text = state.metrics.text().map_err(|_| ApiError::internal())?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
