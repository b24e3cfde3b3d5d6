//! Why a key cannot be used.

use std::io;
use std::path::{Path, PathBuf};

/// A key file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", stage_core::shown(file))]
pub struct KeyError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: KeyProblem,
}

impl KeyError {
    pub(super) fn new(file: &Path, problem: KeyProblem) -> Self {
        Self { file: file.to_owned(), problem }
    }
}

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It cannot be written.
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
    /// There is a file or a link of that name.
    #[error("exists already, and keys are never replaced: choose another name")]
    Exists,
    /// The system has no random numbers.
    #[error("no key can be made: the system has no random numbers: {0}")]
    NoRandomNumbers(getrandom::Error),
    /// The permissions of a private key give it to others, or the file system has no permissions.
    #[error(
        "others can read this private key (mode {mode:04o}): run `chmod 600` on it; \
         where the file system has no permissions, keep it elsewhere"
    )]
    Exposed {
        /// Its permissions.
        mode: u32,
    },
    /// The file is empty.
    #[error("the file is empty, not a key in PEM format")]
    Empty,
    /// The file is something else.
    #[error("not a key in PEM format: `earwitness key new` and `openssl genpkey -algorithm ed25519` write one")]
    NotPem,
    /// A public key where a private one is needed.
    #[error("this is a public key, but the private key is needed: the file without `.pub`")]
    PublicNotPrivate,
    /// A private key where a public one is needed.
    #[error("this is a private key, but the public key is needed: the file with `.pub`; keep the private key secret")]
    PrivateNotPublic,
    /// The key is encrypted.
    #[error("the private key is encrypted, which is not supported: decrypt it with `openssl pkey -in FILE -out NEW`")]
    Encrypted,
    /// The file contains something else in PEM format.
    #[error("{0}, not an ed25519 key: `earwitness key new` makes one")]
    Other(String),
    /// The contents of an ed25519 key are invalid.
    #[error("the ed25519 key is damaged")]
    Damaged,
    /// Anybody can make signatures that this public key verifies.
    #[error("the public key is one of the weak ones, for which anybody can make signatures")]
    Weak,
}
