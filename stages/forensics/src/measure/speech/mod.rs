//! Measures the speech in a channel: its amount, its rate, and its pauses.

mod pauses;
mod syllables;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::{Measured, PipelineError, Span, Speakers, Transcript, Turn, Word};

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
    /// Duration of detected speech divided by the channel's length, 0 to 1.
    #[schemars(extend("unit" = "ratio"))]
    speech_ratio: Measured,
    /// Time in which another channel speaks too.
    #[schemars(extend("unit" = "s"))]
    overlap_s: Measured,
    #[serde(flatten)]
    rates: Rates,
    /// The speakers of the channel.
    speakers: Vec<SpeakerSpeech>,
    /// The detected speech, by time.
    spans: Vec<Place>,
}

/// Speech and pauses of a speaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SpeakerSpeech {
    /// Label of the speaker.
    speaker: String,
    #[serde(flatten)]
    rates: Rates,
}

/// Amount, rates and pauses of the speech of a channel or a speaker. What follows of "others" means other channels, and
/// for a speaker also the other speakers of the channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Rates {
    /// Duration of the speech, in seconds: that detected in the channel, or the turns of the speaker.
    #[schemars(extend("unit" = "s"))]
    speech_s: Measured,
    /// Number of pauses: silences of 0.2 s or more between the first and the last sound of the speech, measured in the
    /// audio and not between words. A silence in which another channel speaks for 0.2 s is that channel's turn and not
    /// a pause. A speaker's pauses are those before and after which that speaker speaks.
    #[schemars(extend("unit" = "count"))]
    pause_count: Measured<u64>,
    /// Mean length of the pauses, in seconds.
    #[schemars(extend("unit" = "s"))]
    pause_mean_s: Measured,
    /// Length of the longest pause, in seconds.
    #[schemars(extend("unit" = "s"))]
    pause_longest_s: Measured,
    /// Words of reliable text over the speaking time, per minute. Speaking time runs from the first of these words to
    /// the last. It includes pauses; it excludes turns of others and speech without reliable text.
    #[schemars(extend("unit" = "words/min"))]
    words_per_minute: Measured,
    /// Syllables over the speaking time (Hangul blocks; vowel groups in English), per minute.
    #[schemars(extend("unit" = "syllables/min"))]
    syllables_per_minute: Measured,
    /// Syllables over the time inside words only, per second.
    #[schemars(extend("unit" = "syllables/s"))]
    articulation_rate_per_s: Measured,
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
        let said = Said { words: &input.words.words, transcript: input.transcript };
        let rates = said.rates(Voice { channel: channel.number, speaker: None }, channel.spans(), &pauses);
        let speech_s = total_s(channel.spans());
        let (duration_s, others) = (input.pcm.duration_s(), channel.others().collect::<Vec<_>>());
        let ratio = (duration_s > 0.0).then(|| speech_s / duration_s);
        let overlap_s = (!others.is_empty()).then(|| common_s(channel.spans(), &union(&others)));
        Ok(SpeechValue {
            speech_ratio: Measured::from_option(ratio, "the recording has no samples"),
            overlap_s: Measured::from_option(overlap_s, "the recording has a single channel"),
            rates,
            speakers: said.speakers(input.speakers, channel.number, &pauses),
            spans: channel.spans().iter().map(Place::from).collect(),
        })
    }
}

/// What was said in a recording.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    /// Words of all channels.
    words: &'a [Word],
    /// The transcript that the words come from.
    transcript: &'a Transcript,
}

