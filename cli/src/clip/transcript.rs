//! What was said in a clip, and before and after it: the results of a case about the recording, cut to the range.

use scheduler::store::{MadeFrom, RecordingEntry, Store};
use serde::Serialize;
use stage_core::{ArtifactName, Timing, Word};

use crate::error::{Error, ErrorContext};
use crate::export::{Document, ExportError, LOW_CONFIDENCE, Provenance, SegmentBlock, read_document};

/// The results of a case about the interval of a clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TranscriptBlock {
    /// Name of the recording's results in the case.
    pub(crate) recording: String,
    /// SHA-256 of the samples that the results were computed from.
    pub(crate) pcm_sha256: String,
    /// Whether the clip was cut out of the same samples. If not, another version or another decoder computed the results,
    /// and their times may differ.
    pub(crate) same_samples: bool,
    /// Segments that overlap the clip, with their whole text.
    pub(crate) segments: Vec<ClipSegment>,
    /// Words that overlap the clip.
    pub(crate) words: Vec<ClipWord>,
    /// Evidence items that overlap the clip.
    pub(crate) evidence: Vec<ClipEvidence>,
    /// Intervals that were not transcribed and overlap the clip.
    pub(crate) dropped: Vec<ClipDropped>,
    /// The artifacts of the case from which this was taken.
    pub(crate) made_from: Vec<ArtifactBlock>,
}

/// The words before and after a clip. They do not overlap the clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ContextBlock {
    /// Seconds before and after the clip.
    pub(crate) seconds: f64,
    /// Words that end before the clip begins, or when it begins.
    pub(crate) before: Vec<ClipWord>,
    /// Words that begin after the clip ends, or when it ends.
    pub(crate) after: Vec<ClipWord>,
}

/// When something is in the recording and in the clip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Times {
    /// Start in the recording, in seconds.
    pub(crate) start_s: f64,
    /// End in the recording, in seconds.
    pub(crate) end_s: f64,
    /// Start relative to the requested start of the clip, in seconds; negative before it.
    pub(crate) clip_start_s: f64,
    /// End relative to the requested start of the clip, in seconds.
    pub(crate) clip_end_s: f64,
    /// Which of its ends is outside the clip; null if it is whole, or if it is context.
    pub(crate) cut: Option<CutEnd>,
}

/// An end that is outside the clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CutEnd {
    Start,
    End,
    Both,
}

/// A segment that overlaps the clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClipSegment {
    /// Index in the results of the recording.
    pub(crate) index: usize,
    pub(crate) channel: u16,
    #[serde(flatten)]
    pub(crate) times: Times,
    /// The whole text, also of the part outside the clip.
    pub(crate) text: String,
    pub(crate) language: String,
    /// Geometric mean of the probabilities of its tokens, 0 to 1.
    pub(crate) confidence: f32,
    /// Why the text is not reliable; null if it is reliable.
    pub(crate) low_confidence: Option<String>,
}

/// A word of the clip or of its context.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClipWord {
    /// Index in the results of the recording.
    pub(crate) index: usize,
    pub(crate) channel: u16,
    pub(crate) speaker: Option<String>,
    pub(crate) text: String,
    #[serde(flatten)]
    pub(crate) times: Times,
    /// Geometric mean of the probabilities of its tokens, 0 to 1.
    pub(crate) confidence: f32,
    /// Why the text of its segment is not reliable; null if it is reliable.
    pub(crate) low_confidence: Option<String>,
    /// Index of its segment in the results of the recording.
    pub(crate) segment: u32,
    #[serde(flatten)]
    pub(crate) timing: Timing,
}

/// An evidence item that overlaps the clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClipEvidence {
    /// Index in the results of the recording.
    pub(crate) index: usize,
    pub(crate) category: String,
    pub(crate) kind: String,
    pub(crate) rule: String,
    pub(crate) severity: f64,
    pub(crate) channel: u16,
    pub(crate) speaker: Option<String>,
    /// The whole text, also of the part outside the clip.
    pub(crate) text: String,
    #[serde(flatten)]
    pub(crate) times: Times,
    /// Indices of its words in the results of the recording.
    pub(crate) words: Vec<u32>,
    /// Mean confidence of those words, 0 to 1.
    pub(crate) confidence: f64,
    /// Why it does not count; null if it counts.
    pub(crate) discounted: Option<String>,
}

