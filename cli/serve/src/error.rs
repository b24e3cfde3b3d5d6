//! Errors as clients get them, in the form of OpenAI's API.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error for a client: `{"error": {"message", "type", "param", "code"}}` with a status.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    retry_after_s: Option<u64>,
}

/// The object in `error`.
#[derive(Debug, Clone, Serialize)]
struct ErrorBody {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let body = ErrorBody { message: message.into(), kind, param: None, code };
        Self { status, body, retry_after_s: None }
    }

    fn invalid(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", code, message)
    }

    /// 400: the request is wrong.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, None, message)
    }

    /// 400: a parameter of the request is missing or wrong.
    pub(crate) fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::bad_request(message);
        error.body.param = Some(name.into());
        error
    }

    /// 401: no token, or a wrong one.
    pub(crate) fn unauthorized() -> Self {
        let message = "The token is missing or wrong: send it as `Authorization: Bearer TOKEN`, or log in at /login";
        Self::invalid(StatusCode::UNAUTHORIZED, Some("invalid_api_key"), message)
    }

    /// 403: the server refuses this caller or this kind of request.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::FORBIDDEN, Some("forbidden"), message)
    }

    /// 404: nothing has this address.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::NOT_FOUND, Some("not_found"), message)
    }

    /// 404: no model has this name.
    pub(crate) fn model_not_found(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist; GET /v1/models lists those that do");
        let mut error = Self::invalid(StatusCode::NOT_FOUND, Some("model_not_found"), message);
        error.body.param = Some("model".to_owned());
        error
    }

    /// 405: the address exists, but not for this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::invalid(StatusCode::METHOD_NOT_ALLOWED, Some("method_not_allowed"), "This address has no such method")
    }

    /// 408: the request took longer than the limit.
    pub(crate) fn too_slow(limit_s: u64) -> Self {
        let message =
            format!("The request was not complete after {limit_s} s; use a faster connection or a smaller file");
        Self::invalid(StatusCode::REQUEST_TIMEOUT, Some("request_timeout"), message)
    }

    /// 409: it contradicts what is stored.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::CONFLICT, Some("conflict"), message)
    }

    /// 413: larger than the limit.
    pub(crate) fn too_large(limit_bytes: u64) -> Self {
        let message = format!("The request is larger than the limit of {limit_bytes} bytes; send a smaller one");
        Self::invalid(StatusCode::PAYLOAD_TOO_LARGE, Some("request_too_large"), message)
    }

    /// 415: not the media type that the address needs.
    pub(crate) fn media_type(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("unsupported_media_type"), message)
    }

    /// 416: no byte of the requested range exists.
    pub(crate) fn range() -> Self {
        let message = "The range is beyond the end of the file";
        Self::invalid(StatusCode::RANGE_NOT_SATISFIABLE, Some("range_not_satisfiable"), message)
    }

    /// 412: the file is not the one that the request expects.
    pub(crate) fn precondition() -> Self {
        let message = "The file is not the one that If-Match names; request it again";
        Self::invalid(StatusCode::PRECONDITION_FAILED, Some("precondition_failed"), message)
    }

    /// 429: too many requests at once.
    pub(crate) fn busy(retry_after_s: u64) -> Self {
        let message = format!("Too many requests are in progress or queued; try again after {retry_after_s} s");
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "requests", Some("rate_limit_exceeded"), message);
        error.retry_after_s = Some(retry_after_s);
        error
    }

    /// 500: a defect or a failure of the server. The cause is for its log, not for clients.
    pub(crate) fn internal() -> Self {
        let message = "The server failed; its log has the cause";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", Some("internal_error"), message)
    }

    /// 503: not possible at present.
    pub(crate) fn unavailable(message: impl Into<String>, retry_after_s: Option<u64>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", Some("unavailable"), message);
        error.retry_after_s = retry_after_s;
        error
    }

    /// The same error with another `code`.
    pub(crate) const fn with_code(mut self, code: &'static str) -> Self {
        self.body.code = Some(code);
        self
    }

    /// The status of the answer.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The body of the answer, for a stream that has begun.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": self.body })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_has_the_form_of_openai() {
        let json = ApiError::parameter("model", "no").json();
        let expected = serde_json::json!({
            "error": { "message": "no", "type": "invalid_request_error", "param": "model", "code": null }
        });
        assert_eq!(json, expected);
        let response = ApiError::busy(7).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "7");
    }
}
