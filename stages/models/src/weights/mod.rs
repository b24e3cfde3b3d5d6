//! Safetensors files, memory-mapped or embedded. They are hashed, checked, and loaded as candle tensors or kernel
//! layers.

mod check;
mod layers;
mod tensors;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorInfo, TensorView};
use stage_core::{sha256_file, sha256_hex};

use crate::fault::message;
use crate::files::{promised_sha256, regular_file};
use crate::{ModelError, ModelFile};

pub use check::{TensorFault, TensorSpec};
/// The stored level that represents zero in 8 bits.
pub(crate) use kernels::ZERO_LEVEL as ZERO;
pub use layers::LayerWeights;
pub(crate) use layers::{norm, vector};
pub use tensors::Tensors;

/// The name of the scales (f32, one per row) of a matrix that is stored in 8 bits. Its `weight` is u8.
pub(crate) const SCALE: &str = "weight_scale";
/// Size of the header's length field at the start of a file, in bytes.
const HEADER_LEN: usize = 8;
/// Maximum size of a header, in bytes: a hundred times that of the largest Whisper.
const HEADER_BYTES: u64 = 16 << 20;

/// The reason why weights could not be loaded. Every variant names the file.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file is missing or cannot be read: check the path and its permissions.
    #[error("{path}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: std::io::Error,
    },
    /// The file's content differs from the hub's: delete it to download it again.
    #[error("{path}: its SHA-256 is {found}, but the hub's is {promised}: delete it to download it again")]
    Corrupt {
        /// The file in the hub's cache.
        path: PathBuf,
        /// The hash according to the hub.
        promised: String,
        /// The hash of the file.
        found: String,
    },
    /// A tensor does not match the model: weights and configuration are from different models, or the file is damaged.
    #[error("{path}: {tensor} {fault}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The fault.
        fault: TensorFault,
    },
    /// The file is not a safetensors file or is truncated: download it again.
    #[error("{path}: not a whole safetensors file: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: String,
    },
}

/// Opened weights. Tensors can be read as they are stored.
pub struct OpenWeights {
    files: Vec<OpenFile>,
    /// Every tensor with the index of its file.
    tensors: BTreeMap<String, (usize, TensorInfo)>,
}

/// A safetensors file whose header was read.
struct OpenFile {
    path: PathBuf,
    bytes: Bytes,
    /// Offset of the tensor data.
    data: usize,
}

enum Bytes {
    Mapped(Mmap),
    InMemory(Cow<'static, [u8]>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::InMemory(bytes) => bytes,
        }
    }
}

impl OpenWeights {
    /// The tensors of a safetensors file in memory. Errors name it by its path.
    ///
    /// # Errors
    /// [`WeightsError::Malformed`] if the file is not a complete safetensors file.
    pub(crate) fn of_file(file: ModelFile) -> Result<Self, WeightsError> {
        Self::new(vec![(file.path, Bytes::InMemory(file.bytes))])
    }

    fn new(files: Vec<(PathBuf, Bytes)>) -> Result<Self, WeightsError> {
        let mut open = Self { files: Vec::new(), tensors: BTreeMap::new() };
        for (path, bytes) in files {
            let (header, metadata) = header(&bytes).map_err(|reason| malformed(&path, &reason))?;
            open.files.push(OpenFile { path, bytes, data: HEADER_LEN + header });
            for (name, info) in metadata.tensors() {
                if open.tensors.insert(name.clone(), (open.files.len() - 1, info.clone())).is_some() {
                    return Err(open.fault(&name, TensorFault::Twice));
                }
            }
        }
        Ok(open)
    }

    /// All tensors with their names, sorted by name.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, TensorView<'_>)> {
        self.names().filter_map(|name| Some((name.to_owned(), self.tensor(name)?))).collect()
    }

    /// The tensor with this name, if it exists.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let (file, info) = self.tensors.get(name)?;
        let OpenFile { bytes, data, .. } = &self.files[*file];
        let (start, end) = info.data_offsets;
        TensorView::new(info.dtype, info.shape.clone(), &bytes[data + start..data + end]).ok()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The error of a tensor, with the path of its file. If no file contains it, the error names the first file.
    pub(crate) fn fault(&self, tensor: &str, fault: TensorFault) -> WeightsError {
        let file = self.tensors.get(tensor).map_or(0, |(file, _)| *file);
        WeightsError::Tensor { path: self.files[file].path.clone(), tensor: tensor.to_owned(), fault }
    }
}

