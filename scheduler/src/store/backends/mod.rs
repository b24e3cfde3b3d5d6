//! The list of backends: a new one is a module here and a line in [`BACKENDS`].

mod memory;
mod sqlite;

use std::ffi::OsStr;

use super::{Access, Store, StoreError};

/// Opens the store at a location, which is the part of a URL after its first colon.
type Open = fn(&OsStr, Access) -> Result<Box<dyn Store>, StoreError>;

/// A kind of storage.
pub(super) struct Backend {
    /// The part of a URL before its first colon.
    pub(super) scheme: &'static str,
    /// The form of its URLs, in messages and help; none for one that users have no use for.
    pub(super) form: Option<&'static str>,
    pub(super) open: Open,
}

/// All backends.
pub(super) const BACKENDS: &[Backend] = &[
    Backend { scheme: "sqlite", form: Some("sqlite:PATH"), open: sqlite::open },
    Backend { scheme: "memory", form: None, open: memory::open },
];
