//! Masks a document.

use std::collections::BTreeMap;

use serde_json::Value;
use stage_core::Diagnostics;

use super::{RedactionBlock, VERSION, mask, mask_part, masked};
use crate::export::Document;
use crate::review::{Action, Target};

/// Digits of the hash in the name of a redacted copy.
const NAME_DIGITS: usize = 12;

/// What is left out, besides masked numbers.
const NOTE: &str = "Numbers of identity, cards, accounts and phones are masked. Names of the file and of the contact, tags, \
                    diagnostics of the model, notes and results of further stages are left out. The recording itself is \
                    not redacted.";

/// A copy of a document for the other side. Times, measurements, evidence and hashes stay.
pub(crate) fn redact(mut document: Document) -> Document {
    let mut counts = BTreeMap::new();
    mask_words(&mut document, &mut counts);
    for segment in &mut document.segments {
        segment.text = mask(&segment.text, &mut counts);
        mask_option(&mut segment.low_confidence, &mut counts);
        mask_option(&mut segment.cut_short, &mut counts);
        segment.diagnostics = Diagnostics { family: segment.diagnostics.family.clone(), ..Diagnostics::default() };
    }
    for item in &mut document.forensics.evidence {
        item.text = mask(&item.text, &mut counts);
        mask_option(&mut item.speaker, &mut counts);
        mask_option(&mut item.discounted, &mut counts);
    }
    for dropped in &mut document.dropped {
        dropped.reason = mask(&dropped.reason, &mut counts);
    }
    for limit in &mut document.forensics.limits {
        *limit = mask(limit, &mut counts);
    }
    mask_recording(&mut document, &mut counts);
    mask_case(&mut document, &mut counts);
    mask_reviews(&mut document, &mut counts);
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

/// Masks the words of a segment together, since a number may be spread over several.
fn mask_words(document: &mut Document, counts: &mut BTreeMap<String, usize>) {
    let mut first = 0;
    while first < document.words.len() {
        let (segment, channel) = (document.words[first].segment, document.words[first].channel);
        let of_segment =
            document.words[first..].iter().take_while(|word| (word.segment, word.channel) == (segment, channel));
        let end = first + of_segment.count();
        let words = &mut document.words[first..end];
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let mut starts = Vec::new();
        let mut at = 0;
        for word in words.iter() {
            starts.push(at);
            at += word.text.len() + 1;
        }
        for (range, rule) in masked(&text) {
            *counts.entry(rule.name().to_owned()).or_default() += 1;
            for (word, start) in words.iter_mut().zip(&starts) {
                if *start < range.end && range.start < start + word.text.len() {
                    word.text = rule.mask();
                }
            }
        }
        for word in words.iter_mut() {
            mask_option(&mut word.speaker, counts);
        }
        first = end;
    }
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
    for warning in &mut recording.warnings {
        warning.message = mask(&warning.message, counts);
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
    let people = case.party.iter_mut().chain(case.speakers.iter_mut().map(|speaker| &mut speaker.person));
    for person in people {
        person.id = mask(&person.id, counts);
        person.name = mask(&person.name, counts);
        mask_option(&mut person.role, counts);
    }
}

fn mask_reviews(document: &mut Document, counts: &mut BTreeMap<String, usize>) {
    for review in &mut document.review {
        review.old = mask_statement(review.target, &review.old, counts);
        review.new = review.new.take().map(|new| match review.action {
            // The ID of a statement.
            Action::Withdraw => new,
            Action::CorrectSpeaker => mask(&new, counts),
            _ => mask_statement(review.target, &new, counts),
        });
        review.note = None;
        review.author = mask(&review.author, counts);
    }
    for item in document.reviewed.iter_mut().flat_map(|reviewed| &mut reviewed.items) {
        item.program_text = mask_statement(item.target, &item.program_text, counts);
        mask_option(&mut item.speaker, counts);
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
