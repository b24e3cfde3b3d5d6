//! The routes of a case.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::Content;
use super::name::RecordingId;
use super::send::send;
use super::source::{Caller, CaseError, CaseSource, SearchQuery};
use crate::blocking::Blocking;
use crate::error::ApiError;
use crate::headers::PagePolicy;

/// The longest text that is searched for, in characters.
const LONGEST_SEARCH: usize = 500;
/// Hits of a search, if the client names no number, and at most.
const HITS: usize = 100;
const MOST_HITS: usize = 1000;

/// What the routes need.
#[derive(Clone)]
pub(crate) struct CaseState {
    pub(crate) source: Arc<dyn CaseSource>,
    pub(crate) blocking: Blocking,
    pub(crate) read_only: bool,
    /// The limit of bodies, which the caller enforces.
    pub(crate) body_bytes: u64,
}

/// The routes of a case. Bodies are limited by the caller.
pub(crate) fn routes(state: CaseState) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/case/") }))
        .route("/case", get(|| async { Redirect::permanent("/case/") }))
        .route("/case/", get(case_page))
        .route("/case/{*name}", get(page))
        .route("/audio/{recording}", get(audio))
        .route("/api/recordings", get(recordings))
        .route("/api/search", get(search))
        .route("/api/reviews", get(reviews).post(add_reviews))
        .layer(map_request(without_range_of_head))
        .with_state(state)
}

/// Ranges are for GET alone (RFC 9110, section 14.2).
async fn without_range_of_head(mut request: Request) -> Request {
    if request.method() == Method::HEAD {
        request.headers_mut().remove(header::RANGE);
    }
    request
}

async fn case_page(State(case): State<CaseState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let found = case.call(|source| source.page(None)).await?;
    send_page(found, &headers).await
}

async fn page(
    State(case): State<CaseState>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = parsed(name).ok_or_else(unknown_page)?;
    let found = case.call(move |source| source.page(Some(&name))).await?;
    send_page(found, &headers).await
}

async fn send_page(found: Option<Content>, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut response = send(found.ok_or_else(unknown_page)?, headers).await?;
    response.extensions_mut().insert(PagePolicy);
    Ok(response)
}

fn unknown_page() -> ApiError {
    ApiError::not_found("The case has no such page; /case/ lists its recordings")
}

async fn audio(
    State(case): State<CaseState>,
    recording: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::not_found("The case has no audio of such a recording; /api/recordings lists them");
    let recording: RecordingId = parsed(recording).ok_or_else(unknown)?;
    let found = case.call(move |source| source.audio(&recording)).await?;
    send(found.ok_or_else(unknown)?, &headers).await
}

/// What a path names; `None` if it is not valid UTF-8 or no such name.
fn parsed<T: FromStr>(path: Result<Path<String>, PathRejection>) -> Option<T> {
    path.ok()?.0.parse().ok()
}

async fn recordings(State(case): State<CaseState>) -> Result<Response, ApiError> {
    let recordings = case.call(CaseSource::recordings).await?;
    Ok(Json(json!({ "recordings": recordings })).into_response())
}

/// The query of a search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchParameters {
    q: String,
    recording: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
}

async fn search(
    State(case): State<CaseState>,
    parameters: Result<Query<SearchParameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(SearchParameters { q, recording, offset, limit }) = parameters.map_err(|error| {
        ApiError::bad_request(format!("{}; expected q, and optionally recording, offset, limit", error.body_text()))
    })?;
    let text = q.trim().to_owned();
    if text.is_empty() || text.chars().count() > LONGEST_SEARCH {
        return Err(ApiError::parameter("q", format!("q must have 1 to {LONGEST_SEARCH} characters")));
    }
    let limit = limit.unwrap_or(HITS);
    if !(1..=MOST_HITS).contains(&limit) {
        return Err(ApiError::parameter("limit", format!("limit must be 1 to {MOST_HITS}")));
    }
    let query = SearchQuery { text, recording: optional(recording)?, offset: offset.unwrap_or(0), limit };
    Ok(Json(case.call(move |source| source.search(&query)).await?).into_response())
}

/// The query of a list of reviews.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewParameters {
    recording: Option<String>,
}

async fn reviews(
    State(case): State<CaseState>,
    parameters: Result<Query<ReviewParameters>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(ReviewParameters { recording }) =
        parameters.map_err(|error| ApiError::bad_request(format!("{}; expected recording", error.body_text())))?;
    let recording = optional(recording)?;
    Ok(Json(case.call(move |source| source.reviews(recording.as_ref())).await?))
}

async fn add_reviews(
    State(case): State<CaseState>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if case.read_only {
        let message = "The server was started read-only; start it without that flag, or use `earwitness review`";
        return Err(ApiError::forbidden(message).with_code("read_only"));
    }
    if !is_json(&headers) {
        return Err(ApiError::media_type("Send the review entries as application/json"));
    }
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(case.body_bytes),
        _ => ApiError::bad_request("The body could not be read; send it again"),
    })?;
    let entries = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_request(format!("The body is not valid JSON: {error}")))?;
    let caller = caller.map(|Extension(caller)| caller).unwrap_or_default();
    let added = case.call(move |source| source.add_reviews(entries, &caller)).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

fn optional(recording: Option<String>) -> Result<Option<RecordingId>, ApiError> {
    let parse = |text: String| {
        text.parse().map_err(|error: super::NameError| ApiError::parameter("recording", error.to_string()))
    };
    recording.map(parse).transpose()
}

impl CaseState {
    /// The result of a call of the case.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn CaseSource) -> Result<T, CaseError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let source = Arc::clone(&self.source);
        self.blocking.run(move || call(&*source)).await?.map_err(ApiError::from)
    }
}

impl From<CaseError> for ApiError {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::Unknown(message) => Self::not_found(message),
            CaseError::Invalid(message) => Self::bad_request(message),
            CaseError::Conflict(message) => Self::conflict(message),
            CaseError::Unavailable(message) => Self::unavailable(message, Some(5)),
            CaseError::Failed(cause) => {
                tracing::error!(cause, "the case cannot be used");
                Self::internal()
            }
        }
    }
}
