//! The list of stages. No other code names them: it reads their specs.

use align::{AlignModel, Aligner, Wav2Vec2Files};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use decode::{DecodeConfig, Decoder};
use diarize::Diarizer;
use forensics::{Forensics, ForensicsError};
use segment::{SegmentConfig, Segmenter};
use stage_core::{
    DeviceId, ErrorClass, ErrorCode, Identity, PipelineError, Recipe, RecipeError, RecipeStep, Runner, Runners,
    RunnersError, Stage, StageName, StageSpec, cpu_runner, device_runner,
};
use transcribe::{Compute, DeviceChoice, ModelError, SpeechModel, Transcriber, open_model};

use crate::settings::Settings;

/// A stage of this program.
struct Entry {
    spec: StageSpec,
    build: fn(&mut Context<'_>) -> Result<Box<dyn Runner>, BuildError>,
}

/// All stages, in the order of the data flow.
const STAGES: &[Entry] = &[
    Entry { spec: Decoder::SPEC, build: decoder },
    Entry { spec: Segmenter::SPEC, build: segmenter },
    Entry { spec: Diarizer::SPEC, build: diarizer },
    Entry { spec: Transcriber::SPEC, build: transcriber },
    Entry { spec: Aligner::SPEC, build: aligner },
    Entry { spec: Forensics::SPEC, build: forensics },
];

/// Everything from which stages are built.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) device: &'a DeviceId,
    /// The longest window, in seconds.
    window_s: f64,
    /// The speech model, until its stage takes it.
    model: Option<Box<dyn SpeechModel>>,
    /// Whether models are read, checked and hashed completely: once per run, before any recording.
    pub(crate) check_models: bool,
}

