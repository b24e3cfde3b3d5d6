//! The record of written files in a store, and what it says about the files on disk.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scheduler::store::{OutputFile, Store, StoreError, StoreUrl};
use stage_core::{Existing, sha256_file};

use super::{Output, Taken, TakenFiles};
use crate::error::{Error, ErrorContext};
use crate::export::{is_plain_name, names_itself};

/// What is at the path of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Absent,
    /// A file that may be replaced, with its hash unless it is a link.
    Ours(Option<String>),
    /// A file that is not replaced.
    Taken(Taken),
}

impl Found {
    /// How to write the file.
    pub(crate) const fn existing(&self) -> Existing {
        match self {
            Self::Absent => Existing::Keep,
            Self::Ours(_) | Self::Taken(_) => Existing::Replace,
        }
    }

    /// The hash of the file that is replaced.
    pub(crate) fn sha256(self) -> Option<String> {
        match self {
            Self::Ours(sha256) => sha256,
            Self::Absent | Self::Taken(_) => None,
        }
    }
}

/// What became of files that were to be removed.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// Paths of the removed files.
    pub(crate) removed: Vec<PathBuf>,
    /// Paths of files that were changed since they were written, which stay with their records.
    pub(crate) kept: Vec<PathBuf>,
}

/// Why a recorded file could not be removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error("{}: cannot be removed", path.display())]
    File {
        path: PathBuf,
        #[source]
        reason: io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RemoveError> for Error {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::File { .. } => Self::unexpected(error),
            RemoveError::Store(error) => Self::store(error),
        }
    }
}

/// The written files of one output folder, as the store has recorded them.
#[derive(Debug)]
pub(crate) struct Record {
    /// The folder, without links.
    folder: PathBuf,
    /// Whether the store is in the folder, so that its record remains right when the folder is moved.
    is_beside: bool,
    /// Whether the store records new files. Files in another folder than that of the results are copies.
    is_kept: bool,
    /// Whether files are replaced that the store has no record of.
    overwrite: bool,
    entries: BTreeMap<PathBuf, OutputFile>,
    /// The paths of the files of each recording, by the hash of its bytes.
    of_recordings: HashMap<String, Vec<PathBuf>>,
}

impl Record {
    /// The record of a store about the files in the folder of its results.
    pub(crate) fn read(store: &dyn Store, url: &StoreUrl, folder: &Path, overwrite: bool) -> Result<Self, StoreError> {
        Self::empty(Some(url), folder, overwrite).read_again(store)
    }

    /// The record as the store has it now.
    pub(crate) fn read_again(&self, store: &dyn Store) -> Result<Self, StoreError> {
        let entries: BTreeMap<_, _> = store.outputs()?.into_iter().map(|file| (file.path.clone(), file)).collect();
        let mut of_recordings: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for (path, file) in &entries {
            if let Some(recording) = &file.recording {
                of_recordings.entry(recording.clone()).or_default().push(path.clone());
            }
        }
        let Self { ref folder, is_beside, overwrite, .. } = *self;
        Ok(Self { folder: folder.clone(), is_beside, overwrite, is_kept: true, entries, of_recordings })
    }

