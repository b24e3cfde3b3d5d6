//! Finding the files of a model and checking that they belong together.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use nn::{ModelFile, ModelFolder, ModelSource, Weights};
use stage_core::{SAMPLE_RATE_HZ, sha256_hex};

use crate::config::{GenerationConfig, WhisperConfig, check_preprocessor, check_references};
use crate::mel::HOP;
use crate::vocabulary::Vocabulary;
use crate::{ModelError, embedded, tensors};

/// The small files that every model has.
const REQUIRED: [&str; 3] = ["config.json", "generation_config.json", "tokenizer.json"];
/// The one that some have.
const PREPROCESSOR: &str = "preprocessor_config.json";

/// The files of one model in the Hugging Face layout: `config.json`, `generation_config.json`, `tokenizer.json`,
/// `model.safetensors` (or shards with `model.safetensors.index.json`) and, where there is one,
/// `preprocessor_config.json`. The small ones are read and checked against each other and against the names, shapes and
/// types of the weights; what is in the weights is checked by [`ModelFiles::check_contents`].
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
    /// Finds the files of a model and checks that they belong together. A hub model is downloaded into the hub's cache
    /// first, where it is not there yet.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first file that is missing, malformed, truncated or of another model.
    pub fn resolve(source: &ModelSource) -> Result<Self, ModelError> {
        let folder = open(source)?;
        let [config_file, generation_file, tokenizer_file] = REQUIRED.map(|name| folder.read(name));
        let (config_file, generation_file, tokenizer_file) = (config_file?, generation_file?, tokenizer_file?);
        let preprocessor_file = folder.read_optional(PREPROCESSOR)?;

        let config = WhisperConfig::parse(&config_file.path, &config_file.bytes)?;
        // The weights come first: their size bounds every number of the configuration.
        let weights = folder.weights()?;
        let may_be_there = |name: &str| [tensors::PROJECTION, tensors::PROJECTION_SCALES].contains(&name);
        weights.open()?.check_tensors(tensors::specs(&config), may_be_there)?;
        let generation = GenerationConfig::parse(&generation_file.path, &generation_file.bytes, &config)?;
        let hashes = [&config_file, &generation_file, &tokenizer_file].map(|file| sha256_hex(&file.bytes));
        let tokenizer_path = tokenizer_file.path.clone();
        let vocabulary = Vocabulary::parse(tokenizer_file, &config, generation.is_multilingual)?;
        for (file, references) in
            [(&config_file, config.token_references()), (&generation_file, generation.token_references())]
        {
            check_references(&file.path, references, &tokenizer_path, |token| vocabulary.id(token))?;
        }
        if let Some(file) = &preprocessor_file {
            check_preprocessor(&file.path, &file.bytes, &config)?;
        }
        let name = folder.name().to_owned();
        let small_files_sha256 = hashes.concat();
        Ok(Self { name, config, generation, vocabulary, weights, small_files_sha256, sha256: OnceLock::new() })
    }

    /// Checks what [`ModelFiles::resolve`] did not read: every number of the weights, on all threads, and what of the
    /// tokenizer is only needed for prompts. Call it once, before work is given to workers.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file: a number is NaN, infinite or beyond f16, a matrix is zero throughout, the
    /// output projection is not the token embedding, or the tokenizer cannot be used.
    pub fn check_contents(&self) -> Result<(), ModelError> {
        self.vocabulary.tokenizer()?;
        let weights = self.weights.open()?;
        weights.check_tied(tensors::PROJECTION, tensors::EMBEDDING)?;
        Ok(weights.check_values()?)
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
    /// A [`ModelError`] that names the file, where they cannot be read.
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
    /// A [`ModelError`] that names the file, where they cannot be read.
    pub fn sha256(&self) -> Result<&str, ModelError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let all = format!("{}{}", self.small_files_sha256, self.weights.sha256()?);
        Ok(self.sha256.get_or_init(|| sha256_hex(all.as_bytes())))
    }
}

fn open(source: &ModelSource) -> Result<ModelFolder, ModelError> {
    if *source == ModelSource::Embedded && !embedded::HAS_WEIGHTS {
        return Err(ModelError::NotEmbedded);
    }
    Ok(ModelFolder::open(source, embedded::MODEL)?)
}

/// The small files of a model.
pub(crate) fn small_files(source: &ModelSource) -> Result<Vec<ModelFile>, ModelError> {
    let folder = open(source)?;
    let required = REQUIRED.into_iter().map(|name| folder.read(name).map(Some));
    Ok(required.chain([folder.read_optional(PREPROCESSOR)]).filter_map(Result::transpose).collect::<Result<_, _>>()?)
}
