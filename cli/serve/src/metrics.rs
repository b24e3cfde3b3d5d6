//! Counts and durations for Prometheus. They have no contents: no names, texts, addresses or users.

use std::time::Duration;

use prometheus::{
    Counter, Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Bounds of durations in seconds.
const SECONDS: [f64; 12] = [0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0, 600.0, 3600.0];

/// The metrics of a server.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    connections: IntGauge,
    outcomes: IntCounterVec,
    queued: IntGauge,
    running: IntGauge,
    transcription_seconds: HistogramVec,
    audio_seconds: Counter,
    upload_bytes: IntCounter,
}

impl Metrics {
    /// # Errors
    /// Two metrics have the same name.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("earwitness".into()), None)?;
        let durations = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("http_requests_total", "Requests by answer."),
                &["method", "route", "status"],
            )?,
            seconds: HistogramVec::new(durations("http_request_seconds", "Time until an answer starts."), &["route"])?,
            connections: IntGauge::new("connections", "Open connections.")?,
            outcomes: IntCounterVec::new(
                Opts::new("transcriptions_total", "Transcriptions by outcome."),
                &["outcome"],
            )?,
            queued: IntGauge::new("transcriptions_queued", "Transcriptions that wait for a slot.")?,
            running: IntGauge::new("transcriptions_running", "Transcriptions that the transcriber has.")?,
            transcription_seconds: HistogramVec::new(
                durations("transcription_seconds", "Time of finished transcriptions without that in the queue."),
                &[],
            )?,
            audio_seconds: Counter::new("audio_seconds_total", "Seconds of audio of finished transcriptions.")?,
            upload_bytes: IntCounter::new("upload_bytes_total", "Bytes of uploaded files.")?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.requests.clone()))?;
        self.registry.register(Box::new(self.seconds.clone()))?;
        self.registry.register(Box::new(self.connections.clone()))?;
        self.registry.register(Box::new(self.outcomes.clone()))?;
        self.registry.register(Box::new(self.queued.clone()))?;
        self.registry.register(Box::new(self.running.clone()))?;
        self.registry.register(Box::new(self.transcription_seconds.clone()))?;
        self.registry.register(Box::new(self.audio_seconds.clone()))?;
        self.registry.register(Box::new(self.upload_bytes.clone()))
    }

    /// All metrics in the text format.
    ///
    /// # Errors
    /// A metric cannot be written as text.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// An answer has started. A client that left before has status 499.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, time: Duration) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route]).observe(time.as_secs_f64());
    }

    /// Counts a connection until the value is dropped.
    pub(crate) fn connection(&self) -> Held {
        Held::new(&self.connections)
    }

    /// A file was uploaded.
    pub(crate) fn uploaded(&self, bytes: u64) {
        self.upload_bytes.inc_by(bytes);
    }

    /// A transcription has entered the queue.
    pub(crate) fn transcription(&self) -> Outcome {
        Outcome { state: Held::new(&self.queued), name: "canceled", metrics: self.clone() }
    }
}

/// A gauge that is higher by one until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(IntGauge);

impl Held {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The outcome of a transcription, which is counted when this is dropped. Without any other outcome it was canceled.
#[derive(Debug)]
pub(crate) struct Outcome {
    state: Held,
    name: &'static str,
    metrics: Metrics,
}

impl Outcome {
    pub(crate) fn running(&mut self) {
        self.state = Held::new(&self.metrics.running);
    }

    pub(crate) const fn failed(&mut self) {
        self.name = "failed";
    }

    pub(crate) fn finished(&mut self, time: Duration, audio_s: f64) {
        self.name = "finished";
        self.metrics.transcription_seconds.with_label_values::<&str>(&[]).observe(time.as_secs_f64());
        if audio_s.is_finite() && audio_s > 0.0 {
            self.metrics.audio_seconds.inc_by(audio_s);
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.metrics.outcomes.with_label_values(&[self.name]).inc();
    }
}
