//! The source of a model.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The source of a model.
///
/// ```
/// use models::ModelSource;
///
/// let source: ModelSource = "openai/whisper-large-v3-turbo".parse()?;
/// assert_eq!(source, ModelSource::Hub("openai/whisper-large-v3-turbo".to_owned()));
/// assert_eq!(source.offline(), ModelSource::Cached("openai/whisper-large-v3-turbo".to_owned()));
/// assert_eq!("embedded".parse(), Ok(ModelSource::Embedded));
/// # Ok::<(), models::ParseModelSourceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelSource {
    /// The model that is embedded in the program.
    Embedded,
    /// A directory in the Hugging Face layout.
    Directory(PathBuf),
    /// `organization/name` on the Hugging Face Hub; downloaded if it is not in the hub's cache.
    Hub(String),
    /// `organization/name` in the hub's cache; the network is never used.
    Cached(String),
}

impl ModelSource {
    /// The same source without network access.
    #[must_use]
    pub fn offline(self) -> Self {
        match self {
            Self::Hub(id) => Self::Cached(id),
            local => local,
        }
    }
}

/// The text is not a valid model source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a model: `embedded`, an existing directory or a hub id such as `openai/whisper-tiny` is expected"
)]
pub struct ParseModelSourceError(String);

impl FromStr for ModelSource {
    type Err = ParseModelSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "embedded" {
            return Ok(Self::Embedded);
        }
        let path = PathBuf::from(text);
        if path.is_dir() {
            return Ok(Self::Directory(path));
        }
        let part = |part: &str| {
            part.chars().next().is_some_and(|c| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match text.split_once('/') {
            Some((organization, name)) if part(organization) && part(name) => Ok(Self::Hub(text.to_owned())),
            _ => Err(ParseModelSourceError(text.to_owned())),
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Hub(id) | Self::Cached(id) => f.write_str(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_prefers_directories_and_refuses_malformed_ids() {
        assert_eq!("embedded".parse(), Ok(ModelSource::Embedded));
        assert_eq!("openai/whisper-tiny".parse(), Ok(ModelSource::Hub("openai/whisper-tiny".into())));
        assert_eq!(ModelSource::Hub("a/b".into()).offline(), ModelSource::Cached("a/b".into()));
        assert_eq!("/".parse(), Ok(ModelSource::Directory("/".into())));
        for nonsense in ["", "whisper", "a/b/c", "/nowhere/model", "../model", "a b/c"] {
            assert!(nonsense.parse::<ModelSource>().is_err(), "{nonsense}");
        }
    }
}
