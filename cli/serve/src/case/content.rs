//! A file that a case offers, as bytes or as an open file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags, openat};
use sha2::{Digest, Sha256};

use super::name::FileName;

/// A file that a case offers.
#[derive(Debug)]
pub struct Content {
    pub(super) media_type: String,
    pub(super) length: u64,
    /// In hex digits.
    pub(super) sha256: String,
    pub(super) data: Data,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Data {
    Bytes(Bytes),
    File(File),
}

impl Content {
    /// Bytes in memory.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>, media_type: impl Into<String>) -> Self {
        let bytes = bytes.into();
        let sha256 = hex(&Sha256::digest(&bytes));
        Self { media_type: media_type.into(), length: bytes.len() as u64, sha256, data: Data::Bytes(bytes) }
    }

    /// An open file, which is sent as it is read. `sha256` is the hash of its bytes in hex digits; whoever opens it is
    /// responsible for that.
    ///
    /// # Errors
    /// It is not a regular file.
    pub fn file(file: File, media_type: impl Into<String>, sha256: impl Into<String>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a folder, a pipe, a socket or a device"));
        }
        let (media_type, sha256) = (media_type.into(), sha256.into());
        Ok(Self { media_type, length: metadata.len(), sha256, data: Data::File(file) })
    }
}

/// Opens a file of a folder for reading. A link is not followed, and a pipe is not waited for.
///
/// # Errors
/// There is no such file, it is a link, or it cannot be read.
pub fn open_in_folder(folder: &Path, name: &FileName) -> io::Result<File> {
    let folder = OpenOptions::new().read(true).custom_flags(OFlags::DIRECTORY.bits().cast_signed()).open(folder)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(folder, name.as_str(), flags, Mode::empty())?.into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    #[test]
    fn content_file_is_opened_without_links() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let case = folder.path().join("case");
        fs::create_dir(&case).unwrap();
        fs::write(case.join("page.html"), "page").unwrap();
        std::os::unix::fs::symlink(&secret, case.join("link.html")).unwrap();
        fs::create_dir(case.join("sub.html")).unwrap();
        let open = |name: &str| open_in_folder(&case, &name.parse().unwrap());

        let mut text = String::new();
        open("page.html").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "page");
        assert!(open("link.html").is_err());
        assert!(open("none.html").is_err());
        assert!(Content::file(open("sub.html").unwrap(), "text/html", "").is_err());
    }
}
