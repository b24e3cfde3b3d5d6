//! The page of a recording: one HTML file to read, play, review and print. It needs no other file but the recording.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::export::html::{filled, percent_encoded};
use crate::export::{Document, ExportFormat, RecordingBlock, RenderError};

const HTML: &str = include_str!("../../../templates/recording.html");
const CSS: &str = include_str!("../../../templates/recording.css");
const JS: &str = include_str!("../../../templates/recording.js");
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

    fn settings(&self) -> Value {
        json!({"language": self.language})
    }

    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
        let data = json!({
            "language": self.language,
            "document": document,
            "overview": document.page.overview,
            "audio": audio(document),
            "original_file": file_name(&document.recording.path),
            "case_id": document.page.case_id,
        });
        let text = serde_json::to_string(&data).map_err(RenderError::new)?;
        Ok(filled(HTML, CSS, JS, &text).into_bytes())
    }
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Where the page finds the recording.
fn audio(document: &Document) -> Value {
    let recording = &document.recording;
    let missing = |reason: &str| json!({"src": null, "kind": null, "sha256": null, "reason": reason});
    if document.redaction.is_some() {
        return missing("a copy with masked content has no sound");
    }
    match source(recording) {
        Some(src) => json!({"src": src, "kind": "original", "sha256": recording.sha256, "reason": null}),
        None => missing("the place of the recording is not known"),
    }
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
    use crate::export::html::DATA;

    fn rendered(document: &Document) -> String {
        String::from_utf8(Page { language: ReportLanguage::Ko }.render(document).unwrap()).unwrap()
    }

    /// The data of a page.
    fn data(page: &str) -> Value {
        let (_, data) = page.split_once(DATA).unwrap();
        serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
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
