//! Masks a document.

use std::collections::BTreeMap;

use serde_json::Value;
use stage_core::{Diagnostics, Word};

use super::conversation::{Line, Mask, masks};
use super::rules::Rule;
use super::{RedactionBlock, VERSION, is_masked, mask, mask_part, replace};
use crate::export::Document;
use crate::review::{Action, ReviewBlock, Target};

/// Digits of the hash in the name of a redacted copy.
const NAME_DIGITS: usize = 12;

/// What is left out, besides masked numbers.
const NOTE: &str = "Numbers of identity, cards, accounts and phones are masked. Names of the file and of the contact, tags, \
                    diagnostics of the model, notes and results of further stages are left out. The recording itself is \
                    not redacted.";

/// A copy of a document for the other side. Times, measurements, evidence and hashes stay.
pub(crate) fn redact(mut document: Document) -> Document {
    let mut counts = BTreeMap::new();
    let statements = Statements::of(&document);
    mask_segments(&mut document, &mut counts);
    mask_words(&mut document, &mut counts);
    statements.mask(&mut document, &mut counts);
    for dropped in &mut document.dropped {
        dropped.reason = mask(&dropped.reason, &mut counts);
    }
    for limit in &mut document.forensics.limits {
        *limit = mask(limit, &mut counts);
    }
    mask_recording(&mut document, &mut counts);
    mask_case(&mut document, &mut counts);
    for link in &mut document.provenance {
        mask_settings(&mut link.settings, &mut counts);
    }
    document.further.clear();
    document.redaction = Some(RedactionBlock { version: VERSION, masked: counts, note: NOTE.to_owned() });
    document
}

/// The base name of the files of a redacted copy.
pub(crate) fn redacted_name(sha256: &str) -> String {
    format!("redacted-{}", &sha256[..sha256.len().min(NAME_DIGITS)])
}

/// The masks of each segment, perhaps as if one of them had another text.
fn segment_masks(document: &Document, correction: Option<(usize, &str)>) -> Vec<Vec<Mask>> {
    let text = |index: usize| {
        let other = correction.filter(|(corrected, _)| *corrected == index);
        other.map_or(&*document.segments[index].text, |(_, text)| text)
    };
    let mut order: Vec<_> = (0..document.segments.len()).collect();
    order.sort_by(|a, b| document.segments[*a].start_s.total_cmp(&document.segments[*b].start_s));
    let lines: Vec<_> =
        order.iter().map(|index| Line { channel: document.segments[*index].channel, text: text(*index) }).collect();
    let mut result = vec![Vec::new(); order.len()];
    for (index, masks) in order.into_iter().zip(masks(&lines)) {
        result[index] = masks;
    }
    result
}

/// The rule that masks each word. The words of a segment are one line, since a number may be spread over several.
fn word_rules(document: &Document, correction: Option<(usize, &str)>) -> Vec<Option<Rule>> {
    let words = &document.words;
    let text = |index: usize| {
        let other = correction.filter(|(corrected, _)| *corrected == index);
        other.map_or(&*words[index].text, |(_, text)| text)
    };
    let indices: Vec<_> = (0..words.len()).collect();
    let segment = |index: usize| (words[index].channel, words[index].segment);
    let mut lines: Vec<&[usize]> = indices.chunk_by(|a, b| segment(*a) == segment(*b)).collect();
    lines.sort_by(|a, b| words[a[0]].start_s.total_cmp(&words[b[0]].start_s));
    let texts: Vec<_> =
        lines.iter().map(|line| line.iter().map(|index| text(*index)).collect::<Vec<_>>().join(" ")).collect();
    let as_lines: Vec<_> =
        lines.iter().zip(&texts).map(|(line, text)| Line { channel: words[line[0]].channel, text }).collect();
    let mut rules = vec![None; words.len()];
    for (line, masks) in lines.iter().zip(masks(&as_lines)) {
        let mut start = 0;
        for index in *line {
            let end = start + text(*index).len();
            let mask = masks.iter().find(|(range, _)| start < range.end && range.start < end);
            rules[*index] = mask.map(|(_, rule)| *rule);
            start = end + 1;
        }
    }
    rules
}

fn mask_segments(document: &mut Document, counts: &mut BTreeMap<String, usize>) {
    let masks = segment_masks(document, None);
    for (segment, masks) in document.segments.iter_mut().zip(masks) {
        segment.text = replace(&segment.text, &masks, counts);
        mask_option(&mut segment.low_confidence, counts);
        mask_option(&mut segment.cut_short, counts);
        segment.diagnostics = Diagnostics { family: segment.diagnostics.family.clone(), ..Diagnostics::default() };
    }
}

/// Masks words, and evidence, whose text consists of words.
fn mask_words(document: &mut Document, counts: &mut BTreeMap<String, usize>) {
    let rules = word_rules(document, None);
    for (word, rule) in document.words.iter_mut().zip(&rules) {
        if let Some(rule) = rule {
            word.text = rule.mask();
            *counts.entry(rule.name().to_owned()).or_default() += 1;
        }
        mask_option(&mut word.speaker, counts);
    }
    for item in &mut document.forensics.evidence {
        let first = item.words.iter().min().map_or(0, |word| *word as usize);
        let end = item.words.iter().max().map_or(0, |word| *word as usize + 1);
        let has_masks = rules.get(first..end).is_some_and(|rules| rules.iter().any(Option::is_some));
        item.text = if has_masks { joined(&document.words[first..end]) } else { mask(&item.text, counts) };
        mask_option(&mut item.speaker, counts);
        mask_option(&mut item.discounted, counts);
    }
}

