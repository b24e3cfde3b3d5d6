//! Why a `case.toml` cannot be used.

use std::io;
use std::path::PathBuf;

use stage_core::shown;

/// Why a `case.toml` cannot be used. Nothing is run or written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseFileError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {reason}", shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        reason: io::Error,
    },
    /// It is a link, which is not followed: replace it by the file.
    #[error("{}: this is a link, which is not followed; replace it by the file itself", shown(path))]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The file is larger than a file about a case can be.
    #[error("{}: larger than {} MiB, the largest file that is read", shown(path), limit >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest size, in bytes.
        limit: u64,
    },
    /// A line is not TOML, or states something impossible.
    #[error("{}: line {line}: {reason}", shown(path))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and how to correct it.
        reason: String,
    },
}
