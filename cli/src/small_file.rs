//! Reads a file that somebody names or puts into a folder: no links, no pipes or devices, and no file that is too large.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The flags that open no link, and do not wait for the other end of a pipe.
const NO_LINKS: i32 = (OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits()).cast_signed();

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmallFileError {
    #[error("this is a link, which is not followed; replace it by the file itself")]
    Link,
    #[error("larger than {} MiB, the largest file that is read", .0 >> 20)]
    TooLarge(u64),
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// The bytes of a file of at most `largest` bytes.
///
/// # Errors
/// It does not exist, is a link, is not a file, is too large, or cannot be read.
pub(crate) fn read(path: &Path, largest: u64) -> Result<Vec<u8>, SmallFileError> {
    if path.is_symlink() {
        return Err(SmallFileError::Link);
    }
    let file = OpenOptions::new().read(true).custom_flags(NO_LINKS).open(path)?;
    let bytes = read_bytes(file, largest)?;
    if bytes.len() as u64 > largest { Err(SmallFileError::TooLarge(largest)) } else { Ok(bytes) }
}

/// The bytes of a file, and not more than one above the limit.
fn read_bytes(file: File, largest: u64) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a file (a folder, a pipe, a socket or a device)"));
    }
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
