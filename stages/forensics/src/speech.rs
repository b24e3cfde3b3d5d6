//! How much a channel speaks, how fast, and with which pauses.

use stage_core::forensics::Speech;
use stage_core::{Measured, Span, Word};

use crate::lexicon::is_mark;
use crate::spans::total_s;
use crate::syllables::syllables;

/// The shortest gap between two words that is called a pause, in seconds.
const PAUSE_MIN_S: f64 = 0.2;

/// Measures the speech of `channel`: its length from the speech spans, everything else from its words' own times.
/// `words` are those of all channels.
pub(crate) fn measure_speech(duration_s: f64, spans: &[Span], words: &[Word], channel: u16) -> Speech {
    let speech_s = total_s(spans);
    let own: Vec<&Word> = words.iter().filter(|word| word.channel == channel && !is_mark(&word.text)).collect();
    let tempo = Tempo::of(&own, words);
    let missing = "no word in this channel";
    let per_minute = |count: u64| tempo.rate(count, tempo.speaking_s, 60.0, missing);
    let pause_s: f64 = tempo.pauses_s.iter().sum();
    let pause_count = tempo.pauses_s.len();
    let no_pause = if own.is_empty() { missing } else { "no pause between the words" };
    Speech {
        speech_s: Measured::of(speech_s),
        speech_ratio: Measured::from_option(
            (duration_s > 0.0).then(|| speech_s / duration_s),
            "the recording has no samples",
        ),
        pause_count: Measured::from_option((!own.is_empty()).then_some(pause_count as u64), missing),
        pause_mean_s: Measured::from_option((pause_count > 0).then(|| pause_s / pause_count as f64), no_pause),
        pause_longest_s: Measured::from_option(tempo.pauses_s.iter().copied().reduce(f64::max), no_pause),
        words_per_minute: per_minute(own.len() as u64),
        syllables_per_minute: per_minute(tempo.syllables),
        articulation_rate_per_s: tempo.rate(tempo.syllables, tempo.inside_words_s, 1.0, missing),
    }
}

/// Sums over the words of one channel.
#[derive(Debug, Default)]
struct Tempo {
    /// From the first word's start to the last word's end, without the turns of other channels.
    speaking_s: f64,
    inside_words_s: f64,
    syllables: u64,
    pauses_s: Vec<f64>,
}

impl Tempo {
    fn of(own: &[&Word], all: &[Word]) -> Self {
        let Some(first) = own.first() else { return Self::default() };
        let others = starts_elsewhere(all, first.channel);
        let mut tempo = Self::default();
        let mut reached_s = first.start_s;
        for word in own {
            let gap_s = word.start_s - reached_s;
            let turn = gap_s > 0.0 && has_value_between(&others, reached_s, word.start_s);
            if gap_s >= PAUSE_MIN_S && !turn {
                tempo.pauses_s.push(gap_s);
            }
            let begins_s = word.start_s.max(reached_s);
            let new_s = (word.end_s - begins_s).max(0.0);
            tempo.speaking_s += new_s + if turn { 0.0 } else { gap_s.max(0.0) };
            tempo.inside_words_s += new_s;
            tempo.syllables += syllables(&word.text);
            reached_s = reached_s.max(word.end_s);
        }
        tempo
    }

    fn rate(&self, count: u64, over_s: f64, unit_s: f64, missing: &str) -> Measured {
        Measured::from_option((over_s > 0.0).then(|| count as f64 * unit_s / over_s), missing)
    }
}

/// Starts of the words of other channels, ascending.
fn starts_elsewhere(words: &[Word], channel: u16) -> Vec<f64> {
    let mut starts: Vec<f64> = words.iter().filter(|word| word.channel != channel).map(|word| word.start_s).collect();
    starts.sort_by(f64::total_cmp);
    starts
}

fn has_value_between(ascending: &[f64], from: f64, to: f64) -> bool {
    ascending.get(ascending.partition_point(|&value| value < from)).is_some_and(|&value| value < to)
}

#[cfg(test)]
mod tests {
    use stage_core::Timing;

    use super::*;

    fn word(channel: u16, text: &str, start_s: f64, end_s: f64) -> Word {
        Word {
            channel,
            speaker: None,
            text: text.to_owned(),
            start_s,
            end_s,
            confidence: 0.9,
            segment: 0,
            timing: Timing::default(),
        }
    }

    fn speech(words: &[Word]) -> Speech {
        measure_speech(20.0, &[Span::new(0.0, 5.0)], words, 0)
    }

    #[test]
    fn words_per_minute_is_not_always_50() {
        for (count, spacing_s) in [(10, 0.5), (30, 0.25), (4, 2.0)] {
            let words: Vec<Word> =
                (0..count).map(|i| word(0, "yes", f64::from(i) * spacing_s, f64::from(i) * spacing_s + 0.2)).collect();
            let expected = f64::from(count) * 60.0 / (f64::from(count - 1) * spacing_s + 0.2);
            let measured = speech(&words).words_per_minute.value.unwrap();
            assert!((measured - expected).abs() < 1e-6, "{measured}, {expected} expected");
        }
    }

    #[test]
    fn pauses_are_gaps_between_words_and_not_turns_of_others() {
        let words = [
            word(0, "hello", 0.0, 0.5),
            word(0, "are", 0.6, 0.8),
            word(0, "you", 1.2, 1.5),
            word(0, "there", 10.0, 10.5),
            word(1, "yes", 3.0, 3.4),
        ];
        let speech = speech(&words);
        assert_eq!(speech.pause_count.value, Some(1));
        assert!((speech.pause_longest_s.value.unwrap() - 0.4).abs() < 1e-9);
        assert!((speech.words_per_minute.value.unwrap() - 4.0 * 60.0 / 2.0).abs() < 1e-6, "the turn is left out");
        assert!((speech.articulation_rate_per_s.value.unwrap() - 5.0 / 1.5).abs() < 1e-6);
        assert_eq!((speech.speech_s.value, speech.speech_ratio.value), (Some(5.0), Some(0.25)));
    }

    #[test]
    fn a_channel_without_words_has_no_rate_and_says_why() {
        for words in [vec![], vec![word(0, "[unclear]", 0.0, 1.0)], vec![word(1, "hi", 0.0, 1.0)]] {
            let speech = speech(&words);
            assert_eq!(speech.words_per_minute, Measured::missing("no word in this channel"));
            assert_eq!((speech.pause_count.value, speech.pause_mean_s.value), (None, None));
        }
    }
}
