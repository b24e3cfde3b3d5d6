//! Reads the bytes of a `case.toml`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::CaseFileError;
use crate::small_file::{self, SmallFileError};

/// The name of the file in the folder of a case.
const NAME: &str = "case.toml";
/// Largest size, in bytes: enough for 50,000 recordings.
const LARGEST: u64 = 8 << 20;

/// The path of the file in the folder of a case.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// The text of a file; `None` if it does not exist.
///
/// # Errors
/// It is a link, is not a file, is too large, is not UTF-8, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CaseFileError> {
    let own = || path.to_owned();
    let bytes = match small_file::read(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(SmallFileError::Link) => return Err(CaseFileError::Link { path: own() }),
        Err(SmallFileError::TooLarge(limit)) => return Err(CaseFileError::TooLarge { path: own(), limit }),
        Err(SmallFileError::Unreadable(reason)) => {
            let is_absent = matches!(reason.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
            return if is_absent { Ok(None) } else { Err(CaseFileError::Unreadable { path: own(), reason }) };
        }
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        CaseFileError::Invalid {
            path: own(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            reason: "not UTF-8; save the file in UTF-8".to_owned(),
        }
    })
}
