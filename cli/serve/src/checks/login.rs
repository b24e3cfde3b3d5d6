//! The login form: the token once, then a session.

use std::time::Instant;

use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, extract::rejection::FormRejection};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::access::Access;
use crate::error::ApiError;

const PAGE: &str = include_str!("login.html");

/// The routes of the login form. They exist only for access by token.
pub(crate) fn routes(access: &Access) -> Router {
    match access {
        Access::Token { .. } => Router::new()
            .route("/login", get(form).post(log_in))
            .route("/logout", post(log_out))
            .with_state(access.clone()),
        _ => Router::new(),
    }
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

async fn form() -> Response {
    page(StatusCode::OK, "")
}

fn page(status: StatusCode, note: &str) -> Response {
    (status, Html(PAGE.replace("{note}", note))).into_response()
}

async fn log_in(State(access): State<Access>, login: Result<Form<Login>, FormRejection>) -> Result<Response, ApiError> {
    let Access::Token { token, sessions } = access else { return Err(ApiError::not_found("There is no login")) };
    let Ok(Form(Login { token: shown })) = login else {
        return Err(ApiError::bad_request("Send the form with one field, `token`"));
    };
    let shown = Zeroizing::new(shown);
    if !token.matches(shown.trim().as_bytes()) {
        tracing::warn!("a login was refused");
        return Ok(page(StatusCode::UNAUTHORIZED, "The token is wrong. 토큰이 맞지 않습니다."));
    }
    let cookie = sessions.start(Instant::now()).map_err(|_| ApiError::internal())?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

async fn log_out(State(access): State<Access>, headers: HeaderMap, _: Request) -> Result<Response, ApiError> {
    let Access::Token { sessions, .. } = access else { return Err(ApiError::not_found("There is no login")) };
    Ok(([(header::SET_COOKIE, sessions.end(&headers))], Redirect::to("/login")).into_response())
}
