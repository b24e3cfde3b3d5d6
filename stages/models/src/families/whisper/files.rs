//! Finds the files of a Whisper model and checks that they are consistent.

use std::sync::Arc;

use stage_core::SAMPLE_RATE_HZ;

use super::mel::HOP;
use super::model_config::{GenerationConfig, WhisperConfig, check_preprocessor, check_references};
use super::phone_head::{self, PhoneHeadFiles};
use super::recognizer::WhisperRecognizer;
use super::vocabulary::Vocabulary;
use super::{EMBEDDED, FAMILY, tensors};
use crate::{
    Compute, Layout, ModelError, ModelFile, ModelFiles, ModelFolder, ModelSource, Recognizer, SmallFiles, SpeechModel,
    TranscribeConfig,
};

const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
/// The file that only some models have.
const PREPROCESSOR: &str = "preprocessor_config.json";

const LAYOUT: Layout = Layout {
    required: &[CONFIG, GENERATION, TOKENIZER],
    optional: &[PREPROCESSOR, phone_head::CONFIG, phone_head::WEIGHTS],
    // The preprocessor's settings are checked and otherwise not used.
    hashed: &[CONFIG, GENERATION, TOKENIZER, phone_head::CONFIG, phone_head::WEIGHTS],
    separator: "",
};

/// The files of a Whisper model in the Hugging Face layout: `config.json`, `generation_config.json`, `tokenizer.json`,
/// `model.safetensors` (or shards with `model.safetensors.index.json`), optionally `preprocessor_config.json`, and
/// optionally `phone_head.json` with `phone_head.safetensors`, which recognize sounds for word times. The
/// small files are read and checked against each other and against the names, shapes and types of the weights.
/// [`SpeechModel::check_contents`] checks the values of the weights.
#[derive(Debug)]
pub struct WhisperFiles {
    pub(super) config: WhisperConfig,
    pub(super) generation: GenerationConfig,
    pub(super) vocabulary: Vocabulary,
    pub(super) phone_head: Option<PhoneHeadFiles>,
    pub(super) files: ModelFiles,
}

impl WhisperFiles {
    /// Finds the files of a model and checks that they are consistent.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first file that is missing, malformed, truncated or from another model.
    pub fn resolve(source: &ModelSource) -> Result<Self, ModelError> {
        Self::read(&ModelFolder::open(source, EMBEDDED)?)
    }

    pub(super) fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let small = SmallFiles::read(folder, &LAYOUT)?;
        let (config_file, generation_file) = (small.required(CONFIG), small.required(GENERATION));
        let tokenizer_file = small.required(TOKENIZER);
        let config = WhisperConfig::parse(&config_file.path, &config_file.bytes)?;
        // The weights are opened first: their size bounds every number of the configuration.
        let files = ModelFiles::open(folder, &small)?;
        let may_be_there = |name: &str| [tensors::PROJECTION, tensors::PROJECTION_SCALES].contains(&name);
        files.weights().open()?.check_tensors(tensors::specs(&config), may_be_there)?;
        let generation = GenerationConfig::parse(&generation_file.path, &generation_file.bytes, &config)?;
        let vocabulary = Vocabulary::parse(tokenizer_file.clone(), &config, generation.is_multilingual)?;
        for (file, references) in
            [(config_file, config.token_references()), (generation_file, generation.token_references())]
        {
            check_references(&file.path, references, &tokenizer_file.path, |token| vocabulary.id(token))?;
        }
        if let Some(file) = small.optional(PREPROCESSOR) {
            check_preprocessor(&file.path, &file.bytes, &config)?;
        }
        let phone_head = match (small.optional(phone_head::CONFIG), small.optional(phone_head::WEIGHTS)) {
            (None, None) => None,
            (settings, weights) => {
                let settings = settings.map_or_else(|| folder.read(phone_head::CONFIG), |file| Ok(file.clone()))?;
                let weights = weights.map_or_else(|| folder.read(phone_head::WEIGHTS), |file| Ok(file.clone()))?;
                Some(PhoneHeadFiles::read(&settings, weights, &config)?)
            }
        };
        Ok(Self { config, generation, vocabulary, phone_head, files })
    }

    /// Creates a recognizer with Whisper's own types.
    ///
    /// # Errors
    /// See [`SpeechModel::recognizer`].
    pub fn typed_recognizer(self, config: TranscribeConfig, compute: Compute) -> Result<WhisperRecognizer, ModelError> {
        WhisperRecognizer::new(Arc::new(self), config, compute, Arc::default())
    }
}

impl SpeechModel for WhisperFiles {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// 30 s for OpenAI's models.
    fn window_s(&self) -> f64 {
        (self.config.mel_frames() * HOP) as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// Sorted by token id.
    fn languages(&self) -> Vec<&str> {
        self.vocabulary.languages.iter().map(|(code, _)| code.as_str()).collect()
    }

    /// Checks the values of the weights, the part of the tokenizer that only prompts need, and that the output
    /// projection equals the token embedding.
    fn check_contents(&self) -> Result<(), ModelError> {
        self.vocabulary.tokenizer()?;
        let weights = self.files.weights().open()?;
        weights.check_tied(tensors::PROJECTION, tensors::EMBEDDING)?;
        self.phone_head.as_ref().map_or(Ok(()), PhoneHeadFiles::check_values)?;
        Ok(weights.check_values()?)
    }

    fn recognizer(
        self: Box<Self>,
        config: TranscribeConfig,
        compute: Compute,
    ) -> Result<Box<dyn Recognizer>, ModelError> {
        Ok(Box::new(self.typed_recognizer(config, compute)?))
    }
}

/// The small files of a model.
pub(super) fn small_files(source: &ModelSource) -> Result<Vec<ModelFile>, ModelError> {
    Ok(SmallFiles::read(&ModelFolder::open(source, EMBEDDED)?, &LAYOUT)?.into_all())
}
