//! Finding the files of a model and checking that they belong together.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nn::{HubError, HubRepository, Weights};
use serde::Deserialize;
use stage_core::{SAMPLE_RATE_HZ, sha256_hex};

use crate::config::{GenerationConfig, WhisperConfig, check_preprocessor, parse};
use crate::mel::HOP;
use crate::vocabulary::Vocabulary;
use crate::{ModelError, ModelSource, embedded};

pub(crate) const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The small files that every model has.
const REQUIRED: [&str; 3] = ["config.json", "generation_config.json", "tokenizer.json"];
/// The one that some have.
const PREPROCESSOR: &str = "preprocessor_config.json";

/// The files of one model in the Hugging Face layout: `config.json`, `generation_config.json`, `tokenizer.json`,
/// `model.safetensors` (or shards with `model.safetensors.index.json`) and, where there is one,
/// `preprocessor_config.json`. The small ones are read and checked, the weights only opened.
#[derive(Debug)]
pub struct ModelFiles {
    name: String,
    pub(crate) config: WhisperConfig,
    pub(crate) generation: GenerationConfig,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) weights: Weights,
    small_files_sha256: String,
    sha256: OnceLock<String>,
}

impl ModelFiles {
    /// Finds and checks the files of a model. A hub model is downloaded into the hub's cache first, where it is not
    /// there yet.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first file that is missing, malformed, truncated or of another model.
    pub fn resolve(source: &ModelSource) -> Result<Self, ModelError> {
        let name = match source {
            ModelSource::Embedded => "embedded".to_owned(),
            ModelSource::Directory(path) => {
                let name = path.canonicalize().ok().and_then(|path| path.file_name().map(|name| name.to_owned()));
                name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            ModelSource::Hub(id) | ModelSource::Cached(id) => id.clone(),
        };
        Self::new(name, &*place(source)?)
    }

    fn new(name: String, place: &dyn Place) -> Result<Self, ModelError> {
        let [config_file, generation_file, tokenizer_file] = REQUIRED.map(|name| place.read(name));
        let (config_file, generation_file, tokenizer_file) = (config_file?, generation_file?, tokenizer_file?);
        let preprocessor_file = optional(place.read(PREPROCESSOR))?;

        let config = WhisperConfig::parse(&config_file.path, &config_file.bytes)?;
        let generation = GenerationConfig::parse(&generation_file.path, &generation_file.bytes, &config)?;
        let vocabulary = Vocabulary::parse(
            &tokenizer_file.path,
            &tokenizer_file.bytes,
            config.vocab_size,
            generation.is_multilingual,
        )?;
        if let Some(file) = &preprocessor_file {
            check_preprocessor(&file.path, &file.bytes, &config)?;
        }
        let weights = place.weights()?;
        weights.check()?;
        let hashes: Vec<_> =
            [&config_file, &generation_file, &tokenizer_file].iter().map(|file| sha256_hex(&file.bytes)).collect();
        let small_files_sha256 = hashes.concat();
        Ok(Self { name, config, generation, vocabulary, weights, small_files_sha256, sha256: OnceLock::new() })
    }

    /// The model's name, for people: `embedded`, the directory's name or the hub id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The longest window that the model hears at once, in seconds (30 for OpenAI's).
    #[must_use]
    pub fn window_s(&self) -> f64 {
        (self.config.mel_frames() * HOP) as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// Codes of the languages that the model knows (`en`, `ko`), in the vocabulary's order.
    #[must_use]
    pub fn languages(&self) -> Vec<&str> {
        self.vocabulary.languages.iter().map(|(code, _)| code.as_str()).collect()
    }

    /// The size of the weights and the types that they are stored in, for people: `37.7 MB of f32`.
    ///
    /// # Errors
    /// [`ModelError::Weights`] where they cannot be read.
    pub fn weights_summary(&self) -> Result<String, ModelError> {
        let weights = self.weights.open()?;
        let tensors = weights.tensors();
        let bytes: usize = tensors.iter().map(|(_, tensor)| tensor.data().len()).sum();
        let types: BTreeSet<_> =
            tensors.iter().map(|(_, tensor)| format!("{:?}", tensor.dtype()).to_lowercase()).collect();
        let types = types.into_iter().map(|name| if name == "u8" { "int8".to_owned() } else { name });
        Ok(format!("{:.1} MB of {}", bytes as f64 / 1e6, types.collect::<Vec<_>>().join(", ")))
    }

    /// SHA-256 over every file that a transcript depends on, as hex. The first call reads the weights.
    ///
    /// # Errors
    /// [`ModelError::Weights`] where they cannot be read.
    pub fn sha256(&self) -> Result<&str, ModelError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let all = format!("{}{}", self.small_files_sha256, self.weights.sha256()?);
        Ok(self.sha256.get_or_init(|| sha256_hex(all.as_bytes())))
    }
}

/// The small files of a model.
pub(crate) fn small_files(source: &ModelSource) -> Result<Vec<File>, ModelError> {
    let place = place(source)?;
    let required = REQUIRED.into_iter().map(|name| place.read(name).map(Some));
    required.chain([optional(place.read(PREPROCESSOR))]).filter_map(Result::transpose).collect()
}

/// One small file in memory; `path` stands for it in errors.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Cow<'static, [u8]>,
}

