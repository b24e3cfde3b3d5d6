//! The stage: runs a recognizer on windows of speech.

use std::sync::Arc;

use models::{Compute, ModelError, Output, Pass, Recognizer, SpeechModel, TranscribeConfig, Unit, WindowAudio};
use stage_core::{
    Artifact, DeviceStage, ErrorCode, Flow, Identity, Inputs, IntoArtifacts, ListFlow, Made, OutputSpec, Pcm, Phases,
    PhoneEmissions, PipelineError, SAMPLE_RATE_HZ, Segment, SpeechSegments, Stage, StageName, StageSpec, Transcript,
    Window,
};

use crate::audio;

/// Name of the stage.
const NAME: StageName = Transcript::NAME.stage();

/// Number of windows that [`Stage::run`] decodes at once.
const RUN_BATCH: usize = 8;
/// Number of windows that [`Stage::run`] prepares before it decodes them.
const RUN_INPUTS: usize = 4 * RUN_BATCH;
/// Samples by which a window may exceed the model's window, because of rounding: 10 ms.
const SLACK: usize = 160;

/// The outputs of the stage for one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcribed {
    /// The text.
    pub transcript: Transcript,
    /// The sounds of every frame, for word times. Empty if the model does not recognize sounds.
    pub emissions: PhoneEmissions,
}

impl IntoArtifacts for Transcribed {
    fn into_artifacts(self) -> Result<Made, PipelineError> {
        self.transcript.into_artifacts()?.artifact(self.emissions)
    }
}

/// A recognizer as a stage: turns windows of speech into segments of text.
///
/// Creating one is cheap. [`Transcriber::load`] loads the weights to the device and must be called before
/// [`DeviceStage::infer`].
#[derive(Debug)]
pub struct Transcriber {
    recognizer: Box<dyn Recognizer>,
    token_times: bool,
}

impl Transcriber {
    /// Creates a stage for a model, settings, and the device and precision to compute in. Reads no weights.
    ///
    /// # Errors
    /// [`ModelError::Language`] if the model does not support the language: choose one that it lists.
    /// [`ModelError::Setting`] or [`ModelError::SpecialToken`] if another setting is invalid or does not apply to the
    /// model, or if the device does not support the precision.
    pub fn new(model: Box<dyn SpeechModel>, config: TranscribeConfig, compute: Compute) -> Result<Self, ModelError> {
        let token_times = config.token_times;
        Ok(Self { recognizer: model.recognizer(config, compute)?, token_times })
    }

    /// A stage with other settings that shares the weights.
    ///
    /// # Errors
    /// As [`Transcriber::new`].
    pub fn with_config(&self, config: TranscribeConfig) -> Result<Self, ModelError> {
        let token_times = config.token_times;
        Ok(Self { recognizer: self.recognizer.with_config(config)?, token_times })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &dyn SpeechModel {
        self.recognizer.model()
    }

    /// Loads the weights to the device. Further calls have no effect.
    ///
    /// # Errors
    /// Class `Device` if the device cannot be used. Other classes if the weights are unreadable, truncated or do not
    /// match `config.json`.
    pub fn load(&self) -> Result<(), PipelineError> {
        self.recognizer.load().map_err(|error| fault(&error))
    }

    fn unit(&self, pcm: &Pcm, segments: &SpeechSegments, pass: Pass) -> Result<Unit, PipelineError> {
        let window = &segments.windows[pass.window];
        let audio = audio::read(pcm, segments, window, self.token_times)
            .map_err(|error| PipelineError::samples_unreadable(NAME, &error))?;
        let limit_s = self.model().window_s();
        if audio.samples.len() > (limit_s * f64::from(SAMPLE_RATE_HZ)).round() as usize + SLACK {
            let length_s = window.end_s - window.start_s;
            let message = format!("a window is {length_s:.2} s long, but the model accepts at most {limit_s:.2} s");
            return Err(PipelineError::bug(NAME, ErrorCode::WindowTooLong, message));
        }
        Ok(self.recognizer.prepare(&audio, pass))
    }

    /// Prepares the passes that follow `outputs` and emits them with their indices. Returns their number.
    fn emit_next(
        &self,
        (pcm, segments): (&Pcm, &SpeechSegments),
        outputs: &[Output],
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Unit) -> bool,
    ) -> Result<usize, PipelineError> {
        let passes = self.recognizer.next_passes(&segments.windows, outputs).map_err(|error| fault(&error))?;
        let count = passes.len();
        for (index, pass) in (outputs.len()..).zip(passes) {
            if !is_done(index) && !emit(index, self.unit(pcm, segments, pass)?) {
                break;
            }
        }
        Ok(count)
    }

    /// Computes the outputs of `inputs` and appends them to `outputs`.
    fn infer_all(&self, inputs: Vec<Arc<Unit>>, outputs: &mut Vec<Output>) -> Result<(), PipelineError> {
        let mut flow = ListFlow::new(inputs, RUN_BATCH);
        self.infer(&mut flow)?;
        let missing = || PipelineError::bug(NAME, ErrorCode::InferenceIncomplete, "a window has no output".to_owned());
        outputs.extend(flow.into_outputs().ok_or_else(missing)?);
        Ok(())
    }
}