/// The length and content of a file's header. Checks them against the file's length.
fn header(bytes: &[u8]) -> candle_core::Result<(usize, Metadata)> {
    let promised = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    if promised > HEADER_BYTES {
        let message = format!("its header has {promised} bytes, at most {HEADER_BYTES} are expected");
        return Err(candle_core::Error::msg(message));
    }
    Ok(SafeTensors::read_metadata(bytes)?)
}

/// The weights of one model. Creating this reads no tensor. The hash is computed on first use.
#[derive(Debug)]
pub struct Weights {
    source: Source,
    hashes: OnceLock<Vec<(String, String)>>,
    sha256: OnceLock<String>,
}

#[derive(Debug)]
enum Source {
    Files(Vec<PathBuf>),
    Embedded { name: &'static str, bytes: &'static [u8] },
}

impl Weights {
    /// Opens the weights in one or several safetensors files (shards). They are mapped when they are loaded.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] for the first path that is not a file or cannot be opened.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, WeightsError> {
        for path in paths {
            regular_file(path).and_then(|_| std::fs::File::open(path)).map_err(|reason| unreadable(path, reason))?;
        }
        Ok(Self { source: Source::Files(paths.to_owned()), hashes: OnceLock::new(), sha256: OnceLock::new() })
    }

    /// Weights that are embedded in the program. Errors name them by `name`.
    #[must_use]
    pub const fn embedded(name: &'static str, bytes: &'static [u8]) -> Self {
        Self { source: Source::Embedded { name, bytes }, hashes: OnceLock::new(), sha256: OnceLock::new() }
    }

    /// SHA-256, as hex, of the file, or of the concatenated hex hashes of several files. The first call reads every
    /// byte.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] for the first file that cannot be read, [`WeightsError::Corrupt`] for the first
    /// file from the hub whose content differs from the hub's hash.
    pub fn sha256(&self) -> Result<&str, WeightsError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let computed = match self.hashes()? {
            [(_, only)] => only.clone(),
            several => sha256_hex(several.iter().map(|(_, sha256)| sha256.as_str()).collect::<String>().as_bytes()),
        };
        Ok(self.sha256.get_or_init(|| computed))
    }

    /// Name and SHA-256, as hex, of each file. The first call reads every byte.
    ///
    /// # Errors
    /// As [`Weights::sha256`].
    pub fn hashes(&self) -> Result<&[(String, String)], WeightsError> {
        if let Some(known) = self.hashes.get() {
            return Ok(known);
        }
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let computed = match &self.source {
            Source::Embedded { bytes, name: path } => vec![(name(Path::new(path)), sha256_hex(bytes))],
            Source::Files(paths) => paths.iter().map(|path| Ok((name(path), hash(path)?))).collect::<Result<_, _>>()?,
        };
        Ok(self.hashes.get_or_init(|| computed))
    }

    /// Maps the tensors as they are stored. Reads the headers and compares them with the files' lengths, so that a
    /// truncated file is detected before any work.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] or [`WeightsError::Malformed`] for the first file that is not a complete
    /// safetensors file, [`WeightsError::Tensor`] if two files contain the same tensor.
    pub fn open(&self) -> Result<OpenWeights, WeightsError> {
        OpenWeights::new(match &self.source {
            Source::Embedded { name, bytes } => vec![(PathBuf::from(name), Bytes::InMemory((*bytes).into()))],
            Source::Files(paths) => {
                paths.iter().map(|path| Ok((path.clone(), map(path)?))).collect::<Result<_, _>>()?
            }
        })
    }

    /// Checks the one file of a network's weights, and builds the network from its tensors (on the CPU in f32), the SHA-256
    /// and the name of the file. Errors name the model by `name` and state what was `expected`.
    ///
    /// # Errors
    /// See [`Weights::load`]; [`ModelError::Tensor`] if `build` does not find its tensors.
    pub(crate) fn load_network<T>(
        &self,
        name: &str,
        expected: &'static str,
        build: impl FnOnce(&VarBuilder<'_>, &str, &str) -> candle_core::Result<T>,
    ) -> Result<T, ModelError> {
        self.open()?.check_values()?;
        let tensors = self.load(DType::F32, &Device::Cpu)?;
        let [(file, sha256)] = self.hashes()? else { unreachable!("one file of weights") };
        let wrong =
            |reason: candle_core::Error| ModelError::Tensor { model: name.to_owned(), expected, reason: reason.into() };
        build(&tensors, sha256, file).map_err(wrong)
    }

    /// Loads the tensors to `device` as `dtype`, converting those that are stored in another type.
    ///
    /// # Errors
    /// See [`Weights::open`].
    pub fn load(&self, dtype: DType, device: &Device) -> Result<VarBuilder<'static>, WeightsError> {
        self.open()?;
        match &self.source {
            Source::Embedded { name, bytes } => VarBuilder::from_slice_safetensors(bytes, dtype, device)
                .map_err(|reason| malformed(Path::new(name), &reason)),
            Source::Files(paths) => {
                // SAFETY: as in `map`.
                unsafe { VarBuilder::from_mmaped_safetensors(paths, dtype, device) }
                    .map_err(|reason| malformed(&paths[0], &reason))
            }
        }
    }
}

