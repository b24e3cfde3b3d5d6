//! All routes with the checks before them.
//!
//! ```text
//! request -> count and log -> headers -> rest of the body -> host -> origin -> access -> route
//! ```

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio::time::timeout;

use crate::body::discard_rest;
use crate::case::{self, CaseState};
use crate::checks::{Access, HostNames, check_access, check_host, check_origin, login_routes};
use crate::error::ApiError;
use crate::headers::add_headers;
use crate::health::{self, HealthState};
use crate::metrics::Metrics;
use crate::observe::observe;
use crate::transcribe::{self, TranscribeState};

/// What the routes need.
pub(crate) struct App {
    pub(crate) case: Option<CaseState>,
    pub(crate) transcribe: Option<TranscribeState>,
    pub(crate) health: HealthState,
    pub(crate) access: Access,
    pub(crate) hosts: HostNames,
    pub(crate) metrics: Metrics,
    /// Limits of requests that have no file.
    pub(crate) body_bytes: usize,
    pub(crate) body_time: Duration,
}

impl App {
    /// The service of all connections.
    pub(crate) fn router(self) -> Router {
        let first = self.case.map_or_else(first_page, case::routes);
        let small = first.merge(login_routes(&self.access));
        let small =
            small.layer(DefaultBodyLimit::max(self.body_bytes)).layer(from_fn_with_state(self.body_time, limit_time));
        let transcribe = self.transcribe.map(transcribe::routes).unwrap_or_default();
        small
            .merge(transcribe)
            .merge(health::routes(self.health))
            .fallback(|| async { ApiError::not_found("The server has no such address") })
            .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
            .layer(from_fn_with_state(self.access, check_access))
            .layer(from_fn_with_state(self.hosts.clone(), check_origin))
            .layer(from_fn_with_state(self.hosts, check_host))
            .layer(from_fn(discard_rest))
            .layer(from_fn(add_headers))
            .layer(from_fn_with_state(self.metrics, observe))
    }
}

/// What a server without a case says at its root, where a browser arrives after it has logged in.
fn first_page() -> Router {
    Router::new().route("/", get(|| async { "This server transcribes: POST /v1/audio/transcriptions\n" }))
}

/// Limits the time of a request until its answer starts.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Result<Response, ApiError> {
    timeout(limit, next.run(request)).await.map_err(|_| ApiError::too_slow(limit.as_secs()))
}
