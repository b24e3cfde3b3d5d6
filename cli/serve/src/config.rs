//! The settings of a server.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;

use crate::token::Token;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 is any free one.
    Tcp(SocketAddr),
    /// A Unix socket, which only its owner can connect to (mode 0600).
    Unix(PathBuf),
}

/// Who may use a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Whoever can connect: every user of this machine on a loopback address, only the owner on a Unix socket.
    Local,
    /// Who shows the token: in `Authorization: Bearer`, or once at `/login`.
    Token(Token),
    /// Whom a reverse proxy has identified. Only connections from the proxy are accepted, or those over a Unix socket.
    /// Other programs on the proxy's machine can pose as any user; a Unix socket prevents that.
    Proxy {
        /// The header with the user's name. The proxy must remove it from what clients send.
        header: HeaderName,
        /// The addresses of the proxy.
        addresses: Vec<IpAddr>,
    },
}

/// Certificate and private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// The private key. Neither group nor others may read the file.
    pub key: PathBuf,
}

/// What a server accepts at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Further ones wait.
    pub connections: usize,
    /// Time for the headers of a request, and for a connection without a request.
    pub headers: Duration,
    /// Time without any byte that a client reads.
    pub stalled_write: Duration,
    /// Bytes of a body of JSON or of a form.
    pub body_bytes: u64,
    /// Time for the whole body of a request, with its file.
    pub body: Duration,
    /// Bytes of an uploaded file.
    pub upload_bytes: u64,
    /// Bytes of all uploaded files at once.
    pub uploads_bytes: u64,
    /// Transcriptions that the transcriber has at once.
    pub running: usize,
    /// Further requests for transcriptions, with those that are being uploaded.
    pub queued: usize,
    /// Time for a transcription, without the time in the queue.
    pub transcription: Duration,
    /// Time for requests in progress when the server stops.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            headers: Duration::from_secs(20),
            stalled_write: Duration::from_secs(60),
            body_bytes: 4 << 20,
            body: Duration::from_secs(600),
            upload_bytes: 2 << 30,
            uploads_bytes: 32 << 30,
            running: 16,
            queued: 256,
            transcription: Duration::from_secs(6 * 3600),
            stop: Duration::from_secs(30),
        }
    }
}

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: Listen,
    /// Who may use it.
    pub access: Access,
    /// TLS, which any address but a loopback one needs.
    pub tls: Option<TlsFiles>,
    /// Names, or addresses, by which browsers may call it, besides those of the loopback interface: `case.office.lan`,
    /// or with the port that they see, `case.office.lan:8443`.
    pub host_names: Vec<String>,
    /// Whether an address that is not a loopback one may be used without TLS, as behind a proxy on another machine.
    /// Then whoever sees the network reads tokens and calls.
    pub allow_plain_http: bool,
    /// Whether reviews cannot be added.
    pub read_only: bool,
    /// The folder for uploaded files, in a folder of their own that only the owner can open.
    pub upload_folder: PathBuf,
    /// What is accepted at most.
    pub limits: Limits,
}

impl ServerConfig {
    /// The default settings: local access, no TLS, reviews can be added.
    #[must_use]
    pub fn new(listen: Listen) -> Self {
        Self {
            listen,
            access: Access::Local,
            tls: None,
            host_names: Vec::new(),
            allow_plain_http: false,
            read_only: false,
            upload_folder: std::env::temp_dir(),
            limits: Limits::default(),
        }
    }

    /// Whether the settings are safe and possible.
    ///
    /// # Errors
    /// What must be changed.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Listen::Tcp(address) = self.listen {
            self.check_address(address)?;
        } else if self.tls.is_some() {
            return Err(ConfigError::TlsOnUnixSocket);
        }
        if let Some(name) = self.host_names.iter().find(|name| !is_authority(name)) {
            return Err(ConfigError::HostName(name.clone()));
        }
        let Limits { connections, running, .. } = self.limits;
        if connections == 0 || running == 0 { Err(ConfigError::ZeroLimit) } else { Ok(()) }
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), ConfigError> {
        let is_local = address.ip().is_loopback();
        match &self.access {
            Access::Local if !is_local => Err(ConfigError::Exposed(address)),
            Access::Proxy { addresses, .. } if addresses.is_empty() => Err(ConfigError::AnyProxy),
            _ if !is_local && self.tls.is_none() && !self.allow_plain_http => Err(ConfigError::PlainHttp(address)),
            _ => Ok(()),
        }
    }
}

/// Whether a text is a host name or address, with or without a port.
fn is_authority(text: &str) -> bool {
    text.parse::<axum::http::uri::Authority>()
        .is_ok_and(|authority| !authority.host().is_empty() && !text.contains('@'))
}

/// Why a server does not start with its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Others could use the server without a token.
    #[error(
        "{0} can be reached from other machines: set a token or the header of a reverse proxy, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// Others could read what is sent.
    #[error("{0} can be reached from other machines: set a certificate and its key, or allow plain HTTP")]
    PlainHttp(SocketAddr),
    /// Anybody could pose as the reverse proxy.
    #[error("the header of a reverse proxy is trusted only with its addresses: name them, or listen on a Unix socket")]
    AnyProxy,
    /// TLS is for addresses.
    #[error("a Unix socket has no TLS: remove certificate and key")]
    TlsOnUnixSocket,
    /// Not a host name.
    #[error("{0:?} is not a host name: write a name or address, with or without a port")]
    HostName(String),
    /// A server that accepts nothing.
    #[error("the limits for connections and running transcriptions must be at least 1")]
    ZeroLimit,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(address: &str) -> ServerConfig {
        ServerConfig::new(Listen::Tcp(address.parse().unwrap()))
    }

    #[test]
    fn config_on_loopback_needs_nothing() {
        for address in ["127.0.0.1:0", "[::1]:8080"] {
            assert_eq!(config(address).check(), Ok(()));
        }
        assert_eq!(ServerConfig::new(Listen::Unix("/run/case.sock".into())).check(), Ok(()));
    }

    #[test]
    fn config_on_other_addresses_needs_a_token_and_tls() {
        for address in ["0.0.0.0:80", "192.168.1.5:8080", "[::]:80"] {
            let mut config = config(address);
            assert!(matches!(config.check(), Err(ConfigError::Exposed(_))));
            config.access = Access::Token(Token::parse("0123456789abcdef0123").unwrap());
            assert!(matches!(config.check(), Err(ConfigError::PlainHttp(_))));
            config.tls = Some(TlsFiles { certificate: "a".into(), key: "b".into() });
            assert_eq!(config.check(), Ok(()));
        }
    }

    #[test]
    fn config_trusts_no_unknown_proxy() {
        let header = HeaderName::from_static("x-forwarded-user");
        let mut config = config("127.0.0.1:0");
        config.access = Access::Proxy { header: header.clone(), addresses: Vec::new() };
        assert_eq!(config.check(), Err(ConfigError::AnyProxy));
        config.access = Access::Proxy { header, addresses: vec![[127, 0, 0, 1].into()] };
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn config_names_wrong_host_names() {
        let mut config = config("127.0.0.1:0");
        for name in ["", "a b", "https://case", "me@case", "case/"] {
            config.host_names = vec![name.to_owned()];
            assert_eq!(config.check(), Err(ConfigError::HostName(name.to_owned())), "{name:?}");
        }
        config.host_names = vec!["case.office.lan".to_owned(), "case:8443".to_owned(), "[fe80::1]:80".to_owned()];
        assert_eq!(config.check(), Ok(()));
    }
}
