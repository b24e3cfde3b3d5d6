//! Safetensors files as a candle `VarBuilder`.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
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
        reason: candle_core::Error,
    },
}

/// The weights of one model and their hash.
#[derive(Debug, Clone)]
pub struct Weights {
    source: Source,
    sha256: String,
}

#[derive(Debug, Clone)]
enum Source {
    Files(Vec<PathBuf>),
    Embedded { name: &'static str, bytes: &'static [u8] },
}

impl Weights {
    /// The weights in one or several safetensors files (shards), hashed now and mapped when they are loaded.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] for the first file that cannot be read.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, WeightsError> {
        let hashes = paths.iter().map(|path| hash(path)).collect::<Result<Vec<_>, _>>()?;
        let sha256 = match hashes.as_slice() {
            [only] => only.clone(),
            several => sha256_hex(several.concat().as_bytes()),
        };
        Ok(Self { source: Source::Files(paths.to_owned()), sha256 })
    }

    /// Weights that are part of the program; `name` stands for the file in errors.
    #[must_use]
    pub fn embedded(name: &'static str, bytes: &'static [u8]) -> Self {
        Self { source: Source::Embedded { name, bytes }, sha256: sha256_hex(bytes) }
    }

    /// SHA-256 of the file, or of the concatenated hex hashes of several, as hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The tensors on `device` as `dtype`, converted where they are stored otherwise.
    ///
    /// # Errors
    /// [`WeightsError::Malformed`] where a file is no whole safetensors file.
    pub fn load(&self, dtype: DType, device: &Device) -> Result<VarBuilder<'static>, WeightsError> {
        match &self.source {
            Source::Embedded { name, bytes } => VarBuilder::from_slice_safetensors(bytes, dtype, device)
                .map_err(|reason| WeightsError::Malformed { path: (*name).into(), reason }),
            Source::Files(paths) => {
                // SAFETY: the files are mapped read-only; truncating a model file while it is in use is outside the
                // contract of the tool, as for every memory-mapped model.
                unsafe { VarBuilder::from_mmaped_safetensors(paths, dtype, device) }
                    .map_err(|reason| WeightsError::Malformed { path: paths[0].clone(), reason })
            }
        }
    }
}

fn hash(path: &Path) -> Result<String, WeightsError> {
    sha256_file(path).map_err(|reason| WeightsError::Unreadable { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = Weights::from_files(&["/nowhere/model.safetensors".into()]).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/model.safetensors: cannot be read"));
    }

    #[test]
    fn a_truncated_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, [200, 0, 0, 0, 0, 0, 0, 0, b'{']).unwrap();
        let weights = Weights::from_files(std::slice::from_ref(&path)).unwrap();
        let error = weights.load(DType::F32, &Device::Cpu).err().unwrap();
        assert!(error.to_string().contains("model.safetensors: not a whole safetensors file"), "{error}");
    }
}
