//! The decoding options: prompt, allowed tokens, fallback criteria and token budget.

use std::ops::Range;

use crate::families::whisper::files::WhisperFiles;
use crate::families::whisper::vocabulary::{TokenBytes, Vocabulary};
use crate::{ModelError, SpeechModel, Task, TranscribeConfig};

/// Duration of one timestamp token and of one encoder position, in seconds.
pub(crate) const POSITION_S: f64 = 0.02;

/// The decoding options, computed once from the model's files and the stage's settings.
#[derive(Debug)]
pub(crate) struct DecodingOptions {
    pub(super) start: u32,
    pub(super) start_of_prev: u32,
    pub(super) no_speech: u32,
    /// Codes and tokens of the languages to choose from. A single one if the language is given or the only one.
    pub(super) languages: Vec<(String, Option<u32>)>,
    /// The task's token; `None` for an English-only model.
    task: Option<u32>,
    no_timestamps: u32,
    /// The allowed tokens.
    pub(super) filter: LogitFilter,
    /// Maximum number of tokens per window, if the prompt leaves room for them.
    max_tokens: usize,
    /// Number of positions of the decoder.
    positions: usize,
    /// Bytes of every text token, by id.
    bytes: TokenBytes,
    /// Width of the median filter over the alignment heads' weights.
    pub(super) median_filter_width: usize,
    /// The settings.
    pub(super) config: TranscribeConfig,
}

/// Which tokens may be generated.
#[derive(Debug)]
pub(super) struct LogitFilter {
    /// By id: 0 if a token is allowed, otherwise minus infinity.
    pub(super) any: Vec<f32>,
    /// The same for the first token of a text.
    pub(super) first: Vec<f32>,
    /// The end token. All text tokens have lower ids.
    pub(super) end: u32,
    /// The timestamp tokens. They have higher ids than the end token.
    pub(super) timestamps: Range<u32>,
    /// The initial timestamps, which may begin a text; empty if no timestamps are decoded.
    pub(super) initial: Range<u32>,
}

impl DecodingOptions {
    /// The options for a model.
    ///
    /// # Errors
    /// [`ModelError::Language`] or [`ModelError::Setting`] if the model does not support the settings.
    pub(crate) fn new(files: &WhisperFiles, config: &TranscribeConfig) -> Result<Self, ModelError> {
        config.check()?;
        let WhisperFiles { config: model, vocabulary, .. } = files;
        let languages = match config.languages.as_slice() {
            [] => vocabulary.languages.clone(),
            codes => codes.iter().map(|code| known_language(files, code)).collect::<Result<_, _>>()?,
        };
        let task = match config.task {
            Task::Transcribe => vocabulary.transcribe,
            Task::Translate => Some(vocabulary.translate.ok_or_else(|| ModelError::Setting {
                setting: "task".into(),
                value: "translate".into(),
                expected: "an English-only model can only transcribe",
            })?),
        };
        Ok(Self {
            start: vocabulary.start,
            start_of_prev: vocabulary.start_of_prev,
            no_speech: vocabulary.no_speech,
            languages,
            task,
            no_timestamps: vocabulary.no_timestamps,
            filter: logit_filter(files, config),
            max_tokens: config.max_tokens.unwrap_or(model.max_target_positions / 2).max(1),
            positions: model.max_target_positions,
            bytes: vocabulary.bytes.clone(),
            median_filter_width: model.median_filter_width,
            config: config.clone(),
        })
    }

    /// Whether the language is detected per window.
    pub(super) const fn detects(&self) -> bool {
        self.languages.len() > 1
    }

    /// The prompt up to and including the start token, after which the no-speech probability is read.
    pub(super) fn opening(&self, previous: &[u32]) -> Vec<u32> {
        let marker = (!previous.is_empty()).then_some(self.start_of_prev);
        marker.into_iter().chain(previous.iter().copied()).chain([self.start]).collect()
    }

