//! Transcripts as server-sent events.
//!
//! `transcript.text.delta` has the text of a segment, `transcript.text.segment` its times (for `verbose_json` alone),
//! and `transcript.text.done` the whole text. Comments, which clients skip, state the position in the queue and the
//! progress.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};

use super::format::usage;
use super::parameters::{Format, Output};
use super::run::Run;
use super::transcriber::{Event, Segment, Transcript};
use crate::error::ApiError;

/// Time without an event after which a comment keeps the connection open.
const SILENCE: Duration = Duration::from_secs(15);

/// The answer with the events of a request, of which `first` was received before.
pub(super) fn respond(first: Option<Result<Event, ApiError>>, run: Run, output: Output) -> Response {
    let messages = messages(first, run, output).map(Ok::<_, Infallible>);
    Sse::new(messages).keep_alive(KeepAlive::new().interval(SILENCE).text("waiting")).into_response()
}

fn messages(first: Option<Result<Event, ApiError>>, run: Run, output: Output) -> impl Stream<Item = Message> {
    let state = (first, run, Writer { output, segments: 0 });
    let updates = stream::unfold(state, |(mut first, mut run, mut writer)| async move {
        let update = match first.take() {
            Some(update) => update,
            None => run.next().await?,
        };
        Some((stream::iter(writer.write(update)), (first, run, writer)))
    });
    updates.flatten()
}

/// Turns events into messages.
struct Writer {
    output: Output,
    segments: usize,
}

impl Writer {
    fn write(&mut self, update: Result<Event, ApiError>) -> Vec<Message> {
        match update {
            Ok(Event::Queued(position)) => vec![Message::default().comment(format!("queued {position}"))],
            Ok(Event::Advanced { done_s, total_s }) => {
                vec![Message::default().comment(format!("progress {done_s:.1}/{total_s:.1} s"))]
            }
            Ok(Event::Segment(segment)) => self.segment(&segment),
            Ok(Event::Finished(transcript)) => self.done(&transcript),
            // The run turns failures into errors.
            Ok(Event::Failed(_)) => Vec::new(),
            Err(error) => vec![data(&error.json())],
        }
    }

    fn segment(&mut self, segment: &Segment) -> Vec<Message> {
        let id = self.segments;
        self.segments += 1;
        let text = if id == 0 { segment.text.trim_start() } else { &segment.text };
        let mut messages = vec![data(&json!({ "type": "transcript.text.delta", "delta": text }))];
        if self.output.format == Format::VerboseJson && self.output.segments {
            messages.push(data(&segment_event(id, segment)));
        }
        messages
    }

    /// The last message, after the segments that were not sent as events.
    fn done(&mut self, transcript: &Transcript) -> Vec<Message> {
        let rest = transcript.segments.get(self.segments..).unwrap_or_default();
        let mut messages: Vec<_> = rest.iter().flat_map(|segment| self.segment(segment)).collect();
        let done = json!({ "type": "transcript.text.done", "text": transcript.text, "usage": usage(transcript) });
        messages.push(data(&done));
        messages
    }
}

fn segment_event(id: usize, segment: &Segment) -> Value {
    json!({
        "type": "transcript.text.segment",
        "id": format!("seg_{id:03}"),
        "start": segment.start_s,
        "end": segment.end_s,
        "text": segment.text,
        "speaker": segment.speaker.as_deref().unwrap_or("unknown"),
    })
}

fn data(value: &Value) -> Message {
    Message::default().data(value.to_string())
}
