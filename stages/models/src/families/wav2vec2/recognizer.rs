//! Wav2Vec2 as a recognizer: greedy text, timed by the frames of its emissions.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stage_core::{Dropped, Flow, SAMPLE_RATE_HZ, Segment, TokenTiming, Window};

use super::FAMILY;
use super::files::Wav2Vec2Files;
use super::greedy::{self, Emitted};
use super::network::Wav2Vec2;
use super::text::{language, token_groups};
use crate::families::diagnostics;
use crate::{
    Compute, DeviceChoice, ModelError, Pass, Precision, SpeechModel, TranscribeConfig, TypedRecognizer, WindowAudio,
    WindowText,
};

/// The settings that this family reads: the fields of [`TranscribeConfig`] with the same names. A recognizer keeps only
/// these, so that its fingerprint covers everything that it can read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Settings {
    low_confidence_threshold: f32,
    contrast_threshold_db: f32,
    silence_dbfs: f32,
    token_times: bool,
}

impl Settings {
    /// The names of the settings.
    pub(super) fn names() -> impl Iterator<Item = String> {
        json!(Self::default()).as_object().into_iter().flat_map(Map::keys).cloned().collect::<Vec<_>>().into_iter()
    }
}

impl From<&TranscribeConfig> for Settings {
    fn from(config: &TranscribeConfig) -> Self {
        Self {
            low_confidence_threshold: config.low_confidence_threshold,
            contrast_threshold_db: config.contrast_threshold_db,
            silence_dbfs: config.silence_dbfs,
            token_times: config.token_times,
        }
    }
}

/// Wav2Vec2ForCTC with its settings, in f32 on the CPU. Creating it is cheap; [`TypedRecognizer::load`] loads the
/// weights.
#[derive(Debug)]
pub struct Wav2Vec2Recognizer {
    model: Arc<Wav2Vec2Files>,
    config: Settings,
    network: Arc<OnceLock<Wav2Vec2>>,
}

/// The samples of a window and their levels.
#[derive(Debug)]
pub struct Samples {
    samples: Vec<f32>,
    loudest_dbfs: f32,
    contrast_db: f32,
}

/// The decoded symbols of a window.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Emissions {
    emitted: Vec<Emitted>,
    /// Number of frames in the window.
    frames: usize,
    loudest_dbfs: f32,
    contrast_db: Option<f32>,
}

/// The diagnostics of this family.
#[derive(Debug, Serialize)]
struct Diagnostics {
    /// Mean log-probability (natural) of the characters; that of a character is the mean over its frames.
    avg_logprob: f32,
    /// Number of frames in the window.
    frames: usize,
}

impl Wav2Vec2Recognizer {
    pub(super) fn new(model: Wav2Vec2Files, config: &TranscribeConfig, compute: Compute) -> Result<Self, ModelError> {
        check(&model, config)?;
        if compute.device == DeviceChoice::Cuda {
            let expected = "this model computes on CPUs: choose --devices cpu";
            return Err(ModelError::Setting { setting: "device".into(), value: "cuda".into(), expected });
        }
        if compute.precision != Precision::F32 {
            let value = compute.precision.name().to_owned();
            let expected = "this model computes in f32";
            return Err(ModelError::Setting { setting: "precision".into(), value, expected });
        }
        Ok(Self { model: Arc::new(model), config: config.into(), network: Arc::default() })
    }

