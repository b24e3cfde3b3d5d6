//! Uploads that are slow, cut off, huge or malformed.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Reply, Running, config, multipart};

const MODEL: (&str, &str) = ("model", "whisper-1");
const PATH: &str = "/v1/audio/transcriptions";

/// A head with further headers.
fn head(server: &Running, headers: &str) -> String {
    format!("{}{headers}\r\n", server.client().head("POST", PATH))
}

#[test]
fn upload_that_is_slow_is_refused() {
    let mut config = config();
    config.limits.body = Duration::from_millis(500);
    let server = Running::start(config);
    let (media_type, body) = multipart(Some(&b"fake ".repeat(1000)), &[MODEL]);
    let mut stream = server.client().connect();
    let head = head(&server, &format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    let started = Instant::now();
    // A byte from time to time keeps the connection busy, and does not help.
    for byte in &body[..40] {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(25));
    }
    assert_eq!(Reply::read(&mut *stream).error(408).1, "request_timeout");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(server.uploaded_files(), 0);
}

#[test]
fn headers_that_are_slow_end_the_connection() {
    let mut config = config();
    config.limits.headers = Duration::from_millis(300);
    let server = Running::start(config);
    for start in ["", "POST /v1", "GET /healthz HTTP/1.1\r\nHost: local"] {
        let mut stream = server.client().connect();
        stream.write_all(start.as_bytes()).unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(started.elapsed() < Duration::from_secs(20), "{start:?}");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{start:?}");
    }
}

#[test]
fn connection_without_a_request_ends() {
    let mut config = config();
    config.limits.headers = Duration::from_millis(300);
    let server = Running::start(config);
    let mut stream = server.client().connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let started = Instant::now();
    let reply = Reply::read(&mut *stream);
    assert_eq!(reply.status, 200);
    assert!(reply.complete && started.elapsed() < Duration::from_secs(20), "the server closes it");
}

#[test]
fn upload_that_is_cut_off_leaves_nothing() {
    let server = Running::start(config());
    let (media_type, body) = multipart(Some(&vec![b'x'; 3 << 20]), &[MODEL]);
    let head = head(&server, &format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len()));
    for length in [0, 1, 100, 250, 1 << 20, body.len() - 1] {
        let mut stream = server.client().connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..length]).unwrap();
        if length % 2 == 0 {
            stream.close_writing();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{length}");
        }
    }
    testkit::wait_until("no upload is left", || server.uploaded_files() == 0);
    assert_eq!(server.client().transcribe(b"fake", &[MODEL]).status, 200);
}

#[test]
fn upload_that_is_huge_is_refused() {
    let mut config = config();
    config.limits.upload_bytes = 1 << 20;
    let server = Running::start(config);
    let largest = [b"fake ", &vec![b'x'; (1 << 20) - 5][..]].concat();
    assert_eq!(server.client().transcribe(&largest, &[MODEL]).status, 200);
    let larger = [&largest[..], b"x"].concat();
    assert_eq!(server.client().transcribe(&larger, &[MODEL]).error(413).1, "request_too_large");
    // All of a far larger request is read and discarded, so that the client gets the answer.
    let reply = server.client().transcribe(&vec![b'x'; 40 << 20], &[MODEL]);
    reply.error(413);
    assert_eq!(server.uploaded_files(), 0);
}

#[test]
fn upload_that_states_no_length_is_limited() {
    let mut config = config();
    config.limits.upload_bytes = 1 << 20;
    let server = Running::start(config);
    let (media_type, body) = multipart(Some(&vec![b'x'; 2 << 20]), &[MODEL]);
    let mut request =
        head(&server, &format!("Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n")).into_bytes();
    for chunk in body.chunks(50_000) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    server.client().raw(&request).error(413);
    assert_eq!(server.uploaded_files(), 0);
}

#[test]
fn uploads_share_a_limit() {
    let mut config = config();
    config.limits.uploads_bytes = 1000;
    let server = Running::start(config);
    let reply = server.client().transcribe(&vec![b'x'; 2000], &[MODEL]);
    reply.error(503);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(server.client().transcribe(b"fake", &[MODEL]).status, 200);
}

#[test]
fn upload_waits_for_the_server_if_the_client_asks_first() {
    let server = Running::start(config());
    let mut stream = server.client().connect();
    // Refused by its length: the server must not ask for it.
    let media_type = "multipart/form-data; boundary=b";
    let head = head(
        &server,
        &format!("Content-Type: {media_type}\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n"),
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

/// Statuses of requests whose form is wrong.
#[test]
fn upload_that_is_malformed_is_refused() {
    let server = Running::start(config());
    let client = server.client();
    let form = "multipart/form-data; boundary=b";
    let part = |header: &str, text: &str| format!("--b\r\n{header}\r\n\r\n{text}\r\n--b--\r\n");
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a\"";
    for (media_type, body, status) in [
        ("application/json", "{}".to_owned(), 415),
        ("multipart/form-data", part(file, "fake"), 415),
        ("", part(file, "fake"), 415),
        (form, String::new(), 400),
        (form, "no boundary at all".into(), 400),
        (form, format!("--b\r\n{file}\r\n\r\nfake"), 400),
        (form, format!("--b\r\n{file}\r\n\r\nfake\r\n--c--\r\n"), 400),
        (form, part("Content-Disposition: form-data", "fake"), 400),
        (form, part("Content-Disposition", "fake"), 400),
        (form, part("Content-Disposition: form-data; name=\"file\"", ""), 400),
        (form, part(file, ""), 400),
        (form, format!("--b\r\n{file}\r\n\r\nfake\r\n{}", part(file, "fake")), 400),
        (form, part("Content-Disposition: form-data; name=\"model\"", &"m".repeat(20_000)), 400),
        (form, "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n".repeat(50), 400),
    ] {
        let reply = client.post(PATH, media_type, body.as_bytes());
        assert_eq!(reply.status, status, "{media_type} {}: {}", &body[..body.len().min(100)], reply.text());
        reply.error(status);
    }
    let text = [&b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\xff\xfe\r\n--b--\r\n"[..]].concat();
    assert_eq!(client.post(PATH, form, &text).error(400).0, "model");
    // A part whose headers never end must not fill the memory.
    let endless = format!("--b\r\nContent-Disposition: form-data; {}", "x".repeat(8 << 20));
    client.post(PATH, form, endless.as_bytes()).error(400);
    assert_eq!(server.uploaded_files(), 0);
    assert_eq!(client.transcribe(b"fake", &[MODEL]).status, 200);
}

#[test]
fn requests_that_are_not_http_are_refused() {
    let server = Running::start(config());
    for request in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST /api/reviews HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[1]",
        b"POST /api/reviews HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/reviews HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    ] {
        let mut stream = server.client().connect();
        let _ = stream.write_all(request);
        stream.close_writing();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{}: {text}", String::from_utf8_lossy(request));
    }
    let large = server.client().with("X-Large", &"x".repeat(400_000)).get("/case/");
    assert_eq!(large.status, 431);
    assert_eq!(server.client().get("/case/").status, 200);
}