/// Where the files of a model lie.
trait Place {
    fn read(&self, name: &str) -> Result<File, ModelError>;
    fn weights(&self) -> Result<Weights, ModelError>;
}

fn place(source: &ModelSource) -> Result<Box<dyn Place>, ModelError> {
    Ok(match source {
        ModelSource::Embedded => Box::new(Embedded),
        ModelSource::Directory(path) => Box::new(Directory(path.clone())),
        ModelSource::Hub(id) => Box::new(HubRepository::open(id)?),
        ModelSource::Cached(id) => Box::new(HubRepository::cached(id)),
    })
}

/// Nothing, where the file does not exist.
fn optional(file: Result<File, ModelError>) -> Result<Option<File>, ModelError> {
    match file {
        Err(ModelError::Unreadable { reason, .. }) if reason.kind() == ErrorKind::NotFound => Ok(None),
        Err(ModelError::Hub(HubError::NoSuchFile { .. } | HubError::NotCached { .. })) => Ok(None),
        other => other.map(Some),
    }
}

fn read(path: PathBuf) -> Result<File, ModelError> {
    match std::fs::read(&path) {
        Ok(bytes) => Ok(File { path, bytes: bytes.into() }),
        Err(reason) => Err(ModelError::Unreadable { path, reason }),
    }
}

struct Embedded;

impl Place for Embedded {
    fn read(&self, name: &str) -> Result<File, ModelError> {
        let path = Path::new("embedded").join(name);
        let bytes = match name {
            "config.json" => embedded::CONFIG,
            "generation_config.json" => embedded::GENERATION_CONFIG,
            "tokenizer.json" => embedded::TOKENIZER,
            "preprocessor_config.json" => embedded::PREPROCESSOR_CONFIG,
            _ => return Err(ModelError::Unreadable { path, reason: ErrorKind::NotFound.into() }),
        };
        Ok(File { path, bytes: bytes.into() })
    }

    fn weights(&self) -> Result<Weights, ModelError> {
        Ok(Weights::embedded("embedded/model.safetensors", embedded::WEIGHTS))
    }
}

struct Directory(PathBuf);

impl Place for Directory {
    fn read(&self, name: &str) -> Result<File, ModelError> {
        read(self.0.join(name))
    }

    fn weights(&self) -> Result<Weights, ModelError> {
        let index = self.0.join(INDEX);
        let files = if !self.0.join(WEIGHTS).exists() && index.exists() {
            shards(&read(index)?)?
        } else {
            vec![WEIGHTS.to_owned()]
        };
        let paths: Vec<_> = files.iter().map(|name| self.0.join(name)).collect();
        Ok(Weights::from_files(&paths)?)
    }
}

impl Place for HubRepository {
    fn read(&self, name: &str) -> Result<File, ModelError> {
        read(self.file(name)?)
    }

    fn weights(&self) -> Result<Weights, ModelError> {
        let paths = match self.file(WEIGHTS) {
            Err(missing @ (HubError::NoSuchFile { .. } | HubError::NotCached { .. })) => {
                let index = read(self.file(INDEX).map_err(|_| missing)?)?;
                shards(&index)?.iter().map(|name| self.file(name)).collect::<Result<Vec<_>, _>>()?
            }
            whole => vec![whole?],
        };
        Ok(Weights::from_files(&paths)?)
    }
}

/// Names of the shards that `model.safetensors.index.json` lists.
fn shards(index: &File) -> Result<Vec<String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let Index { weight_map } = parse(&index.path, &index.bytes)?;
    Ok(weight_map.into_values().collect::<BTreeSet<_>>().into_iter().collect())
}
