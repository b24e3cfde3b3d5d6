//! The page of a case: all its recordings on one page, `index.html`, to find a call or a moment, with the texts for its
//! search in files beside it, which are loaded by the first search.

mod call;

use serde::Serialize;

use self::call::Call;
use super::html::{filled, without_markup};
use super::{Document, RenderError, ReportLanguage};

const HTML: &str = include_str!("../../../templates/case.html");
const CSS: &str = include_str!("../../../templates/case.css");
const JS: &str = include_str!("../../../templates/case.js");
/// How the names of files of texts begin.
const TEXTS_START: &str = "index-text-";
/// Size of a file of texts after which the next one begins, in bytes.
const PART: usize = 4 << 20;

/// A recording without results, and why.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WithoutResults {
    pub(crate) path: String,
    /// The part of the program that failed.
    pub(crate) stage: String,
    pub(crate) message: String,
}

/// What the page states about the case itself.
#[derive(Debug, Default)]
pub(crate) struct CaseFacts {
    pub(crate) title: Option<String>,
    pub(crate) reference: Option<String>,
    /// The head of the custody log.
    pub(crate) head: Option<String>,
    pub(crate) failures: Vec<WithoutResults>,
    /// The report of the last run, a page beside this one.
    pub(crate) report: Option<&'static str>,
}

/// A file of the page.
#[derive(Debug)]
pub(crate) struct PageFile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The page, as recordings are added to it.
#[derive(Debug)]
pub(crate) struct CasePage {
    language: ReportLanguage,
    calls: Vec<Call>,
    /// The finished files of texts.
    files: Vec<String>,
    /// The texts of the next file, as items of a JSON array.
    texts: String,
}

/// The data in the page.
#[derive(Serialize)]
struct Data<'a> {
    language: &'static str,
    title: Option<String>,
    reference: Option<String>,
    generated_by: &'static str,
    custody_head: Option<String>,
    recordings: &'a [Call],
    failures: Vec<WithoutResults>,
    report: Option<&'static str>,
}

impl CasePage {
    /// The name of the page.
    pub(crate) const NAME: &str = "index.html";

    /// Whether a file of this name is a part of the page.
    #[cfg(feature = "serve")]
    pub(crate) fn has_file(name: &str) -> bool {
        name == Self::NAME || name.starts_with(TEXTS_START) && name.ends_with(".js")
    }

    pub(crate) const fn new(language: ReportLanguage) -> Self {
        Self { language, calls: Vec::new(), files: Vec::new(), texts: String::new() }
    }

    /// Adds a recording whose results have this name, with the file of its page, if it has one.
    pub(crate) fn add(&mut self, document: &Document, name: &str, page: Option<String>) -> Result<(), RenderError> {
        let turns = document.turns();
        let turns = turns.iter().map(|turn| (turn.start_s, &turn.speaker, &turn.text)).collect::<Vec<_>>();
        let text = serde_json::to_string(&(name, turns)).map_err(RenderError::new)?;
        if !self.texts.is_empty() && self.texts.len() + text.len() > PART {
            self.end_file();
        }
        self.calls.push(Call::new(document, name, page, self.files.len()));
        if !self.texts.is_empty() {
            self.texts.push_str(",\n");
        }
        self.texts.push_str(&text);
        Ok(())
    }

    /// The files of the page: that of the page itself last, so that it never names texts that are not there.
    pub(crate) fn finish(mut self, case: CaseFacts) -> Result<Vec<PageFile>, RenderError> {
        if !self.texts.is_empty() {
            self.end_file();
        }
        let data = Data {
            language: self.language.code(),
            title: case.title,
            reference: case.reference,
            generated_by: concat!("earwitness ", env!("CARGO_PKG_VERSION")),
            custody_head: case.head,
            recordings: &self.calls,
            failures: case.failures,
            report: case.report,
        };
        let data = serde_json::to_string(&data).map_err(RenderError::new)?;
        let page = PageFile { name: Self::NAME.to_owned(), bytes: filled(HTML, CSS, JS, &data).into_bytes() };
        let files = self.files.into_iter().enumerate();
        let file = |(number, text): (usize, String)| PageFile { name: texts_name(number), bytes: text.into_bytes() };
        Ok(files.map(file).chain([page]).collect())
    }

    fn end_file(&mut self) {
        let texts = std::mem::take(&mut self.texts);
        let texts_file = format!("earwitnessText({}, [\n{}\n]);\n", self.files.len(), without_markup(&texts));
        self.files.push(texts_file);
    }
}

/// The name of a file of texts.
fn texts_name(number: usize) -> String {
    format!("{TEXTS_START}{number}.js")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::export::document::tests::document_of;
    use crate::export::formats::cues::tests::word;
    use crate::export::html::DATA;

    /// The data of a page.
    fn data(files: &[PageFile]) -> Value {
        let page = std::str::from_utf8(&files.last().unwrap().bytes).unwrap();
        let (_, data) = page.split_once(DATA).unwrap();
        serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn page_lists_calls_with_links_and_texts() {
        let mut page = CasePage::new(ReportLanguage::Ko);
        page.add(&document_of(&[word(0, "안녕", 0.5, 1.0)]), "통화 1", Some("통화 1.html".to_owned())).unwrap();
        page.add(&document_of(&[]), "b", None).unwrap();
        let files = page.finish(CaseFacts::default()).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["index-text-0.js", "index.html"]);
        let data = data(&files);
        assert_eq!(data["language"], "ko");
        assert_eq!(data["recordings"][0]["href"], "%ED%86%B5%ED%99%94%201.html");
        assert_eq!(data["recordings"][1]["href"], Value::Null, "it has no page");
        let text = std::str::from_utf8(&files[0].bytes).unwrap();
        assert!(text.starts_with("earwitnessText(0, [\n[\"통화 1\",[[0.5,null,\"안녕\"]]]"), "{text}");
    }

    #[test]
    fn page_of_hostile_text_has_it_as_data_alone() {
        let hostile = "</script><script>alert(1)</script> \u{2028}";
        let mut page = CasePage::new(ReportLanguage::En);
        page.add(&document_of(&[word(0, hostile, 0.0, 0.5)]), hostile, Some(hostile.to_owned())).unwrap();
        let failure =
            WithoutResults { path: hostile.to_owned(), stage: "decode".to_owned(), message: hostile.to_owned() };
        let facts = CaseFacts { title: Some(hostile.to_owned()), failures: vec![failure], ..CaseFacts::default() };
        for file in page.finish(facts).unwrap() {
            let text = String::from_utf8(file.bytes).unwrap();
            assert!(!text.contains("alert(1)<"), "{}", file.name);
        }
    }

    #[test]
    fn page_begins_another_file_of_texts_after_4_mib() {
        let long = "x".repeat(PART / 2 + 1);
        let mut page = CasePage::new(ReportLanguage::En);
        for name in ["a", "b", "c"] {
            page.add(&document_of(&[word(0, &long, 0.0, 0.5)]), name, None).unwrap();
        }
        let files = page.finish(CaseFacts::default()).unwrap();
        assert_eq!(files.len(), 4);
        let numbers: Vec<_> = (0..3).map(|call| data(&files)["recordings"][call]["text_part"].clone()).collect();
        assert_eq!(numbers, [0, 1, 2]);
    }
}
