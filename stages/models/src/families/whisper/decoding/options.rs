//! The options of decoding: the prompt, the tokens that may be chosen, the fallback criteria, the budget.

use std::ops::Range;

use crate::families::whisper::files::WhisperFiles;
use crate::families::whisper::vocabulary::{TokenBytes, Vocabulary};
use crate::{ModelError, SpeechModel, Task, TranscribeConfig};

/// Seconds of one timestamp token and of one encoder position.
pub(crate) const POSITION_S: f64 = 0.02;

/// The rules of decoding, made once from the model's files and the stage's settings.
#[derive(Debug)]
pub(crate) struct DecodingOptions {
    pub(super) start: u32,
    pub(super) start_of_prev: u32,
    pub(super) no_speech: u32,
    /// Codes and tokens of the languages to tell apart; one where the language is given or is the only one.
    pub(super) languages: Vec<(String, Option<u32>)>,
    /// The task's token; none in an English-only model.
    task: Option<u32>,
    no_timestamps: u32,
    /// The tokens that may be chosen.
    pub(super) filter: LogitFilter,
    /// Most tokens that a window is given, where its prompt leaves room for them.
    max_tokens: usize,
    /// The decoder's positions.
    positions: usize,
    /// Bytes of every text token by id.
    bytes: TokenBytes,
    /// Width of the median filter over the alignment heads' weights.
    pub(super) median_filter_width: usize,
    /// The settings.
    pub(super) config: TranscribeConfig,
}

/// Which tokens may be chosen.
#[derive(Debug)]
pub(super) struct LogitFilter {
    /// 0 where a token may be chosen at all, else minus infinity; by id.
    pub(super) any: Vec<f32>,
    /// The same for the first token.
    pub(super) first: Vec<f32>,
    /// The end token; every text token is below it.
    pub(super) end: u32,
    /// The timestamp tokens, all above the end token.
    pub(super) timestamps: Range<u32>,
    /// The first timestamps, those that a text may begin with; empty where no timestamps are decoded.
    pub(super) initial: Range<u32>,
}

impl DecodingOptions {
    /// The rules for a model.
    ///
    /// # Errors
    /// [`ModelError::Language`] or [`ModelError::Setting`] where the model does not support the settings.
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
                expected: "a model that knows English alone can only transcribe",
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

    /// Whether the language is found out window by window.
    pub(super) const fn detects(&self) -> bool {
        self.languages.len() > 1
    }

    /// The prompt up to the start token: the no-speech probability is read after it.
    pub(super) fn opening(&self, previous: &[u32]) -> Vec<u32> {
        let marker = (!previous.is_empty()).then_some(self.start_of_prev);
        marker.into_iter().chain(previous.iter().copied()).chain([self.start]).collect()
    }

    /// The prompt behind the start token. Empty for an English-only model with timestamps.
    pub(super) fn after_start(&self, language: usize) -> Vec<u32> {
        let no_timestamps = (!self.config.timestamps).then_some(self.no_timestamps);
        self.languages[language].1.into_iter().chain(self.task).chain(no_timestamps).collect()
    }

    /// The prompt with which token times are measured: it never has a text before it nor timestamps.
    pub(super) fn aligning(&self, language: usize) -> Vec<u32> {
        let start = [self.start].into_iter().chain(self.languages[language].1).chain(self.task);
        start.chain([self.no_timestamps]).collect()
    }

    /// Most tokens after a prompt of this many.
    pub(super) fn budget(&self, prompt: usize) -> usize {
        self.max_tokens.min(self.positions.saturating_sub(prompt)).max(1)
    }

    /// Most tokens that a row is fed: the last of a text is not.
    pub(super) const fn capacity(&self) -> usize {
        self.positions
    }

    /// Hypotheses that a window may need at once.
    pub(super) fn lanes(&self) -> usize {
        self.config.temperatures.iter().map(|temperature| self.lanes_at(*temperature)).max().unwrap_or(1)
    }

    /// Hypotheses of an attempt.
    pub(super) const fn lanes_at(&self, temperature: f32) -> usize {
        if temperature > 0.0 { self.config.best_of } else { self.config.beam_size }
    }

    /// Whether a token stands for text.
    pub(super) fn is_text(&self, token: u32) -> bool {
        self.bytes.get(token as usize).is_some_and(Option::is_some)
    }

    /// Whether a token begins a word or a mark, so that a pause may come before it.
    pub(super) fn may_follow_pause(&self, token: u32) -> bool {
        let bytes = self.bytes.get(token as usize).and_then(Option::as_deref).unwrap_or_default();
        let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        valid.chars().next().is_some_and(|first| !first.is_alphanumeric() || is_unspaced(first))
    }

    /// The text of tokens, without surrounding white space; other tokens are skipped.
    pub(super) fn text(&self, tokens: &[u32]) -> String {
        let bytes = |token: &u32| self.bytes.get(*token as usize).cloned().flatten().unwrap_or_default();
        String::from_utf8_lossy(&tokens.iter().flat_map(bytes).collect::<Vec<_>>()).trim().to_owned()
    }
}

/// Whether a letter is of a script that writes no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
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