impl Said<'_> {
    /// The speakers of a channel, whose pauses are given.
    fn speakers(&self, speakers: &Speakers, channel: u16, pauses: &[Span]) -> Vec<SpeakerSpeech> {
        let mut turns: Vec<&Turn> = speakers.turns.iter().filter(|turn| turn.channel == channel).collect();
        turns.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        let of = |speaker: &str| {
            let own = turns.iter().filter(|turn| turn.speaker == speaker);
            let spans: Vec<Span> = own.map(|turn| Span::new(turn.start_s, turn.end_s)).collect();
            let pauses: Vec<Span> =
                pauses.iter().filter(|pause| who_pauses(&turns, pause) == Some(speaker)).copied().collect();
            let voice = Voice { channel, speaker: Some(speaker) };
            SpeakerSpeech { speaker: speaker.to_owned(), rates: self.rates(voice, &spans, &pauses) }
        };
        speakers.speakers.iter().filter(|speaker| speaker.channel == channel).map(|speaker| of(&speaker.id)).collect()
    }

    /// Amount of the speech from its spans, pauses, and rates from the words of reliable text.
    fn rates(&self, voice: Voice<'_>, spans: &[Span], pauses: &[Span]) -> Rates {
        let Self { words, transcript } = *self;
        let reliable = |word: &&Word| voice.says(word) && !is_mark(&word.text) && transcript.is_reliable(word);
        let own: Vec<&Word> = words.iter().filter(reliable).collect();
        let mut others: Vec<f64> = words.iter().filter(|word| !voice.says(word)).map(|word| word.start_s).collect();
        others.sort_by(f64::total_cmp);
        let tempo = Tempo::of(&own, &others, &untranscribed(transcript, voice.channel));
        let whose = if voice.speaker.is_some() { "of this speaker" } else { "in this channel" };
        let missing = format!("no reliable word {whose}");
        let per_minute = |count: u64| tempo.rate(count, tempo.speaking_s, 60.0, &missing);
        let pause_count = pauses.len();
        let no_pause =
            if spans.is_empty() { format!("no speech {whose}") } else { "no pause in the speech".to_owned() };
        Rates {
            speech_s: Measured::of(total_s(spans)),
            pause_count: Measured::from_option((!spans.is_empty()).then_some(pause_count as u64), &no_pause),
            pause_mean_s: Measured::from_option(
                (pause_count > 0).then(|| total_s(pauses) / pause_count as f64),
                &no_pause,
            ),
            pause_longest_s: Measured::from_option(pauses.iter().map(Span::duration_s).reduce(f64::max), &no_pause),
            words_per_minute: per_minute(own.len() as u64),
            syllables_per_minute: per_minute(tempo.syllables),
            articulation_rate_per_s: tempo.rate(tempo.syllables, tempo.inside_words_s, 1.0, &missing),
        }
    }
}

/// Who speaks before and after a pause. `turns` are those of the channel, by start.
fn who_pauses<'a>(turns: &[&'a Turn], pause: &Span) -> Option<&'a str> {
    let before = turns[..turns.partition_point(|turn| turn.start_s <= pause.start_s)].last()?;
    let after = turns.iter().find(|turn| turn.end_s >= pause.end_s)?;
    (before.is_known() && before.speaker == after.speaker).then_some(&before.speaker)
}

/// Whose speech is measured.
#[derive(Debug, Clone, Copy)]
struct Voice<'a> {
    channel: u16,
    /// One of the speakers of the channel; `None` for the channel.
    speaker: Option<&'a str>,
}

impl Voice<'_> {
    fn says(&self, word: &Word) -> bool {
        word.channel == self.channel && self.speaker.is_none_or(|speaker| word.speaker.as_deref() == Some(speaker))
    }
}

/// Intervals in which the channel speaks without reliable text.
fn untranscribed(transcript: &Transcript, channel: u16) -> Vec<Span> {
    let dropped = transcript.dropped.iter().filter(|dropped| dropped.channel == channel);
    let unreliable = transcript.segments.iter().filter(|segment| segment.channel == channel && !segment.is_reliable());
    let dropped = dropped.map(|dropped| Span::new(dropped.start_s, dropped.end_s));
    dropped.chain(unreliable.map(|segment| Span::new(segment.start_s, segment.end_s))).collect()
}

