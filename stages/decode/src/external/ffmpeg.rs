//! Finds ffmpeg, once per process.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::config::DecodeSettings;

/// Name of the program that is searched on `PATH`.
const NAME: &str = "ffmpeg";
/// Environment variable that names the program, unless the settings do.
const VARIABLE: &str = "EARWITNESS_FFMPEG";

/// An installed ffmpeg.
#[derive(Debug)]
pub(crate) struct Ffmpeg {
    /// Its absolute path, without symbolic links.
    pub(crate) path: PathBuf,
    /// The first line that it prints for `-version`.
    pub(crate) version: String,
    /// Its list of decoders, when it is needed.
    decoders: OnceLock<String>,
}

impl Ffmpeg {
    /// Whether it was built with this decoder.
    pub(crate) fn has_decoder(&self, name: &str) -> bool {
        let list = || print(&self.path, &["-hide_banner", "-decoders"]).unwrap_or_default();
        let list = self.decoders.get_or_init(list);
        list.lines().any(|line| line.split_whitespace().nth(1) == Some(name))
    }
}

/// Why there is no ffmpeg.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoFfmpeg {
    #[error("ffmpeg is not installed")]
    NotInstalled,
    #[error("the ffmpeg that is set, {}, cannot be used: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
}

type Found = Result<Arc<Ffmpeg>, NoFfmpeg>;

/// The program that the settings name, or else the environment variable, or else the first one on `PATH`.
pub(crate) fn find(config: &DecodeSettings) -> Found {
    /// By the path of the settings.
    static FOUND: Mutex<BTreeMap<Option<PathBuf>, Found>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let search =
        || search(config.ffmpeg.clone().or_else(|| env::var_os(VARIABLE).map(PathBuf::from)), env::var_os("PATH"));
    found.entry(config.ffmpeg.clone()).or_insert_with(search).clone()
}

fn search(named: Option<PathBuf>, folders: Option<OsString>) -> Found {
    let path = match named {
        Some(path) => path,
        None => on_path(&folders.unwrap_or_default()).ok_or(NoFfmpeg::NotInstalled)?,
    };
    let unusable = |reason: String| NoFfmpeg::Unusable { path: path.clone(), reason };
    let absolute = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
    let version = version(&absolute).map_err(unusable)?;
    Ok(Arc::new(Ffmpeg { path: absolute, version, decoders: OnceLock::new() }))
}

fn on_path(folders: &OsString) -> Option<PathBuf> {
    // An empty entry means the current folder, from which nothing should be run.
    let folders = env::split_paths(folders).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(NAME)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The first line of `-version`.
fn version(path: &Path) -> Result<String, String> {
    let text = print(path, &["-version"])?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.starts_with("ffmpeg version ") { Ok(line.to_owned()) } else { Err("it is not an ffmpeg".to_owned()) }
}

/// What it prints for these arguments.
fn print(path: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(path);
    let output = command.args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("it ends with {}", output.status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join(NAME);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn program_is_the_first_one_on_the_path() {
        let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = script(
            full.path(),
            "#!/bin/sh\necho 'ffmpeg version 9.9 Copyright'\necho ' A....D amrnb  AMR-NB (codec amr_nb)'\n",
        );
        let folders = env::join_paths([Path::new(""), Path::new("relative"), empty.path(), full.path()]).unwrap();
        let program = search(None, Some(folders)).unwrap();
        assert_eq!(program.version, "ffmpeg version 9.9 Copyright");
        assert!(program.has_decoder("amrnb") && !program.has_decoder("amrwb") && !program.has_decoder("codec"));
        assert_eq!(program.path, path.canonicalize().unwrap());
        let missing = |folders| matches!(search(None, folders), Err(NoFfmpeg::NotInstalled));
        assert!(missing(Some(empty.path().into())) && missing(None));
    }

    #[test]
    fn program_that_is_named_must_be_an_ffmpeg() {
        let folder = tempfile::tempdir().unwrap();
        let unusable = |path: PathBuf| matches!(search(Some(path), None), Err(NoFfmpeg::Unusable { .. }));
        assert!(unusable(folder.path().join("missing")));
        assert!(unusable(script(folder.path(), "#!/bin/sh\necho 'another program'\n")));
        assert!(unusable(script(folder.path(), "#!/bin/sh\necho 'ffmpeg version 9'\nexit 1\n")));
    }
}
