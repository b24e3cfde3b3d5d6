//! Files that appear whole or not at all, also after a power failure. No link is followed for writing.
//!
//! A file is written under a temporary name in the folder of its target and renamed. The temporary name is derived from
//! the target's name, is short, and is created anew each time, so that a leftover of a killed process is replaced and a
//! link of that name is removed instead of being followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::sha256_hex;

/// Start of the names of unfinished files.
const UNFINISHED_PREFIX: &str = ".earwitness-";
/// End of the names of unfinished files.
const UNFINISHED_SUFFIX: &str = ".part";
/// Number of hex digits between them.
const UNFINISHED_DIGITS: usize = 16;

/// What to do if the target exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Replace it. A link is replaced itself, not the file that it leads to.
    Replace,
    /// Keep it, and fail with [`ErrorKind::AlreadyExists`].
    Keep,
}

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
pub fn write_files<'a>(
    files: impl IntoIterator<Item = (&'a Path, &'a [u8], Existing)>,
) -> Result<(), (PathBuf, io::Error)> {
    let mut last = None;
    for (path, bytes, existing) in files {
        write_and_rename(path, bytes, existing, true).map_err(|error| (path.to_owned(), error))?;
        last = Some(path);
    }
    last.map_or(Ok(()), |path| sync_folder_of(path).map_err(|error| (path.to_owned(), error)))
}

/// Writes a file, whole or not at all. Replaces a file of that name.
///
/// # Errors
/// As [`publish_file`].
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_files([(path, bytes, Existing::Replace)]).map_err(|(_, error)| error)
}

/// Writes a new file as a stream, whole or not at all. An existing file is kept, and a link of that name is not followed.
/// `write` gets an empty file; if it fails, nothing is left.
///
/// # Errors
/// The error of `write`, or that of the file system: [`ErrorKind::AlreadyExists`] if there is a file of that name, or if
/// another process writes it at the same time.
pub fn write_new<T, E: From<io::Error>>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, E> {
    write_stream(path, Existing::Keep, |file, _| write(file))
}

/// As [`write_new`], with what to do if there is a file of that name. `write` also gets the path of the unfinished file, so
/// that it can be read again before it gets its name.
///
/// # Errors
/// As [`write_new`]. A file that was to be replaced is unchanged until the new one is complete.
pub fn write_stream<T, E: From<io::Error>>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut File, &Path) -> Result<T, E>,
) -> Result<T, E> {
    let unfinished = unfinished(path);
    let mut file = create_file(&unfinished)?;
    let written = write(&mut file, &unfinished).and_then(|value| {
        file.sync_all()?;
        if !is_at(&file, &unfinished)? {
            return Err(io::Error::from(ErrorKind::AlreadyExists).into());
        }
        put_in_place(&unfinished, path, existing)?;
        sync_folder_of(path)?;
        Ok(value)
    });
    if written.is_err() && is_at(&file, &unfinished).unwrap_or(false) {
        // The error of the write matters, not that of this.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Whether a path still leads to the open file: another process may have created a new one under the same temporary name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(found) => {
            let opened = file.metadata()?;
            Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// As [`replace_file`], but without waiting for the disk: a power failure may lose or truncate the file. For files that
/// are rewritten all the time, such as counters.
///
/// # Errors
/// As [`publish_file`].
pub fn replace_file_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_and_rename(path, bytes, Existing::Replace, false)
}

/// Writes a file that only its owner can read and write (mode 0600) from its creation on, whole or not at all.
///
/// # Errors
/// As [`publish_file`], and [`ErrorKind::AlreadyExists`] if there is a file or a link of that name that is to be kept.
pub fn write_private_file(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = remove_if_exists(&unfinished)
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished))
        .and_then(|file| write_synced(file, bytes))
        .and_then(|()| put_in_place(&unfinished, path, existing));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written.and_then(|()| sync_folder_of(path))
}

/// Creates an empty file to write to. A file of that name is removed first, and a link of that name is not followed.
///
/// # Errors
/// The error of the file system.
pub fn create_file(path: &Path) -> io::Result<File> {
    remove_if_exists(path)?;
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Removes the unfinished files that killed processes left in a folder. Call it while no other process writes there.
///
/// # Errors
/// The folder cannot be read, or a leftover cannot be removed.
pub fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if is_unfinished(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_file() {
            remove_if_exists(&entry.path())?;
        }
    }
    Ok(())
}

