//! Reads the bytes of a `case.toml`: no links, no devices, and no file that is too large.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::CaseFileError;

/// The name of the file in the folder of a case.
const NAME: &str = "case.toml";
/// Largest size, in bytes: enough for 50,000 recordings.
const LARGEST: u64 = 8 << 20;
/// The flags that open no link, and do not wait for the other end of a pipe.
const NO_LINKS: i32 = (OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits()).cast_signed();

/// The path of the file in the folder of a case.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// The text of a file; `None` if it does not exist.
///
/// # Errors
/// It is a link, is not a file, is too large, is not UTF-8, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CaseFileError> {
    let unreadable = |reason| CaseFileError::Unreadable { path: path.to_owned(), reason };
    if path.is_symlink() {
        return Err(CaseFileError::Link { path: path.to_owned() });
    }
    let file = match OpenOptions::new().read(true).custom_flags(NO_LINKS).open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let bytes = read_bytes(file).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(CaseFileError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        CaseFileError::Invalid {
            path: path.to_owned(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            reason: "not UTF-8; save the file in UTF-8".to_owned(),
        }
    })
}

/// The bytes of a file, and not more than one above the limit.
fn read_bytes(file: File) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a file (a folder, a pipe, a socket or a device)"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
