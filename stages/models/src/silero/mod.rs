//! Silero VAD at 16 kHz: the architecture of <https://github.com/snakers4/silero-vad> since version 5, reimplemented
//! from its published description (`tinygrad_model.py`).
//!
//! A frame has 512 samples. With the 64 samples before it and 64 mirrored samples after it, it passes through a
//! short-time Fourier transform, four convolutions, an LSTM cell and a sigmoid. Only the cell is recurrent, so all
//! frames of a block are convolved at once, and only the cell runs frame by frame.

mod decoder;
mod encoder;

use std::path::Path;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use kernels::LstmState;

use crate::{ModelError, Weights};
use decoder::Decoder;
use encoder::Encoder;

/// Samples per frame.
pub const FRAME: usize = 512;
/// Samples before a frame that are included in its input.
const CONTEXT: usize = 64;
/// Samples that are mirrored at the end of a frame.
const MIRRORED: usize = 64;
/// Frames that are convolved at once (4 s).
const BATCH: usize = 128;
/// Samples in the network's input for one frame.
const SEEN: usize = CONTEXT + FRAME + MIRRORED;
/// Features per frame, which is also the input size of the cell.
const HIDDEN: usize = 128;

const EMBEDDED_NAME: &str = "the embedded Silero VAD";
const EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/vad/silero_vad_16k.safetensors"));

/// The network with its weights, on the CPU in f32.
///
/// # Example
///
/// ```
/// use models::silero::{FRAME, Silero};
///
/// // 8 kHz to 16 kHz: each sample twice.
/// let mut file = hound::WavReader::open("../../fixtures/calls/reading.wav")?;
/// let samples = file.samples::<i16>().map(|sample| sample.map(|sample| [f32::from(sample) / 32_768.0; 2]));
/// let samples = samples.collect::<Result<Vec<_>, _>>()?.concat();
///
/// let vad = Silero::embedded()?;
/// let mut channel = vad.stream();
/// channel.push(&samples)?;
/// let probabilities = channel.finish()?;
/// assert_eq!(probabilities.len(), samples.len().div_ceil(FRAME));
///
/// let speech = probabilities.iter().filter(|probability| **probability > 0.5).count();
/// assert!(speech > probabilities.len() / 2, "a reading is mostly speech");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Silero {
    encoder: Encoder,
    decoder: Decoder,
    sha256: String,
    file: String,
}

impl Silero {
    /// Loads the weights that are embedded in the program.
    ///
    /// # Errors
    /// See [`Silero::load`].
    pub fn embedded() -> Result<Self, ModelError> {
        Self::from_weights(&Weights::embedded(EMBEDDED_NAME, EMBEDDED), EMBEDDED_NAME)
    }

    /// Loads and checks the weights of a safetensors file.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file if it is unreadable, truncated, or contains the tensors of another model.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::from_weights(&Weights::from_files(&[path.to_owned()])?, &path.display().to_string())
    }

    fn from_weights(weights: &Weights, name: &str) -> Result<Self, ModelError> {
        weights.load_network(name, "the 16 kHz Silero VAD v5", Self::from_tensors)
    }

    fn from_tensors(tensors: &VarBuilder<'_>, sha256: &str, file: &str) -> candle_core::Result<Self> {
        let (encoder, decoder) = (Encoder::load(tensors)?, Decoder::load(tensors)?);
        Ok(Self { encoder, decoder, sha256: sha256.to_owned(), file: file.to_owned() })
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

    /// Creates a detector for a new channel.
    #[must_use]
    pub fn stream(&self) -> SileroStream<'_> {
        SileroStream {
            network: self,
            pending: vec![0.0; CONTEXT],
            state: self.decoder.start(),
            probabilities: Vec::new(),
        }
    }
}

/// The state of the detector within a channel.
#[derive(Debug)]
pub struct SileroStream<'a> {
    network: &'a Silero,
    /// The context of the next frame, and the samples after it.
    pending: Vec<f32>,
    state: LstmState,
    probabilities: Vec<f32>,
}

