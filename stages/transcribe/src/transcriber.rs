//! The stage.

use std::sync::{Arc, OnceLock};

use candle_core::DType;
use serde_json::json;
use stage_core::{
    DeviceStage, Dropped, ErrorClass, Flow, Identity, ListFlow, Pcm, Segment, SpeechSegments, Stage, StageError,
    StageKind, TokenPiece, Transcript, Window,
};

use crate::greedy::{self, Rules};
use crate::mel::{HOP, LogMel};
use crate::model::Whisper;
use crate::pieces::{Piece, group};
use crate::window::{Hypothesis, MelWindow};
use crate::{ModelError, ModelFiles, TranscribeConfig, error};

/// Windows that [`Stage::run`] sends through the model at once.
const RUN_BATCH: usize = 8;

/// Whisper as a stage: windows of speech to segments of text.
///
/// Making one is cheap; [`Transcriber::load`] brings the weights onto the device and must come before
/// [`DeviceStage::infer`].
#[derive(Debug)]
pub struct Transcriber {
    files: ModelFiles,
    config: TranscribeConfig,
    rules: Rules,
    mel: LogMel,
    model: OnceLock<Whisper>,
}

impl Transcriber {
    /// A stage for a model and settings; no weight is read yet.
    ///
    /// # Errors
    /// [`ModelError::Language`] where the model does not know the language: choose one that it lists.
    pub fn new(files: ModelFiles, config: TranscribeConfig) -> Result<Self, ModelError> {
        let rules = Rules::new(&files, &config).ok_or_else(|| ModelError::Language {
            model: files.name().to_owned(),
            language: config.language.clone().unwrap_or_default(),
            known: files.languages().join(", "),
        })?;
        let mel = LogMel::new(files.config.num_mel_bins, files.config.mel_frames());
        Ok(Self { files, config, rules, mel, model: OnceLock::new() })
    }

    /// The model's files.
    #[must_use]
    pub const fn files(&self) -> &ModelFiles {
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
            self.model.get_or_init(|| model);
        }
        Ok(())
    }

    /// Answers all of these windows, in their order.
    pub(crate) fn infer_all(&self, windows: Vec<MelWindow>) -> Result<Vec<Hypothesis>, StageError> {
        let mut flow = ListFlow::new(windows.into_iter().map(Arc::new).collect(), RUN_BATCH);
        self.infer(&mut flow)?;
        flow.into_answers().ok_or_else(|| bug("answer-count", "a window was not answered once".to_owned()))
    }

    /// The loaded network.
    #[cfg(test)]
    pub(crate) fn whisper(&self) -> &Whisper {
        self.model.get().expect("the weights are loaded")
    }

    fn read_weights(&self) -> Result<Whisper, ModelError> {
        let device = self.config.device.open()?;
        let tensors = self.files.weights.load(DType::F32, &device)?;
        let heads = self.files.generation.alignment_heads(&self.files.config);
        Whisper::new(&tensors, &self.files.config, &heads)
            .map_err(|reason| ModelError::Tensor { model: self.files.name().to_owned(), reason: reason.into() })
    }

    fn mel_window(&self, pcm: &Pcm, window: &Window) -> Result<MelWindow, StageError> {
        let samples = pcm.read_span(window.channel.into(), window.start_s, window.end_s).map_err(|reason| {
            let message = format!("the samples of a window could not be read: {reason}");
            StageError::new(StageKind::Transcribe, ErrorClass::Transient, "samples-unreadable", message)
        })?;
        if samples.len() > self.mel.samples() + HOP {
            let (length_s, limit_s) = (window.end_s - window.start_s, self.files.window_s());
            return Err(bug("window-too-long", format!("a window of {length_s:.2} s; the model hears {limit_s:.2} s")));
        }
        let positions = (samples.len() / (2 * HOP)).clamp(1, self.files.config.max_source_positions);
        Ok(MelWindow { features: self.mel.features(&samples), positions })
    }

    /// Why a window's text is refused, if it is: nothing was heard, or Whisper's rule for silence.
    fn refusal(&self, text: &str, hypothesis: &Hypothesis) -> Option<String> {
        let (no_speech, logprob) = (hypothesis.no_speech_prob, hypothesis.avg_logprob());
        let numbers = format!("no-speech probability {no_speech:.2}, mean log-probability {logprob:.2}");
        if no_speech > self.config.no_speech_threshold && logprob < self.config.logprob_threshold {
            Some(format!("no speech: {numbers}"))
        } else if text.is_empty() {
            Some(format!("no text: {numbers}"))
        } else {
            None
        }
    }

    fn segment(&self, window: &Window, hypothesis: Hypothesis) -> Result<Segment, Dropped> {
        let bytes = hypothesis.tokens.iter().map(|token| self.files.vocabulary.bytes(*token));
        let pieces: Vec<TokenPiece> =
            group(bytes).into_iter().map(|piece| token_piece(piece, window, &hypothesis)).collect();
        let text = pieces.iter().map(|piece| piece.text.as_str()).collect::<String>().trim().to_owned();
        let Window { channel, start_s, end_s, .. } = *window;
        if let Some(reason) = self.refusal(&text, &hypothesis) {
            return Err(Dropped { channel, start_s, end_s, reason });
        }
        Ok(Segment {
            channel,
            start_s,
            end_s,
            text,
            avg_logprob: hypothesis.avg_logprob(),
            no_speech_prob: hypothesis.no_speech_prob,
            cut_short: hypothesis.end_logprob.is_none().then(|| "token budget".to_owned()),
            language: hypothesis.language,
            language_probability: hypothesis.language_probability,
            pieces,
        })
    }
}

