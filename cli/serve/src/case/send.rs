//! Sends a file: whole, in part, or not at all if the client has it.

use std::io::{self, SeekFrom};
use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::content::{Content, Data};
use crate::error::ApiError;
use crate::range::{Selection, select};

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;
/// The type of what has no valid one.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The answer to a request for a file, by the headers of the request.
pub(super) async fn send(content: Content, request: &HeaderMap) -> Result<Response, ApiError> {
    let tag = HeaderValue::from_str(&format!("\"{}\"", content.sha256)).map_err(|_| ApiError::internal())?;
    if list(request, header::IF_MATCH).is_some_and(|list| !names(&list, &tag, Comparison::Strong)) {
        return Err(ApiError::precondition());
    }
    if list(request, header::IF_NONE_MATCH).is_some_and(|list| names(&list, &tag, Comparison::Weak)) {
        return Ok(with_tag(StatusCode::NOT_MODIFIED.into_response(), tag));
    }
    let length = content.length;
    let response = match selection(request, &tag, length) {
        Selection::Unsatisfiable => unsatisfiable(length),
        Selection::Whole => body(content, 0..length, StatusCode::OK).await?,
        Selection::Part(part) => {
            let value = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let mut response = body(content, part, StatusCode::PARTIAL_CONTENT).await?;
            response.headers_mut().insert(header::CONTENT_RANGE, text(&value)?);
            response
        }
    };
    Ok(with_tag(response, tag))
}

/// What the request wants of the file. A range under a condition that does not hold is ignored; dates never hold, since
/// the server states none.
fn selection(request: &HeaderMap, tag: &HeaderValue, length: u64) -> Selection {
    let holds = request.get(header::IF_RANGE).is_none_or(|value| value == tag);
    let mut ranges = request.get_all(header::RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(value), None) if holds => select(value, length),
        _ => Selection::Whole,
    }
}

fn unsatisfiable(length: u64) -> Response {
    let mut response = ApiError::range().into_response();
    if let Ok(value) = text(&format!("bytes */{length}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// Answers with a part of a file.
async fn body(content: Content, part: Range<u64>, status: StatusCode) -> Result<Response, ApiError> {
    let length = part.end - part.start;
    let body = match content.data {
        Data::Bytes(bytes) => bytes_body(&bytes, part),
        Data::File(file) => file_body(file, part).await.map_err(|error| {
            tracing::error!(kind = ?error.kind(), "a file cannot be read");
            ApiError::internal()
        })?,
    };
    let mut response = (status, body).into_response();
    let media_type = HeaderValue::from_str(&content.media_type).unwrap_or(BYTES);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn bytes_body(bytes: &bytes::Bytes, part: Range<u64>) -> Body {
    let index = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    Body::from(bytes.slice(index(part.start)..index(part.end)))
}

/// A part of a file as a stream. A file that became shorter ends early, which breaks the connection, so that no client
/// takes it for complete.
async fn file_body(file: std::fs::File, part: Range<u64>) -> io::Result<Body> {
    let mut file = File::from_std(file);
    file.seek(SeekFrom::Start(part.start)).await?;
    Ok(Body::from_stream(ReaderStream::with_capacity(file.take(part.end - part.start), BLOCK)))
}

fn with_tag(mut response: Response, tag: HeaderValue) -> Response {
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn text(value: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(value).map_err(|_| ApiError::internal())
}

/// The values of a header with a list, joined.
fn list(request: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let values: Vec<_> = request.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// How entity tags are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of entity tags names a file. No tag of the server contains a comma.
fn names(list: &str, tag: &HeaderValue, comparison: Comparison) -> bool {
    list.split(',').map(str::trim).any(|one| match one.strip_prefix("W/") {
        Some(weak) => comparison == Comparison::Weak && weak.as_bytes() == tag.as_bytes(),
        None => one == "*" || one.as_bytes() == tag.as_bytes(),
    })
}
