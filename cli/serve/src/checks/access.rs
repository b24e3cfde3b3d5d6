//! Who may use the server: token, session, or the user that a reverse proxy names.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::origin::is_read;
use super::session::Sessions;
use super::{Peer, is_probe};
use crate::case::Caller;
use crate::config;
use crate::error::ApiError;
use crate::token::Token;

/// The longest name of a user in bytes.
const LONGEST_USER: usize = 256;

/// Who may use the server.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    Local,
    Token { token: Token, sessions: Sessions },
    Proxy { header: HeaderName, addresses: Arc<Vec<IpAddr>> },
}

impl Access {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn new(access: &config::Access, is_tls: bool) -> Result<Self, getrandom::Error> {
        Ok(match access {
            config::Access::Local => Self::Local,
            config::Access::Token(token) => Self::Token { token: token.clone(), sessions: Sessions::new(is_tls)? },
            config::Access::Proxy { header, addresses } => {
                Self::Proxy { header: header.clone(), addresses: Arc::new(addresses.clone()) }
            }
        })
    }

    /// The caller of a request.
    fn caller(&self, request: &Request) -> Result<Caller, ApiError> {
        let headers = request.headers();
        match self {
            Self::Local => Ok(Caller::default()),
            Self::Token { token, sessions } => {
                let is_known = match headers.get(header::AUTHORIZATION) {
                    Some(value) => bearer(value.as_bytes()).is_some_and(|shown| token.matches(shown)),
                    None => {
                        sessions.has(headers, Instant::now()) && (is_read(request.method()) || says_origin(headers))
                    }
                };
                if is_known { Ok(Caller::default()) } else { Err(ApiError::unauthorized()) }
            }
            Self::Proxy { header, addresses } => proxied(request, header, addresses),
        }
    }
}

/// Whether a browser states where a request comes from. A write with a cookie needs it: browsers always state it.
fn says_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// The token in `Bearer TOKEN`.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn proxied(request: &Request, header: &HeaderName, addresses: &[IpAddr]) -> Result<Caller, ApiError> {
    let is_proxy = match request.extensions().get::<Peer>() {
        Some(Peer::Tcp(address)) => addresses.contains(&address.ip().to_canonical()),
        Some(Peer::Unix) => true,
        None => false,
    };
    if !is_proxy {
        return Err(
            ApiError::forbidden("Only the reverse proxy may connect; call its address").with_code("not_the_proxy")
        );
    }
    let mut values = request.headers().get_all(header).iter();
    match (values.next().and_then(|value| str::from_utf8(value.as_bytes()).ok()), values.next()) {
        (Some(user), None) if (1..=LONGEST_USER).contains(&user.len()) => Ok(Caller { user: Some(user.to_owned()) }),
        _ => Err(ApiError::forbidden("The reverse proxy named no user; log in there").with_code("no_user")),
    }
}

/// Refuses unknown callers. A browser that opens a page is led to the login form.
pub(crate) async fn check_access(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let path = request.uri().path();
    if is_probe(path) || (path == "/login" && matches!(access, Access::Token { .. })) {
        return Ok(next.run(request).await);
    }
    match access.caller(&request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.run(request).await)
        }
        Err(error) if error.status() == 401 && opens_page(&request) => Ok(Redirect::to("/login").into_response()),
        Err(error) => Err(error),
    }
}

fn opens_page(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_token = request.headers().contains_key(header::AUTHORIZATION);
    is_read(request.method()) && !has_token && accept.contains("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_is_read_in_any_case() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        for other in [&b"Basic abc"[..], b"abc", b"Bearer", b""] {
            assert_eq!(bearer(other), None);
        }
    }
}
