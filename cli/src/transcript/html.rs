//! The page of a transcript, from a template.

use std::io::{self, Write};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, HtmlEscape, UndefinedBehavior};
use serde::Serialize;
use stage_core::{on_one_line, printable};

use super::draft::Draft;
use super::template::{Template, TemplateError};
use super::texts::{Fonts, Style, Texts};
use crate::error::Error;
use crate::export::ReportLanguage;

/// Name of the template in the environment.
const NAME: &str = "transcript.html";
/// Number of instructions that a template may take: some seconds. The built-in one takes less than a tenth for 20,000 turns.
const FUEL: u64 = 100_000_000;
/// Largest page, in bytes.
const LARGEST_PAGE: usize = 256 << 20;
/// Elements whose contents a browser does not show.
const HIDDEN: [&str; 6] = ["head", "script", "style", "template", "noscript", "title"];
/// Longest part of a template in a message, in characters.
const LONGEST: usize = 60;

/// What a template gets.
#[derive(Serialize)]
struct Values<'a> {
    #[serde(flatten)]
    draft: &'a Draft,
    t: &'a Texts,
    style: &'a Style,
    /// The fonts of the language.
    fonts: &'a Fonts,
}

/// Renders a draft.
///
/// # Errors
/// The template is wrong, or does not show that the page is a draft.
pub(super) fn render(template: &Template, language: ReportLanguage, draft: &Draft) -> Result<String, Error> {
    let page = render_within(FUEL, template, language, draft)?;
    let notice = template.file.texts(language).get("draft_notice");
    if !shown_text(&page).contains(&HtmlEscape(notice).to_string()) {
        return Err(Error::usage(TemplateError::NoNotice(template.html_path.clone())));
    }
    Ok(page)
}

fn render_within(fuel: u64, template: &Template, language: ReportLanguage, draft: &Draft) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(fuel));
    let invalid = |error: minijinja::Error| Error::usage(invalid(template, &error));
    environment.add_template(NAME, &template.html).map_err(invalid)?;
    let (t, style) = (template.file.texts(language), &template.file.style);
    let values = Values { draft, t, style, fonts: style.fonts(language) };
    let mut page = Page(Vec::new());
    let compiled = environment.get_template(NAME).map_err(invalid)?;
    compiled.render_captured_to(Serde(&values), &mut page).map_err(invalid)?;
    Ok(String::from_utf8_lossy(&page.0).into_owned())
}

/// A page that does not grow without limit.
struct Page(Vec<u8>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST_PAGE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text of a page without tags, comments, and the contents of elements that are not shown. What a style hides is text.
fn shown_text(page: &str) -> String {
    let lowercase = page.to_ascii_lowercase();
    let (mut text, mut at) = (String::new(), 0);
    while let Some(tag) = page[at..].find('<').map(|found| at + found) {
        text.push_str(&page[at..tag]);
        at = tag + tag_end(&lowercase[tag..]);
    }
    text + &page[at..]
}

/// Where a comment, an element that is not shown, or any other tag at the start of a text ends.
fn tag_end(text: &str) -> usize {
    if text.starts_with("<!--") {
        return after(text, "-->");
    }
    let name: String = text[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let contents = if HIDDEN.contains(&&*name) { after(text, &format!("</{name}")) } else { 0 };
    contents + after(&text[contents..], ">")
}

/// The place behind the first occurrence of an end, or the end of the text.
fn after(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

/// The error with the line and the part of the template that it is about.
fn invalid(template: &Template, error: &minijinja::Error) -> TemplateError {
    let path = template.html_path.clone();
    if matches!(error.kind(), ErrorKind::OutOfFuel | ErrorKind::WriteFailure) {
        return TemplateError::Endless { path, largest: LARGEST_PAGE };
    }
    let part = error.range().and_then(|range| template.html.get(range)).map(|part| {
        let shown: String = part.chars().take(LONGEST).collect();
        format!(" in `{}`", printable(&shown.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    let detail = error.detail().map(|detail| format!(": {}", printable(&on_one_line(detail)))).unwrap_or_default();
    let reason = format!("{}{detail}{}", error.kind(), part.unwrap_or_default());
    TemplateError::Invalid { path, line: error.line().unwrap_or(1), reason }
}

#[cfg(test)]
mod tests {
    use stage_core::Word;

    use super::*;
    use crate::export::document_of;
    use crate::transcript::draft::Source;

    #[test]
    fn page_of_20_000_turns_takes_less_than_a_tenth_of_the_limit() {
        let word = |at: usize| Word::of_text((at / 5 % 2) as u16, (at as f64, at as f64 + 0.4), "word");
        let mut document = document_of(&(0..100_000).map(word).collect::<Vec<_>>());
        (document.recording.channels, document.recording.duration_s) = (2, 1e5);
        let template = Template::read(None).unwrap();
        let language = ReportLanguage::En;
        let draft = Draft::new(&Source { document: &document, asked: None, file: &template.file, language });
        assert_eq!(draft.lines.len(), 20_000);
        render_within(FUEL / 10, &template, language, &draft).unwrap();
    }

    #[test]
    fn shown_text_has_no_comments_and_no_hidden_elements() {
        let page = "<html data-notice='n'><head><title>n</title></head>a<!-- n <b> -->b<STYLE>p { n }</Style>c<p class='n'>d</p>\
                    <script>n</script ><template><p>n</p></template>e<!-- n";
        assert_eq!(shown_text(page), "abcde");
    }
}
