//! One connection: TLS, then HTTP/1.1 until the client leaves or the server stops.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::checks::Peer;
use crate::listen::Stream;

/// The most bytes of a request's headers.
const HEADER_BYTES: usize = 64 << 10;

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) app: Router,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) headers: Duration,
    pub(crate) stalled_write: Duration,
    /// Canceled when the server stops.
    pub(crate) stops: CancellationToken,
}

impl Connections {
    /// Serves a connection until its end. Errors of one connection concern nobody else.
    pub(crate) async fn serve(self, stream: Stream, peer: Peer) {
        let result = match (stream, self.tls.clone()) {
            (Stream::Unix(stream), _) => self.http(stream, peer).await,
            (Stream::Tcp(stream), None) => self.http(stream, peer).await,
            (Stream::Tcp(stream), Some(tls)) => match self.handshake(tls.accept(stream)).await {
                Ok(stream) => self.http(stream, peer).await,
                Err(error) => {
                    tracing::debug!(kind = ?error.kind(), "a TLS handshake failed");
                    Ok(())
                }
            },
        };
        if let Err(error) = result {
            tracing::debug!(is_timeout = error.is_timeout(), is_parse = error.is_parse(), "a connection failed");
        }
    }

    async fn handshake<S>(&self, accept: tokio_rustls::Accept<S>) -> io::Result<tokio_rustls::server::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::select! {
            accepted = timeout(self.headers, accept) => accepted.map_err(io::Error::from)?,
            () = self.stops.cancelled() => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
        }
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Send + 'static, peer: Peer) -> hyper::Result<()> {
        let Self { app, headers, stalled_write, stops, .. } = self;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(stalled_write));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            app.clone().oneshot(request.map(Body::new))
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(headers).max_buf_size(HEADER_BYTES);
        let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
        tokio::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => return result,
            () = stops.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}
