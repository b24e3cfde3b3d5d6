//! Results as OpenAI's API has them: short segments with words.

use serve::{Segment, Transcript, Word};
use stage_core::AlignedWords;

/// A segment ends where its channel is silent for this long, in seconds.
const PAUSE_S: f64 = 0.8;
/// A segment of this length ends with the next word, in seconds.
const LONG_S: f64 = 10.0;
/// Characters after which a sentence ends.
const SENTENCE_ENDS: [char; 6] = ['.', '?', '!', '。', '？', '！'];
/// Names that differ from those of ISO 639: codes of Whisper, and the names of OpenAI's API.
const NAMES: [(&str, &str); 3] = [("el", "greek"), ("jw", "javanese"), ("yue", "cantonese")];

/// The segments of a recording, by time.
pub(super) fn segments(recording: &stage_core::Transcript, words: &AlignedWords) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut of = None;
    let window = |of: Option<(u16, u32)>| recording.segments.get(of?.1 as usize);
    for word in words.words.iter().filter(|word| !word.text.is_empty()) {
        let continues = |segment: &Segment| {
            of == Some((word.channel, word.segment))
                && word.start_s - segment.end_s < PAUSE_S
                && segment.end_s - segment.start_s < LONG_S
                && !segment.text.ends_with(SENTENCE_ENDS)
        };
        let own = Word { word: word.text.clone(), start_s: word.start_s, end_s: word.end_s };
        let is_next = !segments.last().is_some_and(continues);
        if is_next && let Some(last) = segments.last_mut() {
            last.tokens = tokens(window(of), last);
        }
        of = Some((word.channel, word.segment));
        match segments.last_mut().filter(|_| !is_next) {
            Some(segment) => {
                segment.text = format!("{} {}", segment.text, word.text);
                segment.end_s = word.end_s;
                segment.words.push(own);
            }
            None => segments.push(Segment {
                start_s: word.start_s,
                end_s: word.end_s,
                text: format!(" {}", word.text),
                words: vec![own],
                ..scores(window(of))
            }),
        }
    }
    if let Some(last) = segments.last_mut() {
        last.tokens = tokens(window(of), last);
    }
    segments.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    segments
}

/// A segment with the scores of the window that it is in; 0 for scores that the model does not have.
fn scores(window: Option<&stage_core::Segment>) -> Segment {
    let Some(window) = window else { return Segment::default() };
    let score = |name: &str| window.diagnostics.values.get(name).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    Segment {
        seek_frames: (window.start_s * 100.0).max(0.0) as u64,
        temperature: score("temperature"),
        avg_logprob: score("avg_logprob"),
        compression_ratio: score("compression_ratio"),
        no_speech_prob: score("no_speech_prob"),
        ..Segment::default()
    }
}

/// The tokens of the window that begin in the segment.
fn tokens(window: Option<&stage_core::Segment>, segment: &Segment) -> Vec<u32> {
    let groups = window.into_iter().flat_map(|window| &window.token_groups);
    let own = groups.filter(|group| group.start_s >= segment.start_s && group.start_s < segment.end_s);
    own.flat_map(|group| group.ids.iter().copied()).collect()
}

/// The whole answer.
pub(super) fn transcript(recording: &stage_core::Transcript, segments: Vec<Segment>, duration_s: f64) -> Transcript {
    let text: String = segments.iter().map(|segment| segment.text.as_str()).collect();
    Transcript { language: language_of(recording), duration_s, text: text.trim().to_owned(), segments }
}

/// The language of most seconds.
fn language_of(recording: &stage_core::Transcript) -> String {
    let mut seconds = std::collections::BTreeMap::<&str, f64>::new();
    for segment in &recording.segments {
        *seconds.entry(&segment.language).or_default() += segment.end_s - segment.start_s;
    }
    let most = seconds.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    language_name(most.map_or("und", |(code, _)| code))
}

/// The English name of a language, in lower case; the code itself if it has none.
pub(super) fn language_name(code: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == code) {
        return (*name).to_owned();
    }
    let language = isolang::Language::from_639_1(code).or_else(|| isolang::Language::from_639_3(code));
    let name = language.map_or(code, |language| language.to_name());
    // "Malay (macrolanguage)"
    name.split(" (").next().unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_name_is_that_of_openai() {
        for (code, name) in
            [("ko", "korean"), ("en", "english"), ("ms", "malay"), ("el", "greek"), ("haw", "hawaiian"), ("xx", "xx")]
        {
            assert_eq!(language_name(code), name);
        }
    }

    #[test]
    fn segments_end_with_sentences_and_pauses() {
        let word = |text: &str, start_s: f64| stage_core::Word::of_text(0, (start_s, start_s + 0.3), text);
        let words = vec![word("Hello.", 0.0), word("Who", 0.4), word("is", 0.8), word("there?", 3.0)];
        let words = AlignedWords { method: String::new(), words };
        let recording = stage_core::Transcript { model: String::new(), segments: Vec::new(), dropped: Vec::new() };
        let made = segments(&recording, &words);
        let texts: Vec<&str> = made.iter().map(|segment| segment.text.as_str()).collect();
        assert_eq!(texts, [" Hello.", " Who is", " there?"]);
        assert_eq!(made[1].words.len(), 2);
        assert_eq!(transcript(&recording, made, 4.0).text, "Hello. Who is there?");
    }
}
