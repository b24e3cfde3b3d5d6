//! The stage.

use std::io;
use std::sync::{Arc, OnceLock};

use candle_core::{DType, Tensor};
use serde_json::json;
use stage_core::{
    Artifact, DetectedLanguage, DeviceStage, ErrorClass, Flow, Identity, Inputs, ListFlow, Pcm, Phases, Segment,
    SpeechSegments, Stage, StageError, StageName, StageSpec, Transcript, Window,
};

use crate::decoding::{self, Rules};
use crate::mel::{HOP, LogMel};
use crate::model::Whisper;
use crate::passes::{Pass, Planner, Progress};
use crate::segments::Segmenter;
use crate::times::sounding_positions;
use crate::window::{Hypothesis, MelWindow};
use crate::{DeviceChoice, ModelError, ModelFiles, TranscribeConfig, error};

/// The stage's name.
pub(crate) const NAME: StageName = Transcript::NAME.stage();

/// Windows that [`Stage::run`] has under way at once.
const RUN_BATCH: usize = 8;
/// Windows that it prepares before it decodes them.
const RUN_UNITS: usize = 4 * RUN_BATCH;
/// Samples whose level is taken together: 20 ms.
const LEVEL_SAMPLES: usize = 320;
/// The level of digital silence, in dB of full scale.
const NO_LEVEL_DBFS: f32 = -200.0;

/// Whisper as a stage: windows of speech to segments of text.
///
/// Making one is cheap; [`Transcriber::load`] brings the weights onto the device and must come before
/// [`DeviceStage::infer`].
#[derive(Debug)]
pub struct Transcriber {
    files: Arc<ModelFiles>,
    config: TranscribeConfig,
    rules: Rules,
    planner: Planner,
    mel: LogMel,
    model: OnceLock<Whisper>,
}

impl Transcriber {
    /// A stage for a model and settings; no weight is read yet.
    ///
    /// # Errors
    /// [`ModelError::Language`] where the model does not know the language: choose one that it lists.
    /// [`ModelError::Setting`] or [`ModelError::SpecialToken`] where another setting makes no sense, or the device has not
    /// the precision.
    pub fn new(files: impl Into<Arc<ModelFiles>>, config: TranscribeConfig) -> Result<Self, ModelError> {
        let files = files.into();
        match config.device {
            DeviceChoice::Cpu => config.precision.on_a_processor().map(drop),
            DeviceChoice::Cuda => config.precision.on_a_gpu().map(drop),
        }?;
        if config.timestamps && files.vocabulary.timestamps.is_empty() {
            let expected = "the model has no timestamp tokens: false is expected";
            return Err(ModelError::Setting { setting: "timestamps", value: "true".to_owned(), expected });
        }
        let rules = Rules::new(&files, &config)?;
        let planner = Planner::new(&files, &config)?;
        let mel = LogMel::new(files.config.num_mel_bins, files.config.mel_frames());
        Ok(Self { files, config, rules, planner, mel, model: OnceLock::new() })
    }

    /// The model's files.
    #[must_use]
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// Brings the weights onto the device, once; further calls do nothing.
    ///
    /// # Errors
    /// Class `Device` where the device cannot be used; otherwise the weights are unreadable, truncated or do not fit
    /// `config.json`.
    pub fn load(&self) -> Result<(), StageError> {
        if self.model.get().is_none() {
            let model = self.read_weights()?;
            // Another thread may use it, whose stream on a GPU is not ordered with this one's.
            model.device().synchronize().map_err(|reason| error::inference(&reason))?;
            self.model.get_or_init(|| model);
        }
        Ok(())
    }

    /// Logits (`[tokens, vocabulary]`, f32) before each of the text tokens of a window, in the language of the settings
    /// (of several: the model's first): what the model thinks of a text that another one found (teacher forcing).
    ///
    /// # Errors
    /// Class `Bug` where the weights are not loaded yet; otherwise as [`DeviceStage::infer`].
    pub fn logits(&self, window: &MelWindow, tokens: &[u32]) -> Result<Tensor, StageError> {
        decoding::logits_before(self.model()?, &self.rules, window, tokens).map_err(|reason| error::inference(&reason))
    }

    fn model(&self) -> Result<&Whisper, StageError> {
        let not_loaded = || bug("model-not-loaded", "the weights must be loaded before inference".to_owned());
        self.model.get().ok_or_else(not_loaded)
    }

    /// The loaded network.
    #[cfg(test)]
    pub(crate) fn whisper(&self) -> &Whisper {
        self.model.get().expect("the weights are loaded")
    }