    /// The prompt after the start token. Empty for an English-only model with timestamps.
    pub(super) fn after_start(&self, language: usize) -> Vec<u32> {
        let no_timestamps = (!self.config.timestamps).then_some(self.no_timestamps);
        self.languages[language].1.into_iter().chain(self.task).chain(no_timestamps).collect()
    }

    /// The prompt for measuring token times. It never contains previous text or timestamps.
    pub(super) fn aligning(&self, language: usize) -> Vec<u32> {
        let start = [self.start].into_iter().chain(self.languages[language].1).chain(self.task);
        start.chain([self.no_timestamps]).collect()
    }

    /// Maximum number of tokens after a prompt of this length.
    pub(super) fn budget(&self, prompt: usize) -> usize {
        self.max_tokens.min(self.positions.saturating_sub(prompt)).max(1)
    }

    /// Maximum number of tokens that are fed to a row. The last token of a text is not fed.
    pub(super) const fn capacity(&self) -> usize {
        self.positions
    }

    /// Maximum number of parallel hypotheses per window.
    pub(super) fn lanes(&self) -> usize {
        self.config.temperatures.iter().map(|temperature| self.lanes_at(*temperature)).max().unwrap_or(1)
    }

    /// Number of hypotheses of an attempt.
    pub(super) const fn lanes_at(&self, temperature: f32) -> usize {
        if temperature > 0.0 { self.config.best_of } else { self.config.beam_size }
    }

    /// Whether a token represents text.
    pub(super) fn is_text(&self, token: u32) -> bool {
        self.bytes.get(token as usize).is_some_and(Option::is_some)
    }

    /// Whether a token begins a word or a punctuation mark, so that a pause may precede it.
    pub(super) fn may_follow_pause(&self, token: u32) -> bool {
        let bytes = self.bytes.get(token as usize).and_then(Option::as_deref).unwrap_or_default();
        let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        valid.chars().next().is_some_and(|first| !first.is_alphanumeric() || is_unspaced(first))
    }

    /// The text of the tokens, without surrounding whitespace. Special tokens are skipped.
    pub(super) fn text(&self, tokens: &[u32]) -> String {
        let bytes = |token: &u32| self.bytes.get(*token as usize).cloned().flatten().unwrap_or_default();
        String::from_utf8_lossy(&tokens.iter().flat_map(bytes).collect::<Vec<_>>()).trim().to_owned()
    }
}

/// Whether a letter belongs to a script without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

fn known_language(files: &WhisperFiles, code: &str) -> Result<(String, Option<u32>), ModelError> {
    let known = files.vocabulary.languages.iter().find(|language| language.0 == code);
    known.cloned().ok_or_else(|| ModelError::Language {
        model: files.name().to_owned(),
        language: code.to_owned(),
        known: files.languages().join(", "),
    })
}

fn logit_filter(files: &WhisperFiles, config: &TranscribeConfig) -> LogitFilter {
    let Vocabulary { end, timestamps, .. } = &files.vocabulary;
    let mut any = files.vocabulary.selectable();
    let (timestamps, initial) = if config.timestamps {
        let last = (f64::from(config.max_initial_timestamp_s) / POSITION_S).round() as u32;
        let initial = timestamps.start..timestamps.end.min(timestamps.start.saturating_add(last).saturating_add(1));
        any[timestamps.start as usize..timestamps.end as usize].fill(true);
        (timestamps.clone(), initial)
    } else {
        (timestamps.start..timestamps.start, timestamps.start..timestamps.start)
    };
    let ban = |filter: &mut [bool], tokens: &[u32]| {
        for token in tokens {
            filter.get_mut(*token as usize).into_iter().for_each(|filter| *filter = false);
        }
    };
    ban(&mut any, files.generation.suppressed());
    ban(&mut any, &config.suppress_tokens);
    let mut first = any.clone();
    if config.suppress_blank {
        ban(&mut first, files.generation.suppressed_at_begin());
    }
    let mask = |filter: Vec<bool>| filter.into_iter().map(|may| if may { 0.0 } else { f32::NEG_INFINITY });
    LogitFilter { any: mask(any).collect(), first: mask(first).collect(), end: *end, timestamps, initial }
}