/// Why the stages cannot be built from the settings. Every variant names the file or setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("--aligner")]
    Aligner(#[source] ModelError),
    #[error("forensics")]
    Forensics(#[source] ForensicsError),
    #[error(transparent)]
    Stage(#[from] PipelineError),
    #[error(transparent)]
    Runners(#[from] RunnersError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("there is no stage {0}")]
    Unknown(StageName),
    #[error("segment.window_max_s is {window_s}: the model {model} accepts at most {longest_s} s")]
    Window { window_s: f64, model: String, longest_s: f64 },
}

impl BuildError {
    /// The class and the code of the error.
    pub(crate) fn class_and_code(&self) -> (ErrorClass, ErrorCode) {
        match self {
            Self::Model(error) | Self::Aligner(error) => error.class_and_code(),
            Self::Stage(error) => (error.class, error.code.clone()),
            Self::Forensics(_) | Self::Window { .. } | Self::Unknown(_) => {
                (ErrorClass::BadInput, ErrorCode::BadSetting)
            }
            Self::Runners(_) | Self::Recipe(_) => (ErrorClass::Bug, ErrorCode::InvalidStages),
        }
    }
}

impl<'a> Context<'a> {
    /// Prepares to build stages with these settings. With `check_models`, models are read, checked and hashed
    /// completely: once per run, before any recording.
    ///
    /// # Errors
    /// The longest window of the settings is longer than the speech model's.
    pub(crate) fn new(
        settings: &'a Settings,
        device: &'a DeviceId,
        model: Box<dyn SpeechModel>,
        check_models: bool,
    ) -> Result<Self, BuildError> {
        let longest_s = model.window_s();
        let window_s = settings.config.segment.window_max_s.unwrap_or(longest_s);
        if window_s > longest_s {
            return Err(BuildError::Window { window_s, model: model.name().to_owned(), longest_s });
        }
        Ok(Self { settings, device, window_s, model: Some(model), check_models })
    }

    /// The context in a worker, where models are not checked again.
    ///
    /// # Errors
    /// The speech model's files are missing or malformed.
    pub(crate) fn of_worker(settings: &'a Settings, device: &'a DeviceId) -> Result<Self, BuildError> {
        Self::new(settings, device, open_model(&settings.model)?, false)
    }

    /// Builds all stages. This is fast if models are not checked: weights are loaded when the device lane first needs
    /// them.
    ///
    /// # Errors
    /// A setting or a model file is invalid.
    pub(crate) fn stages(mut self) -> Result<Runners, BuildError> {
        Ok(Runners::new(STAGES.iter().map(|stage| (stage.build)(&mut self)).collect::<Result<_, _>>()?)?)
    }
}

/// The stages that the server runs too, each with its own type.
impl Context<'_> {
    pub(crate) fn segmenter(&self) -> Result<Segmenter, BuildError> {
        let config = SegmentConfig { window_max_s: Some(self.window_s), ..self.settings.config.segment.clone() };
        Ok(Segmenter::new(config)?)
    }

    /// # Errors
    /// The model was taken before, or does not accept the settings.
    pub(crate) fn transcriber(&mut self) -> Result<Transcriber, BuildError> {
        let model = self.model.take().ok_or(BuildError::Unknown(Transcriber::SPEC.name))?;
        if self.check_models {
            model.check_contents()?;
            model.sha256()?;
        }
        let device = if self.device.is_cuda() { DeviceChoice::Cuda } else { DeviceChoice::Cpu };
        let compute = Compute { device, precision: self.settings.precision };
        Ok(Transcriber::new(model, self.settings.config.transcribe.clone(), compute)?)
    }

    pub(crate) fn aligner(&self) -> Result<Aligner, BuildError> {
        let config = self.settings.config.align.clone();
        config.validate()?;
        let source = match &self.settings.aligner {
            AlignModel::Phones => return Ok(Aligner::with_phones(config)),
            AlignModel::Attention => return Ok(Aligner::new(config)),
            AlignModel::Ctc(source) => source,
        };
        let files = Wav2Vec2Files::resolve(source).map_err(BuildError::Aligner)?;
        if self.check_models {
            files.check_contents().map_err(BuildError::Aligner)?;
        }
        Aligner::with_model(config, files).map_err(BuildError::Aligner)
    }
}

/// The specs of all stages, in order.
pub(crate) fn specs() -> impl DoubleEndedIterator<Item = StageSpec> {
    STAGES.iter().map(|stage| stage.spec)
}

/// Parses the name of a stage from the command line.
pub(crate) fn value_parser() -> impl TypedValueParser<Value = StageName> {
    let parse = |name: String| name.parse::<StageName>();
    PossibleValuesParser::new(names()).try_map(parse)
}

/// The names of all stages, in order.
pub(crate) fn names() -> Vec<&'static str> {
    specs().map(|spec| spec.name.as_str()).collect()
}

/// Whether a stage has a model on the device.
pub(crate) fn on_device(stage: StageName) -> bool {
    specs().any(|spec| spec.name == stage && spec.on_device())
}

/// The recipe of the stages that `last` needs, or of all stages if it is `None`.
pub(crate) fn recipe(stages: &Runners, last: Option<StageName>) -> Result<Recipe, RecipeError> {
    let steps = stages.iter().map(|stage| RecipeStep::new(&stage.spec(), stage.identity()));
    let whole = Recipe::new(steps.collect())?;
    Ok(last.map_or_else(|| whole.clone(), |last| whole.upto(last)))
}

/// The recipe of simulated artifacts. Their fingerprints never equal those of real ones.
pub(crate) fn simulated(settings: &serde_json::Value, last: Option<StageName>) -> Result<Recipe, RecipeError> {
    let identity = || Identity::without_model(serde_json::json!({"simulated": settings}));
    let step = |spec| RecipeStep::new(&StageSpec { version: 0, ..spec }, identity());
    let whole = Recipe::new(specs().map(step).collect())?;
    Ok(last.map_or_else(|| whole.clone(), |last| whole.upto(last)))
}

fn decoder(context: &mut Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    Ok(cpu_runner(Decoder::new(context.settings.decode())))
}

/// The decoder with another memory budget for the samples of one recording.
pub(crate) fn decoder_with(settings: &Settings, memory_budget_bytes: u64) -> Box<dyn Runner> {
    cpu_runner(Decoder::new(DecodeConfig { memory_budget_bytes, ..settings.decode() }))
}

fn segmenter(context: &mut Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    Ok(cpu_runner(context.segmenter()?))
}

fn diarizer(context: &mut Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    Ok(cpu_runner(Diarizer::new(context.settings.config.diarize.clone())?))
}

fn transcriber(context: &mut Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    Ok(device_runner(context.transcriber()?))
}

fn aligner(context: &mut Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    Ok(cpu_runner(context.aligner()?))
}

fn forensics(context: &mut Context<'_>) -> Result<Box<dyn Runner>, BuildError> {
    let Settings { config, lexicons, .. } = context.settings;
    Ok(cpu_runner(Forensics::new(config.forensics.clone(), lexicons).map_err(BuildError::Forensics)?))
}
