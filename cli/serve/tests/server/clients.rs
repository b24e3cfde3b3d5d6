//! Real clients: curl, and the Python client of OpenAI.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serve::{Access, Token};

use crate::support::{Running, TOKEN, config};

#[test]
fn curl_uploads_files_of_any_size() {
    let server = Running::start(config());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}/v1/audio/transcriptions", server.address.unwrap());
    // Above 1 MB curl asks before it sends the file.
    for size in [0, 10_000, 5 << 20] {
        let path = folder.path().join("call.wav");
        fs::write(&path, [b"fake segments=3 ", &vec![b'x'; size][..]].concat()).unwrap();
        let file = format!("file=@{}", path.display());
        let fields = ["-F", &file, "-F", "model=whisper-1", "-F", "response_format=text"];
        let output = Command::new("curl").args(["-sS", "--fail-with-body"]).args(fields).arg(&url).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with("call "), "{size}: {text}");
    }
}

#[test]
fn curl_resumes_audio() {
    let server = Running::start(config());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    fs::write(&path, &server.case.audio[..123_456]).unwrap();
    let url = format!("http://{}/audio/{}", server.address.unwrap(), server.case.recording);
    let status = Command::new("curl").args(["-sS", "--fail", "-C", "-", "-o"]).arg(&path).arg(&url).status().unwrap();
    assert!(status.success());
    assert!(fs::read(&path).unwrap() == server.case.audio);
}

/// `tests/browser/setup` installs Chromium.
#[test]
fn browser_runs_pages_under_the_policy() {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let Some(browser) = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
        testkit::skipped("Chromium is not installed", "run tests/browser/setup");
        return;
    };
    let server = Running::start(config());
    let profile = tempfile::tempdir().unwrap();
    let mut running = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{}/case/browser.html", server.address.unwrap()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let expected = ["style", "script", "other blocked", "image error", "audio 37.5", "seeked"];
    let reviews = || server.client().get("/api/reviews").json()["reviews"].as_array().unwrap().clone();
    let has_all = || expected.iter().all(|expected| reviews().contains(&(*expected).into()));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_all() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(has_all(), "{:?}", reviews());
}

/// `tests/openai/setup` installs the client.
#[test]
fn openai_client_gets_what_it_expects() {
    let root = testkit::root();
    let python = root.join(".venv-openai/bin/python");
    if !python.exists() {
        testkit::skipped("the Python client of OpenAI is not installed", "run tests/openai/setup");
        return;
    }
    let mut config = config();
    config.access = Access::Token(Token::parse(TOKEN).unwrap());
    (config.limits.running, config.limits.queued) = (4, 300);
    let server = Running::start(config);
    let output = Command::new(python)
        .arg(root.join("tests/openai/check.py"))
        .arg(format!("http://{}/v1", server.address.unwrap()))
        .env("OPENAI_API_KEY", TOKEN)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
