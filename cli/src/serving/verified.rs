//! Files whose bytes were compared with a hash, so that they are not read whole for every part of them.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serve::{CaseError, Content};
use stage_core::{Sha256Stream, require_file};

/// A file as it was when it was hashed: device, number, size, and the times of its last changes in nanoseconds.
type State = (u64, u64, u64, i128, i128);

/// The hashes of files that were read.
#[derive(Debug, Default)]
pub(super) struct VerifiedFiles(Mutex<HashMap<State, String>>);

impl VerifiedFiles {
    /// An open file whose bytes have the hash. It stays open while it is sent, so that it cannot be replaced.
    ///
    /// # Errors
    /// It is not there ([`CaseError::Unknown`]), has another hash ([`CaseError::Conflict`]), or cannot be read.
    pub(super) fn open(&self, path: &Path, sha256: &str, media_type: &str) -> Result<Option<Content>, CaseError> {
        let failed = |error: io::Error| CaseError::Failed(format!("{sha256}: {error}"));
        // The type is checked first because opening a named pipe would wait for a writer.
        match require_file(path).and_then(|_| File::open(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CaseError::Unknown(
                "the file of this recording is not where it was when the case saw it".to_owned(),
            )),
            Err(error) => Err(failed(error)),
            Ok(mut file) => match self.hash(&mut file).map_err(failed)? {
                found if found == sha256 => Content::file(file, media_type, sha256).map(Some).map_err(failed),
                _ => {
                    let message = "the file of this recording was changed: its hash is not that of the case";
                    Err(CaseError::Conflict(message.to_owned()))
                }
            },
        }
    }

    fn hash(&self, file: &mut File) -> io::Result<String> {
        let state = state(&file.metadata()?);
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sha256) = known().get(&state) {
            return Ok(sha256.clone());
        }
        let mut stream = Sha256Stream::default();
        let mut block = vec![0; 1 << 20];
        loop {
            match file.read(&mut block)? {
                0 => break,
                read => stream.update(&block[..read]),
            }
        }
        file.rewind()?;
        let sha256 = stream.finish_hex();
        if self::state(&file.metadata()?) == state {
            known().insert(state, sha256.clone());
        }
        Ok(sha256)
    }
}

fn state(metadata: &Metadata) -> State {
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use stage_core::sha256_hex;

    use super::*;

    #[test]
    fn verified_file_is_hashed_again_after_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (files, sha256) = (VerifiedFiles::default(), sha256_hex(b"call"));
        assert!(matches!(files.open(&path, &sha256, "audio/wav"), Err(CaseError::Unknown(_))), "no file");
        fs::write(&path, "call").unwrap();
        for _ in 0..2 {
            assert!(files.open(&path, &sha256, "audio/wav").unwrap().is_some());
        }
        fs::write(&path, "CALL").unwrap();
        assert!(matches!(files.open(&path, &sha256, "audio/wav"), Err(CaseError::Conflict(_))));
        assert!(files.open(folder.path(), &sha256, "audio/wav").is_err(), "a folder");
    }
}
