//! The lines of the transcript: a paragraph for each, with its number and time before the text.

use docx_rs::{AlignmentType, Docx, LineSpacing, Paragraph, Run, SpecialIndentType, Tab, TabValueType};

use super::blocks::{heading, small};
use super::look::{BODY, Look, SMALL, twips};
use crate::transcript::draft::Draft;
use crate::transcript::lines::{Kind, Line, Span};
use crate::transcript::texts::Texts;

/// Width of the marks in the legend, in mm.
const MARKS_MM: f64 = 26.0;

pub(super) fn add(docx: Docx, look: &Look<'_>, draft: &Draft, texts: &Texts) -> Docx {
    let docx = docx.add_paragraph(heading(look, texts.get("body_heading")));
    let docx = legend(look, texts).into_iter().fold(docx, Docx::add_paragraph);
    let docx = docx.add_paragraph(edge(look, &draft.begin)).add_paragraph(head(look, texts));
    let docx = if draft.lines.is_empty() { docx.add_paragraph(edge(look, texts.get("no_lines"))) } else { docx };
    let last = draft.lines.len().saturating_sub(1);
    let lines = draft.lines.iter().enumerate();
    // What stands after the lines is never alone on a page.
    let docx = lines.fold(docx, |docx, (at, one)| docx.add_paragraph(line(look, one).keep_next(at == last)));
    docx.add_paragraph(edge(look, &draft.end).keep_next(true)).add_paragraph(edge(look, texts.get("blank_below")))
}

/// The marks and what they mean.
fn legend(look: &Look<'_>, texts: &Texts) -> Vec<Paragraph> {
    let legend = |key: &str| texts.legend.get(key).map_or("", String::as_str);
    let mark = |kind, text: &str| span(look, &Span { kind, text: text.to_owned() });
    let entries = [
        (vec![look.run(texts.get("number"))], "number"),
        (vec![look.run(texts.get("time"))], "time"),
        (mark(Kind::Unsure, legend("word")), "unsure"),
        (mark(Kind::Inaudible, texts.get("inaudible")), "inaudible"),
        (mark(Kind::NonSpeech, legend("non_speech")), "non_speech_note"),
    ];
    let width = twips(MARKS_MM);
    let hanging = i32::try_from(width).unwrap_or_default();
    let entry = |(runs, key): (Vec<Run>, &str)| {
        let paragraph = Paragraph::new().style(SMALL).add_tab(Tab::new().val(TabValueType::Left).pos(width));
        let paragraph = paragraph.indent(Some(hanging), Some(SpecialIndentType::Hanging(hanging)), None, None);
        runs.into_iter().fold(paragraph, Paragraph::add_run).add_run(look.tab()).add_run(look.run(legend(key)))
    };
    let title = small(look.run(texts.get("legend_heading")).bold());
    std::iter::once(title).chain(entries.into_iter().map(entry)).collect()
}

/// What stands before and after the lines.
fn edge(look: &Look<'_>, text: &str) -> Paragraph {
    let spacing = LineSpacing::new().before(160).after(80);
    Paragraph::new().style(BODY).align(AlignmentType::Center).line_spacing(spacing).add_run(look.run(text))
}

/// The names of the columns.
fn head(look: &Look<'_>, texts: &Texts) -> Paragraph {
    let runs = [texts.get("number"), texts.get("time"), texts.get("text")].map(|text| look.run(text).bold());
    let [number, time, text] = runs;
    let paragraph = columns(look).style(SMALL).keep_next(true);
    paragraph.add_run(number).add_run(look.tab()).add_run(time).add_run(look.tab()).add_run(text)
}

fn line(look: &Look<'_>, line: &Line) -> Paragraph {
    let size = look.half_points(look.style.sizes_pt.small);
    let time = line.time.as_deref().unwrap_or_default();
    let mut paragraph = columns(look)
        .style(BODY)
        .add_run(look.run(&line.number.to_string()).size(size))
        .add_run(look.tab())
        .add_run(look.run(time).size(size))
        .add_run(look.tab());
    if let Some(speaker) = &line.speaker {
        paragraph = paragraph.add_run(look.run(&format!("{speaker}:")).bold()).add_run(look.run(" "));
    }
    line.spans.iter().flat_map(|one| span(look, one)).fold(paragraph, Paragraph::add_run)
}

/// A paragraph whose text is behind the columns of number and time.
fn columns(look: &Look<'_>) -> Paragraph {
    let columns = look.style.columns_mm;
    let (time, text) = (twips(columns.number), twips(columns.number + columns.time));
    let hanging = i32::try_from(text).unwrap_or_default();
    let tab = |pos| Tab::new().val(TabValueType::Left).pos(pos);
    let spacing = LineSpacing::new().after(60);
    let paragraph = Paragraph::new().tabs(&[tab(time), tab(text)]).widow_control(true).line_spacing(spacing);
    paragraph.indent(Some(hanging), Some(SpecialIndentType::Hanging(hanging)), None, None)
}

/// The runs of a span with its marks.
fn span(look: &Look<'_>, span: &Span) -> Vec<Run> {
    let marks = &look.style.marks;
    let (before, after, underline) = match span.kind {
        Kind::Unsure => (&*marks.unsure_before, &*marks.unsure_after, Some(marks.unsure_underline)),
        Kind::NonSpeech => (&*marks.non_speech_before, &*marks.non_speech_after, None),
        Kind::Evidence => ("", "", Some(marks.evidence_underline)),
        Kind::Plain | Kind::Corrected | Kind::Inaudible => ("", "", None),
    };
    let text = look.run(&span.text);
    let text = underline.map_or_else(|| text.clone(), |underline| look.underlined(text.clone(), underline));
    let around = |text: &str| (!text.is_empty()).then(|| look.run(text));
    around(before).into_iter().chain([text]).chain(around(after)).collect()
}