/// A piece with its times in the recording, kept inside the window.
fn token_piece(piece: Piece, window: &Window, hypothesis: &Hypothesis) -> TokenPiece {
    let in_recording_s =
        |boundary: usize| (window.start_s + hypothesis.boundaries_s[boundary]).clamp(window.start_s, window.end_s);
    TokenPiece {
        ids: hypothesis.tokens[piece.tokens.clone()].to_vec(),
        text: piece.text,
        start_s: in_recording_s(piece.tokens.start),
        end_s: in_recording_s(piece.tokens.end),
        logprob: hypothesis.logprobs[piece.tokens].iter().sum(),
    }
}

fn bug(code: &str, message: String) -> StageError {
    StageError::new(StageKind::Transcribe, ErrorClass::Bug, code, message)
}

impl Stage for Transcriber {
    const KIND: StageKind = StageKind::Transcribe;
    const VERSION: u32 = 1;
    type Input<'a> = (&'a Pcm, &'a SpeechSegments);
    type Output = Transcript;

    /// Settings and model. Where the model's files cannot be hashed, the error stands for the hash: it equals no
    /// other, and [`Transcriber::load`] reports it. Ask [`ModelFiles::sha256`] first to hear of it early.
    fn identity(&self) -> Identity {
        let TranscribeConfig { language, device: _, max_tokens, no_speech_threshold, logprob_threshold } = &self.config;
        Identity {
            settings: json!({
                "language": language,
                "max_tokens": max_tokens,
                "no_speech_threshold": no_speech_threshold,
                "logprob_threshold": logprob_threshold,
            }),
            model_sha256: Some(self.files.sha256().map_or_else(|error| error.to_string(), ToOwned::to_owned)),
            numeric: Some("f32".to_owned()),
        }
    }

    fn run(&self, input: Self::Input<'_>) -> Result<Transcript, StageError> {
        self.load()?;
        let mut units = Vec::new();
        let mut answers = Vec::new();
        let mut failure = None;
        self.prepare(input, &|_| false, &mut |_, unit| {
            units.push(unit);
            if units.len() == RUN_BATCH {
                match self.infer_all(std::mem::take(&mut units)) {
                    Ok(batch) => answers.extend(batch),
                    Err(error) => failure = Some(error),
                }
            }
            failure.is_none()
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        answers.extend(self.infer_all(units)?);
        self.finish(input, answers)
    }
}

impl DeviceStage for Transcriber {
    type Unit = MelWindow;
    type Answer = Hypothesis;

    fn prepare(
        &self,
        (pcm, segments): Self::Input<'_>,
        is_answered: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, MelWindow) -> bool,
    ) -> Result<usize, StageError> {
        for (index, window) in segments.windows.iter().enumerate() {
            if !is_answered(index) && !emit(index, self.mel_window(pcm, window)?) {
                break;
            }
        }
        Ok(segments.windows.len())
    }

    fn infer(&self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<(), StageError> {
        let not_loaded = || bug("model-not-loaded", "the weights must be loaded before inference".to_owned());
        let model = self.model.get().ok_or_else(not_loaded)?;
        loop {
            let drawn = std::iter::from_fn(|| flow.draw()).map(|(key, window)| (key, (*window).clone()));
            let (keys, windows): (Vec<_>, Vec<_>) = drawn.unzip();
            if keys.is_empty() {
                return Ok(());
            }
            let answers =
                greedy::transcribe(model, &self.rules, &windows).map_err(|reason| error::inference(&reason))?;
            keys.into_iter().zip(answers).for_each(|(key, answer)| flow.answer(key, answer));
        }
    }

    /// A window of silence through the whole network; logits that are not finite are an error of it.
    fn canary(&self) -> Result<(), StageError> {
        let silence = MelWindow { features: self.mel.features(&[]), positions: 1 };
        self.infer_all(vec![silence]).map(drop)
    }

    fn finish(&self, (_, segments): Self::Input<'_>, answers: Vec<Hypothesis>) -> Result<Transcript, StageError> {
        if answers.len() != segments.windows.len() {
            let (answers, windows) = (answers.len(), segments.windows.len());
            return Err(bug("answers-missing", format!("{answers} answers to {windows} windows")));
        }
        let mut transcript = Transcript { model: self.files.name().to_owned(), segments: vec![], dropped: vec![] };
        for (window, hypothesis) in segments.windows.iter().zip(answers) {
            match self.segment(window, hypothesis) {
                Ok(segment) => transcript.segments.push(segment),
                Err(dropped) => transcript.dropped.push(dropped),
            }
        }
        let by_channel_and_time =
            |a: &Segment, b: &Segment| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s));
        transcript.segments.sort_by(by_channel_and_time);
        Ok(transcript)
    }
}
