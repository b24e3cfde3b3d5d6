//! The folder of uploaded files.
//!
//! Each server has a folder of its own, which only its owner can open, and a lock in it. The folder is removed when the
//! server stops. One that a killed server left has no holder of its lock, and is removed by the next start.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tempfile::{TempDir, TempPath};
use tokio::io::{AsyncWriteExt, BufWriter};

/// What names of such folders start with.
const PREFIX: &str = "earwitness-uploads-";
/// The file in each folder that its server has locked.
const LOCK: &str = "lock";
/// Bytes that are written at once.
const BLOCK: usize = 256 << 10;

/// A folder for uploaded files.
#[derive(Debug)]
pub(crate) struct UploadFolder {
    folder: TempDir,
    _lock: File,
    /// Bytes of all files at once: now, and at most.
    used: Arc<AtomicU64>,
    limit: u64,
}

/// An uploaded file, which is deleted when it is dropped.
#[derive(Debug)]
pub struct UploadedFile {
    pub(super) path: TempPath,
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    _share: Share,
}

/// Why a file is not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error("the folder for uploads is full")]
    Full,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl UploadFolder {
    /// Makes a folder in `parent`, and removes those of servers that were killed.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(parent: &Path, limit: u64) -> io::Result<Self> {
        remove_abandoned(parent);
        let private = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
        // It gets its name when it is locked, so that no other start takes the folder for abandoned.
        let unnamed = folder.path().join("lock.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock, used: Arc::default(), limit })
    }

    /// An empty file, whose name ends with the extension of the client's file. Nothing else of that name is kept.
    pub(super) fn create(&self, name: Option<&str>) -> Result<Upload, UploadError> {
        let suffix = name.and_then(extension).map(|extension| format!(".{extension}")).unwrap_or_default();
        let (file, path) =
            tempfile::Builder::new().prefix("upload-").suffix(&suffix).tempfile_in(self.folder.path())?.into_parts();
        let file = BufWriter::with_capacity(BLOCK, tokio::fs::File::from_std(file));
        let share = Share { used: Arc::clone(&self.used), bytes: 0 };
        Ok(Upload { file, path, hash: Sha256::new(), share, limit: self.limit })
    }
}

/// The extension of a file name, if it is a plain one.
fn extension(name: &str) -> Option<&str> {
    let (_, extension) = name.rsplit_once('.')?;
    let is_plain = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(extension)
}

/// A file while it is uploaded.
pub(super) struct Upload {
    file: BufWriter<tokio::fs::File>,
    path: TempPath,
    hash: Sha256,
    share: Share,
    limit: u64,
}

impl Upload {
    /// Bytes so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.share.bytes
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.share.grow(bytes.len() as u64, self.limit)?;
        self.hash.update(bytes);
        Ok(self.file.write_all(bytes).await?)
    }

    pub(super) async fn finish(mut self) -> Result<UploadedFile, UploadError> {
        self.file.flush().await?;
        let Self { path, hash, share, .. } = self;
        Ok(UploadedFile { path, bytes: share.bytes, sha256: hash.finalize().into(), _share: share })
    }
}

/// The part of all uploaded bytes that belongs to one file.
#[derive(Debug)]
struct Share {
    used: Arc<AtomicU64>,
    bytes: u64,
}

impl Share {
    fn grow(&mut self, bytes: u64, limit: u64) -> Result<(), UploadError> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if used + bytes > limit { Err(UploadError::Full) } else { Ok(()) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Removes the folders whose server was killed. Failures are left to the next start.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let folders = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in folders.filter(|entry| entry.metadata().is_ok_and(|data| data.is_dir() && is_mine(&data))) {
        // A folder without a lock may be one that a server is about to lock.
        let lock = File::open(folder.path().join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) && fs::remove_dir_all(folder.path()).is_ok() {
            tracing::info!("removed the uploads of a server that was killed");
        }
    }
}

fn is_mine(data: &fs::Metadata) -> bool {
    data.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[tokio::test]
    async fn upload_folder_keeps_files_private_and_deletes_them() {
        let parent = tempfile::tempdir().unwrap();
        let folder = UploadFolder::open(parent.path(), 100).unwrap();
        assert_eq!(fs::metadata(folder.folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let mut upload = folder.create(Some("a.Wav")).unwrap();
        upload.write(b"abc").await.unwrap();
        let file = upload.finish().await.unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), b"abc");
        assert_eq!((file.bytes(), file.sha256()), (3, Sha256::digest(b"abc").into()));
        let path = file.path().to_owned();
        assert_eq!(path.extension().unwrap(), "Wav");
        drop(file);
        assert!(!path.exists());
        drop(folder);
        assert_eq!(folders(parent.path()), 0);
    }

    #[tokio::test]
    async fn upload_folder_limits_all_files_together() {
        let parent = tempfile::tempdir().unwrap();
        let folder = UploadFolder::open(parent.path(), 10).unwrap();
        let mut first = folder.create(None).unwrap();
        first.write(&[0; 6]).await.unwrap();
        let mut second = folder.create(None).unwrap();
        assert!(matches!(second.write(&[0; 6]).await, Err(UploadError::Full)));
        drop((first, second));
        folder.create(None).unwrap().write(&[0; 10]).await.unwrap();
    }

    #[test]
    fn extension_of_a_name_is_plain() {
        assert_eq!(extension("call.m4a"), Some("m4a"));
        for name in ["", "call", "call.", "a./../b", "call.tar/x", "call.waaaaaaav", "call.w v", "call.\u{e9}"] {
            assert_eq!(extension(name), None, "{name}");
        }
    }

    #[test]
    fn upload_folder_removes_folders_of_killed_servers_alone() {
        let parent = tempfile::tempdir().unwrap();
        let running = UploadFolder::open(parent.path(), 1).unwrap();
        let killed = parent.path().join(format!("{PREFIX}killed"));
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(killed.join("upload-1"), "x").unwrap();
        fs::create_dir(parent.path().join("other")).unwrap();
        let next = UploadFolder::open(parent.path(), 1).unwrap();
        assert!(running.folder.path().exists() && next.folder.path().exists() && !killed.exists());
        assert_eq!(folders(parent.path()), 3);
    }
}
