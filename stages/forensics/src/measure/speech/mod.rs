//! Measures the speech in a channel: its amount, its rate, and its pauses.

mod pauses;
mod syllables;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::{Measured, PipelineError, Span, Transcript, Word};

use self::pauses::pauses;
use self::syllables::syllables;
use super::quality::Place;
use super::{Channel, Measure, NoSettings};
use crate::error::NAME;
use crate::lexicon::is_mark;
use crate::spans::{common_s, total_s, union};

/// Speech and pauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Speech")]
pub(crate) struct SpeechValue {
    /// Duration of detected speech, in seconds.
    #[schemars(extend("unit" = "s"))]
    speech_s: Measured,
    /// Duration of detected speech divided by the channel's length, 0 to 1.
    #[schemars(extend("unit" = "ratio"))]
    speech_ratio: Measured,
    /// Number of pauses: silences of 0.2 s or more between the first and the last sound of the channel's speech,
    /// measured in the audio and not between words. A silence in which another channel speaks for 0.2 s is that
    /// channel's turn and not a pause.
    #[schemars(extend("unit" = "count"))]
    pause_count: Measured<u64>,
    /// Mean length of the pauses, in seconds.
    #[schemars(extend("unit" = "s"))]
    pause_mean_s: Measured,
    /// Length of the longest pause, in seconds.
    #[schemars(extend("unit" = "s"))]
    pause_longest_s: Measured,
    /// Words of reliable text over the speaking time, per minute. Speaking time runs from the first of these words to
    /// the last. It includes pauses; it excludes turns of other channels and speech without reliable text.
    #[schemars(extend("unit" = "words/min"))]
    words_per_minute: Measured,
    /// Syllables over the speaking time (Hangul blocks; vowel groups in English), per minute.
    #[schemars(extend("unit" = "syllables/min"))]
    syllables_per_minute: Measured,
    /// Syllables over the time inside words only, per second.
    #[schemars(extend("unit" = "syllables/s"))]
    articulation_rate_per_s: Measured,
    /// Time in which another channel speaks too.
    #[schemars(extend("unit" = "s"))]
    overlap_s: Measured,
    /// The detected speech, by time.
    spans: Vec<Place>,
}

/// The measure. It reads the words and the samples at 16 kHz.
#[derive(Debug)]
pub(crate) struct Speech;

impl Measure for Speech {
    const NAME: &'static str = "speech";
    const DESCRIPTION: &'static str = "Amount of speech, its rate and its pauses.";
    type Settings = NoSettings;
    type Value = SpeechValue;

    fn begin(_settings: &NoSettings, _channel: &Channel<'_>) -> Self {
        Self
    }

    fn finish(self, _settings: &NoSettings, channel: &Channel<'_>) -> Result<SpeechValue, PipelineError> {
        let input = &channel.input;
        let pauses = pauses(input.pcm, channel.number, channel.spans(), channel.others())
            .map_err(|error| PipelineError::samples_unreadable(NAME, &error))?;
        let spoken = Spoken {
            duration_s: input.pcm.duration_s(),
            spans: channel.spans(),
            pauses: &pauses,
            words: &input.words.words,
            transcript: input.transcript,
        };
        let mut value = measure_speech(spoken, channel.number);
        let others: Vec<&[Span]> = channel.others().collect();
        if !others.is_empty() {
            value.overlap_s = Measured::of(common_s(channel.spans(), &union(&others)));
        }
        Ok(value)
    }
}

/// Inputs of the measurement of a channel.
#[derive(Debug, Clone, Copy)]
struct Spoken<'a> {
    /// Length of the recording, in seconds.
    duration_s: f64,
    /// Speech spans of the channel.
    spans: &'a [Span],
    /// Pauses of the channel.
    pauses: &'a [Span],
    /// Words of all channels.
    words: &'a [Word],
    /// The transcript that the words come from.
    transcript: &'a Transcript,
}

/// Measures the speech of `channel`: its amount from the speech spans, pauses from the audio, and rates from the words
/// of reliable text.
fn measure_speech(spoken: Spoken<'_>, channel: u16) -> SpeechValue {
    let Spoken { duration_s, spans, pauses, words, transcript } = spoken;
    let speech_s = total_s(spans);
    let reliable = |word: &&Word| word.channel == channel && !is_mark(&word.text) && transcript.is_reliable(word);
    let own: Vec<&Word> = words.iter().filter(reliable).collect();
    let tempo = Tempo::of(&own, words, &untranscribed(transcript, channel));
    let missing = "no reliable word in this channel";
    let per_minute = |count: u64| tempo.rate(count, tempo.speaking_s, 60.0, missing);
    let pause_count = pauses.len();
    let no_pause = if spans.is_empty() { "no speech in this channel" } else { "no pause in the speech" };
    SpeechValue {
        speech_s: Measured::of(speech_s),
        speech_ratio: Measured::from_option(
            (duration_s > 0.0).then(|| speech_s / duration_s),
            "the recording has no samples",
        ),
        pause_count: Measured::from_option((!spans.is_empty()).then_some(pause_count as u64), no_pause),
        pause_mean_s: Measured::from_option((pause_count > 0).then(|| total_s(pauses) / pause_count as f64), no_pause),
        pause_longest_s: Measured::from_option(pauses.iter().map(Span::duration_s).reduce(f64::max), no_pause),
        words_per_minute: per_minute(own.len() as u64),
        syllables_per_minute: per_minute(tempo.syllables),
        articulation_rate_per_s: tempo.rate(tempo.syllables, tempo.inside_words_s, 1.0, missing),
        overlap_s: Measured::missing("the recording has a single channel"),
        spans: spans.iter().map(Place::from).collect(),
    }
}

