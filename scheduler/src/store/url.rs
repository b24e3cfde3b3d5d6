//! The URL of a store, and opening it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use stage_core::shown;

use super::backends::{BACKENDS, Backend};
use super::{Access, Store, StoreError};

/// The scheme of a store in an SQLite file.
const FILE_SCHEME: &str = "sqlite";

/// The URL of a store: a scheme, which selects the backend, a colon, and a location, which the backend interprets.
///
/// ```
/// use scheduler::store::{Access, StoreError, StoreUrl, open};
///
/// let url: StoreUrl = "sqlite:missing/earwitness.db".parse()?;
/// assert_eq!(url, StoreUrl::file("missing/earwitness.db"));
/// assert!(matches!(open(&url, Access::Read), Err(StoreError::Missing { .. })));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: &'static str,
    /// Not always valid UTF-8, since a file name need not be.
    location: OsString,
}

impl StoreUrl {
    /// The URL of a store in this file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { scheme: FILE_SCHEME, location: path.into().into_os_string() }
    }

    /// The file of the store, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        (self.scheme == FILE_SCHEME).then(|| Path::new(&self.location))
    }

    /// The forms of URLs that users may give, such as `sqlite:PATH`.
    #[must_use]
    pub fn forms() -> String {
        BACKENDS.iter().filter_map(|backend| backend.form).collect::<Vec<_>>().join(" or ")
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        Self::try_from(OsStr::new(url))
    }
}

/// A URL whose location need not be UTF-8.
impl TryFrom<&OsStr> for StoreUrl {
    type Error = StoreError;

    fn try_from(url: &OsStr) -> Result<Self, StoreError> {
        let split = || {
            let bytes = url.as_bytes();
            let (scheme, location) = bytes.split_at(bytes.iter().position(|byte| *byte == b':')?);
            let location = OsStr::from_bytes(&location[1..]);
            Some((backend(std::str::from_utf8(scheme).ok()?)?, location)).filter(|_| !location.is_empty())
        };
        let invalid = || StoreError::InvalidUrl { url: shown_url(&shown(url.as_ref())), expected: Self::forms() };
        let (Backend { scheme, check, .. }, location) = split().ok_or_else(invalid)?;
        check(location)?;
        Ok(Self { scheme, location: location.to_owned() })
    }
}

/// A URL that is not valid, for an error. One that may contain a password is not shown.
pub(in crate::store) fn shown_url(url: &str) -> String {
    let is_secret = url.contains('@') || url.to_ascii_lowercase().contains("passw") || url.contains("%");
    if is_secret {
        "the URL of the store, which is not shown because it may contain a password".to_owned()
    } else {
        url.to_owned()
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.location.display())
    }
}

/// Opens a store. A store of an older version is migrated, unless it is opened for reading.
///
/// # Errors
/// - [`StoreError::Missing`]: the store does not exist and is not to be created.
/// - [`StoreError::Locked`]: another process writes to the store, and it was to be opened for writing.
/// - [`StoreError::OlderSchema`]: the store has not been migrated yet, and it was to be opened for reading.
/// - [`StoreError::NewerSchema`], [`StoreError::Foreign`], [`StoreError::BrokenChain`]: it must not be changed.
/// - [`StoreError::Unavailable`] or another error: the backend failed.
pub fn open(url: &StoreUrl, access: Access) -> Result<Box<dyn Store>, StoreError> {
    let known = || StoreError::InvalidUrl { url: url.to_string(), expected: StoreUrl::forms() };
    let backend = backend(url.scheme).ok_or_else(known)?;
    (backend.open)(OsStr::new(&url.location), access)
}

fn backend(scheme: &str) -> Option<&'static Backend> {
    BACKENDS.iter().find(|backend| backend.scheme == scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_url_is_a_known_scheme_and_a_location() {
        let url: StoreUrl = "sqlite:a:b.db".parse().unwrap();
        assert_eq!((&url, url.to_string().as_str()), (&StoreUrl::file("a:b.db"), "sqlite:a:b.db"));
        assert_ne!(url, "memory:a:b.db".parse().unwrap());
        let odd = OsStr::from_bytes(b"sqlite:\xB1.db");
        assert_eq!(StoreUrl::try_from(odd).unwrap(), StoreUrl::file(OsStr::from_bytes(b"\xB1.db")));
        for wrong in ["a.db", "sqlite:", "nowhere:a", ""] {
            let error = wrong.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(error.contains("expected sqlite:PATH or postgres://"), "{error}");
        }
    }
}
