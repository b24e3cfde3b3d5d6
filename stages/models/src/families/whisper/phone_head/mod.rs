//! The phone head: a small network over the encoder's states that recognizes sounds, for word times.
//!
//! A model's folder may contain one: `phone_head.json` and `phone_head.safetensors`, trained for that model's encoder
//! (`fixtures/models/phone-head`). The recognizer computes the states anyway, so that the head costs little.

mod config;
mod network;

use candle_core::{Device, Tensor};
use stage_core::{PhoneSet, WindowEmissions};

use self::config::PhoneHeadConfig;
use self::network::Network;
use super::model_config::WhisperConfig;
use crate::weights::OpenWeights;
use crate::{ModelError, ModelFile, Tensors, WeightsError};

/// The files of a phone head.
pub(super) const CONFIG: &str = "phone_head.json";
pub(super) const WEIGHTS: &str = "phone_head.safetensors";

/// A phone head whose files have been checked against the model.
#[derive(Debug, Clone)]
pub(crate) struct PhoneHeadFiles {
    config: PhoneHeadConfig,
    weights: ModelFile,
}

impl PhoneHeadFiles {
    /// Checks the files of a phone head.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file: it is malformed, or from another model.
    pub(super) fn read(config: &ModelFile, weights: ModelFile, model: &WhisperConfig) -> Result<Self, ModelError> {
        let config = PhoneHeadConfig::parse(config, model)?;
        OpenWeights::of_file(weights.clone())?.check_tensors(config.specs(), |_| false)?;
        Ok(Self { config, weights })
    }

    /// Checks every value of the weights.
    ///
    /// # Errors
    /// [`WeightsError::Tensor`], which names file and tensor.
    pub(super) fn check_values(&self) -> Result<(), WeightsError> {
        OpenWeights::of_file(self.weights.clone())?.check_values()
    }

    /// Loads the head onto a device.
    ///
    /// # Errors
    /// A [`ModelError`] if the device fails.
    pub(super) fn load(&self, device: &Device) -> Result<PhoneHead, ModelError> {
        let weights = OpenWeights::of_file(self.weights.clone())?;
        Ok(PhoneHead(Network::new(&Tensors::new(&weights), &self.config, device)?))
    }

    /// The sounds that the head distinguishes, without silence.
    pub(super) fn phone_set(&self) -> PhoneSet {
        let PhoneHeadConfig { phones, letters, .. } = &self.config;
        PhoneSet { phones: phones[1..].to_vec(), letters: letters[1..].to_vec() }
    }
}

/// A phone head with its weights.
#[derive(Debug)]
pub(crate) struct PhoneHead(Network);

impl PhoneHead {
    /// The compact emissions of a window from its states (`[frames, width]`).
    pub(super) fn emissions(&self, states: &Tensor) -> candle_core::Result<WindowEmissions> {
        let frames = states.dim(0)?;
        let logprobs = self.0.logprobs(states)?;
        Ok(WindowEmissions::encode(&logprobs, logprobs.len() / frames.max(1)))
    }
}
