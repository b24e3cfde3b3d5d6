//! Where a clip is written: names of its files, which never replace anything.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use stage_core::shown;

use super::time::Time;
use crate::error::{Error, ErrorContext};
use crate::export::legal_name;
use crate::outputs::{Output, check_places};

/// The two files of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) wav: PathBuf,
    pub(super) json: PathBuf,
}

/// Why a clip cannot be written where it is to be.
#[derive(Debug, thiserror::Error)]
enum PlaceError {
    #[error("{}: it exists, and a clip replaces nothing; choose another name with --out", shown(.0))]
    Taken(PathBuf),
    #[error("--out {}: the name of a clip ends in .wav", shown(.0))]
    NotWav(PathBuf),
    #[error("{}: the folder does not exist", shown(.0))]
    NoFolder(PathBuf),
}

impl Places {
    /// The files of a clip: that of `--out`, or one in the current folder that is named after recording and range.
    ///
    /// # Errors
    /// A file exists, is the recording, or has a name that is not of a WAV file; or its folder does not exist.
    pub(super) fn new(out: Option<&Path>, input: &Path, (from, to): (&Time, &Time)) -> Result<Self, Error> {
        let wav = out.map_or_else(|| default_name(input, from, to), Path::to_owned);
        if !wav.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) {
            return Err(Error::usage(PlaceError::NotWav(wav)));
        }
        let places = Self { json: wav.with_extension("json"), wav };
        let outputs = [&places.wav, &places.json].map(|path| Output { what: "--out", path: path.clone() });
        check_places([input], &outputs).map_err(Error::usage)?;
        for Output { path, .. } in outputs {
            if path.symlink_metadata().is_ok() {
                return Err(Error::usage(PlaceError::Taken(path)));
            }
        }
        match places.wav.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            Some(folder) => Err(Error::usage(PlaceError::NoFolder(folder.to_owned()))),
            None => Ok(places),
        }
    }
}

/// `call_00-01-23.500-00-01-40.000.wav`.
fn default_name(input: &Path, from: &Time, to: &Time) -> PathBuf {
    let stem = legal_name(input.file_stem().unwrap_or(OsStr::new("")));
    format!("{stem}_{}-{}.wav", from.in_name(), to.in_name()).into()
}

/// Reports that a file could not be written.
pub(super) fn unwritable<T>(path: &Path, error: io::Error) -> Result<T, Error> {
    match error.kind() {
        ErrorKind::AlreadyExists => Err(Error::usage(PlaceError::Taken(path.to_owned()))),
        _ => Err(error).context(format!("{}: cannot be written", shown(path))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn places(out: Option<&Path>, input: &str) -> Result<Places, Error> {
        Places::new(out, Path::new(input), (&"1:23.5".parse().unwrap(), &"100".parse().unwrap()))
    }

    #[test]
    fn clip_is_named_after_recording_and_range() {
        let name = |input| places(None, input).unwrap().wav.into_os_string().into_string().unwrap();
        assert_eq!(name("/calls/call.m4a"), "call_00-01-23.500-00-01-40.000.wav");
        assert_eq!(name("통화: 1.mp3"), "통화%3A 1_00-01-23.500-00-01-40.000.wav");
        let long = name(&format!("{}.mp3", "가".repeat(80)));
        assert!(long.len() < 250, "{long}");
        assert_eq!(places(None, "call.m4a").unwrap().json, Path::new("call_00-01-23.500-00-01-40.000.json"));
    }

    #[test]
    fn clip_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("taken.wav"), "theirs").unwrap();
        fs::write(at("described.json"), "theirs").unwrap();
        std::os::unix::fs::symlink(at("nothing"), at("link.wav")).unwrap();
        fs::create_dir(at("folder.wav")).unwrap();
        let input = at("taken.wav");
        let reason = |out: &str| places(Some(&at(out)), input.to_str().unwrap()).unwrap_err().to_string();
        assert!(reason("taken.wav").contains("this is the input"));
        assert!(reason("TAKEN.WAV").contains("this is the input"), "file systems that ignore case");
        for (out, expected) in [
            ("described.wav", "described.json: it exists, and a clip replaces nothing"),
            ("link.wav", "link.wav: it exists"),
            ("folder.wav", "not a file"),
            ("clip.mp3", "the name of a clip ends in .wav"),
            ("clip", "the name of a clip ends in .wav"),
            ("none/clip.wav", "none: the folder does not exist"),
        ] {
            assert!(reason(out).contains(expected), "{out}: {}", reason(out));
        }
        assert_eq!(places(Some(&at("new.WAV")), input.to_str().unwrap()).unwrap().json, at("new.json"));
    }
}
