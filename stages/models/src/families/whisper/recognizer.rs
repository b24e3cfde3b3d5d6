//! The Whisper recognizer.

use std::sync::{Arc, OnceLock};

use candle_core::Tensor;
use serde_json::{Value, json};
use stage_core::{DetectedLanguage, ErrorClass, Flow, PhoneEmissions, TimedEmissions, Window};

use super::decoding::{Decode, DecodingOptions, POSITION_S};
use super::files::WhisperFiles;
use super::mel::{HOP, LogMel};
use super::network;
use super::phone_head::PhoneHead;
use super::segments::SegmentBuilder;
use super::unit::{Hypothesis, MelWindow};
use super::window_scheduler::{PassState, WindowScheduler};
use crate::{
    Compute, DeviceChoice, ModelError, Pass, SpeechModel, TranscribeConfig, TypedRecognizer, WindowAudio, WindowText,
};

/// Whisper with its settings. Creating it is cheap; [`TypedRecognizer::load`] loads the weights.
#[derive(Debug)]
pub struct WhisperRecognizer {
    pub(super) model: Arc<WhisperFiles>,
    config: TranscribeConfig,
    compute: Compute,
    options: DecodingOptions,
    scheduler: WindowScheduler,
    mel: LogMel,
    /// Shared with the recognizers that were made [`with other settings`](TypedRecognizer::with_config).
    loaded: Arc<OnceLock<Loaded>>,
}

/// The weights on the device.
#[derive(Debug)]
pub(super) struct Loaded {
    network: Box<dyn Decode>,
    phone_head: Option<PhoneHead>,
}

impl WhisperRecognizer {
    pub(super) fn new(
        model: Arc<WhisperFiles>,
        config: TranscribeConfig,
        compute: Compute,
        loaded: Arc<OnceLock<Loaded>>,
    ) -> Result<Self, ModelError> {
        match compute.device {
            DeviceChoice::Cpu => compute.precision.cpu().map(drop),
            DeviceChoice::Cuda => compute.precision.gpu().map(drop),
        }?;
        if config.timestamps && model.vocabulary.timestamps.is_empty() {
            let expected = "the model has no timestamp tokens: false is expected";
            return Err(ModelError::Setting { setting: "timestamps".into(), value: "true".to_owned(), expected });
        }
        let options = DecodingOptions::new(&model, &config)?;
        let scheduler = WindowScheduler::new(&model, &config)?;
        let mel = LogMel::new(model.config.num_mel_bins, model.config.mel_frames());
        Ok(Self { model, config, compute, options, scheduler, mel, loaded })
    }

    /// Logits (`[tokens, vocabulary]`, f32) before each of the text tokens of a window (teacher forcing). The language
    /// is that of the settings; with several languages, the first one.
    ///
    /// # Errors
    /// See [`TypedRecognizer::infer`].
    pub fn logits(&self, window: &MelWindow, tokens: &[u32]) -> Result<Tensor, ModelError> {
        Ok(self.network()?.logits_before(&self.options, window, tokens)?)
    }

    /// The output for a window whose text is given, with the times and log-probabilities of its tokens: for measuring
    /// word times separately from recognition. The language is that of the settings; with several languages, the first.
    ///
    /// # Errors
    /// See [`TypedRecognizer::infer`]; [`ModelError::SpecialToken`] if the text contains a special token.
    pub fn hypothesis_of(&self, audio: &WindowAudio, text: &str) -> Result<Hypothesis, ModelError> {
        let window = Arc::new(TypedRecognizer::prepare(self, audio, Pass::of_window(0)));
        let tokens = self.model.vocabulary.encode(text)?;
        let Loaded { network, phone_head } = self.loaded()?;
        Ok(network.hypothesis_of(&self.options, phone_head.as_ref(), window, &tokens)?)
    }

    /// The encoder's states (`[positions, width]`, f32) of the audio of a window, one position for each whole 20 ms.
    ///
    /// # Errors
    /// See [`TypedRecognizer::infer`].
    pub fn encoder_states(&self, audio: &WindowAudio) -> Result<Tensor, ModelError> {
        let window = TypedRecognizer::prepare(self, audio, Pass::of_window(0));
        Ok(self.network()?.states(&window)?.narrow(0, 0, window.positions)?)
    }

    fn network(&self) -> Result<&dyn Decode, ModelError> {
        Ok(self.loaded()?.network.as_ref())
    }

