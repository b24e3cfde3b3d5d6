//! The alignment model of a run: which one, and the words of segments placed by it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::OnceLock;

use nn::{ModelSource, ParseModelSourceError};
use serde::{Deserialize, Serialize};
use stage_core::{Pcm, SpeechSpan};

use crate::ModelError;
use crate::ctc::{Placed, Readings, Script, Unplaced, place};
use crate::line::{Line, audible};
use crate::sound::Interval;
use crate::spoken::readings;
use crate::wav2vec2::{AlignFiles, Wav2Vec2};

/// Sound that is heard at once, in samples: a minute.
const BATCH: i64 = 60 * 16_000;

/// What times words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlignModel {
    /// The transcription model's cross-attention alone.
    Attention,
    /// A Wav2Vec2ForCTC; cross-attention where it fails.
    Ctc(ModelSource),
}

impl AlignModel {
    /// The same model without the network.
    #[must_use]
    pub fn offline(self) -> Self {
        match self {
            Self::Ctc(source) => Self::Ctc(source.offline()),
            Self::Attention => Self::Attention,
        }
    }
}

impl FromStr for AlignModel {
    type Err = ParseModelSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "attention" { Ok(Self::Attention) } else { text.parse().map(Self::Ctc) }
    }
}

impl fmt::Display for AlignModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attention => f.write_str("attention"),
            Self::Ctc(source) => source.fmt(f),
        }
    }
}

/// The words of a segment in samples of the recording, or why the model did not place them.
pub(crate) type Timed = Result<Vec<TimedWord>, Unplaced>;

/// A word as the model heard it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimedWord {
    pub(crate) time: Interval,
    pub(crate) score: f32,
    pub(crate) wildcard: bool,
}

/// A model whose weights are loaded when they are first needed.
#[derive(Debug)]
pub(crate) struct CtcModel {
    pub(crate) files: AlignFiles,
    network: OnceLock<Wav2Vec2>,
}

/// What kept a model from its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HearError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Samples(#[from] io::Error),
}

impl CtcModel {
    pub(crate) const fn new(files: AlignFiles) -> Self {
        Self { files, network: OnceLock::new() }
    }

    fn network(&self) -> Result<&Wav2Vec2, ModelError> {
        if let Some(network) = self.network.get() {
            return Ok(network);
        }
        let network = self.files.load()?;
        Ok(self.network.get_or_init(|| network))
    }

    /// Places the words of all lines (by channel, then by time), some at a time. `margin` is what is heard beyond a
    /// segment, in samples, `floor` the least score of one.
    pub(crate) fn hear(
        &self,
        pcm: &Pcm,
        spans: &[SpeechSpan],
        lines: &[Line<'_>],
        (margin, floor): (i64, f64),
    ) -> Result<Vec<Timed>, HearError> {
        if lines.iter().all(|line| line.drafts.is_empty()) {
            return Ok(lines.iter().map(|_| Ok(Vec::new())).collect());
        }
        let network = self.network()?;
        let windows = audible(lines, spans, margin, pcm.frames() as i64);
        let mut timed = Vec::with_capacity(lines.len());
        while timed.len() < lines.len() {
            let first = timed.len();
            let mut length = 0;
            let batch: Vec<usize> = (first..lines.len())
                .take_while(|at| {
                    length += windows[*at].len();
                    *at == first || length <= BATCH
                })
                .collect();
            let read = |at: &usize| {
                let (window, channel) = (windows[*at], lines[*at].segment.channel);
                pcm.read(channel.into(), window.start as u64, window.len() as usize)
            };
            let samples = batch.iter().map(read).collect::<io::Result<Vec<Vec<f32>>>>()?;
            let emissions = network.emissions(&samples.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for (at, emissions) in batch.into_iter().zip(emissions) {
                let words = self.readings(&lines[at]);
                let placed = place(&emissions, &words, self.script(), floor);
                timed.push(placed.map(|words| words.iter().map(|word| self.in_samples(word, windows[at])).collect()));
            }
        }
        Ok(timed)
    }

    const fn script(&self) -> Script {
        Script { topology: self.files.topology(), delimiter: self.files.vocabulary.delimiter() }
    }

    /// The symbols of every word's readings; a word without any is a wildcard.
    fn readings(&self, line: &Line<'_>) -> Vec<Readings> {
        let next = |at: usize| line.drafts.get(at + 1).map(|draft| draft.text.as_str());
        let symbols = |text: String| {
            let symbols = self.files.vocabulary.symbols(&text);
            if symbols.is_empty() { vec![crate::emissions::Symbol::Wildcard] } else { symbols }
        };
        let of = |(at, draft): (usize, &crate::words::Draft)| {
            readings(&draft.text, next(at), &line.segment.language).into_iter().map(symbols).collect()
        };
        line.drafts.iter().enumerate().map(of).collect()
    }

    /// Frames as samples: a frame stands for the hop in the middle of what it hears.
    fn in_samples(&self, word: &Placed, window: Interval) -> TimedWord {
        let (hop, field) = self.files.hop_and_field();
        let sample = |frame: usize| window.start + frame as i64 * hop + (field - hop) / 2;
        let time = Interval { start: sample(word.start), end: sample(word.end) };
        TimedWord { time, score: word.score, wildcard: word.wildcard }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_is_no_model_and_all_else_is_one() {
        assert_eq!("attention".parse(), Ok(AlignModel::Attention));
        assert_eq!("embedded".parse(), Ok(AlignModel::Ctc(ModelSource::Embedded)));
        let hub = "facebook/wav2vec2-base-960h".parse::<AlignModel>().unwrap();
        assert_eq!(hub.clone().offline(), AlignModel::Ctc(ModelSource::Cached("facebook/wav2vec2-base-960h".into())));
        for text in ["attention", "embedded", "facebook/wav2vec2-base-960h"] {
            assert_eq!(text.parse::<AlignModel>().unwrap().to_string(), text);
        }
        assert!("wav2vec2".parse::<AlignModel>().is_err());
    }
}
