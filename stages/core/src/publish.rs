//! Files that appear whole or not at all, also after a power failure.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Renames a complete file to its final name: syncs the file, renames it, and syncs the folder of the new name.
/// Replaces a file of that name.
///
/// # Errors
/// The error of the file system. Until the rename the target is unchanged; if only the sync of the folder failed, the
/// new file is in place but may be lost in a power failure.
pub fn publish_file(unfinished: &Path, path: &Path) -> io::Result<()> {
    File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, path)?;
    sync_folder_of(path)
}

/// Writes several files into one folder, each whole or not at all. The folder is synced once, after all renames.
///
/// # Errors
/// The file that cannot be written, and the error of the file system. Earlier files are in place; this one is
/// unchanged.
pub fn replace_files<'a>(files: impl IntoIterator<Item = (&'a Path, &'a [u8])>) -> Result<(), (PathBuf, io::Error)> {
    let mut last = None;
    for (path, bytes) in files {
        write_and_rename(path, bytes, true).map_err(|error| (path.to_owned(), error))?;
        last = Some(path);
    }
    last.map_or(Ok(()), |path| sync_folder_of(path).map_err(|error| (path.to_owned(), error)))
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// As [`publish_file`].
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_files([(path, bytes)]).map_err(|(_, error)| error)
}

/// As [`replace_file`], but without waiting for the disk: a power failure may lose or truncate the file. For files that
/// are rewritten all the time, such as counters.
///
/// # Errors
/// As [`publish_file`].
pub fn replace_file_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_and_rename(path, bytes, false)
}

fn write_and_rename(path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".part");
    let unfinished = PathBuf::from(name);
    let written = write(&unfinished, bytes, synced).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // The error of the write matters, not that of this.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write(path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    if synced { file.sync_all() } else { Ok(()) }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only Unix opens folders as files; elsewhere the rename alone must do.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replace_files_leaves_the_new_contents_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "old").unwrap();
        replace_files([(&*a, &b"new"[..]), (&*b, &b"other"[..])]).unwrap();
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"new".to_vec(), b"other".to_vec()));
        replace_file_unsynced(&a, b"newer").unwrap();
        assert_eq!(fs::read(&a).unwrap(), b"newer");
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[test]
    fn replace_files_names_the_file_that_cannot_be_written_and_keeps_the_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good"), folder.path().join("missing/bad"));
        let (path, error) = replace_files([(&*good, &b"x"[..]), (&*bad, &b"y"[..])]).unwrap_err();
        assert_eq!((path, error.kind()), (bad, io::ErrorKind::NotFound));
        assert_eq!(names(folder.path()), ["good"]);
    }

    #[test]
    fn publish_file_moves_files_and_folders_and_keeps_the_target_if_there_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&to, "old").unwrap();
        assert_eq!(publish_file(&from, &to).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        fs::write(&from, "new").unwrap();
        publish_file(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["to"]);
    }

    #[test]
    fn file_that_cannot_be_replaced_leaves_no_unfinished_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        replace_file(&path, b"new").unwrap_err();
        assert_eq!(names(folder.path()), ["taken"]);
    }
}
