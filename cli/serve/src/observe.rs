//! A log line and a count for each request, without contents: the route instead of the path.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics::Metrics;

/// The status of a request whose client left before its answer, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// Logs and counts a request when its answer starts, or its client leaves.
pub(crate) async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut observed =
        Observed { metrics, method: method(request.method()), route, start: Instant::now(), status: CLIENT_LEFT };
    let response = next.run(request).await;
    observed.status = response.status().as_u16();
    response
}

/// A method as a label. Clients may invent others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// A request that is logged and counted when this is dropped.
struct Observed {
    metrics: Metrics,
    method: &'static str,
    route: Option<MatchedPath>,
    start: Instant,
    status: u16,
}

impl Drop for Observed {
    fn drop(&mut self) {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        let time: Duration = self.start.elapsed();
        self.metrics.answered(self.method, route, self.status, time);
        tracing::info!(method = self.method, route, status = self.status, ms = time.as_millis(), "request");
    }
}
