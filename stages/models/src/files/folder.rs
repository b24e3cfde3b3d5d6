//! The folder of one model: embedded in the program, a directory, or on the hub.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{HubError, HubRepository, ModelSource};
use crate::ModelError;
use crate::weights::Weights;

/// The name of the weights file in every layout.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// Largest size of a file that is read into memory, in bytes: ten times the largest tokenizer.
const SMALL_FILE_BYTES: u64 = 64 << 20;
const INDEX: &str = "model.safetensors.index.json";

/// A model that is embedded in the program.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedModel {
    /// Its small files by name.
    pub files: &'static [(&'static str, &'static [u8])],
    /// Its weights, in safetensors format.
    pub weights: &'static [u8],
}

/// One small file in memory. Errors name it by `path`.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The path it was read from (`embedded/config.json` for a file of the embedded model).
    pub path: PathBuf,
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
}

impl ModelFile {
    /// Parses the file as JSON.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if the file is not valid JSON or has another structure.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ModelError> {
        parse_json(&self.path, &self.bytes)
    }
}

/// Parses the bytes of a JSON file. Errors name it by `path`.
///
/// # Errors
/// [`ModelError::Malformed`] if they are not valid JSON or have another structure.
pub(crate) fn parse_json<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, ModelError> {
    let parsed = match byte_order_mark(bytes) {
        Some(encoding) => Err(serde::de::Error::custom(format!("is {encoding}: save it as UTF-8 without one"))),
        None => serde_json::from_slice(bytes),
    };
    parsed.map_err(|reason| ModelError::Malformed { path: path.to_owned(), reason })
}

/// The encoding that a byte order mark at the start identifies, if any.
fn byte_order_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some("UTF-8 with a byte order mark"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16 with a byte order mark"),
        _ => None,
    }
}

/// The folder of one model.
#[derive(Debug)]
pub struct ModelFolder {
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Embedded(EmbeddedModel),
    Directory(PathBuf),
    Hub(HubRepository),
}

impl ModelFolder {
    /// Opens the folder of a model without reading any file. [`ModelSource::Embedded`] selects `embedded`.
    ///
    /// # Errors
    /// [`ModelError::NotEmbedded`] if this build lacks the weights, [`ModelError::Hub`] if the hub client cannot be set
    /// up.
    pub fn open(source: &ModelSource, embedded: EmbeddedModel) -> Result<Self, ModelError> {
        if *source == ModelSource::Embedded && embedded.weights.is_empty() {
            return Err(ModelError::NotEmbedded);
        }
        let name = match source {
            ModelSource::Directory(path) => {
                let name = path.canonicalize().ok().and_then(|path| path.file_name().map(|name| name.to_owned()));
                name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            other => other.to_string(),
        };
        let place = match source {
            ModelSource::Embedded => Place::Embedded(embedded),
            ModelSource::Directory(path) => Place::Directory(path.clone()),
            ModelSource::Hub(id) => Place::Hub(HubRepository::open(id)?),
            ModelSource::Cached(id) => Place::Hub(HubRepository::cached(id)),
        };
        Ok(Self { name, place })
    }

    /// The model's display name: `embedded`, the directory's name or the hub id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a small file. A file of a hub model that is not in the hub's cache is downloaded first.
    ///
    /// # Errors
    /// [`ModelError::Unreadable`] or [`ModelError::Hub`].
    pub fn read(&self, name: &str) -> Result<ModelFile, ModelError> {
        match &self.place {
            Place::Embedded(model) => {
                let path = Path::new("embedded").join(name);
                match model.files.iter().find(|(file, _)| *file == name) {
                    Some((_, bytes)) => Ok(ModelFile { path, bytes: (*bytes).into() }),
                    None => Err(ModelError::Unreadable { path, reason: ErrorKind::NotFound.into() }),
                }
            }
            Place::Directory(folder) => read(folder.join(name)),
            Place::Hub(repository) => read(repository.file(name)?),
        }
    }

    /// Reads a small file that not every model has. `None` if it does not exist.
    ///
    /// # Errors
    /// See [`ModelFolder::read`], for a file that exists.
    pub fn read_optional(&self, name: &str) -> Result<Option<ModelFile>, ModelError> {
        match self.read(name) {
            Err(ModelError::Unreadable { reason, .. }) if reason.kind() == ErrorKind::NotFound => Ok(None),
            Err(ModelError::Hub(HubError::NoSuchFile { .. } | HubError::NotCached { .. })) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Opens the weights: `model.safetensors`, or the shards that `model.safetensors.index.json` lists. No tensor is
    /// read.
    ///
    /// # Errors
    /// Any [`ModelError`], for the first missing file.
    pub fn weights(&self) -> Result<Weights, ModelError> {
        let paths = match &self.place {
            Place::Embedded(model) => return Ok(Weights::embedded("embedded/model.safetensors", model.weights)),
            Place::Directory(folder) => {
                let index = folder.join(INDEX);
                let sharded = !folder.join(WEIGHTS_FILE).exists() && index.exists();
                let files = if sharded { shards(&read(index)?)? } else { vec![WEIGHTS_FILE.to_owned()] };
                files.iter().map(|name| folder.join(name)).collect()
            }
            Place::Hub(repository) => match repository.file(WEIGHTS_FILE) {
                Err(missing @ (HubError::NoSuchFile { .. } | HubError::NotCached { .. })) => {
                    let index = read(repository.file(INDEX).map_err(|_| missing)?)?;
                    shards(&index)?.iter().map(|name| repository.file(name)).collect::<Result<Vec<_>, _>>()?
                }
                whole => vec![whole?],
            },
        };
        Ok(Weights::from_files(&paths)?)
    }
}

/// Reads a small file. Only regular files are accepted: reading a pipe could block forever, and a device may have no
/// end.
fn read(path: PathBuf) -> Result<ModelFile, ModelError> {
    let read = || {
        let bytes = regular_file(&path)?.len();
        if bytes > SMALL_FILE_BYTES {
            return Err(io::Error::other(format!("{bytes} bytes, at most {SMALL_FILE_BYTES} are expected")));
        }
        std::fs::read(&path)
    };
    match read() {
        Ok(bytes) => Ok(ModelFile { path, bytes: bytes.into() }),
        Err(reason) => Err(ModelError::Unreadable { path, reason }),
    }
}

/// The metadata of a regular file.
pub(crate) fn regular_file(path: &Path) -> io::Result<std::fs::Metadata> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() { Ok(metadata) } else { Err(io::Error::other("not a regular file")) }
}

/// The names of the shards that `model.safetensors.index.json` lists. They are files in the same folder.
fn shards(index: &ModelFile) -> Result<Vec<String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let malformed = |reason: String| ModelError::Malformed {
        path: index.path.clone(),
        reason: <serde_json::Error as serde::de::Error>::custom(reason),
    };
    let Index { weight_map } = index.json()?;
    let shards: BTreeSet<_> = weight_map.into_values().collect();
    if shards.is_empty() {
        return Err(malformed("weight_map is empty".to_owned()));
    }
    match shards.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => Err(malformed(format!("weight_map: {name:?} is not the name of a file in this folder"))),
        None => Ok(shards.into_iter().collect()),
    }
}
