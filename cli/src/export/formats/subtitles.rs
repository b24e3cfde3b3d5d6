//! SubRip and WebVTT. With several channels each line names its channel; low-confidence text begins with `[?]`.

use std::fmt::Write as _;

use super::cues::cues;
use crate::export::{Document, ExportFormat, Provenance, RenderError};

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
        2
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        Ok(vtt(document, self.version()).into_bytes())
    }
}

fn srt(document: &Document) -> String {
    let mut out = String::new();
    for (index, cue) in cues(document).iter().enumerate() {
        let speaker = if document.recording.channels > 1 { format!("[{}] ", cue.channel) } else { String::new() };
        let (start, end) = (clock(cue.start_s, ','), clock(cue.end_s, ','));
        let _ = write!(out, "{}\n{start} --> {end}\n{speaker}{}\n\n", index + 1, cue.text);
    }
    out
}

fn vtt(document: &Document, version: u32) -> String {
    let mut out = format!("{VTT_START}, renderer version {version}\nrecording: {}\n", document.recording.sha256);
    for made in document.provenance.iter().map(Provenance::made_from) {
        let _ = writeln!(out, "{}: {}", made.artifact, made.fingerprint);
    }
    out.push('\n');
    for cue in cues(document) {
        let text = cue.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let speaker =
            if document.recording.channels > 1 { format!("<v Channel {}>", cue.channel) } else { String::new() };
        let _ = write!(out, "{} --> {}\n{speaker}{text}\n\n", clock(cue.start_s, '.'), clock(cue.end_s, '.'));
    }
    out
}

fn clock(seconds: f64, separator: char) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    let (hours, minutes, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{s:02}{separator}{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_round_to_milliseconds_and_carry() {
        assert_eq!(clock(3661.0004, ','), "01:01:01,000");
        assert_eq!(clock(59.9996, '.'), "00:01:00.000");
    }
}