/// An interval without transcript that overlaps the clip.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClipDropped {
    pub(crate) channel: u16,
    #[serde(flatten)]
    pub(crate) times: Times,
    pub(crate) reason: String,
}

/// An artifact of the case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ArtifactBlock {
    pub(crate) artifact: ArtifactName,
    pub(crate) fingerprint: stage_core::Fingerprint,
    /// SHA-256 of the stored artifact.
    pub(crate) sha256: String,
    /// SHA-256 of the model, if one was used.
    pub(crate) model_sha256: Option<String>,
    /// Version of the program that computed it.
    pub(crate) tool_version: String,
}

/// Consecutive words of one segment, for people.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phrase {
    pub(crate) channel: u16,
    /// Start of its first word in the recording, in seconds.
    pub(crate) start_s: f64,
    /// Its words, after [`LOW_CONFIDENCE`] if they are not reliable.
    pub(crate) text: String,
}

/// Results for the recording in a case, or the reason why there are none.
pub(super) enum Found {
    Results { name: String, document: Box<Document> },
    Nothing(String),
}

/// Searches a store for the results of the recording with this SHA-256.
///
/// # Errors
/// The store cannot be read, or an artifact was altered or is of another version.
pub(super) fn find(store: &dyn Store, sha256: &str) -> Result<Found, Error> {
    let entries = store.recordings().map_err(Error::store)?;
    let mut reason = "the case has no recording with this SHA-256".to_owned();
    for entry in entries.iter().filter(|entry| entry.file_sha256 == sha256) {
        match read(store, entry)? {
            Ok(document) => return Ok(Found::Results { name: entry.name.clone(), document: Box::new(document) }),
            Err(unfinished) => reason = unfinished,
        }
    }
    Ok(Found::Nothing(reason))
}

/// The results of a recording, or the reason why they are not complete.
fn read(store: &dyn Store, entry: &RecordingEntry) -> Result<Result<Document, String>, Error> {
    match read_document(store, entry) {
        Ok(document) => Ok(Ok(document)),
        Err(ExportError::Missing(name)) => Ok(Err(format!("the case has no complete results: {name} is not stored"))),
        Err(ExportError::Store(error)) => Err(Error::store(error)),
        Err(error) => Err(Error::from(stage_core::PipelineError::from(error)))
            .context(format!("the case's results of {}; earwitness verify checks them", entry.name)),
    }
}

/// A clip's interval as it was requested, in seconds of the recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Interval {
    fn overlaps(self, start_s: f64, end_s: f64) -> bool {
        !self.is_before(end_s) && !self.is_after(start_s)
    }

    /// Whether something that ends at this time is before the clip.
    fn is_before(self, end_s: f64) -> bool {
        end_s <= self.from_s
    }

    /// Whether something that starts at this time is after the clip.
    fn is_after(self, start_s: f64) -> bool {
        start_s >= self.to_s
    }

    fn times(self, start_s: f64, end_s: f64) -> Times {
        let cut = match (start_s < self.from_s, end_s > self.to_s) {
            _ if !self.overlaps(start_s, end_s) => None,
            (true, true) => Some(CutEnd::Both),
            (true, false) => Some(CutEnd::Start),
            (false, true) => Some(CutEnd::End),
            (false, false) => None,
        };
        let relative = |s: f64| ((s - self.from_s) * 1e6).round() / 1e6;
        Times { start_s, end_s, clip_start_s: relative(start_s), clip_end_s: relative(end_s), cut }
    }
}

impl TranscriptBlock {
    /// Cuts the results of a recording to an interval. `pcm_sha256` is that of the samples that the clip was cut out of.
    pub(super) fn new(name: String, document: &Document, interval: Interval, pcm_sha256: &str) -> Self {
        Self {
            recording: name,
            pcm_sha256: document.recording.pcm_sha256.clone(),
            same_samples: document.recording.pcm_sha256 == pcm_sha256,
            segments: segments(document, interval),
            words: words(document, interval, |word| interval.overlaps(word.start_s, word.end_s)),
            evidence: evidence(document, interval),
            dropped: dropped(document, interval),
            made_from: document.provenance.iter().map(ArtifactBlock::of).collect(),
        }
    }