fn hash(path: &Path) -> Result<String, WeightsError> {
    let found = sha256_file(path).map_err(|reason| unreadable(path, reason))?;
    match promised_sha256(path) {
        Some(promised) if promised != found => Err(WeightsError::Corrupt { path: path.to_owned(), promised, found }),
        _ => Ok(found),
    }
}

fn map(path: &Path) -> Result<Bytes, WeightsError> {
    let file = std::fs::File::open(path).map_err(|reason| unreadable(path, reason))?;
    // SAFETY: the file is mapped read-only. Truncating a model file while it is in use is not supported, as for every
    // memory-mapped model.
    unsafe { Mmap::map(&file) }.map(Bytes::Mapped).map_err(|reason| unreadable(path, reason))
}

fn unreadable(path: &Path, reason: std::io::Error) -> WeightsError {
    WeightsError::Unreadable { path: path.to_owned(), reason }
}

fn malformed(path: &Path, reason: &candle_core::Error) -> WeightsError {
    WeightsError::Malformed { path: path.to_owned(), reason: message(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\x02\0\0\0\0\0\0\0{}";

    #[test]
    fn weights_name_a_missing_file() {
        let error = Weights::from_files(&["/nowhere/model.safetensors".into()]).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/model.safetensors: cannot be read"));
    }

    #[test]
    fn weights_name_the_truncated_one_of_several_files() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["whole.safetensors", "cut.safetensors"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], EMPTY).unwrap();
        std::fs::write(&paths[1], &EMPTY[..9]).unwrap();
        let weights = Weights::from_files(&paths).unwrap();
        let error = weights.load(DType::F32, &Device::Cpu).err().unwrap();
        assert!(error.to_string().contains("cut.safetensors: not a whole safetensors file"), "{error}");
    }

    #[test]
    fn weights_that_differ_from_the_hash_of_the_hub_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs");
        std::fs::create_dir(&blobs).unwrap();
        let whole = blobs.join(sha256_hex(EMPTY));
        std::fs::write(&whole, EMPTY).unwrap();
        assert!(Weights::from_files(std::slice::from_ref(&whole)).unwrap().sha256().is_ok());
        std::fs::write(&whole, b"something else").unwrap();
        let error = Weights::from_files(&[whole]).unwrap().sha256().unwrap_err();
        assert!(error.to_string().contains("but the hub's is"), "{error}");
    }

    #[test]
    fn weights_hash_is_the_same_for_file_and_embedded_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, EMPTY).unwrap();
        let file = Weights::from_files(std::slice::from_ref(&path)).unwrap();
        assert_eq!(file.sha256().unwrap(), Weights::embedded("model", EMPTY).sha256().unwrap());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.sha256().unwrap().len(), 64, "the second call reads no file");
    }
}