/// Sums over the words of one voice.
#[derive(Debug, Default)]
struct Tempo {
    /// Time from the first word's start to the last word's end, in seconds, without turns of others and without
    /// speech that has no reliable text.
    speaking_s: f64,
    inside_words_s: f64,
    syllables: u64,
}

impl Tempo {
    /// `others` are the times at which words of others begin, ascending.
    fn of(own: &[&Word], others: &[f64], untranscribed: &[Span]) -> Self {
        let Some(first) = own.first() else { return Self::default() };
        let mut tempo = Self::default();
        let mut reached_s = first.start_s;
        for word in own {
            let gap = Span::new(reached_s, word.start_s);
            let turn = gap.duration_s() > 0.0 && has_value_between(others, gap.start_s, gap.end_s);
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

    const CHANNEL: Voice<'static> = Voice { channel: 0, speaker: None };

    fn measured(words: &[Word], pauses: &[Span], transcript: &Transcript) -> Rates {
        Said { words, transcript }.rates(CHANNEL, &[Span::new(0.0, 5.0)], pauses)
    }

    fn transcript(segments: Vec<Segment>, dropped: Vec<Dropped>) -> Transcript {
        Transcript { model: "none".into(), segments, dropped }
    }

    fn speech(words: &[Word]) -> Rates {
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
        assert_eq!(speech.speech_s.value, Some(5.0));
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
        let speech = Said { words: &[], transcript: &nothing }.rates(CHANNEL, &[], &[]);
        assert_eq!(speech.pause_count, Measured::missing("no speech in this channel"));
        assert_eq!(speech.pause_mean_s, Measured::missing("no speech in this channel"));
    }

    #[test]
    fn speakers_of_a_channel_have_their_own_rates_and_pauses() {
        let say = |speaker: &str, start_s: f64| Word {
            speaker: Some(speaker.to_owned()),
            ..word(0, "yes", start_s, start_s + 0.5)
        };
        // S1 speaks from 0 to 4, S2 from 5 to 9, and S1 again.
        let words = [say("S1", 0.0), say("S1", 3.5), say("S2", 5.0), say("S2", 5.5), say("S1", 9.5)];
        let turn = |speaker: &str, start_s: f64, end_s: f64| Turn {
            channel: 0,
            speaker: speaker.to_owned(),
            start_s,
            end_s,
            confidence: 0.9,
        };
        let turns = vec![turn("S1", 0.0, 1.0), turn("S1", 3.0, 4.0), turn("S2", 5.0, 9.0), turn("S1", 9.5, 10.0)];
        let speaker = |id: &str, channel| stage_core::Speaker { id: id.to_owned(), channel, speech_s: 0.0 };
        let found = Speakers {
            speakers: vec![speaker("S1", 0), speaker("S2", 0), speaker("S3", 1)],
            turns,
            ..Default::default()
        };
        let pauses = [Span::new(1.0, 3.0), Span::new(4.0, 5.0), Span::new(7.0, 7.5)];
        let transcript = transcript(vec![segment(0.0, 20.0, None)], vec![]);
        let speakers = Said { words: &words, transcript: &transcript }.speakers(&found, 0, &pauses);
        let [first, second] = &speakers[..] else { panic!("{speakers:?}") };
        assert_eq!(
            (first.speaker.as_str(), first.rates.pause_count.value),
            ("S1", Some(1)),
            "the change is not a pause"
        );
        assert_eq!((first.rates.pause_mean_s.value, second.rates.pause_mean_s.value), (Some(2.0), Some(0.5)));
        assert_eq!((first.rates.speech_s.value, second.rates.speech_s.value), (Some(2.5), Some(4.0)));
        // 4 s and 0.5 s without the turn of S2; 1 s.
        let per_minute = [first, second].map(|speaker| speaker.rates.words_per_minute.value.unwrap().round());
        assert_eq!(per_minute, [40.0, 120.0]);
    }
}
