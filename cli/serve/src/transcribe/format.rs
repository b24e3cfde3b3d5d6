//! Transcripts in the formats of OpenAI's API.

use std::fmt::Write;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::parameters::{Format, Output};
use super::transcriber::{Segment, Transcript, Word};

/// The answer with a finished transcript.
pub(super) fn render(output: Output, transcript: &Transcript) -> Response {
    match output.format {
        Format::Json => Json(json!({ "text": transcript.text, "usage": usage(transcript) })).into_response(),
        Format::VerboseJson => Json(verbose(output, transcript)).into_response(),
        Format::Text => plain("text/plain; charset=utf-8", format!("{}\n", transcript.text)),
        Format::Srt => plain("application/x-subrip; charset=utf-8", srt(&transcript.segments)),
        Format::Vtt => plain("text/vtt; charset=utf-8", vtt(&transcript.segments)),
    }
}

fn plain(media_type: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

/// What OpenAI bills: the duration.
pub(super) fn usage(transcript: &Transcript) -> Value {
    json!({ "type": "duration", "seconds": transcript.duration_s.ceil() })
}

fn verbose(output: Output, transcript: &Transcript) -> Value {
    let mut object = Map::new();
    object.insert("task".into(), output.task.name().into());
    object.insert("language".into(), transcript.language.as_str().into());
    object.insert("duration".into(), transcript.duration_s.into());
    object.insert("text".into(), transcript.text.as_str().into());
    if output.segments {
        let segments = transcript.segments.iter().enumerate().map(|(id, segment)| verbose_segment(id, segment));
        object.insert("segments".into(), segments.collect());
    }
    if output.words {
        let words = transcript.segments.iter().flat_map(|segment| &segment.words).map(word);
        object.insert("words".into(), words.collect());
    }
    object.insert("usage".into(), usage(transcript));
    Value::Object(object)
}

fn verbose_segment(id: usize, segment: &Segment) -> Value {
    json!({
        "id": id,
        "seek": segment.seek_frames,
        "start": segment.start_s,
        "end": segment.end_s,
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    })
}

fn word(word: &Word) -> Value {
    json!({ "word": word.word, "start": word.start_s, "end": word.end_s })
}

fn srt(segments: &[Segment]) -> String {
    let mut text = String::new();
    for (index, segment) in segments.iter().enumerate() {
        let (start, end) = (clock(segment.start_s, ','), clock(segment.end_s, ','));
        let _ = write!(text, "{}\n{start} --> {end}\n{}\n\n", index + 1, one_line(&segment.text));
    }
    text
}

fn vtt(segments: &[Segment]) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for segment in segments {
        let (start, end) = (clock(segment.start_s, '.'), clock(segment.end_s, '.'));
        let line = one_line(&segment.text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "{start} --> {end}\n{line}\n\n");
    }
    text
}

/// The text on one line, so that none of it is taken for a number or a time.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "->")
}

fn clock(seconds: f64, point: char) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and no recording is that long"
    )]
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}{point}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> Vec<Segment> {
        let segment = |start_s, end_s, text: &str| Segment { start_s, end_s, text: text.into(), ..Segment::default() };
        vec![segment(0.0, 1.5, " a <b>\n\n2\n --> c"), segment(3599.9996, 3661.25, "여보세요 & so on")]
    }

    #[test]
    fn subtitles_have_the_times_and_one_line() {
        let expected = "1\n00:00:00,000 --> 00:00:01,500\na <b> 2 -> c\n\n\
                        2\n01:00:00,000 --> 01:01:01,250\n여보세요 & so on\n\n";
        assert_eq!(srt(&segments()), expected);
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt;b&gt; 2 -&gt; c\n\n\
                        01:00:00.000 --> 01:01:01.250\n여보세요 &amp; so on\n\n";
        assert_eq!(vtt(&segments()), expected);
        assert_eq!((srt(&[]).as_str(), vtt(&[]).as_str()), ("", "WEBVTT\n\n"));
    }

    #[test]
    fn times_that_are_not_numbers_are_zero() {
        for seconds in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!(clock(seconds, '.'), "00:00:00.000");
        }
    }
}