fn fault(error: &ModelError) -> PipelineError {
    error.in_stage(NAME)
}

impl Stage for Transcriber {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 8,
        inputs: &[Pcm::NAME, SpeechSegments::NAME],
        outputs: &[OutputSpec { name: "emissions", stored: true }],
        phases: Phases::Device,
        weight: 0.75,
    };
    type Input<'a> = (&'a Pcm, &'a SpeechSegments);
    type Output = Transcribed;

    /// Settings and model. If the model's files cannot be hashed, the error message replaces the hash: it matches no
    /// other hash, and [`Transcriber::load`] reports it. Call [`SpeechModel::sha256`] first to get the error early.
    fn identity(&self) -> Identity {
        Identity {
            settings: self.recognizer.settings(),
            model_sha256: Some(self.model().sha256().map_or_else(|error| error.to_string(), ToOwned::to_owned)),
            numeric: Some(self.recognizer.numeric()),
            model_files: self.model().files().file_hashes().unwrap_or_default(),
        }
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, PipelineError> {
        Ok((inputs.transient()?, inputs.get()?))
    }

    fn run(&self, input: Self::Input<'_>) -> Result<Transcribed, PipelineError> {
        self.load()?;
        let mut outputs = Vec::new();
        loop {
            let mut inputs = Vec::new();
            let mut answered = Vec::new();
            let mut failure = None;
            let passes = self.emit_next(input, &outputs, &|_| false, &mut |_, unit| {
                inputs.push(Arc::new(unit));
                if inputs.len() == RUN_INPUTS {
                    failure = self.infer_all(std::mem::take(&mut inputs), &mut answered).err();
                }
                failure.is_none()
            })?;
            if let Some(error) = failure {
                return Err(error);
            }
            if passes == 0 {
                return self.finish(input, outputs);
            }
            self.infer_all(inputs, &mut answered)?;
            outputs.append(&mut answered);
        }
    }
}

impl DeviceStage for Transcriber {
    type ModelInput = Unit;
    type ModelOutput = Output;

    fn prepare(
        &self,
        input: Self::Input<'_>,
        is_done: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Unit) -> bool,
    ) -> Result<usize, PipelineError> {
        self.emit_next(input, &[], is_done, emit)
    }

    fn input_audio_s(&self, (pcm, segments): Self::Input<'_>, index: usize) -> f64 {
        let length_s = |window: &Window| window.end_s - window.start_s;
        let all_s: f64 = segments.windows.iter().map(length_s).sum();
        segments.windows.get(index).map_or(0.0, |window| length_s(window) / all_s * pcm.duration_s())
    }

    fn load(&self) -> Result<(), PipelineError> {
        Self::load(self)
    }

    fn infer(&self, flow: &mut dyn Flow<Unit, Output>) -> Result<(), PipelineError> {
        self.recognizer.infer(flow).map_err(|error| fault(&error))
    }

    /// Runs a window of silence through the whole network. Logits that are not finite are an error.
    fn health_probe(&self) -> Result<(), PipelineError> {
        let silence = self.recognizer.prepare(&WindowAudio::of_samples(Vec::new()), Pass::of_window(0));
        self.infer(&mut ListFlow::new(vec![Arc::new(silence)], 1))
    }

    /// Returns the passes that depend on the outputs so far.
    fn follow_up(
        &self,
        input: Self::Input<'_>,
        outputs: &[Output],
        emit: &mut dyn FnMut(usize, Unit) -> bool,
    ) -> Result<usize, PipelineError> {
        self.emit_next(input, outputs, &|_| false, emit)
    }

    fn finish(&self, (_, segments): Self::Input<'_>, outputs: Vec<Output>) -> Result<Transcribed, PipelineError> {
        let windows: &[Window] = &segments.windows;
        let texts = self.recognizer.finish(windows, &outputs).map_err(|error| fault(&error))?;
        let missing = || {
            PipelineError::bug(
                NAME,
                ErrorCode::InferenceIncomplete,
                format!("{} outputs for {} windows", outputs.len(), windows.len()),
            )
        };
        let mut transcript = Transcript { model: self.model().name().to_owned(), segments: vec![], dropped: vec![] };
        for text in texts.ok_or_else(missing)? {
            match text {
                Ok(segments) => transcript.segments.extend(segments),
                Err(dropped) => transcript.dropped.push(dropped),
            }
        }
        let by_channel_and_time =
            |a: &Segment, b: &Segment| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s));
        transcript.segments.sort_by(by_channel_and_time);
        let emissions = self.recognizer.phone_emissions(windows, &outputs).map_err(|error| fault(&error))?;
        Ok(Transcribed { transcript, emissions })
    }
}
