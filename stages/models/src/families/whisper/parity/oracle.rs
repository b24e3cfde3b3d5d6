//! Runs the reference scripts and reads their outputs.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use tempfile::TempDir;

use crate::tests::run_script;

/// The results of the reference implementation for several windows.
pub(super) struct Reference(HashMap<String, Tensor>);

impl Reference {
    pub(super) fn tensor(&self, name: &str, window: usize) -> Tensor {
        self.0[&format!("{name}.{window}")].clone()
    }

    pub(super) fn floats(&self, name: &str, window: usize) -> Vec<f32> {
        self.tensor(name, window).to_vec1().unwrap()
    }

    pub(super) fn scalar(&self, name: &str, window: usize) -> f32 {
        self.tensor(name, window).to_scalar().unwrap()
    }

    pub(super) fn ids(&self, name: &str, window: usize) -> Vec<u32> {
        self.tensor(name, window).to_dtype(DType::U32).unwrap().to_vec1().unwrap()
    }
}

/// The results of transformers for a model and windows of samples. `None` if transformers is not installed.
pub(super) fn reference(
    model: &Path,
    samples: &[Vec<f32>],
    language: Option<&str>,
    max_tokens: usize,
) -> Option<Reference> {
    transformers("reference.py", model, samples, language, max_tokens)
}

/// The results of transformers' greedy and beam search. `None` if transformers is not installed.
pub(super) fn searches(
    model: &Path,
    samples: &[Vec<f32>],
    language: Option<&str>,
    max_tokens: usize,
) -> Option<Reference> {
    transformers("search.py", model, samples, language, max_tokens)
}

fn transformers(
    script: &str,
    model: &Path,
    samples: &[Vec<f32>],
    language: Option<&str>,
    max_tokens: usize,
) -> Option<Reference> {
    let max_tokens = max_tokens.to_string();
    let mut arguments = vec![model.as_os_str(), OsStr::new("--max-tokens"), max_tokens.as_ref()];
    arguments.extend(language.iter().flat_map(|language| ["--language", language]).map(OsStr::new));
    ask(script, &arguments, &numbered(samples))
}

/// The results of openai-whisper for given tensors. `None` if it is not installed.
pub(super) fn openai_whisper(model: &Path, given: &HashMap<String, Tensor>) -> Option<Reference> {
    ask("openai_whisper.py", &[model.as_os_str()], given)
}

fn numbered(samples: &[Vec<f32>]) -> HashMap<String, Tensor> {
    let tensor = |samples: &Vec<f32>| Tensor::new(samples.as_slice(), &Device::Cpu).unwrap();
    samples.iter().enumerate().map(|(index, samples)| (index.to_string(), tensor(samples))).collect()
}

/// Runs a script that takes a model and tensors and writes tensors.
fn ask(script: &str, arguments: &[&OsStr], given: &HashMap<String, Tensor>) -> Option<Reference> {
    let directory = tempfile::tempdir().unwrap();
    let [windows, out] = ["given.safetensors", "out.safetensors"].map(|name| directory.path().join(name));
    candle_core::safetensors::save(given, &windows).unwrap();
    let (model, options) = arguments.split_first().unwrap();
    run_script(script, &[&[*model, windows.as_os_str(), out.as_os_str()], options].concat())?;
    Some(Reference(candle_core::safetensors::load(&out, &Device::Cpu).unwrap()))
}

/// A model with random weights, as transformers saves it. `None` if transformers is not installed.
pub(super) fn random_model(variant: &str, seed: u32) -> Option<TempDir> {
    let tokenizer = testkit::fixture("models/whisper-base/tokenizer.json");
    let directory = tempfile::tempdir().unwrap();
    let (seed, flag) = (seed.to_string(), OsStr::new("--seed"));
    let arguments = [variant.as_ref(), tokenizer.as_ref(), directory.path().as_ref(), flag, seed.as_ref()];
    run_script("random_model.py", &arguments)?;
    Some(directory)
}
