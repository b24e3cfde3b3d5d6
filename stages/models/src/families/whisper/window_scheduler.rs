//! The decode passes of a recording. Every window is decoded once. A window may be decoded again in the language of the
//! others, or after the text of the window before it. The next passes depend only on the outputs so far, so that an
//! interrupted run resumes in the same way.

use std::collections::BTreeMap;

use stage_core::Window;

use super::files::WhisperFiles;
use super::unit::Hypothesis;
use crate::{ModelError, Pass, TranscribeConfig};

/// Determines the decode passes from the settings.
#[derive(Debug)]
pub(crate) struct WindowScheduler {
    config: TranscribeConfig,
    /// The only language of the settings. A window states it, so that a recognizer with more languages can decode it.
    language: Option<String>,
    initial: Vec<u32>,
    hotwords: Vec<u32>,
    /// Maximum number of prompt tokens before a window.
    prompt_limit: usize,
}

/// The progress of a recording.
#[derive(Debug)]
pub(crate) struct PassState {
    /// For every window, the index of its accepted output.
    pub(crate) accepted: Vec<Option<usize>>,
    /// For every window, the index of its first output, whose language was detected in the window alone.
    pub(crate) first: Vec<Option<usize>>,
    /// The next passes; empty when the recording is done.
    pub(crate) next: Vec<Pass>,
    /// Number of outputs before those of `next`.
    pub(crate) answered: usize,
}

/// Windows of one channel that are decoded one after the other.
#[derive(Debug)]
struct Chain {
    /// Indices of the windows, in time order.
    windows: Vec<usize>,
    /// Number of windows with an accepted output.
    done: usize,
    /// Text before the next window.
    history: Vec<u32>,
}

impl WindowScheduler {
    /// # Errors
    /// Prompt or hotwords that cannot be encoded.
    pub(crate) fn new(files: &WhisperFiles, config: &TranscribeConfig) -> Result<Self, ModelError> {
        let limit = files.config.max_target_positions / 2 - 1;
        let encode = |text: &Option<String>| match text.as_deref().map(str::trim) {
            None | Some("") => Ok(Vec::new()),
            Some(text) => files.vocabulary.encode(text),
        };
        let mut hotwords = encode(&config.hotwords)?;
        hotwords.truncate(limit);
        let language = match &config.languages[..] {
            [only] => Some(only.clone()),
            _ => None,
        };
        let initial = encode(&config.initial_prompt)?;
        Ok(Self { config: config.clone(), language, initial, hotwords, prompt_limit: limit })
    }

    /// The first passes: of every window, or, if windows follow each other's text, of the first window of every
    /// channel.
    pub(crate) fn first(&self, windows: &[Window]) -> Vec<Pass> {
        let starts = |index: usize| index == 0 || windows[index - 1].channel != windows[index].channel;
        let first = (0..windows.len()).filter(|index| !self.config.condition_on_previous_text || starts(*index));
        first.map(|window| self.pass(window, &self.initial)).collect()
    }

    /// Replays the passes of these outputs.
    pub(crate) fn replay(&self, windows: &[Window], outputs: &[Hypothesis]) -> PassState {
        let unanswered = vec![None; windows.len()];
        let next = self.first(windows);
        let mut progress = PassState { accepted: unanswered.clone(), first: unanswered, next, answered: 0 };
        let mut chains = self.chains(windows);
        let mut seconds = BTreeMap::new();
        while !progress.next.is_empty() && progress.answered + progress.next.len() <= outputs.len() {
            let round = std::mem::take(&mut progress.next);
            for (index, pass) in (progress.answered..).zip(&round) {
                progress.accepted[pass.window] = Some(index);
                progress.first[pass.window].get_or_insert(index);
                if pass.language.is_none() {
                    self.count(&windows[pass.window], &outputs[index], &mut seconds);
                }
            }
            progress.next = self.corrections(&round, &outputs[progress.answered..], &seconds);
            progress.answered += round.len();
            self.continue_chains(&mut chains, &mut progress, outputs);
        }
        progress
    }

