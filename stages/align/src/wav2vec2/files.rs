//! Finding the files of a model and checking that they belong together.

use std::sync::OnceLock;

use nn::{ModelFile, ModelFolder, ModelSource, Tensors, Weights};
use stage_core::sha256_hex;

use super::config::{Preprocessor, Wav2Vec2Config};
use super::tensors::{MASK, NEWER, OLDER, POSITIONS, specs};
use super::{Topology, Wav2Vec2};
use crate::vocabulary::Vocabulary;
use crate::{ModelError, embedded};

/// The files of one Wav2Vec2ForCTC in the Hugging Face layout: `config.json`, `vocab.json`, `model.safetensors` (or
/// shards) and, where there are such, `preprocessor_config.json` and `tokenizer_config.json`. The small ones are read
/// and checked against each other and against the names, shapes and types of the weights; what is in the weights is
/// checked by [`AlignFiles::check_contents`].
#[derive(Debug)]
pub struct AlignFiles {
    name: String,
    config: Wav2Vec2Config,
    preprocessor: Preprocessor,
    pub(crate) vocabulary: Vocabulary,
    weights: Weights,
    small_files_sha256: String,
    sha256: OnceLock<String>,
}

impl AlignFiles {
    /// Finds the files of a model and checks that they belong together. A hub model is downloaded into the hub's cache
    /// first, where it is not there yet.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first file that is missing, malformed, truncated or of another model.
    pub fn resolve(source: &ModelSource) -> Result<Self, ModelError> {
        let folder = ModelFolder::open(source, embedded::MODEL)?;
        let (config_file, vocabulary_file) = (folder.read("config.json")?, folder.read("vocab.json")?);
        let optional = ["preprocessor_config.json", "tokenizer_config.json"].map(|name| folder.read_optional(name));
        let [preprocessor_file, tokenizer_file] = optional;
        let (preprocessor_file, tokenizer_file) = (preprocessor_file?, tokenizer_file?);

        let config = Wav2Vec2Config::parse(&config_file)?;
        let preprocessor = preprocessor_file.as_ref().map(Preprocessor::parse).transpose()?.unwrap_or_default();
        // The weights come first: their size bounds every number of the configuration.
        let weights = folder.weights()?;
        let open = weights.open().map_err(nn::ModelFileError::from)?;
        let is_older = open.tensor(&format!("{POSITIONS}.{}", OLDER[0])).is_some();
        let specs = specs(&config, if is_older { OLDER } else { NEWER });
        open.check_tensors(specs, |name| name == MASK).map_err(nn::ModelFileError::from)?;
        let sizes = (config.vocab_size, config.pad_token_id as usize);
        let vocabulary = Vocabulary::parse(&vocabulary_file, tokenizer_file.as_ref(), sizes)?;
        let hash = |file: Option<&ModelFile>| file.map_or_else(String::new, |file| sha256_hex(&file.bytes));
        let small = [Some(&config_file), Some(&vocabulary_file), preprocessor_file.as_ref(), tokenizer_file.as_ref()];
        let small_files_sha256 = small.map(hash).join(",");
        let name = folder.name().to_owned();
        Ok(Self { name, config, preprocessor, vocabulary, weights, small_files_sha256, sha256: OnceLock::new() })
    }

    /// Checks every number of the weights, on all threads. Call it once, before work is given to workers.
    ///
    /// # Errors
    /// [`ModelError::File`] where a number is NaN, infinite or beyond f16, or a matrix is zero throughout.
    pub fn check_contents(&self) -> Result<(), ModelError> {
        let checked = self.weights.open().and_then(|weights| weights.check_values());
        Ok(checked.map_err(nn::ModelFileError::from)?)
    }

    /// The model's name, for people: `embedded`, the directory's name or the hub id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which symbol a frame may bear.
    pub(crate) const fn topology(&self) -> Topology {
        self.config.topology
    }

    /// Samples from one frame to the next, and samples that one frame hears.
    pub(crate) fn hop_and_field(&self) -> (i64, i64) {
        (self.config.hop() as i64, self.config.receptive_field() as i64)
    }

    /// SHA-256 over every file that the times depend on, as hex. The first call reads the weights.
    ///
    /// # Errors
    /// [`ModelError::File`] where they cannot be read.
    pub fn sha256(&self) -> Result<&str, ModelError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let weights = self.weights.sha256().map_err(nn::ModelFileError::from)?;
        let all = format!("{},{weights}", self.small_files_sha256);
        Ok(self.sha256.get_or_init(|| sha256_hex(all.as_bytes())))
    }

    /// Loads the weights and packs the network.
    pub(crate) fn load(&self) -> Result<Wav2Vec2, ModelError> {
        let weights = self.weights.open().map_err(nn::ModelFileError::from)?;
        Wav2Vec2::new(&Tensors::new(&weights), &self.config, self.preprocessor.do_normalize)
            .map_err(|reason| ModelError::Tensor { model: self.name.clone(), reason: reason.into() })
    }
}
