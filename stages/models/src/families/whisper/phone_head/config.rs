//! `phone_head.json`: the sizes and symbols of the phone head.

use serde::Deserialize;

use crate::families::whisper::model_config::WhisperConfig;
use crate::{ModelError, ModelFile, TensorSpec};

/// The largest number of symbols that compact emissions can number.
const MOST_SYMBOLS: usize = 255;
/// The largest width, number of taps and number of blocks.
const MOST: [usize; 3] = [4096, 63, 16];

/// The configuration of a phone head.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PhoneHeadConfig {
    /// Names of the phones: `<sil>`, then Hangul letters; letters that end a syllable have a dot (`ㄱ.`).
    pub(crate) phones: Vec<String>,
    /// Names of the letters: `<sil>`, then Latin letters, then `<other>`.
    pub(crate) letters: Vec<String>,
    /// Width of the encoder's states.
    pub(crate) states_width: usize,
    /// Width of the head.
    pub(crate) width: usize,
    /// Taps of the convolution over time; odd.
    pub(crate) kernel: usize,
    /// Number of blocks.
    pub(crate) blocks: usize,
}

impl PhoneHeadConfig {
    /// Parses the file and checks that it fits the model.
    ///
    /// # Errors
    /// [`ModelError::Malformed`], or [`ModelError::Field`] for the first value that is not supported.
    pub(crate) fn parse(file: &ModelFile, model: &WhisperConfig) -> Result<Self, ModelError> {
        let config: Self = file.json()?;
        let field =
            |field, value: String, expected| Err(ModelError::Field { path: file.path.clone(), field, value, expected });
        let [widest, taps, blocks] = MOST;
        for (name, symbols) in [("phones", &config.phones), ("letters", &config.letters)] {
            if symbols.first().is_none_or(|first| first != "<sil>") {
                return field(name, format!("{symbols:?}"), "a list that begins with <sil> is expected");
            }
        }
        if config.symbols() > MOST_SYMBOLS {
            return field("phones", config.symbols().to_string(), "at most 255 phones and letters are expected");
        }
        if config.states_width != model.d_model {
            return field("states_width", config.states_width.to_string(), "d_model of config.json is expected");
        }
        if !(1..=widest).contains(&config.width) {
            return field("width", config.width.to_string(), "1 to 4096 is expected");
        }
        if config.kernel > taps || config.kernel.is_multiple_of(2) {
            return field("kernel", config.kernel.to_string(), "an odd number up to 63 is expected");
        }
        if config.blocks > blocks {
            return field("blocks", config.blocks.to_string(), "at most 16 is expected");
        }
        Ok(config)
    }

    /// Number of outputs.
    pub(crate) fn symbols(&self) -> usize {
        self.phones.len() + self.letters.len()
    }

    /// The tensors that the weights must contain.
    pub(crate) fn specs(&self) -> impl Iterator<Item = TensorSpec> {
        let (width, kernel) = (self.width, self.kernel);
        let block = move |index: usize| {
            let name = format!("blocks.{index}");
            let mix = [
                TensorSpec::floats(format!("{name}.mix.weight"), &[width, 1, kernel]),
                TensorSpec::floats(format!("{name}.mix.bias"), &[width]),
            ];
            let layers = ["up", "down"].map(|layer| TensorSpec::linear(format!("{name}.{layer}"), width, width));
            mix.into_iter().chain(layers.into_iter().flatten())
        };
        TensorSpec::linear("input", self.states_width, width)
            .into_iter()
            .chain(TensorSpec::linear("output", width, self.symbols()))
            .chain((0..self.blocks).flat_map(block))
    }
}
