//! The files that a command writes: which of them it may replace, and the record of them in the store.
//!
//! ```text
//! paths of all files -> places (no input, no file twice) -> record (what this store wrote before) -> written, recorded
//! ```

mod folder_lock;
mod pending;
mod places;
mod record;

use std::fmt;
use std::path::PathBuf;

use stage_core::shown;

pub(crate) use self::folder_lock::FolderLock;
pub(crate) use self::pending::{delete_pending, pending};
pub(crate) use self::places::check as check_places;
pub(crate) use self::record::{Found, Record, RemoveError, start_of};

/// A file that a command is going to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// What names it, for messages: a flag or `results`.
    pub(crate) what: &'static str,
    pub(crate) path: PathBuf,
}

/// A file about a run: its report, trace or metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFile {
    /// Its format in the record.
    pub(crate) format: &'static str,
    pub(crate) output: Output,
}

/// Why a file that exists is not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// The store has no record of it.
    Unrecorded,
    /// It is not the recorded one.
    Changed,
    /// It is a link.
    Link,
    /// It is a folder, a pipe or a device. `--overwrite` does not replace it either.
    NotAFile,
}

impl Taken {
    /// What to do about it, to follow the reason.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Unrecorded => " (no store records copies in other folders); --overwrite replaces it",
            Self::Changed | Self::Link => "; --overwrite replaces it",
            Self::NotAFile => "; move it, or choose another folder",
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unrecorded => "it exists, and this store has no record of it",
            Self::Changed => "it was changed since this store wrote it, or the store is an older copy",
            Self::Link => "it is a link",
            Self::NotAFile => "it is a folder, a pipe or a device",
        })
    }
}

/// Files that exist and are not replaced.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing was written, because these files would be replaced: {}. Move them, or choose another folder or file name. If \
     they are results of an earlier run, restore the store that belongs to them. --overwrite replaces them",
    list(.0)
)]
pub(crate) struct TakenFiles(pub(crate) Vec<(PathBuf, Taken)>);

/// Number of files that a message names.
const NAMED: usize = 100;

fn list(files: &[(PathBuf, Taken)]) -> String {
    let mut named: Vec<_> = files.iter().take(NAMED).map(|(path, why)| format!("{}: {why}", shown(path))).collect();
    if files.len() > NAMED {
        named.push(format!("and {} more", files.len() - NAMED));
    }
    named.join("; ")
}
