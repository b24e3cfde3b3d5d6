//! The page of a recording: one HTML file to read, play, review and print. It needs no other file but the recording.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::export::html::{DATA, filled, percent_encoded};
use crate::export::playback::Playback;
use crate::export::{CopyFormat, Document, ExportFormat, ListeningCopy, PageSound, RecordingBlock, RenderError};

const HTML: &str = include_str!("../../../templates/recording.html");
const CSS: &str = include_str!("../../../templates/recording.css");
const JS: &str = include_str!("../../../templates/recording.js");
/// What distinguishes the pages of different versions of the program: a hash of the templates (FNV-1a).
const VERSION: u32 = {
    let (files, mut hash, mut file) = ([HTML.as_bytes(), CSS.as_bytes(), JS.as_bytes()], 0x811c_9dc5u32, 0);
    while file < files.len() {
        let mut at = 0;
        while at < files[file].len() {
            hash = (hash ^ files[file][at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        file += 1;
    }
    hash
};
/// The rule of a page that keeps it from sending anything, and that of one which sends reviews to its server.
const SENDS_NOTHING: &str = "default-src 'none';";
const SENDS_TO_SERVER: &str = "default-src 'none'; connect-src 'self';";

/// The language of the fixed texts of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ReportLanguage {
    /// Korean.
    Ko,
    /// English.
    #[default]
    En,
}

impl ReportLanguage {
    /// The code of the language.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }
}

pub(super) struct Page {
    pub(super) language: ReportLanguage,
    /// Whether it contains the sound.
    pub(super) embeds: bool,
}

impl ExportFormat for Page {
    fn name(&self) -> &'static str {
        "html"
    }

    fn extension(&self) -> &'static str {
        "html"
    }

    fn about(&self) -> &'static str {
        "A page to read, play, review and print"
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn settings(&self) -> Value {
        if self.embeds {
            json!({"language": self.language, "embed_audio": true})
        } else {
            json!({"language": self.language})
        }
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let data = json!({
            "language": self.language,
            "document": document,
            "overview": document.page.overview,
            "audio": audio(document),
            "original_file": file_name(&document.recording.path),
            "case_id": document.page.case_id,
            "reviews_at": document.page.reviews_at,
        });
        let text = serde_json::to_string(&data).map_err(RenderError::new)?;
        let html = match document.page.reviews_at {
            Some(_) => HTML.replacen(SENDS_NOTHING, SENDS_TO_SERVER, 1),
            None => HTML.to_owned(),
        };
        Ok(filled(&html, CSS, JS, &text).into_bytes())
    }
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Where the page finds the sound, and what can be played.
fn audio(document: &Document) -> Value {
    let (recording, PageSound { copy, embedded, served_at }) = (&document.recording, &document.page.sound);
    if document.redaction.is_some() {
        return json!({"src": null, "kind": null, "sha256": null, "reason": "a copy with masked content has no sound"});
    }
    let (kind, sha256, beside) = match copy {
        Some(copy) => ("copy", &copy.sha256, Some(format!("./{}", percent_encoded(copy.file_name.as_bytes())))),
        None => ("original", &recording.sha256, source(recording)),
    };
    let src = match embedded {
        Some(bytes) => Some(data_url(copy.as_ref(), recording, bytes)),
        None => served_at.clone().or(beside),
    };
    let reason = src.is_none().then_some("the place of the recording is not known");
    json!({
        "src": src, "kind": kind, "sha256": sha256, "reason": reason, "playback": Playback::of(recording),
        "copy": document.page.sound.copy_data(),
    })
}

/// The sound as a URL that contains it.
fn data_url(copy: Option<&ListeningCopy>, recording: &RecordingBlock, bytes: &[u8]) -> String {
    let container = match copy.map(|copy| copy.facts.format) {
        Some(CopyFormat::Flac) => "flac",
        Some(CopyFormat::Wav) => "wav",
        None => &recording.container,
    };
    format!("data:{};base64,{}", Playback::media_type(container), STANDARD.encode(bytes))
}

/// The sound in a page, if it contains sound.
pub(crate) fn embedded(page: &[u8]) -> Option<Vec<u8>> {
    let (_, data) = std::str::from_utf8(page).ok()?.split_once(DATA)?;
    let data: Value = serde_json::from_str(data.split_once("</script>")?.0).ok()?;
    let (_, base64) = data.get("audio")?.get("src")?.as_str()?.strip_prefix("data:")?.split_once(";base64,")?;
    STANDARD.decode(base64).ok()
}

/// The URL of the recording: relative to the page if its path is relative to the case, otherwise on this machine.
fn source(recording: &RecordingBlock) -> Option<String> {
    let bytes = match &recording.path_bytes {
        Some(hex) => from_hex(hex)?,
        None => recording.path.clone().into_bytes(),
    };
    let encoded = percent_encoded(&bytes);
    match bytes.first()? {
        b'/' => Some(format!("file://{encoded}")),
        // A colon in the first segment would be read as a scheme.
        _ => Some(format!("./{encoded}")),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::document::tests::document_of;
    use crate::export::formats::cues::tests::word;

    fn rendered(document: &Document) -> String {
        String::from_utf8(Page { language: ReportLanguage::Ko, embeds: false }.render(document).unwrap()).unwrap()
    }

    /// The data of a page.
    fn data(page: &str) -> Value {
        let (_, data) = page.split_once(DATA).unwrap();
        serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn page_of_a_server_alone_may_send() {
        let mut document = document_of(&[]);
        assert!(!rendered(&document).contains("connect-src"));
        document.page.reviews_at = Some("../api/reviews");
        assert!(rendered(&document).contains("content=\"default-src 'none'; connect-src 'self';"));
    }

    #[test]
    fn page_of_hostile_text_has_it_as_data_alone() {
        let hostile = "</script><script>alert(1)</script><!-- \u{2028}&amp; /*JS*/";
        let page = rendered(&document_of(&[word(0, hostile, 0.0, 0.5)]));
        assert!(!page.contains("alert(1)<"), "the text is not markup");
        let data = data(&page);
        assert_eq!(data["document"]["words"][0]["text"], hostile);
        assert_eq!(data["language"], "ko");
        assert!(!page.contains("/*CSS*/\n</style>") && page.matches("<script").count() == 2);
    }

    #[test]
    fn page_finds_the_recording_by_an_encoded_path() {
        let mut document = document_of(&[]);
        let src = |document: &Document| data(&rendered(document))["audio"]["src"].clone();
        document.recording.path = "calls/통화 #1?.m4a".to_owned();
        assert_eq!(src(&document), "./calls/%ED%86%B5%ED%99%94%20%231%3F.m4a");
        document.recording.path = "/a/b%.wav".to_owned();
        assert_eq!(src(&document), "file:///a/b%25.wav");
        document.recording.path_bytes = Some("2fb1".to_owned());
        assert_eq!(src(&document), "file:///%B1");
    }
}