    /// The words of the clip in phrases, by time.
    pub(crate) fn phrases(&self) -> Vec<Phrase> {
        let mut phrases: Vec<(u32, Phrase)> = Vec::new();
        for word in &self.words {
            match phrases.last_mut() {
                Some((segment, phrase)) if (*segment, phrase.channel) == (word.segment, word.channel) => {
                    phrase.text.push(' ');
                    phrase.text.push_str(&word.text);
                }
                _ => {
                    let mark = if word.low_confidence.is_some() { LOW_CONFIDENCE } else { "" };
                    let text = format!("{mark}{}", word.text);
                    phrases.push((word.segment, Phrase { channel: word.channel, start_s: word.times.start_s, text }));
                }
            }
        }
        let mut phrases: Vec<Phrase> = phrases.into_iter().map(|(_, phrase)| phrase).collect();
        phrases.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        phrases
    }
}

impl ContextBlock {
    /// The words up to `seconds` before and after an interval.
    pub(super) fn new(document: &Document, interval: Interval, seconds: f64) -> Self {
        let Interval { from_s, to_s } = interval;
        let is_before = |word: &Word| interval.is_before(word.end_s) && word.end_s > from_s - seconds;
        let is_after = |word: &Word| {
            !interval.is_before(word.end_s) && interval.is_after(word.start_s) && word.start_s < to_s + seconds
        };
        Self { seconds, before: words(document, interval, is_before), after: words(document, interval, is_after) }
    }
}

impl ArtifactBlock {
    fn of(provenance: &Provenance) -> Self {
        let MadeFrom { artifact, fingerprint, sha256 } = provenance.made_from();
        let Provenance { model_sha256, tool_version, .. } = provenance.clone();
        Self { artifact, fingerprint, sha256, model_sha256, tool_version }
    }
}

fn segments(document: &Document, interval: Interval) -> Vec<ClipSegment> {
    let block = |(index, segment): (usize, &SegmentBlock)| ClipSegment {
        index,
        channel: segment.channel,
        times: interval.times(segment.start_s, segment.end_s),
        text: segment.text.clone(),
        language: segment.language.clone(),
        confidence: segment.confidence,
        low_confidence: segment.low_confidence.clone(),
    };
    let overlapping = |segment: &SegmentBlock| interval.overlaps(segment.start_s, segment.end_s);
    document.segments.iter().enumerate().filter(|(_, segment)| overlapping(segment)).map(block).collect()
}

fn words(document: &Document, interval: Interval, is_wanted: impl Fn(&Word) -> bool) -> Vec<ClipWord> {
    let unreliable = |word: &Word| document.segments.get(word.segment as usize)?.low_confidence.clone();
    let block = |(index, word): (usize, &Word)| ClipWord {
        index,
        channel: word.channel,
        speaker: word.speaker.clone(),
        text: word.text.clone(),
        times: interval.times(word.start_s, word.end_s),
        confidence: word.confidence,
        low_confidence: unreliable(word),
        segment: word.segment,
        timing: word.timing.clone(),
    };
    document.words.iter().enumerate().filter(|(_, word)| is_wanted(word)).map(block).collect()
}

fn evidence(document: &Document, interval: Interval) -> Vec<ClipEvidence> {
    let items = document.forensics.evidence.iter().enumerate();
    let overlapping = items.filter(|(_, item)| interval.overlaps(item.start_s, item.end_s));
    overlapping
        .map(|(index, item)| ClipEvidence {
            index,
            category: item.category.clone(),
            kind: item.kind.clone(),
            rule: item.rule.clone(),
            severity: item.severity,
            channel: item.channel,
            speaker: item.speaker.clone(),
            text: item.text.clone(),
            times: interval.times(item.start_s, item.end_s),
            words: item.words.clone(),
            confidence: item.confidence,
            discounted: item.discounted.clone(),
        })
        .collect()
}

