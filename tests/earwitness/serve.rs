//! `serve`: a real case in the server, and real models behind the route of OpenAI's API.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Lines, Wav, multipart, send_signal, wait_until};

use crate::support::{calls, case_of_a_call, document, earwitness, finish, folder_with_a_call, run};

/// Time for the models to load on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
struct Server {
    process: Child,
    address: SocketAddr,
    client: Client,
    /// Keeps its output open.
    _lines: Lines,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), args)
    }

    /// Uploaded files are in this folder.
    fn start_in(temporary: &Path, args: &[&str]) -> Self {
        let mut command = earwitness(["serve", "--listen", "127.0.0.1:0"].iter().chain(args));
        command.env("TMPDIR", temporary);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(process.stdout.take().unwrap());
        let line = lines.next_within(PATIENCE).expect("the server says where it is");
        let (_, rest) = line.split_once("http://").unwrap_or_else(|| panic!("{line}"));
        let address: SocketAddr = rest.split('/').next().unwrap().parse().unwrap();
        Self { process, address, client: Client::tcp(address), _lines: lines }
    }

    /// A server of the case in a folder.
    fn of_case(folder: &Path, more: &[&str]) -> Self {
        Self::start(&[&[folder.to_str().unwrap()], more].concat())
    }

    fn transcriber() -> Self {
        Self::start(&["--transcribe", "--model", "embedded", "--language", "en,ko"])
    }

    /// Number of transcriptions in progress.
    fn running(&self) -> usize {
        let metrics = self.client.get("/metrics");
        let mut lines = metrics.text().lines().filter(|line| !line.starts_with('#'));
        let line = lines.find(|line| line.contains("transcriptions_running ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn stop(mut self, signal: &str) -> Option<i32> {
        assert!(send_signal(self.process.id(), signal));
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn data(page: &str) -> Value {
    let (_, data) = page.split_once(r#"id="data">"#).unwrap();
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn case_is_served_with_pages_audio_search_and_reviews() {
    let (_folder, out) = case_of_a_call();
    let recording = document(&out, "call")["recording"]["sha256"].as_str().unwrap().to_owned();
    let server = Server::of_case(&out, &[]);
    let client = &server.client;
    let page = client.get("/case/call.html");
    assert_eq!(page.status, 200);
    let data = data(page.text());
    assert_eq!(data["audio"]["src"], format!("../audio/{recording}"));
    assert_eq!(data["reviews_at"], "../api/reviews");
    assert!(client.get("/case/").text().contains("call.html"), "the page of the case names it");
    let audio = client.with("Range", "bytes=0-3").get(&format!("/audio/{recording}"));
    assert_eq!((audio.status, &audio.body[..]), (206, &b"RIFF"[..]));
    assert_eq!(audio.header("content-type"), Some("audio/wav"));
    assert_eq!(client.get("/api/recordings").json()["recordings"][0]["state"], "complete");

    let word = data["document"]["words"][0]["text"].as_str().unwrap();
    let hits = client.get(&format!("/api/search?q={}", word.trim_matches(|c: char| !c.is_alphanumeric()))).json();
    assert!(hits["total"].as_u64() > Some(0), "{hits}");

    let artifact =
        data["document"]["provenance"].as_array().unwrap().iter().find(|link| link["stage"] == "align").unwrap();
    let review = |id: &str, old: &str| {
        let one = json!({
            "id": id, "recording": recording, "author": "kim", "at_ms": 1_760_000_000_000u64, "action": "correct-text",
            "target": "word:0", "artifact_sha256": artifact["artifact_sha256"], "old": old, "new": "corrected",
        });
        json!({"earwitness_review": 1, "case": data["case_id"], "reviews": [one]}).to_string()
    };
    let post = |body: String| client.post("/api/reviews", "application/json", body.as_bytes());
    assert_eq!(post(review("0123456789abcdef", word)).status, 201);
    assert_eq!(post(review("0123456789abcdef", word)).json()["known"], 1, "sent again");
    post(review("00000000000000ff", "another word")).error(409);
    post("{}".to_owned()).error(400);
    let listed = finish(["review", "list", out.to_str().unwrap()]).with_code(0).stdout;
    assert!(listed.contains("kim") && listed.contains("corrected"), "{listed}");
    assert!(client.get("/case/call.html").text().contains("0123456789abcdef"), "the page has it at once");
    assert_eq!(client.get("/api/reviews").json()["reviews"].as_array().unwrap().len(), 1);
    finish(["export", out.to_str().unwrap()]).with_code(0);
    finish(["verify", out.to_str().unwrap()]).with_code(0);
}

#[test]
fn case_that_is_served_gives_nothing_else() {
    let (folder, out) = case_of_a_call();
    let secret = folder.path().join("secret.html");
    std::fs::write(&secret, "secret").unwrap();
    std::os::unix::fs::symlink(&secret, out.join("link.html")).unwrap();
    let server = Server::of_case(&out, &["--read-only"]);
    let client = &server.client;
    for target in
        ["/case/../secret.html", "/case/%2e%2e/secret.html", "/case/link.html", "/case/earwitness.db", "/secret.html"]
    {
        let reply = client.get(target);
        assert_eq!(reply.status, 404, "{target}");
        assert!(!reply.text().contains("secret<"), "{target}");
    }
    client.post("/api/reviews", "application/json", b"{}").error(403);
    assert_eq!(data(client.get("/case/call.html").text())["reviews_at"], Value::Null);
    client.with("Host", "evil.example").get("/case/").error(403);
    client.with("Origin", "http://evil.example").post("/api/reviews", "application/json", b"{}").error(403);
}

#[test]
fn audio_that_was_changed_is_not_served() {
    let (folder, out) = case_of_a_call();
    let recording = document(&out, "call")["recording"]["sha256"].as_str().unwrap().to_owned();
    let server = Server::of_case(&out, &[]);
    let audio = |range: &str| server.client.with("Range", range).get(&format!("/audio/{recording}")).status;
    assert_eq!(audio("bytes=0-3"), 206);
    std::fs::write(folder.path().join("call.wav"), "RIFF and something else").unwrap();
    assert_eq!(audio("bytes=0-3"), 409);
    std::fs::remove_file(folder.path().join("call.wav")).unwrap();
    assert_eq!(audio("bytes=0-3"), 404);
}

#[test]
fn folder_without_a_case_and_open_address_without_a_token_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let none = finish(["serve", path]).with_code(2);
    assert!(none.stderr.contains("earwitness.db"), "{}", none.stderr);
    let (_folder, out) = case_of_a_call();
    let open = finish(["serve", out.to_str().unwrap(), "--listen", "0.0.0.0:0"]).with_code(2);
    assert!(open.stderr.contains("token"), "{}", open.stderr);
}

/// The bytes of a call, and the text that `run` has of it.
fn call_and_text(model: &[&str]) -> (Vec<u8>, String) {
    let (folder, call) = folder_with_a_call();
    let out = folder.path().join("out");
    run(&[&call], &out, model).with_code(0);
    let document = document(&out, "call");
    let words = document["words"].as_array().unwrap().iter().map(|word| word["text"].as_str().unwrap());
    (std::fs::read(&call).unwrap(), words.collect::<Vec<_>>().join(" "))
}

#[test]
fn transcription_is_that_of_a_run_for_many_clients_at_once() {
    let (call, expected) = call_and_text(&["--model", "embedded", "--language", "en,ko"]);
    let server = Server::transcriber();
    let client = &server.client;
    thread::scope(|scope| {
        let one = |_| scope.spawn(|| client.transcribe(&call, &[("model", "whisper-1")]).json()["text"].clone());
        let all: Vec<_> = (0..10).map(one).collect();
        all.into_iter().for_each(|text| assert_eq!(text.join().unwrap(), expected));
    });
    let fields = [
        ("model", "embedded"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("language", "en"),
    ];
    let verbose = client.transcribe(&call, &fields).json();
    let first = expected.split(' ').next().unwrap();
    assert_eq!((&verbose["language"], &verbose["words"][0]["word"]), (&json!("english"), &json!(first)));
    let sampled = client.transcribe(&call, &[("model", "embedded"), ("temperature", "0.3")]);
    assert_eq!(sampled.status, 200, "{}", sampled.text());
    let stream = client.transcribe(&call, &[("model", "embedded"), ("language", "en"), ("stream", "true")]).events();
    let deltas = stream.iter().filter(|event| event["type"] == "transcript.text.delta").count();
    assert!(deltas > 1, "{stream:?}");
    assert_eq!(stream.last().unwrap()["text"], expected);
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn transcription_refuses_what_it_cannot_do_and_continues() {
    let server = Server::transcriber();
    let client = &server.client;
    let call = std::fs::read(calls().join("reading.wav")).unwrap();
    let model = ("model", "whisper-1");
    assert_eq!(client.transcribe(&call, &[model, ("language", "xx")]).error(400).0, "language");
    assert_eq!(client.transcribe(b"not a recording", &[model]).error(400).0, "file");
    assert_eq!(client.transcribe(b"", &[model]).error(400).0, "file");
    assert_eq!(client.transcribe(&call[..40], &[model]).error(400).0, "file");
    // A client that leaves while its file is transcribed.
    let long = tempfile::tempdir().unwrap();
    let path = long.path().join("long.wav");
    let reading = Wav::read_mono(&calls().join("reading.wav"), 8_000);
    Wav::mono(8_000, reading.repeat(40)).write(&path);
    let (media_type, body) = multipart(Some(&std::fs::read(&path).unwrap()), &[model]);
    let head = client.head("POST", "/v1/audio/transcriptions");
    let head = format!("{head}Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut connection = client.connect();
    connection.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    wait_until("the transcription runs", || server.running() == 1);
    drop(connection);
    wait_until("it is canceled", || server.running() == 0);
    assert_eq!(client.transcribe(&call, &[model]).status, 200);
}

/// `tests/openai/setup` installs the client.
#[test]
fn openai_client_transcribes_with_the_program() {
    let python = testkit::root().join(".venv-openai/bin/python");
    if !python.exists() {
        testkit::skipped("the Python client of OpenAI is not installed", "run tests/openai/setup");
        return;
    }
    let (_, expected) = call_and_text(&["--model", "embedded", "--language", "en,ko"]);
    let server = Server::transcriber();
    let output = std::process::Command::new(python)
        .arg(testkit::root().join("tests/openai/transcribe.py"))
        .arg(format!("http://{}/v1", server.address))
        .arg(calls().join("reading.wav"))
        .arg(expected)
        .env("OPENAI_API_KEY", "none")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn curl_transcribes_and_resumes_sound() {
    let (_folder, out) = case_of_a_call();
    let recording = document(&out, "call")["recording"]["sha256"].as_str().unwrap().to_owned();
    let server = Server::start(&[out.to_str().unwrap(), "--transcribe", "--model", "embedded"]);
    let curl = |arguments: &[&str]| {
        let output =
            std::process::Command::new("curl").args(["-sS", "--fail-with-body"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let call = calls().join("reading.wav");
    let (file, url) = (format!("file=@{}", call.display()), format!("http://{}", server.address));
    let transcriptions = format!("{url}/v1/audio/transcriptions");
    let subtitles = curl(&["-F", &file, "-F", "model=whisper-1", "-F", "response_format=vtt", &transcriptions]);
    assert!(subtitles.starts_with(b"WEBVTT"));
    let bytes = std::fs::read(&call).unwrap();
    let part = out.join("part.wav");
    std::fs::write(&part, &bytes[..10_000]).unwrap();
    curl(&["-C", "-", "-o", part.to_str().unwrap(), &format!("{url}/audio/{recording}")]);
    assert!(std::fs::read(&part).unwrap() == bytes, "curl resumed where the part ended");
}

#[test]
fn server_that_is_killed_leaves_the_case_whole_and_no_uploads() {
    let (folder, out) = case_of_a_call();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let long = folder.path().join("long.wav");
    let reading = Wav::read_mono(&calls().join("reading.wav"), 8_000);
    Wav::mono(8_000, reading.repeat(40)).write(&long);
    let start = || {
        let arguments = [out.to_str().unwrap(), "--transcribe", "--model", "embedded", "--language", "en"];
        Server::start_in(&temporary, &arguments)
    };
    let uploads = || std::fs::read_dir(&temporary).unwrap().count();
    let server = start();
    let (media_type, body) = multipart(Some(&std::fs::read(&long).unwrap()), &[("model", "whisper-1")]);
    let head = server.client.head("POST", "/v1/audio/transcriptions");
    let head = format!("{head}Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut connection = server.client.connect();
    connection.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    wait_until("the transcription runs", || server.running() == 1);
    assert_eq!(server.stop("KILL"), None);
    assert_eq!(uploads(), 1, "it could not tidy up");
    let server = start();
    assert_eq!(server.client.get("/readyz").status, 200);
    let call = std::fs::read(calls().join("reading.wav")).unwrap();
    assert_eq!(server.client.transcribe(&call, &[("model", "whisper-1")]).status, 200);
    assert_eq!(server.stop("TERM"), Some(0));
    assert_eq!(uploads(), 0, "the next one has removed them, and its own");
    finish(["verify", out.to_str().unwrap()]).with_code(0);
}