fn joined(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn mask_recording(document: &mut Document, counts: &mut BTreeMap<String, usize>) {
    let recording = &mut document.recording;
    recording.path = redacted_name(&recording.sha256);
    recording.path_bytes = None;
    recording.contact = None;
    recording.number = None;
    recording.name_encoding = None;
    recording.other_names.clear();
    recording.tags.clear();
    recording.container_facts = None;
    for warning in &mut recording.warnings {
        warning.message = mask(&warning.message, counts);
    }
    for cue in &mut document.forensics.authenticity.cues {
        mask_option(&mut cue.detail, counts);
    }
    if let Some(decoder) = &mut recording.external_decoder {
        decoder.path = String::new();
        decoder.arguments.clear();
    }
}

fn mask_case(document: &mut Document, counts: &mut BTreeMap<String, usize>) {
    let Some(case) = &mut document.case else { return };
    for text in [&mut case.title, &mut case.reference, &mut case.exhibit] {
        mask_option(text, counts);
    }
    case.note = None;
    let speakers = case.speakers.iter_mut().map(|speaker| &mut speaker.person);
    for voice in &mut case.voices {
        voice.speaker = mask(&voice.speaker, counts);
    }
    let voices = case.voices.iter_mut().map(|voice| &mut voice.person);
    for person in case.party.iter_mut().chain(speakers).chain(voices) {
        person.id = mask(&person.id, counts);
        person.name = mask(&person.name, counts);
        mask_option(&mut person.role, counts);
    }
}

/// The text that a statement has about an item, masked as in the place of the item; `None` if it has no place.
fn masked_in_place(document: &Document, target: Target, text: &str) -> Option<String> {
    match target {
        Target::Segment(index) if index < document.segments.len() => {
            let masks = segment_masks(document, Some((index, text))).swap_remove(index);
            Some(replace(text, &masks, &mut BTreeMap::new()))
        }
        Target::Word(index) if index < document.words.len() => {
            Some(word_rules(document, Some((index, text)))[index].map_or_else(|| text.to_owned(), Rule::mask))
        }
        _ => None,
    }
}

/// The texts of statements as they are masked in their places.
struct Statements {
    corrections: Vec<Option<String>>,
    program_texts: Vec<Option<String>>,
}

impl Statements {
    /// Those of a document that is not masked yet.
    fn of(document: &Document) -> Self {
        let correction = |review: &ReviewBlock| {
            let new = review.new.as_deref().filter(|_| review.action == Action::CorrectText)?;
            masked_in_place(document, review.target, new)
        };
        let items = document.reviewed.iter().flat_map(|reviewed| &reviewed.items);
        let program_texts = items.map(|item| masked_in_place(document, item.target, &item.program_text)).collect();
        Self { corrections: document.review.iter().map(correction).collect(), program_texts }
    }

    /// Masks the statements of a document whose segments and words are masked already.
    fn mask(self, document: &mut Document, counts: &mut BTreeMap<String, usize>) {
        let mut reviews = std::mem::take(&mut document.review);
        for (review, correction) in reviews.iter_mut().zip(self.corrections) {
            review.old = match masked_item(document, review.target) {
                Some(text) if is_masked(text) => text.to_owned(),
                _ => mask_statement(review.target, &review.old, counts),
            };
            review.new = review.new.take().map(|new| match review.action {
                // The ID of a statement.
                Action::Withdraw => new,
                Action::CorrectSpeaker => mask(&new, counts),
                _ => mask_statement(review.target, &correction.unwrap_or(new), counts),
            });
            review.note = None;
            review.author = mask(&review.author, counts);
        }
        document.review = reviews;
        let items = document.reviewed.iter_mut().flat_map(|reviewed| &mut reviewed.items);
        for (item, program_text) in items.zip(self.program_texts) {
            let text = program_text.as_ref().unwrap_or(&item.program_text);
            item.program_text = mask_statement(item.target, text, counts);
            mask_option(&mut item.speaker, counts);
        }
    }
}

/// Masks a text that a statement has about an item. The text of a word may be a part of a number, which is masked where
/// all of its words stand, but could be put together again from statements about each of them.
fn mask_statement(target: Target, text: &str, counts: &mut BTreeMap<String, usize>) -> String {
    match target {
        Target::Word(_) => mask_part(text, counts),
        Target::Segment(_) | Target::Evidence(_) => mask(text, counts),
    }
}

/// The text of an item of the document.
fn masked_item(document: &Document, target: Target) -> Option<&str> {
    match target {
        Target::Evidence(index) => document.forensics.evidence.get(index).map(|item| item.text.as_str()),
        Target::Segment(index) => document.segments.get(index).map(|segment| segment.text.as_str()),
        Target::Word(index) => document.words.get(index).map(|word| word.text.as_str()),
    }
}

/// Prompts and hotwords may contain names and numbers; numbers among settings stay.
fn mask_settings(settings: &mut Value, counts: &mut BTreeMap<String, usize>) {
    match settings {
        Value::String(text) => *text = mask(text, counts),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_settings(item, counts)),
        Value::Object(fields) => fields.values_mut().for_each(|value| mask_settings(value, counts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn mask_option(text: &mut Option<String>, counts: &mut BTreeMap<String, usize>) {
    if let Some(text) = text {
        *text = mask(text, counts);
    }
}

#[cfg(test)]
#[path = "document_test.rs"]
mod tests;
