//! Where workers read the recordings, if not at the paths that the store knows.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use scheduler::store::RecordingEntry;

/// A place with a placeholder for each recording: an absolute path, or a URL.
///
/// | placeholder | stands for |
/// |---|---|
/// | `{path}` | the absolute path, without its first `/` |
/// | `{path:FOLDER}` | the path below this folder. A recording elsewhere is read at its own path |
/// | `{name}` | the name of the file |
/// | `{sha256}` | the hash of its bytes |
///
/// In a URL, what stands for a placeholder is encoded.
///
/// ```
/// use earwitness::RecordingsAt;
///
/// assert!("https://files.example/{sha256}".parse::<RecordingsAt>().is_ok());
/// assert!("/mnt/calls".parse::<RecordingsAt>().is_err(), "the same place for all");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingsAt {
    before: String,
    placeholder: Placeholder,
    after: String,
    is_url: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Placeholder {
    Path,
    PathBelow(PathBuf),
    Name,
    Sha256,
}

/// Why a text is not a [`RecordingsAt`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingsAtError {
    /// It has no placeholder, several, or an unknown one.
    #[error("one of {{path}}, {{path:/FOLDER}}, {{name}} and {{sha256}} is expected")]
    Placeholder,
    /// It is a path that depends on the folder of the process.
    #[error("an absolute path or a URL is expected")]
    Relative,
    /// A URL has a user or a query, which may be secret.
    #[error("a URL without a user and a query is expected, because others can read it in the store")]
    Secret,
    /// This program cannot fetch from there.
    #[error("{0}")]
    Url(&'static str),
}

impl FromStr for RecordingsAt {
    type Err = RecordingsAtError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (before, rest) = text.split_once('{').ok_or(RecordingsAtError::Placeholder)?;
        let (name, after) = rest.split_once('}').ok_or(RecordingsAtError::Placeholder)?;
        let placeholder = match name {
            "path" => Placeholder::Path,
            "name" => Placeholder::Name,
            "sha256" => Placeholder::Sha256,
            other => match other.strip_prefix("path:") {
                Some(folder) if folder.starts_with('/') => Placeholder::PathBelow(folder.into()),
                _ => return Err(RecordingsAtError::Placeholder),
            },
        };
        if after.contains(['{', '}']) || before.contains('}') {
            return Err(RecordingsAtError::Placeholder);
        }
        let is_url = before.contains("://");
        if is_url {
            if text.contains(['@', '?']) {
                return Err(RecordingsAtError::Secret);
            }
            fetch::check(before).map_err(RecordingsAtError::Url)?;
        } else if !text.starts_with('/') {
            return Err(RecordingsAtError::Relative);
        }
        Ok(Self { before: before.to_owned(), placeholder, after: after.to_owned(), is_url })
    }
}

impl RecordingsAt {
    /// Where to read a recording.
    pub(crate) fn of(&self, recording: &RecordingEntry) -> PathBuf {
        let path = &recording.path;
        let part = match &self.placeholder {
            Placeholder::Path => path.strip_prefix("/").unwrap_or(path),
            Placeholder::PathBelow(folder) => match path.strip_prefix(folder) {
                Ok(below) => below,
                Err(_) => return path.clone(),
            },
            Placeholder::Name => Path::new(path.file_name().unwrap_or_default()),
            Placeholder::Sha256 => Path::new(&recording.file_sha256),
        };
        let part = part.as_os_str().as_bytes();
        let part = if self.is_url { fetch::encoded(part).into_bytes() } else { part.to_owned() };
        OsString::from_vec([self.before.as_bytes(), &part, self.after.as_bytes()].concat()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::stages;

    fn at(template: &str, path: &str) -> String {
        let recipe = Arc::new(stages::simulated(&serde_json::json!({}), None).unwrap());
        let recording = RecordingEntry::new(path, "ab".repeat(32), 1.0, recipe);
        template.parse::<RecordingsAt>().unwrap().of(&recording).into_os_string().into_string().unwrap()
    }

    #[test]
    fn places_are_made_from_the_path_the_name_or_the_hash() {
        let path = "/calls/2026/통화 1.m4a";
        assert_eq!(at("/mnt/{path}", path), "/mnt/calls/2026/통화 1.m4a");
        assert_eq!(at("/mnt/{path:/calls}", path), "/mnt/2026/통화 1.m4a");
        assert_eq!(at("/mnt/{name}.copy", path), "/mnt/통화 1.m4a.copy");
        assert_eq!(at("/mnt/{path:/other}", path), path, "elsewhere");
        assert_eq!(at("https://h/{path:/calls}.x", path), "https://h/2026/%ED%86%B5%ED%99%94%201.m4a.x");
        assert_eq!(at("http://h/{sha256}", path), format!("http://h/{}", "ab".repeat(32)));
    }

    #[test]
    fn places_without_one_placeholder_or_that_cannot_be_read_are_refused() {
        let error = |text: &str| text.parse::<RecordingsAt>().unwrap_err().to_string();
        for text in ["/mnt", "/mnt/{}", "/mnt/{date}", "/{name}/{name}", "/}{name}", "/{path:calls}", "/{name"] {
            assert!(error(text).starts_with("one of {path}"), "{text}");
        }
        assert_eq!(error("mnt/{name}"), "an absolute path or a URL is expected");
        for text in ["https://kim:hush@host/{name}", "https://host/{name}?sig=hush"] {
            assert!(error(text).starts_with("a URL without a user") && !error(text).contains("hush"));
        }
        assert!(error("ftp://host/{name}").contains("s3:// is expected"));
    }
}
