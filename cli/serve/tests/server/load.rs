//! Many requests at once.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use testkit::wait_until;

use crate::support::{Reply, Running, config};

const MODEL: (&str, &str) = ("model", "whisper-1");

/// The answers to many requests at once.
fn all(server: &Running, count: usize, file: impl Fn(usize) -> Vec<u8> + Sync, fields: &[(&str, &str)]) -> Vec<Reply> {
    let client = server.client();
    thread::scope(|scope| {
        let ask = |index| {
            let (client, file) = (&client, &file);
            scope.spawn(move || client.transcribe(&file(index), fields))
        };
        let threads: Vec<_> = (0..count).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn requests_of_mixed_lengths_are_all_answered() {
    let server = Running::start(config());
    let file = |index: usize| {
        let script = format!("fake segments={} pause_ms={} id={index} ", 1 + index % 7, index % 13);
        [script.into_bytes(), vec![b'x'; (index * 7919) % 400_000]].concat()
    };
    let replies = all(&server, 200, file, &[MODEL]);
    let texts: HashSet<_> = replies
        .iter()
        .enumerate()
        .map(|(index, reply)| {
            assert_eq!(reply.status, 200, "{}", reply.text());
            let json = reply.json();
            assert_eq!(json["usage"]["seconds"], (1 + index % 7) as f64, "{index}");
            json["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(texts.len(), 200, "each answer is that of its own file");
    let counts = &server.transcriber.counts;
    assert_eq!(counts.finished.load(Ordering::SeqCst), 200);
    assert_eq!(counts.canceled.load(Ordering::SeqCst), 0);
    assert!(counts.most_running.load(Ordering::SeqCst) <= 16);
    wait_until("no upload is left", || server.uploaded_files() == 0);
    let metrics = server.client().get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("earwitness_transcriptions_total{outcome=\"finished\"} 200"), "{}", metrics.text());
    assert!(metrics.text().contains("earwitness_transcriptions_running 0"));
    assert!(metrics.text().contains("earwitness_transcriptions_queued 0"));
}

#[test]
fn requests_beyond_the_queue_are_refused() {
    let mut config = config();
    (config.limits.running, config.limits.queued) = (2, 3);
    let server = Running::start(config);
    let replies = all(&server, 30, |_| b"fake segments=1 pause_ms=700".to_vec(), &[MODEL]);
    let answered = replies.iter().filter(|reply| reply.status == 200).count();
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.error(429).1, "rate_limit_exceeded");
        assert_eq!(reply.header("retry-after"), Some("5"));
    }
    assert!((5..30).contains(&answered), "{answered}");
    assert!(server.transcriber.counts.most_running.load(Ordering::SeqCst) <= 2);
    assert_eq!(server.client().transcribe(b"fake", &[MODEL]).status, 200);
}

#[test]
fn client_that_leaves_cancels_its_request() {
    let mut config = config();
    config.limits.running = 1;
    let server = Running::start(config);
    let counts = &server.transcriber.counts;
    for (index, fields) in [vec![MODEL], vec![MODEL, ("stream", "true")]].into_iter().enumerate() {
        let (media_type, body) = crate::support::multipart(Some(b"fake segments=1000 pause_ms=20"), &fields);
        let client = server.client();
        let head = client.head("POST", "/v1/audio/transcriptions");
        let head = format!("{head}Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n", body.len());
        let start = || {
            let mut stream = client.connect();
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
            stream
        };
        let running = start();
        wait_until("the first request runs", || counts.submitted.load(Ordering::SeqCst) == index + 1);
        let queued = start();
        let metric = |text: &str| client.get("/metrics").text().contains(text);
        wait_until("the second one waits", || metric("earwitness_transcriptions_queued 1"));
        drop(queued);
        wait_until("the second one left", || metric("earwitness_transcriptions_queued 0"));
        drop(running);
        wait_until("the first one is canceled", || counts.canceled.load(Ordering::SeqCst) == index + 1);
        wait_until("it does not run", || counts.running.load(Ordering::SeqCst) == 0);
        wait_until("no upload is left", || server.uploaded_files() == 0);
    }
    assert_eq!(counts.submitted.load(Ordering::SeqCst), 2);
    let metrics = server.client().get("/metrics");
    assert!(metrics.text().contains("earwitness_transcriptions_total{outcome=\"canceled\"} 4"), "{}", metrics.text());
    assert!(metrics.text().contains("status=\"499\"}"), "{}", metrics.text());
}

#[test]
fn stream_states_the_position_in_the_queue() {
    let mut config = config();
    config.limits.running = 1;
    let server = Running::start(config);
    let client = server.client();
    thread::scope(|scope| {
        scope.spawn(|| client.transcribe(b"fake segments=1 pause_ms=5000", &[MODEL]));
        wait_until("it runs", || server.transcriber.counts.submitted.load(Ordering::SeqCst) == 1);
        let reply = client.transcribe(b"fake", &[MODEL, ("stream", "true")]);
        assert!(reply.text().contains(": queued 0"), "{}", reply.text());
        assert_eq!(reply.events().last().unwrap()["type"], "transcript.text.done");
    });
}

#[test]
fn client_that_does_not_read_is_cut_off() {
    let mut config = config();
    config.limits.stalled_write = Duration::from_millis(300);
    config.limits.connections = 1;
    let server = Running::start(config);
    let client = server.client();
    // More than the buffers of the connection, so that the server must wait.
    let mut stream = client.connect();
    let request = format!("GET /audio/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", server.case.recording);
    stream.write_all(request.repeat(60).as_bytes()).unwrap();
    // The only connection is free again.
    assert_eq!(client.get("/healthz").status, 200);
    drop(stream);
}
