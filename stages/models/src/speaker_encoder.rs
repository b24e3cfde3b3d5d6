//! The speaker encoder of L. Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018, with the
//! weights of the package Resemblyzer: mel power -> three LSTM layers -> projection -> ReLU -> unit length.
//!
//! An embedding describes the voice in a window of speech: the more similar two voices are, the larger is the cosine
//! between their embeddings. The weights were trained on read and interview speech, mostly English. A linear projection
//! ([`SpeakerEncoder::project`]) then weights the directions that separate voices, as in linear discriminant analysis.

use candle_nn::VarBuilder;
use kernels::{CpuPrecision, Epilogue, Linear, LstmLayer, Rows};
use rayon::prelude::*;

use crate::mel::MelBands;
use crate::{ModelError, Weights};

/// Mel bands of the input.
pub const BANDS: usize = 40;
/// Frames of 10 ms in a window of the reference implementation: 1.6 s.
pub const WINDOW_FRAMES: usize = 160;
/// Numbers in an embedding, and units of each layer.
pub const EMBEDDING: usize = 256;
/// Dimensions of the projection.
pub const SPACE: usize = 64;
/// LSTM layers.
const LAYERS: usize = 3;
/// Windows that one thread computes at once.
const BATCH: usize = 48;

const EMBEDDED_NAME: &str = "the embedded speaker encoder";
const EMBEDDED: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/models/speaker-encoder/speaker_encoder.safetensors"
));

/// The network with its weights, on the CPU in f32.
///
/// # Example
///
/// ```
/// use models::speaker_encoder::{SpeakerEncoder, WINDOW_FRAMES};
///
/// // 8 kHz to 16 kHz: each sample twice.
/// let mut file = hound::WavReader::open("../../fixtures/calls/reading.wav")?;
/// let samples = file.samples::<i16>().map(|sample| sample.map(|sample| [f32::from(sample) / 32_768.0; 2]));
/// let samples = samples.collect::<Result<Vec<_>, _>>()?.concat();
///
/// let encoder = SpeakerEncoder::embedded()?;
/// let mels = encoder.mels(&samples);
/// let windows: Vec<&[[f32; 40]]> = [100, 400].map(|frame| &mels[frame..frame + WINDOW_FRAMES]).into();
/// let embeddings = encoder.embed(&windows);
/// let cosine: f32 = embeddings[0].iter().zip(&embeddings[1]).map(|(a, b)| a * b).sum();
/// assert!(cosine > 0.6, "one voice: {cosine}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SpeakerEncoder {
    bands: MelBands,
    layers: Vec<LstmLayer>,
    output: Linear,
    space: VoiceSpace,
    sha256: String,
    file: String,
}

/// A projection of embeddings, fitted on short windows of telephone speech.
#[derive(Debug)]
struct VoiceSpace {
    mean: Vec<f32>,
    projection: Linear,
    between: Vec<f64>,
}

impl SpeakerEncoder {
    /// Loads and checks the weights that are embedded in the program.
    ///
    /// # Errors
    /// A [`ModelError`] if the program was built with the tensors of another model.
    pub fn embedded() -> Result<Self, ModelError> {
        let weights = Weights::embedded(EMBEDDED_NAME, EMBEDDED);
        weights.load_network(EMBEDDED_NAME, "the GE2E speaker encoder of Resemblyzer", Self::from_tensors)
    }

    fn from_tensors(tensors: &VarBuilder<'_>, sha256: &str, file: &str) -> candle_core::Result<Self> {
        let (lstm, linear) = (tensors.pp("lstm"), tensors.pp("linear"));
        let values = |shape: (usize, usize), name: &str| lstm.get(shape, name)?.flatten_all()?.to_vec1::<f32>();
        let layer = |index: usize| -> candle_core::Result<LstmLayer> {
            let inputs = if index == 0 { BANDS } else { EMBEDDING };
            let bias = |kind: &str| lstm.get(4 * EMBEDDING, &format!("bias_{kind}_l{index}"));
            let from_input = values((4 * EMBEDDING, inputs), &format!("weight_ih_l{index}"))?;
            let recurrent = values((4 * EMBEDDING, EMBEDDING), &format!("weight_hh_l{index}"))?;
            let bias = (bias("ih")? + bias("hh")?)?.to_vec1::<f32>()?;
            Ok(LstmLayer::new(&from_input, &recurrent, &bias, inputs))
        };
        let weight = linear.get((EMBEDDING, EMBEDDING), "weight")?.flatten_all()?.to_vec1::<f32>()?;
        let bias = linear.get(EMBEDDING, "bias")?.to_vec1::<f32>()?;
        Ok(Self {
            bands: MelBands::new(BANDS),
            layers: (0..LAYERS).map(layer).collect::<Result<_, _>>()?,
            output: Linear::new(&weight, Some(&bias), EMBEDDING, CpuPrecision::F32),
            space: VoiceSpace::load(&tensors.pp("space"))?,
            sha256: sha256.to_owned(),
            file: file.to_owned(),
        })
    }

    /// The name of the file of the weights.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// SHA-256 of the weights, as hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Mel power of samples at 16 kHz: frame `i` is centered on sample `160 i`. The samples are surrounded by silence.
    #[must_use]
    pub fn mels(&self, samples: &[f32]) -> Vec<[f32; BANDS]> {
        self.bands.rows(samples)
    }

