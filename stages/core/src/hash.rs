//! SHA-256 of bytes, streams and files, as lower-case hex.

use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A running SHA-256.
///
/// ```
/// use stage_core::{Sha256Stream, sha256_hex};
///
/// let mut stream = Sha256Stream::default();
/// stream.update(b"ear");
/// stream.update(b"witness");
/// assert_eq!(stream.finish_hex(), sha256_hex(b"earwitness"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// Adds bytes to the hash.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes added, 32 bytes.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// The hash of all bytes added, as 64 hex digits.
    #[must_use]
    pub fn finish_hex(self) -> String {
        to_hex(&self.finish())
    }
}

/// The SHA-256 of `bytes` as 64 hex digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut stream = Sha256Stream::default();
    stream.update(bytes);
    stream.finish_hex()
}

/// The metadata of a file that can be read to its end: reading a pipe or a device may never end.
///
/// # Errors
/// It does not exist, or is not a file.
pub fn require_file(path: &Path) -> io::Result<Metadata> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file (a folder, a pipe, a socket or a device)"))
}

/// The SHA-256 of a file's bytes as 64 hex digits. The file is opened read-only and read once.
///
/// # Errors
/// Any error of opening or reading the file, also that it is not a file: reading a pipe or a device may never end.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    sha256_file_unless(path, || false)
}

/// [`sha256_file`] that asks `is_stopped` before each MiB and ends when it returns true.
///
/// # Errors
/// Those of [`sha256_file`], and [`io::ErrorKind::Interrupted`] if it was stopped.
pub fn sha256_file_unless(path: &Path, is_stopped: impl Fn() -> bool) -> io::Result<String> {
    require_file(path)?;
    let mut file = File::open(path)?;
    let mut stream = Sha256Stream::default();
    let mut block = vec![0; 1 << 20];
    loop {
        if is_stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read(&mut block)? {
            0 => return Ok(stream.finish_hex()),
            n => stream.update(&block[..n]),
        }
    }
}

/// Bytes as lower-case hex digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_nothing_is_the_published_one() {
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn hash_of_a_file_can_be_stopped_and_a_device_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(sha256_file(file.path()).unwrap(), sha256_hex(b""));
        let stopped = sha256_file_unless(file.path(), || true).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
        assert_eq!(sha256_file(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
