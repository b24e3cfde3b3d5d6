//! SubRip and WebVTT. With several speakers each cue names its speaker, with several channels at least its channel;
//! low-confidence text begins with `[?]`.

use std::fmt::Write as _;

use stage_core::forensics::Evidence;

use super::cues::{Cue, cues};
use super::one_line;
use super::phrases::width;
use crate::export::{Document, ExportFormat, Provenance, RenderError};
use crate::review::{Judgment, ReviewedBlock, Target};

/// The start of every WebVTT file. A note carries the hash of the recording and the fingerprints of the artifacts; the
/// other text formats have no place for them.
pub(super) const VTT_START: &str = "WEBVTT\n\nNOTE\nearwitness";

pub(super) struct Srt;

impl ExportFormat for Srt {
    fn name(&self) -> &'static str {
        "srt"
    }

    fn extension(&self) -> &'static str {
        "srt"
    }

    fn about(&self) -> &'static str {
        "SubRip subtitles"
    }

    fn version(&self) -> u32 {
        4
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        Ok(srt(document).into_bytes())
    }
}

pub(super) struct Vtt;

impl ExportFormat for Vtt {
    fn name(&self) -> &'static str {
        "vtt"
    }

    fn extension(&self) -> &'static str {
        "vtt"
    }

    fn about(&self) -> &'static str {
        "WebVTT subtitles"
    }

    fn version(&self) -> u32 {
        5
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        Ok(vtt(document, self.version()).into_bytes())
    }
}

fn srt(document: &Document) -> String {
    let mut out = String::new();
    let bracketed = |speaker: &str| format!("[{}] ", one_line(speaker));
    for (index, cue) in cues(document, |speaker| width(&bracketed(speaker))).iter().enumerate() {
        let channel = || (document.recording.channels > 1).then(|| cue.channel.to_string());
        let label = cue.speaker.clone().or_else(channel).as_deref().map(bracketed).unwrap_or_default();
        let (start, end) = (clock(cue.start_s, ','), clock(cue.end_s, ','));
        // The format has no escapes, and its lines of times have an arrow.
        let text = without_arrows(&format!("{label}{}", cue.lines.join("\n")));
        let _ = write!(out, "{}\n{start} --> {end}\n{text}\n\n", index + 1);
    }
    out
}

fn vtt(document: &Document, version: u32) -> String {
    let mut out = format!("{VTT_START}, renderer version {version}\nrecording: {}\n", document.recording.sha256);
    for made in document.provenance.iter().map(Provenance::made_from) {
        let _ = writeln!(out, "{}: {}", made.artifact, made.fingerprint);
    }
    if let Some(reviewed) = &document.reviewed {
        let _ = write!(out, "reviewed: {}\n{}", reviewed.note, judged_evidence(document, reviewed));
    }
    out.push('\n');
    for cue in cues(document, |_| 0) {
        let channel = || (document.recording.channels > 1).then(|| format!("Channel {}", cue.channel));
        let speaker = cue.speaker.as_deref().map(one_line).or_else(channel);
        let voice = speaker.map(|speaker| format!("<v {}>", escaped(&speaker))).unwrap_or_default();
        let (start, end) = (clock(cue.start_s, '.'), clock(cue.end_s, '.'));
        let _ = write!(out, "{start} --> {end}\n{voice}{}\n\n", lines(&cue));
    }
    out
}

/// The lines of a cue without markup.
fn lines(cue: &Cue) -> String {
    cue.lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
}

/// A line for each item of evidence that reviewers confirmed or rejected.
fn judged_evidence(document: &Document, reviewed: &ReviewedBlock) -> String {
    let evidence = document.forensics.evidence.iter().enumerate();
    let judgment = |index| reviewed.item(Target::Evidence(index)).and_then(|item| item.judgment);
    let judged = evidence.filter_map(|(index, item)| Some((index, item, judgment(index)?)));
    let line = |(index, item, judgment): (usize, &Evidence, Judgment)| {
        let (start, end) = (clock(item.start_s, '.'), clock(item.end_s, '.'));
        let category = without_arrows(&one_line(&item.category));
        format!("evidence:{index}, {category}, {start} to {end}: {}\n", judgment.name())
    };
    judged.map(line).collect()
}

