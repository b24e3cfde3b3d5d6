//! Speech that has no reliable text: intervals that were not transcribed, and segments whose text is not printed.

use stage_core::{Dropped, Turn};

use super::words::{self, Shown};
use crate::export::{Document, SegmentBlock};
use crate::review::{Judgment, Target, TextSource};

/// An interval of one channel without reliable text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gap {
    pub(super) channel: u16,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    /// Why it has none: a key of `[reasons]`, or a text of the program.
    pub(super) reason: String,
    /// What stands for it in the transcript.
    pub(super) place: Place,
}

/// What stands for a gap in the transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A mark of its own.
    Mark,
    /// The words of its segment, which are marks.
    Words,
    /// Nothing: what was said is in another channel.
    Elsewhere,
}

/// All gaps, by time.
pub(super) fn find(document: &Document) -> Vec<Gap> {
    let dropped = document.dropped.iter().map(of_dropped);
    let segments = document.segments.iter().enumerate();
    let mut gaps: Vec<Gap> =
        dropped.chain(segments.flat_map(|(at, segment)| of_segment(document, at, segment))).collect();
    gaps.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel)));
    gaps
}

fn of_dropped(dropped: &Dropped) -> Gap {
    let Dropped { channel, start_s, end_s, reason } = dropped;
    let code = code(reason);
    let place = if matches!(code, Some("crosstalk" | "duplicate_channel")) { Place::Elsewhere } else { Place::Mark };
    let reason = code.unwrap_or(reason).to_owned();
    Gap { channel: *channel, start_s: *start_s, end_s: *end_s, reason, place }
}

/// The gaps of a segment: its unreliable or rejected text, and what it lacks at its end.
fn of_segment(document: &Document, at: usize, segment: &SegmentBlock) -> Vec<Gap> {
    let gap = |start_s: f64, reason: &str, place| Gap {
        channel: segment.channel,
        start_s,
        end_s: segment.end_s.max(start_s),
        reason: reason.to_owned(),
        place,
    };
    let mut gaps = Vec::new();
    let own = || document.words.iter().enumerate().filter(|(_, word)| word.segment as usize == at);
    let hides = |(index, _): (usize, _)| words::shown(document, index) == Shown::Unreliable;
    let has_words = own().next().is_some();
    let is_rejected = judgment(document, at) == Some(Judgment::Rejected);
    let is_hidden = if has_words { own().any(hides) } else { is_unreliable(document, at) };
    if is_hidden {
        let is_low = segment.low_confidence.is_some() && !is_rejected;
        let place = if has_words { Place::Words } else { Place::Mark };
        gaps.push(gap(segment.start_s, if is_low { "low_confidence" } else { "rejected" }, place));
    } else if segment.cut_short.is_some() && !is_corrected(document, at) {
        let last_s = own().map(|(_, word)| word.end_s).fold(segment.start_s, f64::max);
        gaps.push(gap(last_s, "cut_short", Place::Mark));
    }
    gaps
}

/// Whether the text of a segment is not printed.
pub(super) fn is_unreliable(document: &Document, at: usize) -> bool {
    if is_corrected(document, at) {
        return false;
    }
    match judgment(document, at) {
        Some(Judgment::Rejected) => true,
        Some(Judgment::Confirmed) => false,
        None => document.segments.get(at).is_some_and(|segment| segment.low_confidence.is_some()),
    }
}

fn judgment(document: &Document, at: usize) -> Option<Judgment> {
    document.reviewed.as_ref()?.item(Target::Segment(at))?.judgment
}

/// Whether a reviewer wrote the whole text of a segment.
fn is_corrected(document: &Document, at: usize) -> bool {
    let reviewed = document.reviewed.as_ref().and_then(|reviewed| reviewed.item(Target::Segment(at)));
    reviewed.is_some_and(|item| item.text_from == Some(TextSource::Segment))
}

/// The key of `[reasons]` for a reason of the program, which may contain rejected text; `None` if it has none.
fn code(reason: &str) -> Option<&'static str> {
    const CODES: [(&str, &str); 8] = [
        ("no speech:", "no_speech"),
        ("no text", "no_text"),
        ("shorter than", "too_short"),
        ("below the on threshold", "possible_speech"),
        ("possible speech", "possible_speech"),
        ("crosstalk", "crosstalk"),
        ("identical to channel", "duplicate_channel"),
        ("duplicate of channel", "duplicate_channel"),
    ];
    if reason.contains("rejected text") {
        return Some("rejected");
    }
    CODES.iter().find(|(start, _)| reason.starts_with(start)).map(|(_, code)| *code)
}

/// The label of the voice that speaks in a gap, if diarize knows it.
pub(super) fn voice(document: &Document, gap: &Gap) -> Option<String> {
    let shared_s = |turn: &Turn| turn.end_s.min(gap.end_s) - turn.start_s.max(gap.start_s);
    let turns = document.speakers.turns.iter().filter(|turn| turn.channel == gap.channel && shared_s(turn) > 0.0);
    let longest = turns.max_by(|a, b| shared_s(a).total_cmp(&shared_s(b))).map(|turn| turn.speaker.clone());
    let mut voices = document.speakers.speakers.iter().filter(|voice| voice.channel == gap.channel);
    let only = voices.next().filter(|_| voices.next().is_none()).map(|voice| voice.id.clone());
    longest.or(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_with_rejected_text_is_a_code_alone() {
        let reason = "silence: at most -70 dBFS, rejected text \"thanks for watching\"";
        assert_eq!(code(reason), Some("rejected"));
        assert_eq!(code("no speech: no-speech probability 0.90, mean log-probability -2.00"), Some("no_speech"));
        assert_eq!(code("no text"), Some("no_text"));
        assert_eq!(code("crosstalk from channel 0"), Some("crosstalk"));
        assert_eq!(code("a reason of a further stage"), None);
    }
}
