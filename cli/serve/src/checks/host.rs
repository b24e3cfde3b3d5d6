//! The `Host` header: a page of another site whose name was made to lead here (DNS rebinding) has that other name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::is_probe;
use crate::error::ApiError;

/// The names by which the server may be called.
#[derive(Debug, Clone)]
pub(crate) struct HostNames {
    /// As configured, in lower case, with or without a port.
    names: Arc<Vec<Authority>>,
    /// The address that it listens on.
    address: Option<IpAddr>,
}

impl HostNames {
    /// `names` were checked by `ServerConfig::check`; what is not a name matches nothing.
    pub(crate) fn new(names: &[String], address: Option<SocketAddr>) -> Self {
        let names = names.iter().filter_map(|name| name.to_ascii_lowercase().parse().ok()).collect();
        let address = address.map(|address| address.ip()).filter(|address| !address.is_unspecified());
        Self { names: Arc::new(names), address }
    }

    /// Whether the server may be called by this name, at any port.
    fn allows(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let is_address = |ip: IpAddr| ip.is_loopback() || Some(ip) == self.address;
        host.eq_ignore_ascii_case("localhost")
            || host.trim_start_matches('[').trim_end_matches(']').parse().is_ok_and(is_address)
            || self.names.iter().any(|name| name.host().eq_ignore_ascii_case(host))
    }

    /// Whether this is a configured name, with its port if it was configured with one. A proxy may replace the name
    /// that browsers see.
    pub(super) fn is_configured(&self, authority: &Authority) -> bool {
        self.names.iter().any(|name| name.as_str().eq_ignore_ascii_case(authority.as_str()))
    }
}

/// The authority that a request is for: that of its target, or its only `Host` header.
pub(super) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(value), None) => value.to_str().ok()?.parse::<Authority>().ok()?,
        _ => return None,
    };
    match uri.authority() {
        Some(target) if *target != host => None,
        _ => (!host.as_str().contains('@')).then_some(host),
    }
}

/// Refuses requests for other hosts.
pub(crate) async fn check_host(
    State(names): State<HostNames>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if is_probe(request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let Some(authority) = authority(request.uri(), request.headers()) else {
        return Err(ApiError::bad_request("The request needs one valid Host header"));
    };
    if names.allows(&authority) {
        return Ok(next.run(request).await);
    }
    let message =
        "The server is not called by this host name; add the name to its allowed host names, or call it by one";
    Err(ApiError::forbidden(message).with_code("host_not_allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(names: &HostNames, text: &str) -> bool {
        names.allows(&text.parse().unwrap())
    }

    #[test]
    fn host_is_a_loopback_or_configured_name() {
        let names = HostNames::new(&["Case.office.lan".into()], Some("192.168.1.5:80".parse().unwrap()));
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:80", "192.168.1.5", "case.office.lan:8443"] {
            assert!(allows(&names, host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.168.1.6", "127.0.0.1.evil.example", "office.lan"] {
            assert!(!allows(&names, host), "{host}");
        }
        let any = HostNames::new(&[], Some("0.0.0.0:80".parse().unwrap()));
        assert!(!allows(&any, "0.0.0.0"));
    }

    #[test]
    fn host_must_be_stated_once() {
        let of = |uri: &str, hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, axum::http::HeaderValue::from_static(host));
            }
            authority(&uri.parse().unwrap(), &headers).map(|authority| authority.to_string())
        };
        assert_eq!(of("/", &["localhost"]).as_deref(), Some("localhost"));
        assert_eq!(of("http://localhost/", &["localhost"]).as_deref(), Some("localhost"));
        assert_eq!(of("/", &[]), None);
        assert_eq!(of("/", &["localhost", "localhost"]), None);
        assert_eq!(of("http://localhost/", &["other"]), None);
        assert_eq!(of("/", &["me@localhost"]), None);
        assert_eq!(of("/", &["local host"]), None);
    }
}