    fn segment(&self, window: &Window, output: &Emissions) -> WindowText {
        let at = |frame: usize| {
            let time_s = window.start_s + self.model.frame_start(frame) as f64 / f64::from(SAMPLE_RATE_HZ);
            time_s.clamp(window.start_s, window.end_s)
        };
        let mut groups = token_groups(&output.emitted, self.model.vocabulary(), self.model.topology(), at);
        let text: String = groups.iter().map(|group| group.text.as_str()).collect();
        let tokens: usize = groups.iter().map(|group| group.ids.len()).sum();
        let avg_logprob = groups.iter().map(|group| group.logprob).sum::<f32>() / tokens.max(1) as f32;
        if let Some(reason) = self.drop_reason(text.trim(), output) {
            let Window { channel, start_s, end_s, .. } = *window;
            return Err(Dropped { channel, start_s, end_s, reason });
        }
        if !self.config.token_times {
            groups.iter_mut().for_each(|group| (group.start_s, group.end_s) = (window.start_s, window.end_s));
        }
        Ok(vec![Segment {
            confidence: avg_logprob.exp().clamp(0.0, 1.0),
            low_confidence: self.low_confidence(avg_logprob, output),
            token_timing: self.config.token_times.then_some(TokenTiming::Emissions),
            diagnostics: diagnostics(FAMILY.name, &Diagnostics { avg_logprob, frames: output.frames }),
            token_groups: groups,
            ..Segment::of_text(window.channel, (window.start_s, window.end_s), text.trim(), language(&text))
        }])
    }

    fn drop_reason(&self, text: &str, output: &Emissions) -> Option<String> {
        if text.is_empty() {
            Some("no text".to_owned())
        } else if output.loudest_dbfs < self.config.silence_dbfs {
            Some(format!("silence: at most {:.0} dBFS, rejected text \"{text}\"", output.loudest_dbfs))
        } else {
            None
        }
    }

    fn low_confidence(&self, avg_logprob: f32, output: &Emissions) -> Option<String> {
        let (likely, clear) = (self.config.low_confidence_threshold, self.config.contrast_threshold_db);
        if avg_logprob < likely {
            return Some(format!("mean log-probability {avg_logprob:.2} below {likely:.2}"));
        }
        let noisy = output.contrast_db.filter(|contrast_db| *contrast_db < clear);
        noisy.map(|db| format!("noise: the loud parts are {db:.0} dB above the quiet ones, under {clear:.0}"))
    }
}

fn check(model: &Wav2Vec2Files, config: &TranscribeConfig) -> Result<(), ModelError> {
    config.check()?;
    config.check_reads(model)
}

impl TypedRecognizer for Wav2Vec2Recognizer {
    type Unit = Samples;
    type Output = Emissions;

    fn model(&self) -> &dyn SpeechModel {
        &*self.model
    }

    fn with_config(&self, config: TranscribeConfig) -> Result<Self, ModelError> {
        check(&self.model, &config)?;
        let (model, network) = (Arc::clone(&self.model), Arc::clone(&self.network));
        Ok(Self { model, config: (&config).into(), network })
    }

    fn settings(&self) -> Value {
        json!(self.config)
    }

    fn numeric(&self) -> String {
        Precision::F32.name().to_owned()
    }

    fn load(&self) -> Result<(), ModelError> {
        if self.network.get().is_none() {
            let network = self.model.load()?;
            self.network.get_or_init(|| network);
        }
        Ok(())
    }

    fn prepare(&self, audio: &WindowAudio, _pass: Pass) -> Samples {
        let WindowAudio { samples, loudest_dbfs, contrast_db, .. } = audio.clone();
        Samples { samples, loudest_dbfs, contrast_db }
    }

    /// Windows run one after the other, because the matrices of one window are large enough.
    fn infer(&self, flow: &mut dyn Flow<Samples, Emissions>) -> Result<(), ModelError> {
        let network = self.network.get().ok_or(ModelError::NotLoaded)?;
        while let Some((key, unit)) = flow.draw() {
            let log_probs = network.emissions(&[&unit.samples]).remove(0);
            if log_probs.values.iter().any(|value| value.is_nan()) {
                return Err(candle_core::Error::msg("the model's logits are not finite").into());
            }
            let emitted = greedy::decode(&log_probs);
            let contrast_db = unit.contrast_db.is_finite().then_some(unit.contrast_db);
            let frames = log_probs.frames();
            flow.complete(key, Emissions { emitted, frames, loudest_dbfs: unit.loudest_dbfs, contrast_db });
            flow.progressed();
        }
        Ok(())
    }

    fn finish(&self, windows: &[Window], outputs: &[Emissions]) -> Option<Vec<WindowText>> {
        let segment = |(window, output)| self.segment(window, output);
        (windows.len() == outputs.len()).then(|| windows.iter().zip(outputs).map(segment).collect())
    }
}
