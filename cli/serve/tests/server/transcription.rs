//! Transcription in all formats, and its errors.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::{Reply, Running, config, multipart};

const MODEL: (&str, &str) = ("model", "whisper-1");
const WORDS: (&str, &str) = ("timestamp_granularities[]", "word");
const SEGMENTS: (&str, &str) = ("timestamp_granularities[]", "segment");
/// The text of the file `fake` with two segments.
const TEXT: &str = "call b5d54c39 0 call b5d54c39 1";

fn ask(server: &Running, fields: &[(&str, &str)]) -> Reply {
    let fields: Vec<_> = [MODEL].into_iter().chain(fields.iter().copied()).collect();
    let reply = server.client().transcribe(b"fake", &fields);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

#[test]
fn transcription_in_each_format() {
    let server = Running::start(config());
    let usage = json!({ "type": "duration", "seconds": 2.0 });
    assert_eq!(ask(&server, &[]).json(), json!({ "text": TEXT, "usage": usage }));
    let text = ask(&server, &[("response_format", "text")]);
    assert_eq!(
        (text.text(), text.header("content-type")),
        (format!("{TEXT}\n").as_str(), Some("text/plain; charset=utf-8"))
    );
    let srt = ask(&server, &[("response_format", "srt")]);
    assert!(srt.text().starts_with("1\n00:00:00,000 --> 00:00:01,000\ncall b5d54c39 0\n\n2\n"), "{}", srt.text());
    let vtt = ask(&server, &[("response_format", "vtt")]);
    assert!(vtt.text().starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\ncall"), "{}", vtt.text());
}

#[test]
fn transcription_verbose_has_what_was_asked() {
    let server = Running::start(config());
    let verbose = ("response_format", "verbose_json");
    let json = ask(&server, &[verbose, ("language", "ko"), ("temperature", "0.2"), ("prompt", "이름")]).json();
    assert_eq!(
        (&json["task"], &json["language"], &json["duration"]),
        (&json!("transcribe"), &json!("korean"), &json!(2.0))
    );
    assert_eq!(json["segments"][1]["id"], 1);
    assert_eq!(json["segments"][1]["temperature"], 0.2);
    assert_eq!(json.get("words"), None);
    let json = ask(&server, &[verbose, WORDS]).json();
    assert_eq!(json.get("segments"), None);
    assert_eq!(json["words"][5], json!({ "word": "1", "start": 1.0 + 2.0 / 3.0, "end": 2.0 }));
    let json = ask(&server, &[verbose, WORDS, SEGMENTS]).json();
    assert_eq!((json["segments"].as_array().unwrap().len(), json["words"].as_array().unwrap().len()), (2, 6));
}

#[test]
fn translation_has_its_own_parameters() {
    let server = Running::start(config());
    let client = server.client();
    let (media_type, body) = multipart(Some(b"fake"), &[MODEL, ("response_format", "verbose_json")]);
    let json = client.post("/v1/audio/translations", &media_type, &body).json();
    assert_eq!(json["task"], "translate");
    assert!(json["text"].as_str().unwrap().starts_with("translated"));
    let (media_type, body) = multipart(Some(b"fake"), &[MODEL, ("language", "ko")]);
    assert_eq!(client.post("/v1/audio/translations", &media_type, &body).error(400).0, "language");
}

#[test]
fn models_are_listed() {
    let server = Running::start(config());
    let model = json!({ "id": "fake-tiny", "object": "model", "created": 1_800_000_000, "owned_by": "earwitness" });
    assert_eq!(server.client().get("/v1/models").json(), json!({ "object": "list", "data": [model] }));
    assert_eq!(server.client().get("/v1/models/fake-tiny").json(), model);
    assert_eq!(server.client().get("/v1/models/whisper-1").json(), model);
    assert_eq!(server.client().get("/v1/models/other").error(404).1, "model_not_found");
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap_or("error")).collect()
}

#[test]
fn stream_has_the_text_of_each_segment() {
    let server = Running::start(config());
    let reply = ask(&server, &[("stream", "true")]);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let events = reply.events();
    assert_eq!(types(&events), ["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]);
    let text: String = events[..2].iter().map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!((text.as_str(), &events[2]["text"]), (TEXT, &json!(TEXT)));
    assert!(reply.text().contains(": progress 1.0/2.0 s"), "{}", reply.text());
    let events = ask(&server, &[("stream", "true"), ("response_format", "verbose_json")]).events();
    assert_eq!(types(&events)[..2], ["transcript.text.delta", "transcript.text.segment"]);
    assert_eq!((&events[1]["start"], &events[1]["end"]), (&json!(0.0), &json!(1.0)));
}

#[test]
fn stream_ends_with_its_error() {
    let server = Running::start(config());
    let reply = server.client().transcribe(b"fake fail=bad", &[MODEL, ("stream", "true")]);
    assert_eq!(reply.status, 200);
    let events = reply.events();
    assert_eq!(types(&events), ["transcript.text.delta", "transcript.text.delta", "error"]);
    // An error at once has its status.
    server.client().transcribe(b"RIFF", &[MODEL, ("stream", "true")]).error(400);
    server.client().transcribe(b"fake fail=busy", &[MODEL, ("stream", "true")]).error(429);
    assert_eq!(events[2]["error"]["message"], "The recording is cut off");
}

#[test]
fn failures_have_their_status() {
    let server = Running::start(config());
    for (file, status, parameter) in [
        ("fake fail=bad", 400, json!("file")),
        ("fake fail=transient", 503, json!(null)),
        ("fake fail=internal", 500, json!(null)),
        ("fake fail=nothing", 500, json!(null)),
        ("fake fail=submit", 503, json!(null)),
        ("fake fail=busy", 429, json!(null)),
        ("fake fail=panic", 500, json!(null)),
        ("RIFF", 400, json!("file")),
    ] {
        let reply = server.client().transcribe(file.as_bytes(), &[MODEL]);
        assert_eq!(reply.error(status).0, parameter, "{file}");
        assert!(!reply.text().contains("a defect"), "{file}");
    }
    let busy = server.client().transcribe(b"fake fail=busy", &[MODEL]);
    assert_eq!(busy.header("retry-after"), Some("9"));
    let language = server.client().transcribe(b"fake", &[MODEL, ("language", "xx")]);
    assert_eq!(language.error(400).0, "language");
    assert_eq!(server.uploaded_files(), 0);
    assert_eq!(server.transcriber.counts.canceled.load(Ordering::SeqCst), 0);
}

#[test]
fn parameters_that_are_wrong_are_refused() {
    let server = Running::start(config());
    for (fields, status, parameter) in [
        (vec![], 400, "model"),
        (vec![("model", "gpt-9")], 404, "model"),
        (vec![MODEL, ("response_format", "xml")], 400, "response_format"),
        (vec![MODEL, ("temperature", "9")], 400, "temperature"),
        (vec![MODEL, ("language", "Korean!")], 400, "language"),
        (vec![MODEL, ("beam_size", "5")], 400, "beam_size"),
        (vec![MODEL, WORDS], 400, "timestamp_granularities"),
        (vec![MODEL, MODEL], 400, "model"),
    ] {
        assert_eq!(server.client().transcribe(b"fake", &fields).error(status).0, parameter, "{fields:?}");
    }
    let (media_type, body) = multipart(None, &[MODEL]);
    assert_eq!(server.client().post("/v1/audio/transcriptions", &media_type, &body).error(400).0, "file");
    server.client().get("/v1/audio/transcriptions").error(405);
}

#[test]
fn transcription_has_a_time_limit() {
    let mut config = config();
    config.limits.transcription = std::time::Duration::from_millis(200);
    let server = Running::start(config);
    let reply = server.client().transcribe(b"fake pause_ms=10000", &[MODEL]);
    assert_eq!(reply.error(400).1, "transcription_timeout");
    assert_eq!(server.transcriber.counts.canceled.load(Ordering::SeqCst), 1);
}
