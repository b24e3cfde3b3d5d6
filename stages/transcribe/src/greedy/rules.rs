//! What decoding is bound to: the prompt, the tokens that may be chosen, the budget.

use crate::config::{GenerationConfig, WhisperConfig};
use crate::vocabulary::Vocabulary;
use crate::{ModelFiles, TranscribeConfig};

/// The rules of decoding, made once from the model's files and the stage's settings.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) no_speech: u32,
    /// Codes and tokens of the languages to tell apart; one where the language is given or is the only one.
    pub(super) languages: Vec<(String, Option<u32>)>,
    /// Whether each token is a language's.
    pub(super) is_language: Vec<bool>,
    /// The prompt after the language.
    pub(super) task: Vec<u32>,
    /// Whether each token may be chosen.
    pub(super) choosable: Vec<bool>,
    /// Whether each token may be chosen first.
    pub(super) choosable_first: Vec<bool>,
    /// Most text tokens of a window.
    pub(super) max_tokens: usize,
    /// Width of the median filter over the alignment heads' weights.
    pub(super) median_filter_width: usize,
    pub(super) token_times: bool,
}

impl Rules {
    /// The rules for a model. `None` where the model does not know the language that the settings ask for.
    pub(crate) fn new(files: &ModelFiles, settings: &TranscribeConfig) -> Option<Self> {
        let ModelFiles { config, generation, vocabulary, .. } = files;
        let languages = match &settings.language {
            None => vocabulary.languages.clone(),
            Some(code) => vec![vocabulary.languages.iter().find(|language| language.0 == *code)?.clone()],
        };
        let mut is_language = vec![false; config.vocab_size];
        languages.iter().filter_map(|(_, token)| *token).for_each(|token| is_language[token as usize] = true);
        let (choosable, choosable_first) = choosable(vocabulary, generation);
        let task: Vec<u32> = vocabulary.transcribe.into_iter().chain([vocabulary.no_timestamps]).collect();
        Some(Self {
            start: vocabulary.start,
            end: vocabulary.end,
            no_speech: vocabulary.no_speech,
            max_tokens: budget(config, task.len() + 2, settings.max_tokens),
            languages,
            is_language,
            task,
            choosable,
            choosable_first,
            median_filter_width: config.median_filter_width,
            token_times: settings.token_times,
        })
    }

    /// Tokens that a row's cache needs room for.
    pub(super) fn capacity(&self) -> usize {
        self.prompt_len() + self.max_tokens
    }

    /// Tokens of the prompt.
    pub(super) fn prompt_len(&self) -> usize {
        1 + usize::from(self.languages[0].1.is_some()) + self.task.len()
    }
}

/// Half of the decoder's positions, as Whisper has it, or what is asked for; never more than the prompt leaves.
fn budget(config: &WhisperConfig, longest_prompt: usize, asked: Option<usize>) -> usize {
    asked.unwrap_or(config.max_target_positions / 2).clamp(1, config.max_target_positions - longest_prompt)
}

fn choosable(vocabulary: &Vocabulary, generation: &GenerationConfig) -> (Vec<bool>, Vec<bool>) {
    let choosable = vocabulary.choosable(generation.suppressed());
    let mut first = choosable.clone();
    for token in generation.suppressed_at_begin() {
        if let Some(choosable) = first.get_mut(*token as usize) {
            *choosable = false;
        }
    }
    (choosable, first)
}
