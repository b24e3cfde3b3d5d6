//! Finds the files of a Wav2Vec2ForCTC model and checks that they are consistent.

use super::FAMILY;
use super::model_config::{Preprocessor, Topology, Wav2Vec2Config};
use super::network::Wav2Vec2;
use super::recognizer::{Settings, Wav2Vec2Recognizer};
use super::tensors::{MASK, NEWER, OLDER, POSITIONS, specs};
use super::vocabulary::Vocabulary;
use crate::{
    Compute, EmbeddedModel, Layout, ModelError, ModelFile, ModelFiles, ModelFolder, ModelSource, Recognizer,
    SmallFiles, SpeechModel, Tensors, TranscribeConfig,
};

const CONFIG: &str = "config.json";
const VOCABULARY: &str = "vocab.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const TOKENIZER: &str = "tokenizer_config.json";

const LAYOUT: Layout = Layout {
    required: &[CONFIG, VOCABULARY],
    optional: &[PREPROCESSOR, TOKENIZER],
    hashed: &[CONFIG, VOCABULARY, PREPROCESSOR, TOKENIZER],
    separator: ",",
};

/// The program contains no model of this family.
const NOT_EMBEDDED: EmbeddedModel = EmbeddedModel { files: &[], weights: &[] };
/// The longest window that is recognized at once, in seconds. The network has no limit, but its memory grows with the
/// square of the window's length.
const WINDOW_S: f64 = 30.0;

/// The files of a Wav2Vec2ForCTC model in the Hugging Face layout: `config.json`, `vocab.json`, `model.safetensors` (or
/// shards) and optionally `preprocessor_config.json` and `tokenizer_config.json`. The small files are read and checked
/// against each other and against the names, shapes and types of the weights. [`SpeechModel::check_contents`] checks
/// the values of the weights.
///
/// ```
/// use models::ModelSource;
/// use models::wav2vec2::Wav2Vec2Files;
///
/// let files = Wav2Vec2Files::resolve(&ModelSource::Directory("../../fixtures/models/test-ctc".into()))?;
/// let network = files.load()?;
/// let second: Vec<f32> = (0..16_000).map(|n| (n as f32 * 0.05).sin()).collect();
///
/// let emissions = &network.emissions(&[&second])[0];
/// assert_eq!(emissions.frames(), 49, "a frame per 20 ms");
/// let probabilities: f32 = emissions.values[..emissions.symbols].iter().map(|logprob| logprob.exp()).sum();
/// assert!((probabilities - 1.0).abs() < 1e-3);
/// # Ok::<(), models::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Wav2Vec2Files {
    config: Wav2Vec2Config,
    preprocessor: Preprocessor,
    vocabulary: Vocabulary,
    files: ModelFiles,
}

impl Wav2Vec2Files {
    /// Finds the files of a model and checks that they are consistent. No model of this
    /// family is embedded. A hub model that is not in the hub's cache is downloaded first.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first file that is missing, malformed, truncated or from another model.
    pub fn resolve(source: &ModelSource) -> Result<Self, ModelError> {
        Self::read(&ModelFolder::open(source, NOT_EMBEDDED)?)
    }

    pub(super) fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let small = SmallFiles::read(folder, &LAYOUT)?;
        let config = Wav2Vec2Config::parse(small.required(CONFIG))?;
        let preprocessor = small.optional(PREPROCESSOR).map(Preprocessor::parse).transpose()?.unwrap_or_default();
        // The weights are opened first: their size bounds every number of the configuration.
        let files = ModelFiles::open(folder, &small)?;
        let open = files.weights().open()?;
        let is_older = open.tensor(&format!("{POSITIONS}.{}", OLDER[0])).is_some();
        open.check_tensors(specs(&config, if is_older { OLDER } else { NEWER }), |name| name == MASK)?;
        let sizes = (config.vocab_size, config.pad_token_id as usize);
        let tokenizer: Option<&ModelFile> = small.optional(TOKENIZER);
        let vocabulary = Vocabulary::parse(small.required(VOCABULARY), tokenizer, sizes)?;
        Ok(Self { config, preprocessor, vocabulary, files })
    }

    /// The symbols.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Which symbols a frame may have.
    #[must_use]
    pub const fn topology(&self) -> Topology {
        self.config.topology
    }

    /// The sample, counted from the window's start, at which a frame's interval begins. A frame represents one hop in
    /// the middle of its receptive field.
    #[must_use]
    pub fn frame_start(&self, frame: usize) -> i64 {
        let (hop, field) = (self.config.hop() as i64, self.config.receptive_field() as i64);
        frame as i64 * hop + (field - hop) / 2
    }

    /// Loads the weights and packs the network.
    ///
    /// # Errors
    /// The weights are unreadable or do not match `config.json`.
    pub fn load(&self) -> Result<Wav2Vec2, ModelError> {
        let weights = self.files.weights().open()?;
        let network = Wav2Vec2::new(&Tensors::new(&weights), &self.config, self.preprocessor.do_normalize);
        let (model, expected) = (self.files.name().to_owned(), "config.json");
        network.map_err(|reason| ModelError::Tensor { model, expected, reason: reason.into() })
    }
}

impl SpeechModel for Wav2Vec2Files {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn files(&self) -> &ModelFiles {
        &self.files
    }

    fn window_s(&self) -> f64 {
        WINDOW_S
    }

    /// Empty: the model supports one language and does not name it.
    fn languages(&self) -> Vec<&str> {
        Vec::new()
    }

    fn reads(&self, setting: &str) -> bool {
        Settings::names().any(|name| name == setting)
    }

    fn recognizer(
        self: Box<Self>,
        config: TranscribeConfig,
        compute: Compute,
    ) -> Result<Box<dyn Recognizer>, ModelError> {
        Ok(Box::new(Wav2Vec2Recognizer::new(*self, &config, compute)?))
    }
}
