//! Segment's artifact: speech spans, and the windows in which they are transcribed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Speech spans of every channel, packed into windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeechSegments {
    /// The detector that found the speech.
    pub vad: VadIdentity,
    /// Speech spans by channel, then by time; those of one channel do not overlap.
    pub spans: Vec<SpeechSpan>,
    /// Windows by channel, then by time; those of one channel do not overlap.
    pub windows: Vec<Window>,
    /// Intervals that were detected and then left out, or that might be speech and were not detected, with reasons.
    pub dropped: Vec<Dropped>,
    /// Channels that repeat another one and are not transcribed. Empty in artifacts of versions that only compared
    /// samples for equality.
    #[serde(default)]
    pub duplicates: Vec<DuplicateChannel>,
}

impl SpeechSegments {
    /// Windows without spans, for a model that runs without a detector.
    #[must_use]
    pub fn of_windows(windows: Vec<Window>) -> Self {
        let vad = VadIdentity { name: "none".to_owned(), model_sha256: None };
        Self { vad, spans: Vec::new(), windows, dropped: Vec::new(), duplicates: Vec::new() }
    }
}

/// A channel that repeats another channel over the whole recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DuplicateChannel {
    /// The channel, from 0.
    pub channel: u16,
    /// The channel that it repeats.
    pub of: u16,
    /// Whether all samples are equal.
    pub identical: bool,
    /// Normalized correlation of the telephone band over the whole recording, -1 to 1; negative if it is inverted.
    pub correlation: f64,
    /// Level relative to the other channel, in dB.
    pub gain_db: f64,
    /// Delay behind the other channel, in milliseconds; negative if it is earlier.
    pub delay_ms: f64,
}

impl fmt::Display for DuplicateChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, identical, correlation, gain_db, delay_ms, .. } = self;
        if *identical {
            return write!(f, "identical to channel {of}");
        }
        write!(
            f,
            "duplicate of channel {of}: correlation {correlation:.2}, level {gain_db:+.1} dB, delay {delay_ms:.1} ms"
        )
    }
}

/// The voice activity detector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VadIdentity {
    /// The backend's name (`silero`, `energy`, `off`).
    pub name: String,
    /// SHA-256 of its weights, if it has any.
    pub model_sha256: Option<String>,
}

impl VadIdentity {
    /// The name of the backend that calls everything speech.
    pub const OFF: &str = "off";

    /// Whether its spans are speech that it has found.
    #[must_use]
    pub fn detects_speech(&self) -> bool {
        self.name != Self::OFF
    }
}

/// Uninterrupted speech in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeechSpan {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// Mean speech probability of the detector's frames, 0 to 1; 1 without a detector.
    pub probability: f32,
}

/// An interval of one channel that is transcribed at once. It covers the spans `first_span..first_span + spans` of
/// [`SpeechSegments::spans`], the pauses between them, and some audio before and after them. Spans longer than a window
/// are cut first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds; at most one model window after the start.
    pub end_s: f64,
    /// Index of its first span.
    pub first_span: u32,
    /// Number of spans that it covers.
    pub spans: u32,
}

impl Window {
    /// A window without spans. Times are in seconds.
    #[must_use]
    pub const fn without_spans(channel: u16, start_s: f64, end_s: f64) -> Self {
        Self { channel, start_s, end_s, first_span: 0, spans: 0 }
    }
}

/// An interval that was not transcribed, or whose transcript was rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// The reason ("shorter than 0.10 s").
    pub reason: String,
}