fn is_unfinished(name: &str) -> bool {
    let digits = name.strip_prefix(UNFINISHED_PREFIX).and_then(|name| name.strip_suffix(UNFINISHED_SUFFIX));
    digits
        .is_some_and(|digits| digits.len() == UNFINISHED_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The temporary name of a file.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let digits = &sha256_hex(name.as_encoded_bytes())[..UNFINISHED_DIGITS];
    path.with_file_name(format!("{UNFINISHED_PREFIX}{digits}{UNFINISHED_SUFFIX}"))
}

fn remove_if_exists(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_and_rename(path: &Path, bytes: &[u8], existing: Existing, synced: bool) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = write(&unfinished, bytes, synced).and_then(|()| put_in_place(&unfinished, path, existing));
    if written.is_err() {
        // The error of the write matters, not that of this.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Renames a finished file to its name.
fn put_in_place(unfinished: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    match existing {
        Existing::Replace => fs::rename(unfinished, path),
        Existing::Keep => rename_new(unfinished, path),
    }
}

/// Renames a file unless the target exists. A hard link is atomic; where the file system has none, the target is looked
/// up before the rename.
fn rename_new(unfinished: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unfinished, path) {
        Ok(()) => fs::remove_file(unfinished),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) if path.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(unfinished, path),
    }
}

fn write(path: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    let mut file = create_file(path)?;
    if synced { write_synced(file, bytes) } else { file.write_all(bytes) }
}

fn write_synced(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
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
    fn write_files_leaves_the_new_contents_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "old").unwrap();
        write_files([(&*a, &b"new"[..], Existing::Replace), (&*b, &b"other"[..], Existing::Keep)]).unwrap();
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"new".to_vec(), b"other".to_vec()));
        replace_file_unsynced(&a, b"newer").unwrap();
        assert_eq!(fs::read(&a).unwrap(), b"newer");
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[test]
    fn write_files_names_the_file_that_cannot_be_written_and_keeps_the_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good"), folder.path().join("missing/bad"));
        let files = [(&*good, &b"x"[..], Existing::Replace), (&*bad, &b"y"[..], Existing::Replace)];
        let (path, error) = write_files(files).unwrap_err();
        assert_eq!((path, error.kind()), (bad, ErrorKind::NotFound));
        assert_eq!(names(folder.path()), ["good"]);
    }

    #[test]
    fn write_files_keeps_a_file_that_is_not_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs");
        fs::write(&path, "theirs").unwrap();
        let (_, error) = write_files([(&*path, &b"ours"[..], Existing::Keep)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"theirs".to_vec(), vec!["theirs".to_owned()]));
    }

    #[test]
    fn write_new_keeps_existing_files_and_leaves_nothing_of_a_failed_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let write = |text: &'static str| move |file: &mut File| file.write_all(text.as_bytes());
        let failed = write_new(&path, |file| {
            file.write_all(b"half")?;
            Err::<(), _>(io::Error::other("stopped"))
        });
        assert_eq!((failed.unwrap_err().to_string(), names(folder.path()).len()), ("stopped".to_owned(), 0));
        write_new(&path, write("whole")).unwrap();
        let error = write_new(&path, write("other")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"whole".to_vec(), vec!["new".to_owned()]));
    }

    #[test]
    fn write_new_never_publishes_the_file_of_another_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let mut other = None;
        let error = write_new(&path, |file| {
            file.write_all(b"first")?;
            // Another process begins to write the same file.
            other = Some(create_file(&unfinished(&path))?);
            Ok::<(), io::Error>(())
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(!path.exists() && is_at(&other.unwrap(), &unfinished(&path)).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_for_writing() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (outside, path) = (folder.path().join("outside"), folder.path().join("file"));
        fs::write(&outside, "theirs").unwrap();
        symlink(&outside, unfinished(&path)).unwrap();
        replace_file(&path, b"one").unwrap();
        fs::remove_file(&path).unwrap();
        symlink(&outside, &path).unwrap();
        write_files([(&*path, &b"x"[..], Existing::Keep)]).unwrap_err();
        replace_file(&path, b"two").unwrap();
        assert!(!path.is_symlink());
        fs::remove_file(&path).unwrap();
        symlink(&outside, &path).unwrap();
        create_file(&path).unwrap().write_all(b"three").unwrap();
        assert_eq!((fs::read(&outside).unwrap(), fs::read(&path).unwrap()), (b"theirs".to_vec(), b"three".to_vec()));
    }

    #[test]
    fn write_private_file_creates_files_of_mode_0600_and_replaces_none_unasked() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (outside, path) = (folder.path().join("outside"), folder.path().join("key"));
        fs::write(&outside, "theirs").unwrap();
        symlink(&outside, unfinished(&path)).unwrap();
        write_private_file(&path, b"secret", Existing::Keep).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode(), 0o100_600);
        let kept = |bytes: &[u8]| write_private_file(&path, bytes, Existing::Keep).unwrap_err().kind();
        assert_eq!(kept(b"other"), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        fs::remove_file(&path).unwrap();
        symlink(&outside, &path).unwrap();
        assert_eq!(kept(b"other"), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&outside).unwrap(), names(folder.path()).len()), (b"theirs".to_vec(), 2));
        write_private_file(&path, b"other", Existing::Replace).unwrap();
        assert_eq!((fs::read(&outside).unwrap(), fs::read(&path).unwrap()), (b"theirs".to_vec(), b"other".to_vec()));
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode(), 0o100_600);
    }

    #[test]
    fn unfinished_files_are_short_reused_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(250));
        let leftover = unfinished(&path);
        fs::write(&leftover, "of a killed process, and longer").unwrap();
        replace_file(&path, b"whole").unwrap();
        assert_eq!((fs::read(&path).unwrap(), leftover.exists()), (b"whole".to_vec(), false));
        fs::write(&leftover, "of another one").unwrap();
        fs::write(folder.path().join(".earwitness-notes.part"), "theirs").unwrap();
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".earwitness-notes.part".to_owned(), "x".repeat(250)]);
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
