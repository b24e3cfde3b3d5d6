//! RTTM, the format of the NIST evaluations of diarization: one line per turn.

use std::fmt::Write as _;

use super::{one_field, recording_field};
use crate::export::{Document, ExportFormat, RenderError};

pub(super) struct Rttm;

impl ExportFormat for Rttm {
    fn name(&self) -> &'static str {
        "rttm"
    }

    fn extension(&self) -> &'static str {
        "rttm"
    }

    fn about(&self) -> &'static str {
        "One line per turn of a speaker"
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        Ok(rttm(document).into_bytes())
    }
}

/// The turns of all channels, by time. Channels are numbered from 1, as the format requires.
fn rttm(document: &Document) -> String {
    let file = recording_field(document);
    let mut turns: Vec<_> = document.speakers.turns.iter().collect();
    turns.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel)));
    let mut out = String::new();
    for turn in turns {
        let (channel, length_s) = (turn.channel + 1, turn.end_s - turn.start_s);
        let (start_s, speaker, confidence) = (turn.start_s, one_field(&turn.speaker), turn.confidence);
        let _ = writeln!(
            out,
            "SPEAKER {file} {channel} {start_s:.3} {length_s:.3} <NA> <NA> {speaker} {confidence:.3} <NA>"
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use stage_core::Turn;

    use super::*;
    use crate::export::document::tests::document_of;

    #[test]
    fn rttm_has_a_line_of_ten_fields_per_turn() {
        let turn = |channel, speaker: &str, start_s, end_s| Turn {
            channel,
            speaker: speaker.to_owned(),
            start_s,
            end_s,
            confidence: 0.9,
        };
        let mut document = document_of(&[]);
        document.recording.path = "통화 a\n(1).m4a".to_owned();
        document.speakers.turns = vec![turn(0, "S1", 2.0, 3.25), turn(0, "unknown", 4.0, 4.5), turn(1, "S2", 1.0, 2.5)];
        let text = rttm(&document);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert!(lines.iter().all(|fields| fields.len() == 10 && fields[1] == "통화_a_(1)"), "{text}");
        let short: Vec<_> = lines.iter().map(|fields| [fields[2], fields[3], fields[4], fields[7]].join(" ")).collect();
        assert_eq!(short, ["2 1.000 1.500 S2", "1 2.000 1.250 S1", "1 4.000 0.500 unknown"]);
    }
}
