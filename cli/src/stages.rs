//! The five stages of a run, built from its settings, and the recipe that they make.

use align::{AlignConfig, AlignModel, Aligner, Wav2Vec2Files};
use decode::{DecodeConfig, Decoder};
use forensics::{Forensics, ForensicsConfig, ForensicsError, LexiconSource};
use segment::{SegmentConfig, Segmenter};
use stage_core::{DeviceId, Identity, Recipe, RecipeError, Stage, StageError, StageKind};
use transcribe::{DeviceChoice, ModelError, SpeechModel, TranscribeConfig, Transcriber, open_model};

use crate::settings::Settings;

/// All five stages. Cheap to build: the model's weights are loaded when the device lane first needs them.
pub(crate) struct Stages {
    pub(crate) decoder: Decoder,
    pub(crate) segmenter: Segmenter,
    pub(crate) transcriber: Transcriber,
    pub(crate) aligner: Aligner,
    pub(crate) forensics: Forensics,
}

/// Why the stages cannot be built from the settings. Every variant names the file or setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("--aligner {0}")]
    Aligner(ModelError),
    #[error("--lexicon {0}")]
    Forensics(ForensicsError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("--language {language}: the model {model} knows {known}")]
    Language { language: String, model: String, known: String },
    #[error("{option}: the model {model} ({family}) does not read this option: leave it out")]
    NotRead { option: String, model: String, family: &'static str },
}

impl Stages {
    /// Builds the stages for work on `device`.
    pub(crate) fn build(settings: &Settings, device: &DeviceId) -> Result<Self, BuildError> {
        Self::with_model(open_model(&settings.model)?, settings, device)
    }

    /// As [`Stages::build`], with the model's files found before.
    pub(crate) fn with_model(
        model: Box<dyn SpeechModel>,
        settings: &Settings,
        device: &DeviceId,
    ) -> Result<Self, BuildError> {
        check_options(settings, model.as_ref())?;
        check_language(settings, model.as_ref())?;
        let lexicons = settings
            .lexicons
            .iter()
            .map(|(path, text)| LexiconSource { name: path.to_string_lossy().into_owned(), text: text.clone() });
        Ok(Self {
            decoder: Decoder::new(DecodeConfig {
                memory_budget_bytes: settings.pcm_budget_bytes,
                spill_dir: settings.spill_dir.clone(),
            }),
            segmenter: Segmenter::new(segment_config(settings, model.window_s()))?,
            transcriber: Transcriber::new(
                model,
                TranscribeConfig {
                    device: if device.is_cuda() { DeviceChoice::Cuda } else { DeviceChoice::Cpu },
                    ..settings.transcribe.clone()
                },
            )?,
            aligner: aligner(&settings.aligner).map_err(BuildError::Aligner)?,
            forensics: Forensics::new(ForensicsConfig {
                lexicons: lexicons.collect(),
                deception: settings.deception,
                ..ForensicsConfig::default()
            })
            .map_err(BuildError::Forensics)?,
        })
    }

    /// Reads and checks what is in the models' weights: once, before any recording is touched.
    pub(crate) fn check_models(&self) -> Result<(), BuildError> {
        self.transcriber.model().check_contents()?;
        self.aligner.files().map_or(Ok(()), Wav2Vec2Files::check_contents).map_err(BuildError::Aligner)
    }

    /// What each stage contributes to fingerprints, up to and with the stage `last`; hashes the model's files.
    pub(crate) fn recipe(&self, last: StageKind) -> Result<Recipe, BuildError> {
        let whole = StageKind::ALL.into_iter().map(|stage| self.step(stage)).collect::<Result<_, _>>()?;
        Ok(Recipe::new(whole)?.upto(last))
    }

    /// What one stage contributes to fingerprints; hashes the model's files where it has a model.
    pub(crate) fn step(&self, stage: StageKind) -> Result<(StageKind, u32, Identity), BuildError> {
        Ok(match stage {
            StageKind::Decode => identity(&self.decoder),
            StageKind::Segment => identity(&self.segmenter),
            StageKind::Transcribe => {
                self.transcriber.model().sha256()?;
                identity(&self.transcriber)
            }
            StageKind::Align => identity(&self.aligner),
            StageKind::Forensics => identity(&self.forensics),
        })
    }
}

/// What simulated artifacts follow from, up to and with the stage `last`: their fingerprints are never those of real ones.
pub(crate) fn simulated(settings: &serde_json::Value, last: StageKind) -> Result<Recipe, RecipeError> {
    let stage = |stage| (stage, 0, Identity::without_model(serde_json::json!({"simulated": settings})));
    Ok(Recipe::new(StageKind::ALL.map(stage).to_vec())?.upto(last))
}

fn aligner(model: &AlignModel) -> Result<Aligner, ModelError> {
    match model {
        AlignModel::Attention => Ok(Aligner::new(AlignConfig::default())),
        AlignModel::Ctc(source) => Aligner::with_model(AlignConfig::default(), Wav2Vec2Files::resolve(source)?),
    }
}

fn identity<S: Stage>(stage: &S) -> (StageKind, u32, Identity) {
    (S::KIND, S::VERSION, stage.identity())
}

fn segment_config(settings: &Settings, window_max_s: f64) -> SegmentConfig {
    let config = SegmentConfig::new(settings.vad.clone(), window_max_s);
    SegmentConfig { crosstalk: config.crosstalk.filter(|_| !settings.keep_crosstalk), ..config }
}

/// Options that were given and that the model does not read.
fn check_options(settings: &Settings, model: &dyn SpeechModel) -> Result<(), BuildError> {
    let unread = settings.given.iter().find(|(_, setting)| !model.reads(setting));
    let Some((option, _)) = unread else { return Ok(()) };
    Err(BuildError::NotRead { option: option.clone(), model: model.name().to_owned(), family: model.family() })
}

fn check_language(settings: &Settings, model: &dyn SpeechModel) -> Result<(), BuildError> {
    let known = model.languages();
    let unknown = settings.transcribe.languages.iter().find(|language| !known.contains(&language.as_str()));
    let Some(language) = unknown else { return Ok(()) };
    Err(BuildError::Language { language: language.clone(), model: model.name().to_owned(), known: known.join(", ") })
}
