//! Fetching over HTTP, from a server on the loopback interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use fetch::{FetchError, fetch};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nhello";

/// Answers one connection after the other. Returns the URL, and the paths that were asked for.
fn server(answers: Vec<String>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serve = move || {
        let answer = |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            stream.write_all(answer.as_bytes()).unwrap();
            path
        };
        answers.into_iter().map(answer).collect()
    };
    (url, thread::spawn(serve))
}

fn status(status: u16) -> String {
    format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn fetched(url: &str) -> Result<String, FetchError> {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    fetch(url, folder.path())?.read_to_string(&mut text).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the copy has no name");
    Ok(text)
}

#[test]
fn recording_is_copied_from_its_encoded_path_after_a_redirect() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (url, served) = server(vec![redirect.to_owned(), OK.to_owned()]);
    assert_eq!(fetched(&format!("{url}/{}?a=1", fetch::encoded("통화".as_bytes()))).unwrap(), "hello");
    assert_eq!(served.join().unwrap(), ["/%ED%86%B5%ED%99%94?a=1", "/b"]);
}

#[test]
fn server_that_fails_for_a_moment_is_asked_again() {
    let (url, served) = server(vec![status(503), CUT.to_owned(), OK.to_owned()]);
    assert_eq!(fetched(&url).unwrap(), "hello", "nothing is left of the transfer that was cut");
    assert_eq!(served.join().unwrap().len(), 3);
}

#[test]
fn recording_that_is_not_there_is_refused_at_once_with_its_url() {
    for code in [401, 403, 404, 410] {
        let (url, served) = server(vec![status(code)]);
        let error = fetched(&url).unwrap_err();
        assert!(matches!(error, FetchError::Refused { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("{url}: the server answered with status {code}"));
        assert_eq!(served.join().unwrap().len(), 1);
    }
}

#[test]
fn server_that_is_not_there_or_cuts_every_transfer_interrupts() {
    let (url, served) = server(vec![CUT.to_owned(); 3]);
    assert!(matches!(fetched(&url).unwrap_err(), FetchError::Interrupted { .. }));
    served.join().unwrap();
    let error = fetched(&url).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }), "{error:?}");
}

#[test]
fn folder_that_does_not_exist_is_an_error_of_the_copy() {
    let error = fetch("http://127.0.0.1:1/a", std::path::Path::new("/nowhere")).unwrap_err();
    assert!(matches!(error, FetchError::Copy(_)), "{error:?}");
}
