//! Opens files beside a store. No link is followed, and nobody waits for the other end of a pipe.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The flags that open no link, and do not wait for the other end of a pipe.
pub(super) const NO_LINKS: i32 = (OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits()).cast_signed();

/// Opens a file for reading.
///
/// # Errors
/// It does not exist, is a link, is not a file, or cannot be opened.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(NO_LINKS).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a file")) }
}
