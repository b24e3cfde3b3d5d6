//! Safetensors files as a candle `VarBuilder`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use safetensors::SafeTensors;
use stage_core::{sha256_file, sha256_hex};

/// Why weights could not be loaded. Every variant names the file.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file is missing or cannot be read: check the path and its permissions.
    #[error("{path}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The file is no safetensors file or is cut short: fetch it again.
    #[error("{path}: not a whole safetensors file: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: Box<candle_core::Error>,
    },
}

/// The weights of one model. Making one reads no tensor; the hash is computed when it is first asked for.
#[derive(Debug)]
pub struct Weights {
    source: Source,
    sha256: OnceLock<String>,
}

#[derive(Debug)]
enum Source {
    Files(Vec<PathBuf>),
    Embedded { name: &'static str, bytes: &'static [u8] },
}

impl Weights {
    /// The weights in one or several safetensors files (shards), which are mapped when they are loaded.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] for the first file that cannot be opened.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, WeightsError> {
        for path in paths {
            std::fs::File::open(path).map_err(|reason| unreadable(path, reason))?;
        }
        Ok(Self { source: Source::Files(paths.to_owned()), sha256: OnceLock::new() })
    }

    /// Weights that are part of the program; `name` stands for the file in errors.
    #[must_use]
    pub const fn embedded(name: &'static str, bytes: &'static [u8]) -> Self {
        Self { source: Source::Embedded { name, bytes }, sha256: OnceLock::new() }
    }

    /// SHA-256 of the file, or of the concatenated hex hashes of several, as hex. The first call reads every byte.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] for the first file that cannot be read.
    pub fn sha256(&self) -> Result<&str, WeightsError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let computed = match &self.source {
            Source::Embedded { bytes, .. } => sha256_hex(bytes),
            Source::Files(paths) => {
                let hash = |path: &PathBuf| sha256_file(path).map_err(|reason| unreadable(path, reason));
                match paths.iter().map(hash).collect::<Result<Vec<_>, _>>()?.as_slice() {
                    [only] => only.clone(),
                    several => sha256_hex(several.concat().as_bytes()),
                }
            }
        };
        Ok(self.sha256.get_or_init(|| computed))
    }

    /// Reads the headers and compares them with the files' lengths: a truncated file is found here, before any work.
    ///
    /// # Errors
    /// [`WeightsError::Malformed`] for the first file that is no whole safetensors file.
    pub fn check(&self) -> Result<(), WeightsError> {
        match &self.source {
            Source::Embedded { name, bytes } => SafeTensors::deserialize(bytes)
                .map(drop)
                .map_err(|reason| malformed(Path::new(name), candle_core::Error::from(reason))),
            Source::Files(paths) => paths.iter().try_for_each(|path| {
                // SAFETY: as in `load`.
                unsafe { MmapedSafetensors::new(path) }.map(drop).map_err(|reason| malformed(path, reason))
            }),
        }
    }

    /// The tensors on `device` as `dtype`, converted where they are stored otherwise.
    ///
    /// # Errors
    /// [`WeightsError::Malformed`] where a file is no whole safetensors file.
    pub fn load(&self, dtype: DType, device: &Device) -> Result<VarBuilder<'static>, WeightsError> {
        self.check()?;
        match &self.source {
            Source::Embedded { name, bytes } => VarBuilder::from_slice_safetensors(bytes, dtype, device)
                .map_err(|reason| malformed(Path::new(name), reason)),
            Source::Files(paths) => {
                // SAFETY: the files are mapped read-only; truncating a model file while it is in use is outside the
                // contract of the tool, as for every memory-mapped model.
                unsafe { VarBuilder::from_mmaped_safetensors(paths, dtype, device) }
                    .map_err(|reason| malformed(&paths[0], reason))
            }
        }
    }
}

fn unreadable(path: &Path, reason: std::io::Error) -> WeightsError {
    WeightsError::Unreadable { path: path.to_owned(), reason }
}

fn malformed(path: &Path, reason: candle_core::Error) -> WeightsError {
    WeightsError::Malformed { path: path.to_owned(), reason: Box::new(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\x02\0\0\0\0\0\0\0{}";

    #[test]
    fn a_missing_file_is_named() {
        let error = Weights::from_files(&["/nowhere/model.safetensors".into()]).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/model.safetensors: cannot be read"));
    }

    #[test]
    fn the_truncated_one_of_several_files_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["whole.safetensors", "cut.safetensors"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], EMPTY).unwrap();
        std::fs::write(&paths[1], &EMPTY[..9]).unwrap();
        let weights = Weights::from_files(&paths).unwrap();
        let error = weights.load(DType::F32, &Device::Cpu).err().unwrap();
        assert!(error.to_string().contains("cut.safetensors: not a whole safetensors file"), "{error}");
    }

    #[test]
    fn a_file_and_the_same_bytes_embedded_have_one_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, EMPTY).unwrap();
        let file = Weights::from_files(std::slice::from_ref(&path)).unwrap();
        assert_eq!(file.sha256().unwrap(), Weights::embedded("model", EMPTY).sha256().unwrap());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.sha256().unwrap().len(), 64, "the second call reads no file");
    }
}
