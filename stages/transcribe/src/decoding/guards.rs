//! What makes an attempt's text suspicious: it compresses too well, it is unlikely, it repeats itself.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::TranscribeConfig;

/// Longest repeated run of tokens that is looked for.
const LONGEST_RUN: usize = 8;

/// What the guards judge of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) compression_ratio: f32,
    pub(super) avg_logprob: f32,
    pub(super) no_speech_prob: f32,
    pub(super) looping: bool,
}

/// Why an attempt is refused, if it is: openai-whisper's `decode_with_fallback`, and the repetition guard as another
/// sign of a text that is too repetitive. A window that is silent is not tried again.
pub(super) fn refusal(config: &TranscribeConfig, numbers: &Numbers) -> Option<String> {
    let Numbers { compression_ratio, avg_logprob, no_speech_prob, looping } = *numbers;
    if config.is_silent(avg_logprob, no_speech_prob) {
        return None;
    }
    let mut reasons = Vec::new();
    if looping {
        reasons.push("repetition".to_owned());
    }
    if compression_ratio > config.compression_ratio_threshold {
        let threshold = config.compression_ratio_threshold;
        reasons.push(format!("compression ratio {compression_ratio:.2} above {threshold:.2}"));
    }
    if avg_logprob < config.logprob_threshold {
        reasons.push(format!("mean log-probability {avg_logprob:.2} below {:.2}", config.logprob_threshold));
    }
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// Bytes of a text over those of its zlib form at level 6, as Python's `zlib.compress` makes it.
pub(crate) fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    // Writing to memory cannot fail; zlib's form of nothing has eight bytes.
    text.len() as f32 / compressed.map_or(8, |bytes| bytes.len()) as f32
}

/// Whether tokens end in `limit` or more repetitions of the same run of one to eight tokens; of a single token, twice
/// as many. A limit of 0 means never.
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

    fn refused(compression_ratio: f32, avg_logprob: f32, no_speech_prob: f32, looping: bool) -> Option<String> {
        let numbers = Numbers { compression_ratio, avg_logprob, no_speech_prob, looping };
        refusal(&TranscribeConfig::default(), &numbers)
    }

    #[test]
    fn repetitive_and_unlikely_texts_are_refused_but_not_where_nothing_was_said() {
        assert_eq!(refused(2.4, -1.0, 0.9, false), None);
        assert_eq!(refused(2.5, -0.2, 0.9, false).unwrap(), "compression ratio 2.50 above 2.40");
        assert_eq!(refused(1.0, -1.1, 0.6, false).unwrap(), "mean log-probability -1.10 below -1.00");
        assert_eq!(refused(9.0, -1.1, 0.7, true), None, "silence");
        assert_eq!(refused(1.0, -0.1, 0.0, true).unwrap(), "repetition");
    }

    #[test]
    fn a_loop_is_a_run_that_comes_many_times_at_the_end() {
        let repeated = |run: &[u32], times: usize| [&[9, 8, 7][..], &run.repeat(times)].concat();
        assert!(is_looping(&repeated(&[1, 2, 3], 10), 10) && !is_looping(&repeated(&[1, 2, 3], 9), 10));
        assert!(is_looping(&repeated(&[1], 20), 10) && !is_looping(&repeated(&[1], 19), 10));
        assert!(is_looping(&repeated(&[1, 2, 3, 4, 5, 6, 7, 8], 10), 10));
        assert!(!is_looping(&[repeated(&[1, 2, 3], 10), vec![5]].concat(), 10), "it has gone on");
        assert!(!is_looping(&repeated(&[1], 99), 0), "never");
    }

    #[test]
    fn the_ratio_of_a_repetitive_text_is_high() {
        assert_eq!(compression_ratio(""), 0.0);
        assert!(compression_ratio("nine one one") < 1.0);
        assert!(compression_ratio(&"thank you ".repeat(40)) > 10.0);
    }
}
