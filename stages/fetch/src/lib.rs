//! Recordings that are not files of this machine: over HTTP, and from S3 with the feature `s3`.
//!
//! A recording is copied into a temporary file without a name, so it vanishes with its reader, however that ends. Nothing
//! here vouches for its bytes: whoever reads the file compares its hash with the one that the store knows.

mod http;
#[cfg(feature = "s3")]
mod s3;

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Pauses before the second and the third attempt of a transfer that failed for a moment.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];

/// How long all attempts together may take. Less than a task may take, so that a slow server is not taken for a recording
/// that hangs the decoder.
const PATIENCE: Duration = Duration::from_secs(400);

/// Why a recording could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not there, or may not be read.
    #[error("{url}: {reason}")]
    Refused {
        /// What was asked for.
        url: String,
        /// What the server said.
        reason: String,
    },
    /// The network or the server failed, several times in a row. Another attempt may succeed.
    #[error("{url}: {reason}")]
    Interrupted {
        /// What was asked for.
        url: String,
        /// What went wrong last.
        reason: String,
    },
    /// The temporary file cannot be written.
    #[error("the copy of the recording cannot be written")]
    Copy(#[source] io::Error),
}

/// Why one attempt failed.
enum Failure {
    Refused(String),
    Interrupted(String),
    Copy(io::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    S3,
}

impl Scheme {
    const ALL: [(&str, Self); 3] = [("http://", Self::Http), ("https://", Self::Http), ("s3://", Self::S3)];

    fn of(url: &str) -> Option<Self> {
        Self::ALL.iter().find(|(prefix, _)| url.starts_with(prefix)).map(|(_, scheme)| *scheme)
    }
}

/// The URL, if the place of a recording is one.
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(fetch::url(Path::new("s3://case-17/a.wav")), Some("s3://case-17/a.wav"));
/// assert_eq!(fetch::url(Path::new("/calls/a.wav")), None);
/// ```
#[must_use]
pub fn url(place: &Path) -> Option<&str> {
    place.to_str().filter(|text| Scheme::of(text).is_some())
}

/// Says why this program cannot fetch from any place like this URL.
///
/// # Errors
/// The scheme is unknown, or the program was built without it.
pub fn check(url: &str) -> Result<(), &'static str> {
    match Scheme::of(url) {
        Some(Scheme::S3) if cfg!(not(feature = "s3")) => {
            Err("this program was built without S3: build it with `cargo build --release -p earwitness --features s3`")
        }
        Some(_) => Ok(()),
        None => Err("http://, https:// or s3:// is expected"),
    }
}

/// Encodes a part of a path for a URL: every byte except letters, digits and `-._~/`.
///
/// ```
/// assert_eq!(fetch::encoded("통화 1/a.wav".as_bytes()), "%ED%86%B5%ED%99%94%201/a.wav");
/// ```
#[must_use]
pub fn encoded(part: &[u8]) -> String {
    let mut text = String::with_capacity(part.len());
    for &byte in part {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Copies what is at a URL into a temporary file in `folder`, and returns it at its start. Three attempts are made, which
/// together take at most 400 s.
///
/// For S3, credentials, region and endpoint are those of the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP` and so on), or of the machine that runs in AWS.
///
/// # Errors
/// See [`FetchError`].
pub fn fetch(url: &str, folder: &Path) -> Result<File, FetchError> {
    let (mut pauses, began) = (PAUSES.iter(), Instant::now());
    loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let copied = tempfile::tempfile_in(folder).map_err(Failure::Copy).and_then(|mut file| {
            copy(url, &mut file, left)?;
            file.rewind().map_err(Failure::Copy)?;
            Ok(file)
        });
        let url = || url.to_owned();
        match (copied, pauses.next().filter(|pause| began.elapsed() + **pause < PATIENCE)) {
            (Ok(file), _) => return Ok(file),
            (Err(Failure::Refused(reason)), _) => return Err(FetchError::Refused { url: url(), reason }),
            (Err(Failure::Copy(error)), _) => return Err(FetchError::Copy(error)),
            (Err(Failure::Interrupted(reason)), None) => return Err(FetchError::Interrupted { url: url(), reason }),
            (Err(Failure::Interrupted(reason)), Some(pause)) => {
                tracing::warn!(url = url(), reason, "a recording is fetched again");
                thread::sleep(*pause);
            }
        }
    }
}

fn copy(url: &str, file: &mut File, left: Duration) -> Result<(), Failure> {
    match Scheme::of(url) {
        Some(Scheme::Http) => http::copy(url, file, left),
        #[cfg(feature = "s3")]
        Some(Scheme::S3) => s3::copy(url, file, left),
        _ => Err(Failure::Refused(check(url).err().unwrap_or("it cannot be fetched").to_owned())),
    }
}