    /// The record of a store that does not exist yet.
    pub(crate) fn empty(url: Option<&StoreUrl>, folder: &Path, overwrite: bool) -> Self {
        let folder = real(folder);
        let store = url.and_then(StoreUrl::path).and_then(Path::parent).map(real);
        Self {
            is_beside: store.is_some_and(|store| store == folder),
            folder,
            is_kept: false,
            overwrite,
            entries: BTreeMap::new(),
            of_recordings: HashMap::new(),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the store records new files.
    pub(crate) const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The recorded files of a recording.
    pub(crate) fn of_recording<'a>(&'a self, recording: &'a str) -> impl Iterator<Item = &'a OutputFile> {
        let files = self.of_recordings.get(recording).into_iter().flatten().filter_map(|path| self.entries.get(path));
        files.filter(move |file| file.recording.as_deref() == Some(recording))
    }

    /// All recorded files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &OutputFile> {
        self.entries.values()
    }

    /// The entry of a path.
    pub(crate) fn entry(&self, path: &Path) -> Option<&OutputFile> {
        let (folder, name) = split(path);
        let absolute = self.entries.get(&folder.join(&name));
        absolute.or_else(|| self.entries.get(&name).filter(|_| folder == self.folder))
    }

    /// The path under which a file is recorded: its name, if it and the store are in the folder.
    pub(crate) fn key(&self, path: &Path) -> PathBuf {
        let (folder, name) = split(path);
        if self.is_beside && folder == self.folder { name } else { folder.join(name) }
    }

    /// Where a recorded file is. `None` if its path leads out of the folder, which is never written.
    pub(crate) fn locate(&self, recorded: &Path) -> Option<PathBuf> {
        let is_plain = recorded.is_absolute() || recorded.to_str().is_none_or(is_plain_name);
        is_plain.then(|| self.folder.join(recorded))
    }

    /// What is at a path, and whether it may be replaced.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub(crate) fn find(&self, path: &Path) -> io::Result<Found> {
        let found = match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Absent),
            found => found?,
        };
        if !found.is_file() && !found.is_symlink() {
            return Ok(Found::Taken(Taken::NotAFile));
        }
        let taken = if found.is_symlink() {
            Some(Taken::Link)
        } else {
            match self.entry(path) {
                None => Some(Taken::Unrecorded),
                Some(entry) => (!is_ours(path, entry)?).then_some(Taken::Changed),
            }
        };
        match taken {
            Some(Taken::Link) if self.overwrite => Ok(Found::Ours(None)),
            Some(taken) if !self.overwrite => Ok(Found::Taken(taken)),
            _ => Ok(Found::Ours(Some(sha256_file(path)?))),
        }
    }

    /// What is at a path, for a command that must write it.
    ///
    /// # Errors
    /// The file must not be replaced, or cannot be read.
    pub(crate) fn replaceable(&self, path: &Path) -> Result<Found, Error> {
        match self.look_up(path)? {
            Found::Taken(why) => Err(Error::usage(TakenFiles(vec![(path.to_owned(), why)]))),
            found => Ok(found),
        }
    }

    /// The outputs that exist and are not replaced.
    pub(crate) fn taken(&self, outputs: &[Output]) -> Result<Vec<(PathBuf, Taken)>, Error> {
        let taken = |Output { path, .. }: &Output| match self.look_up(path) {
            Ok(Found::Taken(why)) => Some(Ok((path.clone(), why))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        outputs.par_iter().filter_map(taken).collect()
    }

    /// Refuses to replace files that the store has no record of, or that were changed since.
    pub(crate) fn check_taken(&self, outputs: &[Output]) -> Result<(), Error> {
        let taken = self.taken(outputs)?;
        if taken.is_empty() { Ok(()) } else { Err(Error::usage(TakenFiles(taken))) }
    }

    fn look_up(&self, path: &Path) -> Result<Found, Error> {
        self.find(path).map_err(Error::usage).context(format!("{}: cannot be read", path.display()))
    }

    /// Removes files by the paths under which they are recorded, and their records. Files that were changed since stay.
    pub(crate) fn remove(&mut self, store: &mut dyn Store, recorded: &[PathBuf]) -> Result<Removal, RemoveError> {
        let (mut removal, mut forgotten) = (Removal::default(), Vec::new());
        for key in recorded {
            let Some(path) = self.locate(key) else { continue };
            let failed = |reason| RemoveError::File { path: path.clone(), reason };
            match self.find(&path).map_err(failed)? {
                Found::Absent => {}
                Found::Ours(_) => {
                    fs::remove_file(&path).map_err(failed)?;
                    removal.removed.push(path);
                }
                Found::Taken(_) => {
                    removal.kept.push(path);
                    continue;
                }
            }
            forgotten.push(key.clone());
        }
        self.forget(store, &forgotten)?;
        Ok(removal)
    }

    /// Records files before they are written, and keeps the record for later calls.
    pub(crate) fn put(&mut self, store: &mut dyn Store, files: Vec<OutputFile>) -> Result<(), StoreError> {
        if self.is_kept && !files.is_empty() {
            store.put_outputs(&files)?;
        }
        for file in files {
            if let Some(recording) = &file.recording {
                let own = self.of_recordings.entry(recording.clone()).or_default();
                if !own.contains(&file.path) {
                    own.push(file.path.clone());
                }
            }
            self.entries.insert(file.path.clone(), file);
        }
        Ok(())
    }

    /// Forgets files that no longer exist.
    pub(crate) fn forget(&mut self, store: &mut dyn Store, paths: &[PathBuf]) -> Result<(), StoreError> {
        if self.is_kept && !paths.is_empty() {
            store.forget_outputs(paths)?;
        }
        self.entries.retain(|path, _| !paths.contains(path));
        Ok(())
    }
}

/// Whether a file is the one of the entry. An entry of a run that was killed has no hash: then the file must be empty, or
/// say itself that Earwitness wrote it.
fn is_ours(path: &Path, entry: &OutputFile) -> io::Result<bool> {
    if entry.is_ours(&sha256_file(path)?) {
        return Ok(true);
    }
    let start = start_of(path)?;
    Ok(entry.sha256.is_none() && (start.is_empty() || names_itself(&start)))
}

/// The first bytes of a file.
pub(crate) fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut start)?;
    Ok(start)
}