fn dropped(document: &Document, interval: Interval) -> Vec<ClipDropped> {
    let overlapping = document.dropped.iter().filter(|dropped| interval.overlaps(dropped.start_s, dropped.end_s));
    overlapping
        .map(|dropped| ClipDropped {
            channel: dropped.channel,
            times: interval.times(dropped.start_s, dropped.end_s),
            reason: dropped.reason.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stage_core::Segment;

    use super::*;
    use crate::export::document_of;

    fn block(words: &[Word], from_s: f64, to_s: f64, seconds: f64) -> (TranscriptBlock, ContextBlock) {
        let (mut document, interval) = (document_of(words), Interval { from_s, to_s });
        let unreliable =
            Segment { low_confidence: Some("noise".to_owned()), ..Segment::of_text(0, (4.0, 9.0), "", "") };
        document.segments = vec![Segment::of_text(0, (0.0, 4.0), "a b c", "en").into(), unreliable.into()];
        let transcript = TranscriptBlock::new("call".to_owned(), &document, interval, "");
        (transcript, ContextBlock::new(&document, interval, seconds))
    }

    fn word(start_s: f64, end_s: f64, text: &str) -> Word {
        Word { segment: u32::from(start_s >= 4.0), ..Word::of_text(0, (start_s, end_s), text) }
    }

    fn texts(words: &[ClipWord]) -> String {
        words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_at_the_edges_are_in_the_transcript_and_marked_as_cut() {
        let words =
            [(0.5, 1.0, "a"), (1.0, 2.5, "b"), (2.5, 3.0, "c"), (3.0, 5.0, "d"), (5.0, 6.0, "e"), (0.0, 9.0, "f")];
        let words = words.map(|(start_s, end_s, text)| word(start_s, end_s, text));
        let (transcript, context) = block(&words, 2.0, 4.0, 10.0);
        let cut: Vec<_> = transcript.words.iter().map(|word| (word.text.as_str(), word.times.cut)).collect();
        let (start, end, both) = (Some(CutEnd::Start), Some(CutEnd::End), Some(CutEnd::Both));
        assert_eq!(cut, [("b", start), ("c", None), ("d", end), ("f", both)]);
        assert_eq!((texts(&context.before), texts(&context.after)), ("a".to_owned(), "e".to_owned()));
        assert_eq!((context.before[0].times.cut, context.before[0].times.clip_start_s), (None, -1.5));
        let whole = block(&words, 1.0, 2.5, 10.0).0;
        assert_eq!((texts(&whole.words), whole.words[0].times.cut), ("b f".to_owned(), None), "edges at edges");
    }

    #[test]
    fn context_has_the_words_of_its_seconds() {
        let words = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|start_s| word(start_s, start_s + 1.0, "x"));
        let starts = |words: &[ClipWord]| words.iter().map(|word| word.times.start_s).collect::<Vec<_>>();
        let (_, context) = block(&words, 3.0, 4.0, 1.5);
        assert_eq!((starts(&context.before), starts(&context.after)), (vec![1.0, 2.0], vec![4.0, 5.0]));
        let (_, none) = block(&words, 3.0, 4.0, 0.0);
        assert!(none.before.is_empty() && none.after.is_empty());
    }

    #[test]
    fn phrases_are_the_words_of_a_segment_by_time() {
        let other = |start_s| Word { channel: 1, ..word(start_s, start_s + 0.5, "there") };
        let words = [word(1.0, 1.5, "a"), word(1.5, 2.0, "b"), word(4.0, 4.5, "c"), other(1.2), other(3.0)];
        let phrases = block(&words, 0.0, 9.0, 0.0).0.phrases();
        let lines: Vec<_> = phrases.iter().map(|phrase| (phrase.channel, phrase.text.as_str())).collect();
        assert_eq!(lines, [(0, "a b"), (1, "there there"), (0, "[?] c")]);
    }

    proptest! {
        #[test]
        fn words_are_in_the_clip_or_in_its_context_and_never_in_both(
            words in prop::collection::vec((0u32..90, 0u32..30), 0..20),
            (from, length) in (0u32..90, 1u32..60),
        ) {
            let at = |tenths: u32| f64::from(tenths) / 10.0;
            let words: Vec<_> = words.iter().map(|(start, len)| word(at(*start), at(start + len), "x")).collect();
            let (transcript, context) = block(&words, at(from), at(from + length), 1e6);
            let lists = [&context.before, &transcript.words, &context.after];
            let mut indices: Vec<_> = lists.into_iter().flatten().map(|word| word.index).collect();
            indices.sort_unstable();
            prop_assert_eq!(indices, (0..words.len()).collect::<Vec<_>>());
            let is_clear = |word: &ClipWord| word.times.cut.is_none();
            prop_assert!(context.before.iter().chain(&context.after).all(is_clear));
        }
    }
}
