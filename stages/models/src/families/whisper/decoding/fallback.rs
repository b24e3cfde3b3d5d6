//! The fallback criteria. A text that compresses too well, is unlikely, repeats itself, or contains a foreign script is
//! rejected, and the window is decoded again.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::script::foreign_letters;
use super::sequence::Sequence;
use crate::Task;
use crate::TranscribeConfig;
use crate::families::whisper::unit::mean_logprob;

/// The longest run of tokens that is checked for repetition.
const LONGEST_RUN: usize = 8;

/// One attempt at a window.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    pub(super) sequence: Sequence,
    pub(super) temperature: f32,
    pub(super) compression_ratio: f32,
    pub(super) avg_logprob: f32,
    /// The reason why the attempt was rejected, if it was.
    pub(super) rejection: Option<String>,
}

impl Attempt {
    /// Measures the result of a search, whose text is `text`.
    pub(super) fn new(sequence: Sequence, temperature: f32, text: &str) -> Self {
        let avg_logprob = mean_logprob(&sequence.logprobs, sequence.end_logprob);
        Self { sequence, temperature, compression_ratio: compression_ratio(text), avg_logprob, rejection: None }
    }

    /// Whether the text repeats itself. The likelihood of such a text is meaningless.
    pub(super) fn is_degenerate(&self, config: &TranscribeConfig) -> bool {
        self.sequence.looping || self.compression_ratio > config.compression_ratio_threshold
    }
}

/// The low-confidence reason of the attempt that is kept, if any. If the language was detected, its log-probability is
/// included: for sound without speech, the base model writes likely texts in unlikely languages.
pub(super) fn low_confidence(
    config: &TranscribeConfig,
    attempt: &Attempt,
    language_probability: Option<f32>,
    contrast_db: f32,
) -> Option<String> {
    let Attempt { avg_logprob, .. } = *attempt;
    let noisy = || {
        let threshold = config.contrast_threshold_db;
        let is_low = contrast_db < threshold && !attempt.sequence.tokens.is_empty();
        is_low.then(|| {
            format!("noise: the loud parts are {contrast_db:.0} dB above the quiet ones, under {threshold:.0}")
        })
    };
    let unlikely = || {
        let threshold = config.low_confidence_threshold;
        let of_language = language_probability.map_or(0.0, f32::ln);
        if avg_logprob < threshold {
            Some(format!("mean log-probability {avg_logprob:.2} below {threshold:.2}"))
        } else if avg_logprob + of_language < threshold {
            let both = format!("mean log-probability {avg_logprob:.2} and the language's {of_language:.2}");
            Some(format!("{both} together below {threshold:.2}"))
        } else {
            None
        }
    };
    attempt.rejection.clone().or_else(unlikely).or_else(noisy)
}

/// The reason for rejecting an attempt, if any: the criteria of openai-whisper's `decode_with_fallback`, plus
/// repetition and foreign script. A silent window is not decoded again.
pub(super) fn rejection(
    config: &TranscribeConfig,
    attempt: &Attempt,
    no_speech_prob: f32,
    text: &str,
    language: &str,
) -> Option<String> {
    let Attempt { compression_ratio, avg_logprob, .. } = *attempt;
    if config.is_silent(avg_logprob, no_speech_prob) {
        return None;
    }
    let mut reasons = Vec::new();
    if attempt.sequence.looping {
        reasons.push("repetition".to_owned());
    }
    if compression_ratio > config.compression_ratio_threshold {
        let threshold = config.compression_ratio_threshold;
        reasons.push(format!("compression ratio {compression_ratio:.2} above {threshold:.2}"));
    }
    if avg_logprob < config.logprob_threshold {
        reasons.push(format!("mean log-probability {avg_logprob:.2} below {:.2}", config.logprob_threshold));
    }
    let written_in = if config.task == Task::Translate { "en" } else { language };
    let foreign = if config.reject_foreign_script { foreign_letters(text, written_in) } else { String::new() };
    if !foreign.is_empty() {
        reasons.push(format!("letters foreign to {written_in}: {foreign}"));
    }
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// The number of bytes of a text divided by that of its zlib form at level 6, as in Python's `zlib.compress`.
pub(crate) fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    // Writing to memory cannot fail. The zlib form of an empty text has eight bytes.
    text.len() as f32 / compressed.map_or(8, |bytes| bytes.len()) as f32
}

/// Whether tokens end in at least `limit` repetitions of the same run of one to eight tokens (twice as many for a
/// single token). A limit of 0 disables the check.
pub(super) fn is_looping(tokens: &[u32], limit: usize) -> bool {
    let repeats = |run: usize| if run == 1 { 2 * limit } else { limit };
    limit > 0 && (1..=LONGEST_RUN).any(|run| ends_in_repeats(tokens, run, repeats(run)))
}

