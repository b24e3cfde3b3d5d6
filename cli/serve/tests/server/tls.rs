//! TLS by files, and the Unix socket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serve::{Access, Listen, ServeError, Server, Services, Stop, TlsError, TlsFiles, Token};

use crate::support::{Client, FakeTranscriber, Running, TOKEN, config};

/// A certificate for localhost, and its key.
fn certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// The status that curl gets, without a status if it fails.
fn curl(arguments: &[&str]) -> String {
    let output =
        Command::new("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tls_is_used_by_curl() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    let files = certificate(folder.path());
    let trusted = files.certificate.to_str().unwrap().to_owned();
    config.tls = Some(files);
    config.access = Access::Token(Token::parse(TOKEN).unwrap());
    let server = Running::start(config);
    let url = format!("https://localhost:{}", server.address.unwrap().port());
    let token = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(curl(&["--cacert", &trusted, "-H", &token, &format!("{url}/case/")]), "200");
    assert_eq!(curl(&["--cacert", &trusted, &format!("{url}/case/")]), "401");
    assert_eq!(curl(&[&format!("{url}/healthz")]), "000", "the certificate is not trusted");
    let form = format!("token={TOKEN}");
    let output =
        Command::new("curl").args(["-sS", "-i", "--cacert", &trusted, "-d", &form, &format!("{url}/login")]).output();
    let answer = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(answer.contains("set-cookie: __Host-") && answer.contains("; Secure"), "{answer}");
    // A client without TLS is not answered.
    let mut plain = server.client().connect();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
}

fn rejection(files: TlsFiles) -> TlsError {
    let mut config = config();
    config.tls = Some(files);
    let services = Services { case: None, transcriber: Some(std::sync::Arc::new(FakeTranscriber::default())) };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match runtime.block_on(Server::bind(&config, services)).err() {
        Some(ServeError::Tls(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tls_files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let other = TlsFiles { certificate: folder.path().join("none.pem"), key: files.key.clone() };
    assert!(matches!(rejection(other), TlsError::Unreadable { .. }));
    let swapped = TlsFiles { certificate: files.key.clone(), key: files.key.clone() };
    assert!(matches!(rejection(swapped), TlsError::Pem { .. }));
    let second = tempfile::tempdir().unwrap();
    let mixed = TlsFiles { certificate: certificate(second.path()).certificate, key: files.key.clone() };
    assert!(matches!(rejection(mixed), TlsError::Unusable(_)));
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(rejection(files), TlsError::Exposed { mode: 0o644, .. }));
}

#[test]
fn unix_socket_is_private_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.sock");
    let mut config = config();
    config.listen = Listen::Unix(path.clone());
    let server = Running::start(config);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let client = Client::unix(path.clone());
    assert_eq!(client.get("/case/").status, 200);
    assert_eq!(client.with("Host", "evil.example").get("/case/").status, 403);
    assert_eq!(client.transcribe(b"fake", &[("model", "whisper-1")]).status, 200);
    assert_eq!(curl(&["--unix-socket", path.to_str().unwrap(), "http://localhost/api/recordings"]), "200");
    server.stop();
    assert!(!path.exists());
}

#[test]
fn settings_that_are_not_safe_do_not_start() {
    let mut config = config();
    config.listen = Listen::Tcp(([0, 0, 0, 0], 0).into());
    let services = || Services { case: None, transcriber: Some(std::sync::Arc::new(FakeTranscriber::default())) };
    let stop = Stop::new();
    assert!(matches!(serve::serve(&config, services(), &stop, |_| ()), Err(ServeError::Config(_))));
    config.listen = Listen::Tcp(([127, 0, 0, 1], 0).into());
    assert!(matches!(serve::serve(&config, Services::default(), &stop, |_| ()), Err(ServeError::Nothing)));
}
