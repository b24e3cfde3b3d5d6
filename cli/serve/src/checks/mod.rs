//! Who may use the server: checks of every request before its route.
//!
//! ```text
//! request -> host (DNS rebinding) -> origin (other sites) -> access (token, session, reverse proxy) -> route
//! ```

mod access;
mod host;
mod login;
mod origin;
mod session;

pub(crate) use self::access::{Access, check_access};
pub(crate) use self::host::{HostNames, check_host};
pub(crate) use self::login::routes as login_routes;
pub(crate) use self::origin::check_origin;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An address.
    Tcp(std::net::SocketAddr),
    /// A process that may open the Unix socket.
    Unix,
}

/// Paths that tell nothing but whether the server runs: they are answered without any check, as probes of clusters
/// expect.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}
