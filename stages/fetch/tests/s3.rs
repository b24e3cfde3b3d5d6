//! Fetching from S3, as moto imitates it in a process on the loopback interface.
#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use fetch::{FetchError, fetch};
use testkit::{root, skipped};

/// Serves S3 with one object, prints the address, and ends when its stdin does.
const SERVER: &str = r#"
import sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
s3.create_bucket(Bucket="case-17")
s3.put_object(Bucket="case-17", Key="calls/통화 1+.wav", Body=b"x" * 3_000_000)
print(url, flush=True)
sys.stdin.read()
server.stop()
"#;

/// The variables that the client reads. This process has one test, so nothing else reads them at the same time.
fn set_environment(endpoint: &str) {
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    for (name, value) in variables {
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var(name, value) };
    }
}

fn start() -> Option<(Child, String)> {
    let python = root().join(".venv/bin/python");
    let mut command = Command::new(python);
    let spawned = command.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut server) = spawned else {
        skipped("no reference environment", "run tests/oracles/setup");
        return None;
    };
    // Flask prints lines of its own.
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let Some(url) = lines.find(|line| line.starts_with("http")) else {
        skipped("the reference environment lacks moto", "run tests/oracles/setup");
        return None;
    };
    Some((server, url))
}

#[test]
fn recording_is_copied_from_s3_and_one_that_is_not_there_is_refused() {
    let Some((mut server, endpoint)) = start() else { return };
    set_environment(&endpoint);
    let folder = tempfile::tempdir().unwrap();
    let key = fetch::encoded("calls/통화 1+.wav".as_bytes());
    let mut bytes = Vec::new();
    fetch(&format!("s3://case-17/{key}"), folder.path()).unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() == 3_000_000 && bytes.iter().all(|byte| *byte == b'x'));
    for absent in ["s3://case-17/calls/other.wav", "s3://no-bucket/calls/a.wav"] {
        let error = fetch(absent, folder.path()).unwrap_err();
        assert!(matches!(error, FetchError::Refused { .. }), "{absent}: {error:?}");
        assert!(error.to_string().starts_with(absent), "{error}");
    }
    drop(server.stdin.take());
    server.wait().unwrap();
    let error = fetch(&format!("s3://case-17/{key}"), folder.path()).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }), "{error:?}");
}
