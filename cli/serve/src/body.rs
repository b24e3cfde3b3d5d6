//! The body of a request, of which the rest is read and discarded if the server answers before its end.
//!
//! Most clients read an answer only after they have sent all of the request. If the connection were closed before, they
//! would report a broken connection instead of the reason.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};

/// What is read at most after the answer.
const BYTES: usize = 256 << 20;
const TIME: Duration = Duration::from_secs(10);

/// Replaces the body of a request.
pub(crate) async fn discard_rest(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    // Such a client waits for the server before it sends anything, so that there is nothing to discard.
    let waits = head.headers.contains_key(header::EXPECT);
    let body = Body::new(Remainder { body: Some(body), waits });
    next.run(Request::from_parts(head, body)).await
}

/// A body whose rest is discarded when it is dropped.
struct Remainder {
    body: Option<Body>,
    /// Whether the client waits before it sends the body.
    waits: bool,
}

impl HttpBody for Remainder {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        self.waits = false;
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Remainder {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream() && !self.waits) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(TIME, discard(body)));
        }
    }
}

async fn discard(body: Body) {
    let mut left = BYTES;
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}
