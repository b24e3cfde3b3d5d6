//! Every text of a document is masked, or is one that the program itself writes.
//!
//! The document is made from its JSON schema, so that a new field is tested as soon as it exists.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::redact;
use crate::export::Document;

/// The number in every text, and in every name of a map.
const NUMBER: &str = "010-1234-5678";
/// Names of settings; their values may be what people say.
const SETTINGS: &str = "provenance[].settings.{}";
/// Texts that the program itself writes, which are not masked: names of formats and settings, versions, hashes and times.
/// Of the objects among them, all fields.
const KEPT: &[&str] = &[
    "case.file_sha256",
    "forensics.authenticity.cues[].alternatives[]",
    "forensics.authenticity.cues[].strength.reason",
    "forensics.authenticity.cues[].threshold.reason",
    "forensics.authenticity.cues[].unit",
    "forensics.channels",
    "forensics.evidence[].category",
    "forensics.evidence[].rule",
    "forensics.evidence[].kind",
    "forensics.scores",
    "forensics.turn_taking",
    "provenance[].artifact_sha256",
    "provenance[].device",
    "provenance[].instruction_set",
    "provenance[].libraries",
    "provenance[].model_files",
    "provenance[].model_sha256",
    "provenance[].precision",
    SETTINGS,
    "provenance[].started_at",
    "provenance[].tool_version",
    "recording.account.tracks[].codec",
    "recording.codec",
    "recording.container",
    "recording.direction",
    "recording.external_decoder.version",
    "recording.pcm_sha256",
    "recording.recorded_at",
    "recording.sha256",
    "renderer.format",
    "renderer.settings",
    "review[].artifact_sha256",
    "review[].at",
    "review[].id",
    "reviewed.note",
    "segments[].diagnostics.family",
    "segments[].language",
    "speakers",
    "words[].fallback",
];

/// A value of a schema, with [`NUMBER`] as every text. Of several variants, it is the first that is not null.
fn value(schema: &Value, root: &Value) -> Value {
    if let Some(constant) = schema.get("const").or_else(|| schema["enum"].get(0)) {
        return constant.clone();
    }
    if let Some(name) = schema["$ref"].as_str() {
        return match name.rsplit('/').next() {
            Some("Fingerprint") => json!("0".repeat(64)),
            Some("StageName" | "OutputName") => json!("decode"),
            _ => value(root.pointer(name.trim_start_matches('#')).unwrap(), root),
        };
    }
    for variants in [&schema["oneOf"], &schema["anyOf"]] {
        let variants = variants.as_array().into_iter().flatten();
        if let Some(variant) = variants.clone().find(|variant| variant["type"] != "null") {
            return value(variant, root);
        }
    }
    let types = schema["type"].as_array().and_then(|types| types.iter().find(|name| *name != "null"));
    match types.unwrap_or(&schema["type"]).as_str() {
        Some("string") if schema.get("pattern").is_some() => json!("segment:0"),
        Some("string") => json!(NUMBER),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(false),
        Some("array") => json!([value(&schema["items"], root)]),
        Some("object") => object(schema, root),
        // Any value.
        _ => json!({NUMBER: [NUMBER]}),
    }
}

fn object(schema: &Value, root: &Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut object: Map<_, _> = properties.map(|(name, field)| (name.clone(), value(field, root))).collect();
    match &schema["additionalProperties"] {
        Value::Null | Value::Bool(false) => {}
        values => {
            object.insert(NUMBER.to_owned(), value(values, root));
        }
    }
    Value::Object(object)
}

/// The places of texts and of names that have the number.
fn places(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains(NUMBER) => {
            found.insert(path.to_owned());
        }
        Value::Array(items) => items.iter().for_each(|item| places(item, &format!("{path}[]"), found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = if name == NUMBER { "{}" } else { name };
            let path = [path, name].join(if path.is_empty() { "" } else { "." });
            if name == "{}" {
                found.insert(path.clone());
            }
            places(value, &path, found);
        }),
        _ => {}
    }
}

/// The places that have a text according to the schema, and the document.
fn full_document() -> (BTreeSet<String>, Document) {
    let schema = schemars::schema_for!(Document).to_value();
    let full = value(&schema, &schema);
    let mut found = BTreeSet::new();
    places(&full, "", &mut found);
    (found, Document::deserialize(full).unwrap())
}

#[test]
fn redaction_covers_every_text_of_the_schema() {
    let (texts, document) = full_document();
    let written = serde_json::to_value(&document).unwrap();
    let (mut filled, mut left) = (BTreeSet::new(), BTreeSet::new());
    places(&written, "", &mut filled);
    assert_eq!(filled, texts, "the schema states other texts than the document has");
    places(&serde_json::to_value(redact(document)).unwrap(), "", &mut left);
    let is_kept = |path: &str, kept: &str| {
        path.strip_prefix(kept).is_some_and(|rest| rest.is_empty() || kept != SETTINGS && rest.starts_with(['.', '[']))
    };
    let unknown: Vec<_> = left.iter().filter(|path| !KEPT.iter().any(|kept| is_kept(path, kept))).collect();
    assert!(unknown.is_empty(), "neither masked nor listed as written by the program: {unknown:#?}");
    let masked: Vec<_> = KEPT.iter().filter(|kept| !left.iter().any(|path| is_kept(path, kept))).collect();
    assert!(masked.is_empty(), "listed as kept, but masked or gone: {masked:#?}");
}
