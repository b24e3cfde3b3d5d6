//! Whisper's recognizer for `gpu_bench` and `peers_ours`: a loaded model, prepared windows, decoding passes and
//! teacher-forced logits. This module contains all code that depends on the recognizer's interface.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use models::whisper::{MelWindow, WhisperFiles, WhisperRecognizer};
use models::{Compute, ModelSource, Pass, TranscribeConfig, TypedRecognizer, WindowAudio};
use stage_core::ListFlow;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Configuration of one greedy attempt with exactly `tokens` text tokens per window (the model's configuration
/// suppresses the end token), or the maximum number that the model allows. Token times and level normalization are off,
/// as in the peers.
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
    /// Loads the model in a folder. Returns the load time in seconds, too.
    pub(crate) fn load(model: &Path, config: TranscribeConfig, compute: Compute) -> Result<(Self, f64)> {
        let start = Instant::now();
        let files = WhisperFiles::resolve(&ModelSource::Directory(model.into()))?;
        let recognizer = files.typed_recognizer(config, compute)?;
        recognizer.load()?;
        Ok((Self { recognizer }, start.elapsed().as_secs_f64()))
    }

    /// Computes the features of one window's samples.
    fn unit(&self, samples: Vec<f32>) -> MelWindow {
        self.recognizer.prepare(&WindowAudio::of_samples(samples), Pass::of_window(0))
    }

    /// Computes the features of the first windows (`windows.I`, samples at 16 kHz) of a file.
    pub(crate) fn units(&self, file: &Path, count: usize) -> Result<Vec<Arc<MelWindow>>> {
        let tensors = candle_core::safetensors::load(file, &Device::Cpu)?;
        (0..count).map(|index| Ok(Arc::new(self.unit(tensor(&tensors, "windows", index)?.to_vec1()?)))).collect()
    }

    /// Decodes all units, at most `batch` at a time, and returns their text tokens.
    pub(crate) fn decode(&self, units: &[Arc<MelWindow>], batch: usize) -> Result<Vec<Vec<u32>>> {
        let mut flow = ListFlow::new(units.to_vec(), batch);
        self.recognizer.infer(&mut flow)?;
        let answers = flow.into_outputs().ok_or("a window has no output")?;
        Ok(answers.into_iter().map(|answer| answer.tokens).collect())
    }

    /// Computes the logits before each of `tokens.I` of the window `windows.I`, as `logits.I` (`[tokens, vocabulary]`,
    /// f32).
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
