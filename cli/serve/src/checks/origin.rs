//! Requests that a browser sends on behalf of another site.
//!
//! Such a site can send forms and load scripts, images and audio from any address, also from this machine. It cannot
//! read the answers, since there are no CORS headers; but a script with data can be read by running it. So browsers'
//! own statements about the request decide: `Sec-Fetch-Site` for all requests, `Origin` for writes.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::host::{HostNames, authority};
use super::is_probe;
use crate::error::ApiError;

/// Refuses what other sites start, except links to pages.
pub(crate) async fn check_origin(
    State(names): State<HostNames>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if is_probe(request.uri().path()) || is_own(&request, &names) {
        return Ok(next.run(request).await);
    }
    let message =
        "The request comes from another site; use the pages of this server, or a program that is not a browser";
    Err(ApiError::forbidden(message).with_code("origin_not_allowed"))
}

/// Whether a request is a client's own: a program, a page of this server, or a person who follows a link.
fn is_own(request: &Request, names: &HostNames) -> bool {
    let headers = request.headers();
    let is_read = is_read(request.method());
    let is_link = is_read && is(headers, "sec-fetch-mode", "navigate") && is(headers, "sec-fetch-dest", "document");
    let site_is_own = match headers.get("sec-fetch-site") {
        None => true,
        Some(site) => site == "same-origin" || site == "none" || is_link,
    };
    let origin_is_own = match headers.get(header::ORIGIN).map(|origin| origin.to_str().ok().and_then(origin_authority))
    {
        None => true,
        Some(None) => is_link,
        Some(Some(origin)) => {
            let is_host = authority(request.uri(), headers).is_some_and(|host| host == origin);
            is_host || names.is_configured(&origin)
        }
    };
    site_is_own && origin_is_own
}

/// Whether a method changes nothing.
pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn is(headers: &HeaderMap, name: &str, expected: &str) -> bool {
    headers.get(name).is_some_and(|value| value == expected)
}

/// The authority of an origin; `null` has none.
fn origin_authority(origin: &str) -> Option<Authority> {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    authority.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn allowed(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/").header("host", "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let names = HostNames::new(&["case.office.lan".into(), "other.lan:8443".into()], None);
        is_own(&request.body(Body::empty()).unwrap(), &names)
    }

    #[test]
    fn origin_of_programs_and_own_pages_is_allowed() {
        for method in ["GET", "POST"] {
            assert!(allowed(method, &[]));
            assert!(allowed(method, &[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]));
            assert!(allowed(method, &[("origin", "https://case.office.lan")]));
            assert!(allowed(method, &[("origin", "https://other.lan:8443")]));
        }
        assert!(allowed("GET", &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn origin_of_other_sites_is_refused() {
        for method in ["GET", "POST"] {
            for origin in
                ["http://evil.example", "null", "http://127.0.0.1:9999", "https://case.office.lan:444", "file://"]
            {
                assert!(!allowed(method, &[("origin", origin)]), "{method} {origin}");
            }
            for site in ["cross-site", "same-site", "unknown"] {
                assert!(!allowed(method, &[("sec-fetch-site", site)]), "{method} {site}");
            }
        }
    }

    #[test]
    fn origin_of_links_is_allowed_for_pages_alone() {
        let link = |destination| {
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", destination)]
        };
        assert!(allowed("GET", &link("document")));
        assert!(!allowed("POST", &link("document")));
        assert!(!allowed("GET", &link("iframe")));
        let script = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")];
        assert!(!allowed("GET", &script));
    }
}