/// Text without the arrow of lines of times.
fn without_arrows(text: &str) -> String {
    text.replace("-->", "-- >")
}

/// Text without markup for WebVTT.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn clock(seconds: f64, separator: char) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    let (hours, minutes, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{s:02}{separator}{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::document::tests::{document_of, document_of_case, people};
    use crate::export::formats::cues::tests::word;
    use crate::export::formats::tests::reviewed_document;

    #[test]
    fn subtitles_of_hostile_text_have_one_cue_and_no_markup() {
        let hostile = "00:00:01.000 --> 00:00:02.000\n\n<b>&\u{1b}[2J\u{202e}";
        let document = document_of(&[word(0, hostile, 0.0, 0.5)]);
        let text = srt(&document);
        let own = r"00:00:01.000 -- > 00:00:02.000 <b>&\u{1b}[2J\u{202e}";
        assert_eq!(text, format!("1\n00:00:00,000 --> 00:00:00,700\n{own}\n\n"));
        let text = vtt(&document, 1);
        let own = r"00:00:01.000 --&gt; 00:00:02.000 &lt;b&gt;&amp;\u{1b}[2J\u{202e}";
        assert!(text.ends_with(&format!("\n\n00:00:00.000 --> 00:00:00.700\n{own}\n\n")), "{text}");
        assert_eq!(text.matches("-->").count(), 1);
    }

    #[test]
    fn subtitles_of_calls_name_the_speakers() {
        let words = [word(0, "four", 0.0, 0.5), word(1, "nine", 1.0, 1.5)];
        let mut document = document_of_case(&words, &people("이영희", "A --> <b> & B"));
        let (srt_text, vtt_text) = (srt(&document), vtt(&document, 1));
        assert!(srt_text.contains("\n[이영희] four\n") && srt_text.contains("\n[A -- > <b> & B] nine\n"), "{srt_text}");
        let voices = ["\n<v 이영희>four\n", "\n<v A --&gt; &lt;b&gt; &amp; B>nine\n"];
        assert!(voices.iter().all(|voice| vtt_text.contains(voice)), "{vtt_text}");
        assert_eq!((srt_text.matches("-->").count(), vtt_text.matches("-->").count()), (2, 2));
        document.case = None;
        assert!(srt(&document).contains("\n[1] nine\n") && vtt(&document, 1).contains("\n<v Channel 1>nine\n"));
        document.recording.channels = 1;
        assert!(srt(&document).contains("\nnine\n") && vtt(&document, 1).contains("\nnine\n"));
    }

    #[test]
    fn subtitles_of_reviewed_copies_show_corrections_speakers_and_judgments() {
        let document = reviewed_document();
        let text = srt(&document);
        assert!(text.contains("\n[kim -- > x] corrected\n"), "{text}");
        assert!(text.contains("\n[rejected] two\n") && text.contains("\nfour\n"), "{text}");
        let text = vtt(&document, 1);
        assert!(
            text.contains("\nreviewed: A reviewed copy") && text.contains("\n<v kim --&gt; x>corrected\n"),
            "{text}"
        );
        assert!(text.contains("\nevidence:0, threat -- > x, 00:00:00.000 to 00:00:00.500: rejected\n\n"), "{text}");
        assert_eq!(text.matches("-->").count(), 3, "{text}");
    }

    #[test]
    fn clocks_round_to_milliseconds_and_carry() {
        assert_eq!(clock(3661.0004, ','), "01:01:01,000");
        assert_eq!(clock(59.9996, '.'), "00:01:00.000");
    }
}