    /// Adds the duration of a window whose language is certain.
    fn count(&self, window: &Window, answer: &Hypothesis, seconds: &mut BTreeMap<String, f64>) {
        let sure = answer.language_probability.is_some_and(|p| p >= self.config.language_threshold);
        if sure && !self.is_silent(answer) {
            *seconds.entry(answer.language.clone()).or_default() += window.end_s - window.start_s;
        }
    }

    /// New passes for windows of a round whose language is uncertain and differs from the majority language.
    fn corrections(&self, round: &[Pass], outputs: &[Hypothesis], seconds: &BTreeMap<String, f64>) -> Vec<Pass> {
        let Some((majority, _)) = seconds.iter().reduce(|a, b| if b.1 > a.1 { b } else { a }) else {
            return Vec::new();
        };
        let corrected = |(pass, answer): (&Pass, &Hypothesis)| {
            let unsure = answer.language_probability.is_some_and(|p| p < self.config.language_threshold);
            let other = pass.language.is_none() && answer.language != *majority;
            let again = unsure && other && !self.is_silent(answer);
            again.then(|| Pass { language: Some(majority.clone()), ..pass.clone() })
        };
        round.iter().zip(outputs).filter_map(corrected).collect()
    }

    fn chains(&self, windows: &[Window]) -> Vec<Chain> {
        if !self.config.condition_on_previous_text {
            return Vec::new();
        }
        let mut by_channel: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, window) in windows.iter().enumerate() {
            by_channel.entry(window.channel).or_default().push(index);
        }
        let chain = |windows| Chain { windows, done: 0, history: self.initial.clone() };
        by_channel.into_values().map(chain).collect()
    }

    /// Adds the pass of the next window of every channel whose previous window is accepted.
    fn continue_chains(&self, chains: &mut [Chain], progress: &mut PassState, outputs: &[Hypothesis]) {
        for chain in chains {
            let Some(&window) = chain.windows.get(chain.done) else { continue };
            if progress.next.iter().any(|pass| pass.window == window) {
                continue;
            }
            let Some(answer) = progress.accepted[window].map(|index| &outputs[index]) else { continue };
            chain.done += 1;
            if !self.is_silent(answer) {
                chain.history.extend(&answer.tokens);
                let is_unreliable = answer.low_confidence.is_some();
                if is_unreliable || answer.temperature > self.config.prompt_reset_on_temperature {
                    chain.history.clear();
                }
            }
            if let Some(&window) = chain.windows.get(chain.done) {
                progress.next.push(self.pass(window, &chain.history));
            }
        }
    }

    fn pass(&self, window: usize, text: &[u32]) -> Pass {
        Pass { window, language: self.language.clone(), prompt: self.prompt(text) }
    }

    /// The hotwords, and as much of the end of `text` as fits.
    fn prompt(&self, text: &[u32]) -> Vec<u32> {
        let room = self.prompt_limit - self.hotwords.len();
        [&self.hotwords, &text[text.len().saturating_sub(room)..]].concat()
    }

    fn is_silent(&self, answer: &Hypothesis) -> bool {
        self.config.is_silent(answer.avg_logprob(), answer.no_speech_prob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduler(condition_on_previous_text: bool) -> WindowScheduler {
        let config = TranscribeConfig { condition_on_previous_text, ..TranscribeConfig::default() };
        WindowScheduler { config, language: None, initial: vec![1, 2], hotwords: vec![9], prompt_limit: 4 }
    }

    fn windows(channels: &[u16]) -> Vec<Window> {
        let window = |(index, channel): (usize, &u16)| {
            let start_s = index as f64 * 10.0;
            Window { channel: *channel, start_s, end_s: start_s + 5.0, first_span: 0, spans: 0 }
        };
        channels.iter().enumerate().map(window).collect()
    }

    fn answer(language: &str, probability: f32, tokens: &[u32]) -> Hypothesis {
        Hypothesis {
            tokens: tokens.to_vec(),
            logprobs: vec![-0.1; tokens.len()],
            end_logprob: Some(-0.1),
            looping: false,
            boundaries_s: None,
            language: language.into(),
            language_probability: Some(probability),
            no_speech_prob: 0.0,
            temperature: 0.0,
            compression_ratio: 1.0,
            rejected: vec![],
            low_confidence: None,
            loudest_dbfs: -20.0,
            emissions: None,
        }
    }

    #[test]
    fn language_of_an_unsure_window_is_that_of_most_seconds() {
        let (scheduler, windows) = (scheduler(false), windows(&[0, 0, 1, 1]));
        let mut outputs =
            vec![answer("en", 0.9, &[5]), answer("ko", 0.4, &[6]), answer("en", 0.3, &[7]), answer("ko", 0.8, &[8])];
        assert_eq!(scheduler.replay(&windows, &outputs[..3]).next.len(), 4, "not all are answered");
        // Both languages have five certain seconds. The alphabetically first one wins.
        let progress = scheduler.replay(&windows, &outputs);
        let again = Pass { window: 1, language: Some("en".into()), prompt: vec![9, 1, 2] };
        assert_eq!((progress.next, progress.answered), (vec![again], 4));
        outputs.push(answer("en", 0.2, &[5, 5]));
        let progress = scheduler.replay(&windows, &outputs);
        assert!(progress.next.is_empty());
        assert_eq!(progress.accepted, [Some(0), Some(4), Some(2), Some(3)]);
        assert_eq!(progress.first[1], Some(1));
    }

    #[test]
    fn silence_neither_votes_nor_is_decoded_again() {
        let (scheduler, windows) = (scheduler(false), windows(&[0, 0, 0]));
        let silent = |language, probability| {
            let silence = answer(language, probability, &[5]);
            Hypothesis { no_speech_prob: 0.9, logprobs: vec![-4.0], ..silence }
        };
        let outputs = [silent("ko", 0.9), silent("ko", 0.2), answer("en", 0.9, &[5])];
        assert!(scheduler.replay(&windows, &outputs).next.is_empty());
        let outputs = [silent("ko", 0.9), silent("ko", 0.2), answer("en", 0.3, &[5])];
        assert!(scheduler.replay(&windows, &outputs).next.is_empty(), "no language is certain");
    }

    #[test]
    fn windows_follow_the_text_before_them_channel_by_channel() {
        let (scheduler, windows) = (scheduler(true), windows(&[0, 0, 0, 1]));
        let first = scheduler.first(&windows);
        assert_eq!(first.iter().map(|pass| pass.window).collect::<Vec<_>>(), [0, 3]);
        let mut outputs = vec![answer("en", 0.9, &[5, 6]), answer("en", 0.9, &[7])];
        let next = |outputs: &[Hypothesis]| scheduler.replay(&windows, outputs).next;
        assert_eq!(next(&outputs), [Pass { window: 1, language: None, prompt: vec![9, 2, 5, 6] }]);
        // The language of an uncertain window is corrected before the next window follows it.
        outputs.push(answer("ko", 0.3, &[8]));
        assert_eq!(next(&outputs), [Pass { window: 1, language: Some("en".into()), prompt: vec![9, 2, 5, 6] }]);
        outputs.push(Hypothesis { temperature: 0.6, ..answer("en", 0.1, &[4]) });
        assert_eq!(next(&outputs), [Pass { window: 2, language: None, prompt: vec![9] }], "a high temperature resets");
        outputs.push(answer("en", 0.9, &[4]));
        let progress = scheduler.replay(&windows, &outputs);
        assert_eq!((progress.next, progress.accepted[2]), (vec![], Some(4)));
    }
}