    fn read_weights(&self) -> Result<Whisper, ModelError> {
        let device = self.config.device.open()?;
        let (dtype, kernels) = if device.is_cpu() {
            (DType::F32, Some(self.config.precision.on_a_processor()?))
        } else {
            (self.config.precision.on_a_gpu()?, None)
        };
        let ModelFiles { config, weights, .. } = &*self.files;
        let heads = self.files.generation.alignment_heads(config);
        let model = match kernels.filter(|precision| Whisper::packs(*precision)) {
            Some(precision) => Whisper::packed(&weights.open()?, config, &heads, precision),
            None => Whisper::new(&weights.load(dtype, &device)?, config, &heads),
        };
        model.map_err(|reason| ModelError::Tensor { model: self.files.name().to_owned(), reason: reason.into() })
    }

    fn mel_window(&self, pcm: &Pcm, window: &Window) -> Result<MelWindow, StageError> {
        let samples = pcm.read_span(window.channel.into(), window.start_s, window.end_s).map_err(unreadable)?;
        if samples.len() > self.mel.samples() + HOP {
            let (length_s, limit_s) = (window.end_s - window.start_s, self.files.window_s());
            return Err(bug("window-too-long", format!("a window of {length_s:.2} s; the model hears {limit_s:.2} s")));
        }
        let positions = (samples.len() / (2 * HOP)).clamp(1, self.files.config.max_source_positions);
        let (loudest_dbfs, contrast_db) = levels(&samples);
        let features = if self.config.normalize_level {
            self.mel.normalized_features(&samples)
        } else {
            self.mel.features(&samples)
        };
        Ok(MelWindow { loudest_dbfs, contrast_db, ..MelWindow::of_features(features, positions) })
    }

    fn unit(&self, pcm: &Pcm, segments: &SpeechSegments, pass: Pass) -> Result<MelWindow, StageError> {
        let Pass { window, language, prompt } = pass;
        let window = &segments.windows[window];
        let mut unit = MelWindow { language, prompt, ..self.mel_window(pcm, window)? };
        if self.config.token_times {
            unit.sounding = sounding_positions(pcm, &segments.spans, window, unit.positions).map_err(unreadable)?;
        }
        Ok(unit)
    }

    /// Adds the answers to units.
    fn answer(&self, units: Vec<Arc<MelWindow>>, answers: &mut Vec<Hypothesis>) -> Result<(), StageError> {
        let mut flow = ListFlow::new(units, RUN_BATCH);
        self.infer(&mut flow)?;
        let missing = || bug("answers-missing", "a window was not answered".to_owned());
        answers.extend(flow.into_outputs().ok_or_else(missing)?);
        Ok(())
    }
}

/// Level of the loudest 20 ms in dB of full scale, and how far the 95th percentile of all levels lies above the 10th, in
/// dB: about 10 where noise is 5 dB below the speech, over 20 in an ordinary call.
fn levels(samples: &[f32]) -> (f32, f32) {
    let level = |frame: &[f32]| {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32;
        (10.0 * power.log10()).max(NO_LEVEL_DBFS)
    };
    let mut levels: Vec<f32> = samples.chunks(LEVEL_SAMPLES).map(level).collect();
    levels.sort_by(f32::total_cmp);
    let Some(last) = levels.len().checked_sub(1) else { return (NO_LEVEL_DBFS, f32::INFINITY) };
    (levels[last], levels[last * 95 / 100] - levels[last / 10])
}

fn unreadable(reason: io::Error) -> StageError {
    let message = format!("the samples of a window could not be read: {reason}");
    StageError::new(NAME, ErrorClass::Transient, "samples-unreadable", message)
}

fn bug(code: &str, message: String) -> StageError {
    StageError::new(NAME, ErrorClass::Bug, code, message)
}

