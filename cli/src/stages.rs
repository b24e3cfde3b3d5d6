//! The list of stages: the one place that knows which there are. Everything else reads their specs.

use std::sync::Arc;

use align::{AlignConfig, AlignFiles, AlignModel, Aligner};
use decode::{DecodeConfig, Decoder};
use forensics::{Forensics, ForensicsConfig, ForensicsError, LexiconSource};
use segment::{SegmentConfig, Segmenter};
use stage_core::{
    DeviceId, Identity, Recipe, RecipeError, RecipeStep, Runner, Runners, RunnersError, Stage, StageError, StageName,
    StageSpec, cpu_runner, device_runner,
};
use transcribe::{DeviceChoice, ModelError, ModelFiles, TranscribeConfig, Transcriber};

use crate::settings::Settings;

/// A stage of this program.
struct Entry {
    spec: StageSpec,
    build: fn(&Context<'_>) -> Result<Box<dyn Runner>, BuildError>,
}

/// All stages, in the order of the data flow.
const STAGES: [Entry; 5] = [
    Entry { spec: Decoder::SPEC, build: decoder },
    Entry { spec: Segmenter::SPEC, build: segmenter },
    Entry { spec: Transcriber::SPEC, build: transcriber },
    Entry { spec: Aligner::SPEC, build: aligner },
    Entry { spec: Forensics::SPEC, build: forensics },
];

/// What stages are built from.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) device: &'a DeviceId,
    /// The speech model.
    pub(crate) model: Arc<ModelFiles>,
    /// Whether models are read, checked and hashed as a whole: once per run, before any recording.
    pub(crate) check_models: bool,
}

/// Why the stages cannot be built from the settings. Every variant names the file or setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("--aligner {0}")]
    Aligner(align::ModelError),
    #[error("--lexicon {0}")]
    Forensics(ForensicsError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Runners(#[from] RunnersError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("there is no stage {0}")]
    Unknown(StageName),
    #[error("--language {language}: the model {model} knows {known}")]
    Language { language: String, model: String, known: String },
}

// Not by `#[from]`, which would make it the source too: its text is in the message already, and would be printed twice.
impl From<align::ModelError> for BuildError {
    fn from(error: align::ModelError) -> Self {
        Self::Aligner(error)
    }
}

impl<'a> Context<'a> {
    /// What workers build stages from: their models were checked before.
    ///
    /// # Errors
    /// The speech model's files are missing or malformed.
    pub(crate) fn of_worker(settings: &'a Settings, device: &'a DeviceId) -> Result<Self, BuildError> {
        Ok(Self { settings, device, model: Arc::new(ModelFiles::resolve(&settings.model)?), check_models: false })
    }

    /// All stages. Cheap to build where models are not checked: weights are loaded when the device lane first needs
    /// them.
    ///
    /// # Errors
    /// A setting or a model's file is wrong.
    pub(crate) fn stages(&self) -> Result<Runners, BuildError> {
        Ok(Runners::new(STAGES.iter().map(|stage| (stage.build)(self)).collect::<Result<_, _>>()?)?)
    }
}

/// The specs of all stages, in order.
pub(crate) fn specs() -> impl DoubleEndedIterator<Item = StageSpec> {
    STAGES.iter().map(|stage| stage.spec)
}

/// The stage of this name.
///
/// # Errors
/// There is none, with the names that there are.
pub(crate) fn named(name: &str) -> Result<StageName, String> {
    let found = specs().map(|spec| spec.name).find(|stage| stage.as_str() == name);
    found.ok_or_else(|| format!("one of {} is expected", names().join(", ")))
}

/// The names of all stages, in order.
pub(crate) fn names() -> Vec<&'static str> {
    specs().map(|spec| spec.name.as_str()).collect()
}

/// Whether a stage has a model on the device.
pub(crate) fn on_device(stage: StageName) -> bool {
    specs().any(|spec| spec.name == stage && spec.on_device())
}

/// The recipe of these stages, as far as `last` needs them; of all where none is named.
pub(crate) fn recipe(stages: &Runners, last: Option<StageName>) -> Result<Recipe, RecipeError> {
    let steps = stages.iter().map(|stage| RecipeStep::new(&stage.spec(), stage.identity()));
    let whole = Recipe::new(steps.collect())?;
    Ok(last.map_or_else(|| whole.clone(), |last| whole.upto(last)))
}

/// The recipe of simulated artifacts: their fingerprints are never those of real ones.
pub(crate) fn simulated(settings: &serde_json::Value, last: Option<StageName>) -> Result<Recipe, RecipeError> {
    let identity = || Identity::without_model(serde_json::json!({"simulated": settings}));
    let step = |spec| RecipeStep::new(&StageSpec { version: 0, ..spec }, identity());
    let whole = Recipe::new(specs().map(step).collect())?;
    Ok(last.map_or_else(|| whole.clone(), |last| whole.upto(last)))
}

fn decoder(context: &Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    Ok(decoder_with(context.settings, context.settings.pcm_budget_bytes))
}

/// The decoder with another memory budget for the samples of one recording.
pub(crate) fn decoder_with(settings: &Settings, memory_budget_bytes: u64) -> Box<dyn Runner> {
    cpu_runner(Decoder::new(DecodeConfig { memory_budget_bytes, spill_dir: settings.spill_dir.clone() }))
}

fn segmenter(context: &Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    let config = SegmentConfig::new(context.settings.vad.clone(), context.model.window_s());
    let config = SegmentConfig { bleed: config.bleed.filter(|_| !context.settings.keep_crosstalk), ..config };
    Ok(cpu_runner(Segmenter::new(config)?))
}

fn transcriber(context: &Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    check_language(context)?;
    if context.check_models {
        context.model.check_contents()?;
        context.model.sha256()?;
    }
    let device = if context.device.is_cuda() { DeviceChoice::Cuda } else { DeviceChoice::Cpu };
    let config = TranscribeConfig { device, ..context.settings.transcribe.clone() };
    Ok(device_runner(Transcriber::new(Arc::clone(&context.model), config)?))
}

fn aligner(context: &Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    let AlignModel::Ctc(source) = &context.settings.aligner else {
        return Ok(cpu_runner(Aligner::new(AlignConfig::default())));
    };
    let files = AlignFiles::resolve(source)?;
    if context.check_models {
        files.check_contents()?;
    }
    Ok(cpu_runner(Aligner::with_model(AlignConfig::default(), files)?))
}

fn forensics(context: &Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    let lexicons = context.settings.lexicons.iter();
    let source = |(path, text): &(std::path::PathBuf, String)| LexiconSource {
        name: path.to_string_lossy().into_owned(),
        text: text.clone(),
    };
    let config = ForensicsConfig {
        lexicons: lexicons.map(source).collect(),
        deception: context.settings.deception,
        ..ForensicsConfig::default()
    };
    Ok(cpu_runner(Forensics::new(config).map_err(BuildError::Forensics)?))
}

fn check_language(context: &Context<'_>) -> Result<(), BuildError> {
    let known = context.model.languages();
    let mut languages = context.settings.transcribe.languages.iter();
    let Some(language) = languages.find(|language| !known.contains(&language.as_str())) else { return Ok(()) };
    let (language, model) = (language.clone(), context.model.name().to_owned());
    Err(BuildError::Language { language, model, known: known.join(", ") })
}