    /// The embeddings of windows of mel power, which all have the same number of frames. Each has unit length, or is
    /// zero. An embedding does not depend on the other windows.
    ///
    /// # Panics
    /// The windows differ in length.
    #[must_use]
    pub fn embed(&self, windows: &[&[[f32; BANDS]]]) -> Vec<Vec<f32>> {
        let frames = windows.first().map_or(0, |window| window.len());
        assert!(windows.iter().all(|window| window.len() == frames), "windows of one length");
        windows.par_chunks(BATCH).flat_map(|batch| self.embed_batch(batch, frames)).collect()
    }

    /// Projects an embedding to the space in which the windows of one voice have unit variance in every dimension.
    #[must_use]
    pub fn project(&self, embedding: &[f32]) -> Vec<f32> {
        let centered: Vec<f32> = embedding.iter().zip(&self.space.mean).map(|(x, mean)| x - mean).collect();
        let mut point = vec![0.0; SPACE];
        self.space.projection.forward(Rows::dense(&centered, EMBEDDING), None, Epilogue::Store, &mut point);
        point
    }

    /// The variance between voices in each dimension of that space.
    #[must_use]
    pub fn between(&self) -> &[f64] {
        &self.space.between
    }

    fn embed_batch(&self, windows: &[&[[f32; BANDS]]], frames: usize) -> Vec<Vec<f32>> {
        let mut states: Vec<_> = self.layers.iter().map(|layer| layer.start(windows.len())).collect();
        for frame in 0..frames {
            let input: Vec<f32> = windows.iter().flat_map(|window| window[frame]).collect();
            let mut below: Option<&[f32]> = None;
            for (layer, state) in self.layers.iter().zip(&mut states) {
                let rows = below.map_or_else(|| Rows::dense(&input, BANDS), |hidden| Rows::dense(hidden, EMBEDDING));
                layer.step(rows, state);
                below = Some(state.hidden());
            }
        }
        let mut embeddings = vec![0.0; windows.len() * EMBEDDING];
        if let Some(last) = states.last() {
            let hidden = Rows::dense(last.hidden(), EMBEDDING);
            self.output.forward(hidden, None, Epilogue::Store, &mut embeddings);
        }
        embeddings.chunks_exact(EMBEDDING).map(unit).collect()
    }
}

impl VoiceSpace {
    fn load(tensors: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let projection = tensors.get((SPACE, EMBEDDING), "projection")?.flatten_all()?.to_vec1::<f32>()?;
        let between = tensors.get(SPACE, "between")?.to_vec1::<f32>()?;
        Ok(Self {
            mean: tensors.get(EMBEDDING, "mean")?.to_vec1()?,
            projection: Linear::new(&projection, None, EMBEDDING, CpuPrecision::F32),
            between: between.into_iter().map(f64::from).collect(),
        })
    }
}

/// The positive part of a vector at unit length.
fn unit(values: &[f32]) -> Vec<f32> {
    let positive = values.iter().map(|x| x.max(0.0));
    let length = positive.clone().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    positive.map(|x| x / length).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::PathBuf;

    use testkit::Wav;

    use super::*;

    /// The largest difference between this implementation and the package's on its windows of one utterance each.
    fn compare(wavs: &[PathBuf]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/speaker_encoder.py");
        let arguments: Vec<&OsStr> = wavs.iter().map(|path| path.as_os_str()).collect();
        let Some(output) = testkit::python(script, &arguments) else { return };
        let expected: Vec<Vec<Vec<f32>>> = serde_json::from_slice(&output).unwrap();
        let encoder = SpeakerEncoder::embedded().unwrap();
        let mut worst = 0.0f32;
        for (wav, expected) in wavs.iter().zip(&expected) {
            let mels = encoder.mels(&Wav::read_mono(wav, 16_000));
            let windows: Vec<&[[f32; BANDS]]> = mels.chunks_exact(WINDOW_FRAMES).collect();
            let found = encoder.embed(&windows);
            assert_eq!(found.len(), expected.len(), "{}", wav.display());
            let pairs = found.iter().flatten().zip(expected.iter().flatten());
            worst = pairs.map(|(a, b)| (a - b).abs()).fold(worst, f32::max);
        }
        assert_eq!(expected.len(), wavs.len());
        println!("largest difference: {worst:.1e}");
        assert!(worst < 1e-4, "largest difference {worst}");
    }

    #[test]
    fn speaker_encoder_gives_the_embeddings_of_its_package() {
        let names = ["en/jfk.wav", "en/sense_and_sensibility_01_austen_64kb-0870.wav", "ko/azure_ko.wav"];
        compare(&names.map(|name| testkit::fixture("speech").join(name)));
    }

    #[test]
    fn speaker_encoder_is_batch_invariant() {
        let encoder = SpeakerEncoder::embedded().unwrap();
        let samples: Vec<f32> = (0..64_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 0.0007).sin()).collect();
        let mels = encoder.mels(&samples);
        let windows: Vec<&[[f32; BANDS]]> = mels.windows(80).step_by(5).collect();
        let together = encoder.embed(&windows);
        assert!(windows.len() > BATCH && together.iter().flatten().all(|x| x.is_finite()));
        for at in [0, 7, windows.len() - 1] {
            assert_eq!(encoder.embed(&windows[at..=at])[0], together[at]);
        }
        assert!(encoder.embed(&[]).is_empty());
    }

    #[test]
    fn speaker_encoder_of_silence_is_finite() {
        let encoder = SpeakerEncoder::embedded().unwrap();
        let silence = encoder.mels(&[]);
        assert_eq!(silence, [[0.0; BANDS]]);
        let length: f32 = encoder.embed(&[&silence])[0].iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5 || length == 0.0, "{length}");
    }
}