/// Folder without links, and name.
fn split(path: &Path) -> (PathBuf, PathBuf) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (real(folder), path.file_name().unwrap_or_default().into())
}

fn real(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::canonicalize(folder).or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use scheduler::store::{Access, open};
    use serde_json::json;
    use stage_core::sha256_hex;

    use super::*;

    fn file(path: PathBuf, sha256: Option<&str>, replaces: Option<&str>) -> OutputFile {
        let hash = |text: Option<&str>| text.map(|text| sha256_hex(text.as_bytes()));
        OutputFile {
            path,
            sha256: hash(sha256),
            replaces: hash(replaces),
            recording: Some(sha256_hex(b"call")),
            format: "srt".to_owned(),
            renderer: 1,
            settings: json!({}),
            made_from: vec![],
            document: None,
            context: json!({}),
        }
    }

    /// What the record says about a file with this content, and with `overwrite`.
    fn found(content: &str, recorded: Option<(Option<&str>, Option<&str>)>) -> (Found, Found) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.srt");
        fs::write(&path, content).unwrap();
        let url = StoreUrl::file(folder.path().join("earwitness.db"));
        let [strict, lenient] = [false, true].map(|overwrite| {
            let mut record = Record::empty(Some(&url), folder.path(), overwrite);
            let key = record.key(&path);
            assert_eq!(key, Path::new("call.srt"), "relative, since the store is in the folder");
            let entry = recorded.map(|(sha256, replaces)| file(key, sha256, replaces));
            record.entries.extend(entry.map(|entry| (entry.path.clone(), entry)));
            record.find(&path).unwrap()
        });
        (strict, lenient)
    }

    #[test]
    fn record_knows_files_by_their_hash_or_that_of_the_file_that_they_replace() {
        let ours = |content: &str| Found::Ours(Some(sha256_hex(content.as_bytes())));
        let recorded = Some((Some("new"), Some("old")));
        for content in ["new", "old"] {
            assert_eq!(found(content, recorded), (ours(content), ours(content)));
        }
        assert_eq!(found("edited", recorded), (Found::Taken(Taken::Changed), ours("edited")));
        assert_eq!(found("theirs", None), (Found::Taken(Taken::Unrecorded), ours("theirs")));
    }

    #[test]
    fn record_knows_files_of_a_killed_run_by_their_first_bytes() {
        let killed = Some((None, None));
        for content in ["", "# HELP earwitness_audio_seconds Audio of all recordings of the run.\n"] {
            assert_eq!(found(content, killed).0, Found::Ours(Some(sha256_hex(content.as_bytes()))), "{content}");
        }
        assert_eq!(found("theirs", killed).0, Found::Taken(Taken::Changed));
    }

    #[test]
    fn record_of_a_store_elsewhere_has_absolute_paths_and_leads_to_no_other_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&"memory:record-elsewhere".parse().unwrap(), Access::Create).unwrap();
        let url = "memory:record-elsewhere".parse().unwrap();
        let mut record = Record::read(&*store, &url, folder.path(), false).unwrap();
        let path = folder.path().canonicalize().unwrap().join("call.srt");
        assert_eq!(record.key(&folder.path().join("call.srt")), path);
        record.put(&mut *store, vec![file(path.clone(), Some("ours"), None)]).unwrap();
        assert_eq!(store.outputs().unwrap().len(), 1);
        assert_eq!(
            record.of_recording(&sha256_hex(b"call")).count(),
            1,
            "a file that was just written is its recording's"
        );
        assert_eq!(record.locate(&path), Some(path));
        assert_eq!(record.locate(Path::new("../outside")), None);
        assert_eq!(record.find(&folder.path().join("absent.srt")).unwrap(), Found::Absent);
    }
}
