//! The list of backends. A new backend is a module here and an entry in [`BACKENDS`].

mod memory;
mod postgres;
mod sqlite;

use std::ffi::OsStr;

use super::{Access, Store, StoreError};

/// Opens the store at a location, which is the part of a URL after its first colon.
type Open = fn(&OsStr, Access) -> Result<Box<dyn Store>, StoreError>;

/// A backend.
pub(super) struct Backend {
    /// The part of a URL before its first colon.
    pub(super) scheme: &'static str,
    /// The form of its URLs for messages and help. `None` for a backend that is not meant for users.
    pub(super) form: Option<&'static str>,
    /// Checks the form of a location, without opening anything.
    pub(super) check: fn(&OsStr) -> Result<(), StoreError>,
    pub(super) open: Open,
}

/// All backends.
pub(super) const BACKENDS: &[Backend] = &[
    Backend { scheme: "sqlite", form: Some("sqlite:PATH"), check: any, open: sqlite::open },
    Backend {
        scheme: "postgres",
        form: Some("postgres://[USER@]HOST[:PORT]/DATABASE[?case=NAME]"),
        check: postgres::check,
        open: postgres::open,
    },
    // The other scheme that PostgreSQL's own programs accept.
    Backend { scheme: "postgresql", form: None, check: postgres::check, open: postgres::open },
    Backend { scheme: "memory", form: None, check: any, open: memory::open },
];

/// Accepts every location.
const fn any(_: &OsStr) -> Result<(), StoreError> {
    Ok(())
}