impl SileroStream<'_> {
    /// Detects speech in the next samples; blocks may have any length.
    ///
    /// # Errors
    /// [`ModelError::Inference`] if the network fails.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), ModelError> {
        for block in samples.chunks(BATCH * FRAME) {
            self.pending.extend_from_slice(block);
            while self.whole_frames() >= BATCH {
                self.detect(BATCH)?;
            }
        }
        Ok(())
    }

    /// The speech probabilities (0 to 1) of all frames of [`FRAME`] samples. The last frame may be shorter.
    ///
    /// # Errors
    /// See [`SileroStream::push`].
    pub fn finish(mut self) -> Result<Vec<f32>, ModelError> {
        let samples = self.pending.len() - CONTEXT;
        self.pending.resize(CONTEXT + samples.next_multiple_of(FRAME), 0.0);
        match self.whole_frames() {
            0 => {}
            frames => self.detect(frames)?,
        }
        Ok(self.probabilities)
    }

    /// Computes `count` frames from the start of `pending`.
    fn detect(&mut self, count: usize) -> candle_core::Result<()> {
        let mut frames = Vec::with_capacity(count * SEEN);
        for frame in 0..count {
            let seen = &self.pending[frame * FRAME..frame * FRAME + CONTEXT + FRAME];
            frames.extend_from_slice(seen);
            frames.extend(seen.iter().rev().skip(1).take(MIRRORED));
        }
        let frames = Tensor::from_vec(frames, (count, SEEN), &Device::Cpu)?;
        let features = self.network.encoder.forward(&frames)?;
        self.probabilities.extend(self.network.decoder.forward(&features, &mut self.state)?);
        self.pending.drain(..count * FRAME);
        Ok(())
    }

    fn whole_frames(&self) -> usize {
        (self.pending.len() - CONTEXT) / FRAME
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::PathBuf;

    use testkit::Wav;

    use super::*;

    fn probabilities(vad: &Silero, blocks: std::slice::Chunks<'_, f32>) -> Vec<f32> {
        let mut stream = vad.stream();
        blocks.for_each(|block| stream.push(block).unwrap());
        stream.finish().unwrap()
    }

    /// Compares this implementation with the package's executable model, on the package's weights.
    fn compare(wavs: &[PathBuf]) {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("package.safetensors");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/silero.py");
        let arguments: Vec<&OsStr> = [&weights].into_iter().chain(wavs).map(|path| path.as_os_str()).collect();
        let Some(output) = testkit::python(script, &arguments) else { return };
        let expected: Vec<Vec<f32>> = serde_json::from_slice(&output).unwrap();
        let vad = Silero::load(&weights).unwrap();
        for (wav, expected) in wavs.iter().zip(&expected) {
            let samples = Wav::read_mono(wav, 16_000);
            let found = probabilities(&vad, samples.chunks(samples.len()));
            assert_eq!(found.len(), expected.len(), "{}", wav.display());
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{}: largest difference {worst}", wav.display());
        }
        assert_eq!(expected.len(), wavs.len());
    }

    #[test]
    fn silero_gives_the_probabilities_of_its_package() {
        let names = ["en/jfk.wav", "en/sense_and_sensibility_01_austen_64kb-0880.wav", "ko/azure_ko.wav"];
        compare(&names.map(|name| testkit::fixture("speech").join(name)));
    }

    #[test]
    #[ignore = "needs ../shared"]
    fn silero_gives_the_probabilities_of_its_package_in_noise_and_in_meetings() {
        compare(&["vad/test.wav", "vad/nsn.wav", "diar/dev00.wav", "diar/sample.wav"].map(testkit::shared));
    }

    #[test]
    fn silero_gives_the_same_for_blocks_of_any_length() {
        let vad = Silero::embedded().unwrap();
        let samples: Vec<f32> = (0..100_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 0.0007).sin()).collect();
        let whole = probabilities(&vad, samples.chunks(samples.len()));
        let cut = probabilities(&vad, samples.chunks(777));
        assert_eq!(whole.len(), samples.len().div_ceil(FRAME));
        let worst = whole.iter().zip(&cut).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "largest difference {worst}");
        assert!(probabilities(&vad, [].chunks(1)).is_empty());
    }
}
