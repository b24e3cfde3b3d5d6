//! A client on plain sockets, which sends any bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Time for an answer, unless the client states another.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where requests are sent, with headers of all of them.
#[derive(Clone)]
pub struct Client {
    place: Place,
    headers: String,
    patience: Duration,
}

#[derive(Clone)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A connection of either kind.
pub trait Connection: Read + Write + Send {
    /// Tells the server that nothing more is sent.
    fn close_writing(&self);
}

impl Connection for TcpStream {
    fn close_writing(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

impl Connection for UnixStream {
    fn close_writing(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body ended as its headers state.
    pub complete: bool,
}

impl Client {
    /// A client of an address.
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self { place: Place::Tcp(address), headers: String::new(), patience: PATIENCE }
    }

    /// A client of a Unix socket.
    #[must_use]
    pub const fn unix(path: PathBuf) -> Self {
        Self { place: Place::Unix(path), headers: String::new(), patience: PATIENCE }
    }

    /// The same client, which also sends this header.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let headers = format!("{}{name}: {value}\r\n", self.headers);
        Self { headers, ..self.clone() }
    }

    /// The same client, which waits this long for an answer.
    #[must_use]
    pub fn waiting(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A connection.
    ///
    /// # Panics
    /// The server accepts none.
    #[must_use]
    pub fn connect(&self) -> Box<dyn Connection> {
        match &self.place {
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).expect("the server accepts");
                stream.set_read_timeout(Some(self.patience)).expect("a timeout");
                Box::new(stream)
            }
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).expect("the server accepts");
                stream.set_read_timeout(Some(self.patience)).expect("a timeout");
                Box::new(stream)
            }
        }
    }

    /// Sends bytes, and reads the answer until the server closes.
    pub fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = self.connect();
        // The server may refuse before all is sent.
        let _ = stream.write_all(request);
        Reply::read(&mut *stream)
    }

    /// The head of a request.
    #[must_use]
    pub fn head(&self, method: &str, target: &str) -> String {
        let host = if self.headers.to_ascii_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
        format!("{method} {target} HTTP/1.1\r\n{host}{}Connection: close\r\n", self.headers)
    }

    /// Gets a page.
    #[must_use]
    pub fn get(&self, target: &str) -> Reply {
        self.raw(format!("{}\r\n", self.head("GET", target)).as_bytes())
    }

    /// Sends a request without a body.
    #[must_use]
    pub fn request(&self, method: &str, target: &str) -> Reply {
        self.raw(format!("{}\r\n", self.head(method, target)).as_bytes())
    }

    /// Posts a body.
    #[must_use]
    pub fn post(&self, target: &str, media_type: &str, body: &[u8]) -> Reply {
        let head = self.head("POST", target);
        let length = body.len();
        let mut request = format!("{head}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        request.extend_from_slice(body);
        self.raw(&request)
    }

    /// Sends a form to a route of transcription.
    pub fn transcribe(&self, file: &[u8], fields: &[(&str, &str)]) -> Reply {
        let (media_type, body) = multipart(Some(file), fields);
        self.post("/v1/audio/transcriptions", &media_type, &body)
    }
}

/// The media type and the bytes of a form.
pub fn multipart(file: Option<&[u8]>, fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let boundary = "----test-boundary-7e1";
    let mut body = Vec::new();
    for (name, text) in fields {
        let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    if let Some(file) = file {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"secret name.wav\"\r\n\
             Content-Type: audio/wav\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

impl Reply {
    /// Reads until the server closes the connection.
    pub fn read(stream: &mut dyn Connection) -> Self {
        let mut bytes = Vec::new();
        let is_closed = stream.read_to_end(&mut bytes).is_ok();
        Self::parse(&bytes, is_closed)
    }

    fn parse(bytes: &[u8], is_closed: bool) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer with headers");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("headers of ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        if status == 100 {
            return Self::parse(&bytes[end + 4..], is_closed);
        }
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Self { status, headers, body: bytes[end + 4..].to_vec(), complete: is_closed };
        reply.finish();
        reply
    }

    /// Joins the chunks of the body, and compares its length.
    fn finish(&mut self) {
        if self.header("transfer-encoding") == Some("chunked") {
            let (body, is_complete) = joined(&self.body);
            self.body = body;
            self.complete &= is_complete;
        } else if let Some(length) = self.header("content-length") {
            self.complete &= self.body.is_empty() || length.parse() == Ok(self.body.len());
        }
    }

    /// The value of a header, of which there must be at most one.
    ///
    /// # Panics
    /// There are several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} occurs twice");
        value
    }

    /// The body as text.
    ///
    /// # Panics
    /// It is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The `data` of server-sent events.
    pub fn events(&self) -> Vec<Value> {
        let data = self.text().lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).expect("events of JSON")).collect()
    }

    /// Fails if this is not an error of this status, in OpenAI's form. Returns its parameter and code.
    #[track_caller]
    pub fn error(&self, status: u16) -> (Value, Value) {
        assert_eq!(self.status, status, "{}", self.text());
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        assert!(error["type"].is_string(), "{error}");
        (error["param"].clone(), error["code"].clone())
    }
}

/// The chunks of a body, and whether the last one is there.
fn joined(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        match (size, bytes.get(end + 2..)) {
            (Some(0), _) => return (body, true),
            (Some(size), Some(rest)) if rest.len() >= size + 2 => {
                body.extend_from_slice(&rest[..size]);
                bytes = &rest[size + 2..];
            }
            _ => break,
        }
    }
    (body, false)
}
