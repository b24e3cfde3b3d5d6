//! The page of a transcript, from a template.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior};
use serde::Serialize;
use stage_core::{on_one_line, printable};

use super::draft::Draft;
use super::template::{Template, TemplateError};
use super::texts::{Fonts, Style, Texts};
use crate::error::Error;
use crate::export::ReportLanguage;

/// Name of the template in the environment.
const NAME: &str = "transcript.html";
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
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let invalid = |error: minijinja::Error| Error::usage(invalid(template, &error));
    environment.add_template(NAME, &template.html).map_err(invalid)?;
    let (t, style) = (template.file.texts(language), &template.file.style);
    let values = Values { draft, t, style, fonts: style.fonts(language) };
    let page = environment.get_template(NAME).and_then(|page| page.render(Serde(&values))).map_err(invalid)?;
    if !page.contains(&HtmlEscape(t.get("draft_notice")).to_string()) {
        return Err(Error::usage(TemplateError::NoNotice(template.html_path.clone())));
    }
    Ok(page)
}

/// The error with the line and the part of the template that it is about.
fn invalid(template: &Template, error: &minijinja::Error) -> TemplateError {
    let path = template.html_path.clone();
    let part = error.range().and_then(|range| template.html.get(range)).map(|part| {
        let shown: String = part.chars().take(LONGEST).collect();
        format!(" in `{}`", printable(&shown.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    let detail = error.detail().map(|detail| format!(": {}", printable(&on_one_line(detail)))).unwrap_or_default();
    let reason = format!("{}{detail}{}", error.kind(), part.unwrap_or_default());
    TemplateError::Invalid { path, line: error.line().unwrap_or(1), reason }
}