fn ends_in_repeats(tokens: &[u32], run: usize, repeats: usize) -> bool {
    let Some(start) = tokens.len().checked_sub(run * repeats) else { return false };
    let tail = &tokens[start..];
    tail[run..] == tail[..tail.len() - run]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(compression_ratio: f32, avg_logprob: f32, no_speech_prob: f32, looping: bool) -> Option<String> {
        let sequence = Sequence { looping, ..Sequence::default() };
        let attempt = Attempt { sequence, compression_ratio, avg_logprob, ..Attempt::default() };
        rejection(&TranscribeConfig::default(), &attempt, no_speech_prob, "", "en")
    }

    #[test]
    fn rejection_is_for_repetitive_and_unlikely_texts_but_not_where_nothing_was_said() {
        assert_eq!(rejected(2.4, -1.0, 0.9, false), None);
        assert_eq!(rejected(2.5, -0.2, 0.9, false).unwrap(), "compression ratio 2.50 above 2.40");
        assert_eq!(rejected(1.0, -1.1, 0.6, false).unwrap(), "mean log-probability -1.10 below -1.00");
        assert_eq!(rejected(9.0, -1.1, 0.7, true), None, "silence");
        assert_eq!(rejected(1.0, -0.1, 0.0, true).unwrap(), "repetition");
    }

    #[test]
    fn low_confidence_is_that_of_rejected_and_of_unlikely_texts() {
        let reason = |avg_logprob, rejection: Option<&str>, language| {
            let attempt = Attempt { avg_logprob, rejection: rejection.map(str::to_owned), ..Attempt::default() };
            low_confidence(&TranscribeConfig::default(), &attempt, language, 30.0)
        };
        assert_eq!(reason(-0.6, None, None), None);
        assert_eq!(reason(-0.6, None, Some(0.95)), None);
        assert_eq!(reason(-0.6, Some("repetition"), None).unwrap(), "repetition");
        assert_eq!(reason(-0.8, None, Some(0.5)).unwrap(), "mean log-probability -0.80 below -0.70");
        let together = "mean log-probability -0.60 and the language's -0.69 together below -0.70";
        assert_eq!(reason(-0.6, None, Some(0.5)).unwrap(), together);
        let sequence = Sequence { tokens: vec![7], ..Sequence::default() };
        let noisy =
            low_confidence(&TranscribeConfig::default(), &Attempt { sequence, ..Attempt::default() }, None, 4.2);
        assert_eq!(noisy.unwrap(), "noise: the loud parts are 4 dB above the quiet ones, under 12");
    }

    #[test]
    fn rejection_of_a_foreign_script_names_the_letters() {
        let attempt = Attempt { avg_logprob: -0.1, ..Attempt::default() };
        let reason = |config: &TranscribeConfig, text| rejection(config, &attempt, 0.0, text, "ko");
        let config = TranscribeConfig::default();
        assert_eq!(reason(&config, "네, KTX 3번 출구요"), None);
        assert_eq!(reason(&config, "네, これは").unwrap(), "letters foreign to ko: これは");
        assert_eq!(reason(&TranscribeConfig { reject_foreign_script: false, ..config.clone() }, "これは"), None);
        let translated = TranscribeConfig { task: Task::Translate, ..config };
        assert_eq!(reason(&translated, "Yes, 네").unwrap(), "letters foreign to en: 네");
    }

    #[test]
    fn loop_is_a_run_that_repeats_at_the_end() {
        let repeated = |run: &[u32], times: usize| [&[9, 8, 7][..], &run.repeat(times)].concat();
        assert!(is_looping(&repeated(&[1, 2, 3], 10), 10) && !is_looping(&repeated(&[1, 2, 3], 9), 10));
        assert!(is_looping(&repeated(&[1], 20), 10) && !is_looping(&repeated(&[1], 19), 10));
        assert!(is_looping(&repeated(&[1, 2, 3, 4, 5, 6, 7, 8], 10), 10));
        assert!(!is_looping(&[repeated(&[1, 2, 3], 10), vec![5]].concat(), 10), "the loop has ended");
        assert!(!is_looping(&repeated(&[1], 99), 0), "never");
    }

    #[test]
    fn compression_ratio_of_a_repetitive_text_is_high() {
        assert_eq!(compression_ratio(""), 0.0);
        assert!(compression_ratio("nine one one") < 1.0);
        assert!(compression_ratio(&"thank you ".repeat(40)) > 10.0);
    }
}
