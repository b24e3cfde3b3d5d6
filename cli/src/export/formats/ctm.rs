//! CTM, the format of NIST's speech recognition evaluations: one line per word.

use std::fmt::Write as _;

use super::{one_field, recording_field, shown_words};
use crate::export::{Document, ExportFormat, RenderError};

pub(super) struct Ctm;

impl ExportFormat for Ctm {
    fn name(&self) -> &'static str {
        "ctm"
    }

    fn extension(&self) -> &'static str {
        "ctm"
    }

    fn about(&self) -> &'static str {
        "One line per word, for scoring tools"
    }

    /// Channels are numbered from 1, as the format requires.
    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let file = recording_field(document);
        let mut out = String::new();
        for (_, word) in shown_words(document) {
            let (channel, length_s) = (word.channel + 1, (word.end_s - word.start_s).max(0.0));
            let (start_s, text, confidence) = (word.start_s, one_field(&word.text), word.confidence);
            let _ = writeln!(out, "{file} {channel} {start_s:.3} {length_s:.3} {text} {confidence:.3}");
        }
        Ok(out.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::document::tests::document_of;
    use crate::export::formats::cues::tests::word;

    #[test]
    fn ctm_has_one_line_of_six_fields_per_word() {
        let document = document_of(&[word(0, "four nine", 0.0, 0.5), word(1, "a\n;;b", 1.0, 1.25)]);
        let text = String::from_utf8(Ctm.render(&document).unwrap()).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert!(lines.len() == 2 && lines.iter().all(|fields| fields.len() == 6), "{text}");
        assert_eq!(lines[1][1..], ["2", "1.000", "0.250", "a_;;b", "0.900"]);
    }
}
