//! Health, stop and restart.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use testkit::wait_until;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Running, TOKEN, config};

const MODEL: (&str, &str) = ("model", "whisper-1");

#[test]
fn health_is_stated() {
    let server = Running::start(config());
    assert_eq!(server.client().get("/healthz").text(), "ok\n");
    assert_eq!(server.client().get("/readyz").text(), "ready\n");
}

#[test]
fn stop_finishes_requests_in_progress() {
    let server = Running::start(config());
    let client = server.client();
    thread::scope(|scope| {
        let whole = scope.spawn(|| client.transcribe(b"fake segments=4 pause_ms=200", &[MODEL]));
        let stream = scope.spawn(|| client.transcribe(b"fake segments=4 pause_ms=200 x", &[MODEL, ("stream", "true")]));
        let idle = client.connect();
        wait_until("both run", || server.transcriber.counts.running.load(Ordering::SeqCst) == 2);
        let stopped = server.stop();
        assert_eq!(stopped.cut, 0);
        assert_eq!(whole.join().unwrap().status, 200);
        assert_eq!(stream.join().unwrap().events().last().unwrap()["type"], "transcript.text.done");
        drop(idle);
    });
}

#[test]
fn stop_gives_up_after_its_limit() {
    let mut config = config();
    config.limits.stop = Duration::from_millis(300);
    let server = Running::start(config);
    let (client, counts) = (server.client(), Arc::clone(&server.transcriber.counts));
    thread::scope(|scope| {
        let long = scope.spawn(|| client.transcribe(b"fake segments=100 pause_ms=1000", &[MODEL]));
        wait_until("it runs", || counts.running.load(Ordering::SeqCst) == 1);
        let started = Instant::now();
        assert_eq!(server.stop().cut, 0);
        assert!(started.elapsed() < Duration::from_secs(20));
        let reply = long.join().unwrap();
        reply.error(503);
        assert!(reply.header("retry-after").is_some());
    });
    assert_eq!(counts.canceled.load(Ordering::SeqCst), 1);
}

#[test]
fn stop_accepts_nothing_more() {
    let server = Running::start(config());
    let (address, client) = (server.address.unwrap(), server.client());
    thread::scope(|scope| {
        let last = scope.spawn(|| client.transcribe(b"fake segments=1 pause_ms=1500", &[MODEL]));
        wait_until("it runs", || server.transcriber.counts.running.load(Ordering::SeqCst) == 1);
        server.ask_to_stop();
        wait_until("no connection is accepted", || std::net::TcpStream::connect(address).is_err());
        assert_eq!(last.join().unwrap().status, 200);
    });
}

/// Log lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn log_has_no_contents() {
    let lines = Lines::default();
    // Of all threads: the tests of this process log here, too, which makes the check stricter.
    let filter = tracing_subscriber::EnvFilter::new("serve=trace,hyper=trace");
    let _ = tracing_subscriber::fmt().with_writer(lines.clone()).with_env_filter(filter).with_ansi(false).try_init();
    let server = Running::start(config());
    let client = server.client().with("Authorization", &format!("Bearer {TOKEN}"));
    client.transcribe(b"fake segments=1 fail=internal", &[MODEL, ("prompt", "secretprompt")]).error(500);
    client.transcribe(b"fake", &[MODEL, ("prompt", "secretprompt")]).json();
    client.get("/api/search?q=secretquery").json();
    client.get("/case/secretname.html").error(404);
    client.post("/api/reviews", "application/json", br#"["secretreview"]"#).json();
    wait_until("all is logged", || String::from_utf8_lossy(&lines.0.lock().unwrap()).contains("/api/reviews"));
    let log = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(log.contains("route=\"/v1/audio/transcriptions\" status=500"), "{log}");
    assert!(log.contains("route=\"/case/{*name}\" status=404"), "{log}");
    for secret in ["secretprompt", "secretquery", "secretname", "secretreview", "secret name", TOKEN, "b5d54c39"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
