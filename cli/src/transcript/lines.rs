//! The numbered lines of a transcript, from its turns.

use std::collections::BTreeSet;

use serde::Serialize;

use super::turns::{Item, Turn};
use super::words::{self, Shown};
use super::{clean, people, times};
use crate::export::Document;
use crate::review::{Judgment, Target};

use super::texts::Texts;

/// A time is beside a line if none was for this long, in seconds.
const KEY_TIME_S: f64 = 60.0;

/// A turn, as one numbered line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: usize,
    /// When it begins, if the time is to be printed.
    pub(super) time: Option<String>,
    /// Who speaks; null if the line only has a mark of an unknown speaker.
    pub(super) speaker: Option<String>,
    /// What is said. Parts are joined without spaces.
    pub(super) spans: Vec<Span>,
}

/// A span of the text of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Span {
    pub(super) kind: Kind,
    /// The text; that of a mark is a fixed text.
    pub(super) text: String,
}

/// The kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Plain,
    Unsure,
    Corrected,
    Inaudible,
    NonSpeech,
    Evidence,
}

/// Makes lines of turns.
pub(super) fn of_turns(document: &Document, texts: &Texts, turns: &[Turn]) -> Vec<Line> {
    let evidence = evidence_words(document);
    let mut last_s = f64::NEG_INFINITY;
    let line = |(at, turn): (usize, &Turn)| {
        let is_key = turn.items.iter().any(|item| item.word.is_some_and(|word| evidence.contains(&word)));
        let has_time = is_key || turn.start_s - last_s >= KEY_TIME_S;
        if has_time {
            last_s = turn.start_s;
        }
        let spans = spans(&turn.items, texts, &evidence);
        let unknown = || {
            let channel = people::channel_name(document, turn.channel, texts);
            let is_speech = spans.iter().any(|span| !matches!(span.kind, Kind::Inaudible | Kind::NonSpeech));
            channel.or_else(|| is_speech.then(|| texts.get("speaker_unknown").to_owned()))
        };
        let speaker = turn.speaker.as_deref().map(clean).or_else(unknown);
        Line { number: at + 1, time: has_time.then(|| times::clock(turn.start_s)), speaker, spans }
    };
    turns.iter().enumerate().map(line).collect()
}

/// Words of the evidence that counts and that no reviewer rejected.
fn evidence_words(document: &Document) -> BTreeSet<usize> {
    let rejected = |at: usize| {
        let item = document.reviewed.as_ref().and_then(|reviewed| reviewed.item(Target::Evidence(at)));
        item.is_some_and(|item| item.judgment == Some(Judgment::Rejected))
    };
    let evidence = document.forensics.evidence.iter().enumerate();
    let counted = evidence.filter(|(at, item)| item.discounted.is_none() && !rejected(*at));
    counted.flat_map(|(_, item)| item.words.iter().map(|word| *word as usize)).collect()
}

fn spans(items: &[Item], texts: &Texts, evidence: &BTreeSet<usize>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for item in items {
        let is_evidence = item.word.is_some_and(|word| evidence.contains(&word));
        let span = span(item, texts, is_evidence);
        if span.text.is_empty() || (span.kind == Kind::Inaudible && spans.last().is_some_and(|last| *last == span)) {
            continue;
        }
        add(&mut spans, span);
    }
    spans
}

fn span(item: &Item, texts: &Texts, is_evidence: bool) -> Span {
    let text = clean(&item.text);
    if item.shown == Shown::Unreliable {
        return Span { kind: Kind::Inaudible, text: texts.get("inaudible").to_owned() };
    }
    if let Some(sound) = words::non_speech(&text) {
        return Span { kind: Kind::NonSpeech, text: sound.to_owned() };
    }
    let kind = match item.shown {
        Shown::Unsure => Kind::Unsure,
        Shown::Corrected => Kind::Corrected,
        _ if is_evidence => Kind::Evidence,
        _ => Kind::Plain,
    };
    Span { kind, text }
}

/// Adds a span after a space. Spaces are plain text, so that no mark is under them.
fn add(spans: &mut Vec<Span>, span: Span) {
    match spans.last_mut() {
        None => spans.push(span),
        Some(last) if last.kind == Kind::Plain && span.kind == Kind::Plain => {
            last.text = format!("{} {}", last.text, span.text);
        }
        Some(last) if last.kind == Kind::Plain => {
            last.text.push(' ');
            spans.push(span);
        }
        Some(_) if span.kind == Kind::Plain => spans.push(Span { text: format!(" {}", span.text), ..span }),
        Some(_) => spans.extend([Span { kind: Kind::Plain, text: " ".to_owned() }, span]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{ReportLanguage, document_of};
    use crate::transcript::texts::{BUILT_IN, TextFile};

    fn item(text: &str, shown: Shown) -> Item {
        Item { start_s: 0.0, end_s: 1.0, shown, text: text.to_owned(), word: None }
    }

    fn turn(start_s: f64, speaker: Option<&str>, items: &[Item]) -> Turn {
        let items = items.to_vec();
        Turn { channel: 0, speaker: speaker.map(str::to_owned), start_s, end_s: start_s + 1.0, items }
    }

    fn lines(turns: &[Turn]) -> Vec<Line> {
        let file = TextFile::parse(BUILT_IN).unwrap();
        of_turns(&document_of(&[]), file.texts(ReportLanguage::Ko), turns)
    }

    fn text(line: &Line) -> String {
        line.spans.iter().map(|span| format!("{:?}<{}>", span.kind, span.text)).collect()
    }

    #[test]
    fn spans_are_joined_with_spaces_that_have_no_mark() {
        use Shown::{Corrected, Plain, Unreliable, Unsure};
        let items = [
            item("a", Plain),
            item("b", Plain),
            item("c", Unsure),
            item("d", Unsure),
            item("e", Plain),
            item("x", Unreliable),
            item("y", Unreliable),
            item("[웃음]", Plain),
            item("f\u{202e}\ng", Corrected),
        ];
        let expected = "Plain<a b >Unsure<c>Plain< >Unsure<d>Plain< e >Inaudible<(청취불능)>Plain< >\
                        NonSpeech<웃음>Plain< >Corrected<f\\u{202e} g>";
        assert_eq!(text(&lines(&[turn(0.0, Some("S1"), &items)])[0]), expected);
    }

    #[test]
    fn line_has_a_time_about_every_minute() {
        let said = [item("a", Shown::Plain)];
        let times = [0.0, 30.0, 59.0, 61.0, 100.0, 300.0].map(|start_s| turn(start_s, Some("S1"), &said));
        let lines = lines(&times);
        let times: Vec<_> = lines.iter().map(|line| line.time.as_deref()).collect();
        assert_eq!(times, [Some("00:00:00"), None, None, Some("00:01:01"), None, Some("00:05:00")]);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn line_of_an_unknown_speaker_says_so_unless_it_is_a_mark() {
        let speech = [item("x", Shown::Unreliable), item("a", Shown::Plain)];
        let lines = lines(&[turn(0.0, None, &speech), turn(9.0, None, &speech[..1])]);
        let speakers: Vec<_> = lines.iter().map(|line| line.speaker.as_deref()).collect();
        assert_eq!(speakers, [Some("화자 불명"), None]);
    }
}
