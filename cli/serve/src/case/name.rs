//! Names from the network: of files, and of recordings.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The longest name in bytes, as file systems have it.
const LONGEST: usize = 255;

/// The name of a file in the folder of a case: one component, never a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FileName(String);

/// A recording by the SHA-256 of its file, 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecordingId(String);

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not the name of a file in a folder.
    #[error(
        "a name of a file has 1 to {LONGEST} bytes, no slash and no control character, and does not start with a dot"
    )]
    File,
    /// Not a recording.
    #[error("a recording is named by its SHA-256: 64 digits of 0-9 and a-f")]
    Recording,
}

impl FileName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_allowed = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
        let is_name = (1..=LONGEST).contains(&text.len()) && !text.starts_with('.') && text.chars().all(is_allowed);
        if is_name { Ok(Self(text.to_owned())) } else { Err(NameError::File) }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RecordingId {
    /// The hex digits, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordingId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Recording)
        }
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn file_name_is_one_component() {
        for name in ["index.html", "민수_261107.html", "a b.js", "a..b", "~", "%2e%2e"] {
            assert_eq!(name.parse::<FileName>().unwrap().as_str(), name);
        }
        for name in
            ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", "a\0", "a\nb", ".earwitness.db", &"x".repeat(256)]
        {
            assert_eq!(name.parse::<FileName>(), Err(NameError::File), "{name:?}");
        }
    }

    #[test]
    fn recording_is_its_hash() {
        assert!("0".repeat(64).parse::<RecordingId>().is_ok());
        for text in ["", "0", &"A".repeat(64), &"g".repeat(64), &"0".repeat(65), &format!("{}/", "0".repeat(63))] {
            assert_eq!(text.parse::<RecordingId>(), Err(NameError::Recording), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn file_name_never_leads_out_of_its_folder(text in ".*") {
            if let Ok(name) = text.parse::<FileName>() {
                let components = Path::new(name.as_str()).components().collect::<Vec<_>>();
                prop_assert_eq!(components, vec![Component::Normal(text.as_ref())]);
            }
        }
    }
}