/// Intervals in which the channel speaks without reliable text.
fn untranscribed(transcript: &Transcript, channel: u16) -> Vec<Span> {
    let dropped = transcript.dropped.iter().filter(|dropped| dropped.channel == channel);
    let unreliable = transcript.segments.iter().filter(|segment| segment.channel == channel && !segment.is_reliable());
    let dropped = dropped.map(|dropped| Span::new(dropped.start_s, dropped.end_s));
    dropped.chain(unreliable.map(|segment| Span::new(segment.start_s, segment.end_s))).collect()
}

/// Sums over the words of one channel.
#[derive(Debug, Default)]
struct Tempo {
    /// Time from the first word's start to the last word's end, in seconds, without turns of other channels and without
    /// speech that has no reliable text.
    speaking_s: f64,
    inside_words_s: f64,
    syllables: u64,
}

impl Tempo {
    fn of(own: &[&Word], all: &[Word], untranscribed: &[Span]) -> Self {
        let Some(first) = own.first() else { return Self::default() };
        let others = starts_elsewhere(all, first.channel);
        let mut tempo = Self::default();
        let mut reached_s = first.start_s;
        for word in own {
            let gap = Span::new(reached_s, word.start_s);
            let turn = gap.duration_s() > 0.0 && has_value_between(&others, gap.start_s, gap.end_s);
            let unread = untranscribed.iter().any(|span| span.overlap_s(&gap) > 0.0);
            let begins_s = word.start_s.max(reached_s);
            let new_s = (word.end_s - begins_s).max(0.0);
            tempo.speaking_s += new_s + if turn || unread { 0.0 } else { gap.duration_s() };
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

/// Start times of the words of other channels, ascending.
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
    use stage_core::{Dropped, Segment};

    use super::*;

    fn word(channel: u16, text: &str, start_s: f64, end_s: f64) -> Word {
        Word { confidence: 0.9, ..Word::of_text(channel, (start_s, end_s), text) }
    }

    fn segment(start_s: f64, end_s: f64, low_confidence: Option<&str>) -> Segment {
        let low_confidence = low_confidence.map(ToOwned::to_owned);
        Segment { low_confidence, ..Segment::of_text(0, (start_s, end_s), "text", "en") }
    }

    fn measured(words: &[Word], pauses: &[Span], transcript: &Transcript) -> SpeechValue {
        let spans = [Span::new(0.0, 5.0)];
        measure_speech(Spoken { duration_s: 20.0, spans: &spans, pauses, words, transcript }, 0)
    }

    fn transcript(segments: Vec<Segment>, dropped: Vec<Dropped>) -> Transcript {
        Transcript { model: "none".into(), segments, dropped }
    }

    fn speech(words: &[Word]) -> SpeechValue {
        measured(words, &[Span::new(0.8, 1.2)], &transcript(vec![segment(0.0, 20.0, None)], vec![]))
    }

    #[test]
    fn words_per_minute_follows_the_words() {
        for (count, spacing_s) in [(10, 0.5), (30, 0.25), (4, 2.0)] {
            let words: Vec<Word> =
                (0..count).map(|i| word(0, "yes", f64::from(i) * spacing_s, f64::from(i) * spacing_s + 0.2)).collect();
            let expected = f64::from(count) * 60.0 / (f64::from(count - 1) * spacing_s + 0.2);
            let measured = speech(&words).words_per_minute.value.unwrap();
            assert!((measured - expected).abs() < 1e-6, "{measured}, {expected} expected");
        }
    }

    #[test]
    fn rates_leave_out_the_turns_of_others() {
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
    fn speech_without_reliable_text_is_neither_pause_nor_speaking_time() {
        let words = [word(0, "one", 0.0, 0.5), word(0, "two", 4.0, 4.5)];
        let dropped = Dropped { channel: 0, start_s: 1.0, end_s: 3.0, reason: "no speech".into() };
        let all = measured(&words, &[], &transcript(vec![segment(0.0, 5.0, None)], vec![dropped]));
        assert_eq!(all.pause_count.value, Some(0));
        assert!((all.words_per_minute.value.unwrap() - 120.0).abs() < 1e-6, "2 words in 1 s: {all:?}");

        let mut words = [words[0].clone(), word(0, "eh", 2.0, 2.5), words[1].clone()];
        (words[1].segment, words[2].segment) = (1, 2);
        let parts = vec![segment(0.0, 1.0, None), segment(1.5, 3.0, Some("unlikely")), segment(3.5, 5.0, None)];
        let reliable = measured(&words, &[], &transcript(parts, vec![]));
        assert_eq!(reliable.pause_count.value, Some(0));
        assert!((reliable.words_per_minute.value.unwrap() - 120.0).abs() < 1e-6, "{reliable:?}");
    }

    #[test]
    fn channel_without_words_has_pauses_but_no_rate() {
        for words in [vec![], vec![word(0, "[unclear]", 0.0, 1.0)], vec![word(1, "hi", 0.0, 1.0)]] {
            let speech = speech(&words);
            assert_eq!(speech.words_per_minute, Measured::missing("no reliable word in this channel"));
            assert_eq!(speech.pause_count.value, Some(1));
        }
        let nothing = transcript(vec![], vec![]);
        let silent = Spoken { duration_s: 20.0, spans: &[], pauses: &[], words: &[], transcript: &nothing };
        let speech = measure_speech(silent, 0);
        assert_eq!(speech.pause_count, Measured::missing("no speech in this channel"));
        assert_eq!(speech.pause_mean_s, Measured::missing("no speech in this channel"));
    }
}