    fn loaded(&self) -> Result<&Loaded, ModelError> {
        self.loaded.get().ok_or(ModelError::NotLoaded)
    }
}

impl TypedRecognizer for WhisperRecognizer {
    type Unit = MelWindow;
    type Output = Hypothesis;

    fn model(&self) -> &dyn SpeechModel {
        &*self.model
    }

    fn with_config(&self, config: TranscribeConfig) -> Result<Self, ModelError> {
        Self::new(Arc::clone(&self.model), config, self.compute, Arc::clone(&self.loaded))
    }

    fn settings(&self) -> Value {
        json!(self.config)
    }

    fn numeric(&self) -> String {
        self.compute.precision.name().to_owned()
    }

    fn load(&self) -> Result<(), ModelError> {
        if self.loaded.get().is_none() {
            let network = network::load(&self.model, self.compute)?;
            let phone_head = self.model.phone_head.as_ref().map(|head| head.load(network.device())).transpose()?;
            // Another thread may use the network, and its GPU stream is not synchronized with this thread's.
            network.device().synchronize()?;
            self.loaded.get_or_init(|| Loaded { network, phone_head });
        }
        Ok(())
    }

    fn prepare(&self, audio: &WindowAudio, pass: Pass) -> MelWindow {
        let WindowAudio { samples, sounding, loudest_dbfs, contrast_db } = audio;
        let features = if self.config.normalize_level {
            self.mel.normalized_features(samples)
        } else {
            self.mel.features(samples)
        };
        let positions = (samples.len() / (2 * HOP)).clamp(1, self.model.config.max_source_positions);
        MelWindow {
            features,
            positions,
            sounding: sounding.iter().take(positions).copied().collect(),
            loudest_dbfs: *loudest_dbfs,
            contrast_db: *contrast_db,
            prompt: pass.prompt,
            language: pass.language,
        }
    }

    fn infer(&self, flow: &mut dyn Flow<MelWindow, Hypothesis>) -> Result<(), ModelError> {
        let Loaded { network, phone_head } = self.loaded()?;
        let result = network.decode(&self.options, phone_head.as_ref(), flow).map_err(ModelError::from);
        if result.as_ref().is_err_and(|error| error.class_and_code().0 == ErrorClass::Memory) {
            // The error is ignored: if releasing memory fails too, the next call fails on the same device.
            let _ = kernels::fused::release(network.device());
        }
        result
    }

    /// All windows first. Then windows whose language is decided by the other windows, and windows that follow the text
    /// of the window before them.
    fn next_passes(&self, windows: &[Window], outputs: &[Hypothesis]) -> Vec<Pass> {
        let progress = self.scheduler.replay(windows, outputs);
        progress.next.into_iter().skip(outputs.len() - progress.answered).collect()
    }

    fn finish(&self, windows: &[Window], outputs: &[Hypothesis]) -> Option<Vec<WindowText>> {
        let PassState { accepted, first, next, .. } = self.scheduler.replay(windows, outputs);
        let answered: Vec<(usize, usize)> =
            accepted.into_iter().zip(first).map(|(a, b)| a.zip(b)).collect::<Option<_>>()?;
        let builder = SegmentBuilder { vocabulary: &self.model.vocabulary, config: &self.config };
        let of_window = |(window, (accepted, first)): (&Window, (usize, usize))| {
            let (accepted, first) = (&outputs[accepted], &outputs[first]);
            let overruled = (accepted.language != first.language)
                .then_some(first.language_probability)
                .flatten()
                .map(|probability| DetectedLanguage { language: first.language.clone(), probability });
            builder.segments(window, accepted, overruled)
        };
        next.is_empty().then(|| windows.iter().zip(answered).map(of_window).collect())
    }

    fn phone_emissions(&self, windows: &[Window], outputs: &[Hypothesis]) -> PhoneEmissions {
        let Some(head) = &self.model.phone_head else { return PhoneEmissions::default() };
        let accepted = self.scheduler.replay(windows, outputs).accepted;
        let of_window = |(window, accepted): (&Window, Option<usize>)| {
            let emissions = outputs.get(accepted?)?.emissions.clone()?;
            Some(TimedEmissions { channel: window.channel, start_s: window.start_s, emissions })
        };
        PhoneEmissions {
            symbols: Some(head.phone_set()),
            step_s: POSITION_S,
            windows: windows.iter().zip(accepted).filter_map(of_window).collect(),
        }
    }
}
