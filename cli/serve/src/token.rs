//! The secret that callers show.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The fewest characters of a token. A random one of this length cannot be guessed.
pub const SHORTEST_TOKEN: usize = 20;
/// The most bytes of a token.
const LONGEST: usize = 4096;

/// A token, kept as its hash. It is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

/// Why a token is not used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is too short or too long, or has other characters than visible ones of ASCII.
    #[error(
        "the token must have {SHORTEST_TOKEN} to {LONGEST} visible ASCII characters, without spaces; \
         make one with `openssl rand -hex 32`"
    )]
    Form,
    /// Others can read the file.
    #[error("{path}: group or others can read it (mode {mode:o}); run `chmod 600` on it", path = path.display())]
    Exposed {
        /// The file of the token.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is not a file, or cannot be read.
    #[error("{path}: the token cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// The file of the token.
        path: PathBuf,
        /// The reason.
        cause: io::Error,
    },
    /// The environment has no such variable.
    #[error("the environment variable {0} of the token is not set, or is not text")]
    Unset(String),
}

impl Token {
    /// A token from its text.
    ///
    /// # Errors
    /// It is too short to be a secret, or cannot be sent in a header.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let is_valid =
            (SHORTEST_TOKEN..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(hash(text.as_bytes()))) } else { Err(TokenError::Form) }
    }

    /// The token in a file, without the line end after it.
    ///
    /// # Errors
    /// The file is a link, others can read it, or it has no token.
    pub fn from_file(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |cause| TokenError::Unreadable { path: path.to_owned(), cause };
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(TokenError::Exposed { path: path.to_owned(), mode: metadata.mode() & 0o777 });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST as u64 + 2).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(text.trim_end_matches(['\r', '\n']))
    }

    /// The token in an environment variable.
    ///
    /// # Errors
    /// It is not set, or is not a token.
    pub fn from_environment(name: &str) -> Result<Self, TokenError> {
        let text = std::env::var(name).map(Zeroizing::new).map_err(|_| TokenError::Unset(name.to_owned()))?;
        Self::parse(&text)
    }

    /// Whether a caller's token is this one. The time does not depend on where they differ.
    pub(crate) fn matches(&self, shown: &[u8]) -> bool {
        self.0.ct_eq(&hash(shown)).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn token_matches_itself_alone() {
        let token = Token::parse(TEXT).unwrap();
        assert!(token.matches(TEXT.as_bytes()));
        for other in ["", "0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef ", &TEXT[1..]] {
            assert!(!token.matches(other.as_bytes()), "{other:?}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn token_that_can_be_guessed_or_not_sent_is_refused() {
        for text in ["", "short", "0123456789abcdef 0123456789abcdef", "0123456789abcdef0123456789abcde\u{e9}"] {
            assert!(matches!(Token::parse(text), Err(TokenError::Form)), "{text:?}");
        }
    }

    #[test]
    fn token_file_must_be_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, format!("{TEXT}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Token::from_file(&path), Err(TokenError::Exposed { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Token::from_file(&path).unwrap().matches(TEXT.as_bytes()));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Token::from_file(&link), Err(TokenError::Unreadable { .. })));
    }
}