impl Stage for Transcriber {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 5,
        inputs: &[Pcm::NAME, SpeechSegments::NAME],
        outputs: &[],
        phases: Phases::Device,
        weight: 0.75,
    };
    type Input<'a> = (&'a Pcm, &'a SpeechSegments);
    type Output = Transcript;

    /// Settings and model. Where the model's files cannot be hashed, the error stands for the hash: it equals no
    /// other, and [`Transcriber::load`] reports it. Ask [`ModelFiles::sha256`] first to hear of it early.
    fn identity(&self) -> Identity {
        let mut settings = json!(self.config);
        if let Some(settings) = settings.as_object_mut() {
            settings.remove("device");
            settings.remove("precision");
        }
        Identity {
            settings,
            model_sha256: Some(self.files.sha256().map_or_else(|error| error.to_string(), ToOwned::to_owned)),
            numeric: Some(self.config.precision.name().to_owned()),
        }
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, StageError> {
        Ok((inputs.transient()?, inputs.get()?))
    }

    fn run(&self, input: Self::Input<'_>) -> Result<Transcript, StageError> {
        self.load()?;
        let mut answers = Vec::new();
        let mut failure = None;
        let mut units = Vec::new();
        self.prepare(input, &|_| false, &mut |_, unit| {
            units.push(Arc::new(unit));
            if units.len() == RUN_UNITS {
                failure = self.answer(std::mem::take(&mut units), &mut answers).err();
            }
            failure.is_none()
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        self.answer(units, &mut answers)?;
        loop {
            let mut units = Vec::new();
            let follow_ups = self.follow_up(input, &answers, &mut |_, unit| {
                units.push(Arc::new(unit));
                true
            })?;
            if follow_ups == 0 {
                return self.finish(input, answers);
            }
            self.answer(units, &mut answers)?;
        }
    }
}

impl DeviceStage for Transcriber {
    type ModelInput = MelWindow;
    type ModelOutput = Hypothesis;

    fn prepare(
        &self,
        (pcm, segments): Self::Input<'_>,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, MelWindow) -> bool,
    ) -> Result<usize, StageError> {
        let passes = self.planner.first(&segments.windows);
        let units = passes.len();
        for (index, pass) in passes.into_iter().enumerate() {
            if !is_done(index) && !emit(index, self.unit(pcm, segments, pass)?) {
                break;
            }
        }
        Ok(units)
    }

    fn input_audio_s(&self, (pcm, segments): Self::Input<'_>, index: usize) -> f64 {
        let length_s = |window: &Window| window.end_s - window.start_s;
        let all_s: f64 = segments.windows.iter().map(length_s).sum();
        segments.windows.get(index).map_or(0.0, |window| length_s(window) / all_s * pcm.duration_s())
    }

    fn load(&self) -> Result<(), StageError> {
        Self::load(self)
    }

    fn infer(&self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<(), StageError> {
        let model = self.model()?;
        let result = decoding::run(model, &self.rules, flow).map_err(|reason| error::inference(&reason));
        if result.as_ref().is_err_and(|error| error.class == ErrorClass::Memory) {
            // If this fails too, the next call meets the same device.
            let _ = model.release_memory();
        }
        result
    }

    /// A window of silence through the whole network; logits that are not finite are an error of it.
    fn health_probe(&self) -> Result<(), StageError> {
        let silence = MelWindow::of_features(self.mel.features(&[]), 1);
        self.infer(&mut ListFlow::new(vec![Arc::new(silence)], 1))
    }

    /// Windows whose language the others decide, and those that follow the text before them.
    fn follow_up(
        &self,
        (pcm, segments): Self::Input<'_>,
        answers: &[Hypothesis],
        emit: &mut dyn FnMut(usize, MelWindow) -> bool,
    ) -> Result<usize, StageError> {
        let progress = self.planner.replay(&segments.windows, answers);
        let answered = answers.len() - progress.answered;
        let units = progress.next.len() - answered;
        for (index, pass) in (answers.len()..).zip(progress.next.into_iter().skip(answered)) {
            if !emit(index, self.unit(pcm, segments, pass)?) {
                break;
            }
        }
        Ok(units)
    }

    fn finish(&self, (_, segments): Self::Input<'_>, answers: Vec<Hypothesis>) -> Result<Transcript, StageError> {
        let windows = &segments.windows;
        let Progress { accepted, heard, next, .. } = self.planner.replay(windows, &answers);
        let complete = next.is_empty().then(|| accepted.into_iter().zip(heard).map(|(a, b)| a.zip(b)).collect());
        let Some(Some(complete)) = complete.map(|answers: Option<Vec<_>>| answers) else {
            return Err(bug("answers-missing", format!("{} answers to {} windows", answers.len(), windows.len())));
        };
        let segmenter = Segmenter { vocabulary: &self.files.vocabulary, config: &self.config };
        let mut transcript = Transcript { model: self.files.name().to_owned(), segments: vec![], dropped: vec![] };
        for (window, (accepted, heard)) in windows.iter().zip(complete) {
            let (accepted, heard) = (&answers[accepted], &answers[heard]);
            let overruled = (accepted.language != heard.language)
                .then_some(heard.language_probability)
                .flatten()
                .map(|probability| DetectedLanguage { language: heard.language.clone(), probability });
            match segmenter.segments(window, accepted, overruled) {
                Ok(segments) => transcript.segments.extend(segments),
                Err(dropped) => transcript.dropped.push(dropped),
            }
        }
        let by_channel_and_time =
            |a: &Segment, b: &Segment| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s));
        transcript.segments.sort_by(by_channel_and_time);
        Ok(transcript)
    }
}
