//! The alignment model of a run: selects it, and aligns the words of segments with it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::OnceLock;

use models::wav2vec2::{Wav2Vec2, Wav2Vec2Files};
use models::{ModelError, ModelSource};
use serde::{Deserialize, Serialize};
use stage_core::{Pcm, SpeechSpan};

use crate::alignment::{AlignError, Alignment, Script, align_words};
use crate::emissions::{Emissions, Symbol};
use crate::sound::Interval;
use crate::symbols::symbols;
use crate::utterance::{Utterance, audio_windows};

/// Maximum audio that is encoded at once, in samples: one minute.
const BATCH: i64 = 60 * 16_000;

/// The source of word times.
///
/// ```
/// use align::{AlignModel, ModelSource};
///
/// assert_eq!("phones".parse(), Ok(AlignModel::Phones));
/// assert_eq!("attention".parse(), Ok(AlignModel::Attention));
/// assert!("embedded".parse::<AlignModel>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlignModel {
    /// The sounds that transcription recognized, with the recognizer's times where there are none.
    Phones,
    /// Only the recognizer's own times (Whisper's cross-attention).
    Attention,
    /// A Wav2Vec2ForCTC model, with the recognizer's times where it fails.
    Ctc(ModelSource),
}

impl AlignModel {
    /// Returns the same model, restricted to files that need no network access.
    #[must_use]
    pub fn offline(self) -> Self {
        match self {
            Self::Ctc(source) => Self::Ctc(source.offline()),
            other => other,
        }
    }
}

/// The text is not a source of word times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a source of word times: `phones`, `attention`, an existing directory with a Wav2Vec2ForCTC or its hub id \
     is expected"
)]
pub struct ParseAlignModelError(String);

impl FromStr for AlignModel {
    type Err = ParseAlignModelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "phones" => Ok(Self::Phones),
            "attention" => Ok(Self::Attention),
            _ => match text.parse() {
                Ok(ModelSource::Embedded) | Err(_) => Err(ParseAlignModelError(text.to_owned())),
                Ok(source) => Ok(Self::Ctc(source)),
            },
        }
    }
}

impl fmt::Display for AlignModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phones => f.write_str("phones"),
            Self::Attention => f.write_str("attention"),
            Self::Ctc(source) => source.fmt(f),
        }
    }
}

/// The words of a segment in samples of the recording, or the reason why the model did not align them.
pub(crate) type Timed = Result<Vec<TimedWord>, AlignError>;

/// A word with times from the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimedWord {
    pub(crate) time: Interval,
    pub(crate) score: f32,
    pub(crate) wildcard: bool,
    /// Expected error of start and end, in seconds; `None` if it is not known: the word is where there is no sound, or
    /// the model does not estimate errors.
    pub(crate) expected_error_s: Option<f32>,
}

/// A model whose weights are loaded on first use.
#[derive(Debug)]
pub(crate) struct CtcModel {
    pub(crate) files: Wav2Vec2Files,
    network: OnceLock<Wav2Vec2>,
}

/// Reason why a model failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AlignFault {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Samples(#[from] io::Error),
}

impl CtcModel {
    pub(crate) const fn new(files: Wav2Vec2Files) -> Self {
        Self { files, network: OnceLock::new() }
    }

    fn network(&self) -> Result<&Wav2Vec2, ModelError> {
        if let Some(network) = self.network.get() {
            return Ok(network);
        }
        let network = self.files.load()?;
        Ok(self.network.get_or_init(|| network))
    }

    /// Aligns the words of all utterances (by channel, then by time) in batches. `margin` is the audio around a segment
    /// that the model receives, in samples. `floor` is the minimum score of a segment.
    pub(crate) fn align(
        &self,
        pcm: &Pcm,
        spans: &[SpeechSpan],
        utterances: &[Utterance<'_>],
        (margin, floor): (i64, f64),
    ) -> Result<Vec<Timed>, AlignFault> {
        if utterances.iter().all(|utterance| utterance.words.is_empty()) {
            return Ok(utterances.iter().map(|_| Ok(Vec::new())).collect());
        }
        let network = self.network()?;
        let windows = audio_windows(utterances, spans, margin, pcm.frames() as i64);
        let mut timed = Vec::with_capacity(utterances.len());
        while timed.len() < utterances.len() {
            let first = timed.len();
            let mut length = 0;
            let batch: Vec<usize> = (first..utterances.len())
                .take_while(|at| {
                    length += windows[*at].len();
                    *at == first || length <= BATCH
                })
                .collect();
            let read = |at: &usize| {
                let (window, channel) = (windows[*at], utterances[*at].segment.channel);
                pcm.read(channel.into(), window.start as u64, window.len() as usize)
            };
            let samples = batch.iter().map(read).collect::<io::Result<Vec<Vec<f32>>>>()?;
            let emissions = network.emissions(&samples.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for (at, emissions) in batch.into_iter().zip(emissions) {
                let words = utterances[at].variants(|text| symbols(self.files.vocabulary(), text));
                let aligned = align_words(&Emissions::from(emissions), &words, self.script(), floor);
                timed.push(aligned.map(|words| words.iter().map(|word| self.in_samples(word, windows[at])).collect()));
            }
        }
        Ok(timed)
    }

    fn script(&self) -> Script {
        Script { topology: self.files.topology(), delimiter: self.files.vocabulary().delimiter().map(Symbol::Id) }
    }

    /// Converts frames to samples.
    fn in_samples(&self, word: &Alignment, window: Interval) -> TimedWord {
        let sample = |frame: usize| window.start + self.files.frame_start(frame);
        let time = Interval { start: sample(word.start), end: sample(word.end) };
        TimedWord { time, score: word.score, wildcard: word.wildcard, expected_error_s: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn align_model_is_attention_or_a_source() {
        assert_eq!("attention".parse(), Ok(AlignModel::Attention));
        assert_eq!("phones".parse(), Ok(AlignModel::Phones));
        let hub = "facebook/wav2vec2-base-960h".parse::<AlignModel>().unwrap();
        assert_eq!(hub.clone().offline(), AlignModel::Ctc(ModelSource::Cached("facebook/wav2vec2-base-960h".into())));
        for text in ["attention", "phones", "facebook/wav2vec2-base-960h"] {
            assert_eq!(text.parse::<AlignModel>().unwrap().to_string(), text);
        }
        for text in ["wav2vec2", "embedded"] {
            assert!(text.parse::<AlignModel>().is_err(), "{text}");
        }
    }
}
