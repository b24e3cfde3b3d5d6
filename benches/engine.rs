//! Whisper's recognizer as `gpu_bench` and `peers_ours` drive it: a loaded model, prepared windows, decoding passes,
//! teacher-forced logits. Everything that depends on the recognizer's interface is here.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use models::whisper::{MelWindow, WhisperFiles, WhisperRecognizer};
use models::{ModelSource, Pass, TranscribeConfig, TypedRecognizer, WindowAudio};
use stage_core::ListFlow;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One greedy attempt of exactly `tokens` text tokens per window (the model's own configuration suppresses the end
/// token), or of as many as the model allows; no token times, and the sound at its own level, as peers take it.
pub(crate) fn one_attempt(tokens: Option<usize>) -> TranscribeConfig {
    TranscribeConfig {
        languages: vec!["en".into()],
        max_tokens: tokens,
        token_times: false,
        beam_size: 1,
        normalize_level: false,
        temperatures: vec![0.0],
        repetition_limit: 0,
        ..TranscribeConfig::default()
    }
}

/// A loaded model.
pub(crate) struct Engine {
    recognizer: WhisperRecognizer,
}

impl Engine {
    /// Loads the model in a folder; the seconds that it took come with it.
    pub(crate) fn load(model: &Path, config: TranscribeConfig) -> Result<(Self, f64)> {
        let start = Instant::now();
        let files = WhisperFiles::resolve(&ModelSource::Directory(model.into()))?;
        let recognizer = files.typed_recognizer(config)?;
        recognizer.load()?;
        Ok((Self { recognizer }, start.elapsed().as_secs_f64()))
    }

    /// The features of one window's samples.
    fn unit(&self, samples: Vec<f32>) -> MelWindow {
        self.recognizer.prepare(&WindowAudio::of_samples(samples), Pass::of_window(0))
    }

    /// The features of the first windows (`windows.I`, samples at 16 kHz) of a file.
    pub(crate) fn units(&self, file: &Path, count: usize) -> Result<Vec<Arc<MelWindow>>> {
        let tensors = candle_core::safetensors::load(file, &Device::Cpu)?;
        (0..count).map(|index| Ok(Arc::new(self.unit(tensor(&tensors, "windows", index)?.to_vec1()?)))).collect()
    }

    /// The text tokens of all units, at most `batch` of them under way at a time.
    pub(crate) fn decode(&self, units: &[Arc<MelWindow>], batch: usize) -> Result<Vec<Vec<u32>>> {
        let mut flow = ListFlow::new(units.to_vec(), batch);
        self.recognizer.infer(&mut flow)?;
        let answers = flow.into_outputs().ok_or("a window was not answered")?;
        Ok(answers.into_iter().map(|answer| answer.tokens).collect())
    }

    /// The logits before each of `tokens.I` of the window `windows.I`, as `logits.I` (`[tokens, vocabulary]`, f32).
    pub(crate) fn teach(&self, from: &Path, to: &Path) -> Result<usize> {
        let given = candle_core::safetensors::load(from, &Device::Cpu)?;
        let count = given.keys().filter(|name| name.starts_with("tokens.")).count();
        let mut logits = HashMap::new();
        for index in 0..count {
            let unit = self.unit(tensor(&given, "windows", index)?.to_vec1()?);
            let tokens: Vec<u32> = tensor(&given, "tokens", index)?.to_dtype(DType::U32)?.to_vec1()?;
            let window = self.recognizer.logits(&unit, &tokens)?.to_device(&Device::Cpu)?;
            logits.insert(format!("logits.{index}"), window);
        }
        candle_core::safetensors::save(&logits, to)?;
        Ok(count)
    }
}

fn tensor<'a>(tensors: &'a HashMap<String, Tensor>, kind: &str, index: usize) -> Result<&'a Tensor> {
    let name = format!("{kind}.{index}");
    Ok(tensors.get(&name).ok_or(format!("{name} is missing"))?)
}
