//! What the page of a case shows of one recording.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use stage_core::forensics::{Evidence, ScoreLevel};

use crate::export::Document;
use crate::export::html::percent_encoded;

/// Most findings that are shown of a call.
const SHOWN_ITEMS: usize = 5;

/// A recording, as the page lists it.
#[derive(Debug, Serialize)]
pub(super) struct Call {
    /// The name of its results.
    name: String,
    /// Its page, relative to this one; null if there is none.
    href: Option<String>,
    recorded_at: Option<String>,
    contact: Option<String>,
    number: Option<String>,
    direction: Option<String>,
    duration_s: f64,
    exhibit: Option<String>,
    /// Number of speakers.
    speakers: usize,
    languages: BTreeSet<String>,
    score: Option<f64>,
    level: Option<ScoreLevel>,
    /// Why there is no score.
    not_assessable: Option<String>,
    categories: BTreeMap<String, Category>,
    /// The most severe findings that count.
    items: Vec<Item>,
    /// Number of findings that count.
    item_count: usize,
    /// Share of the speech that was reliably transcribed, 0 to 1.
    reliable_share: Option<f64>,
    /// Length of what was not transcribed, in seconds.
    not_transcribed_s: f64,
    warnings: Vec<String>,
    sha256: String,
    /// The file with its text.
    text_part: usize,
}

/// The score of a category.
#[derive(Debug, Serialize)]
struct Category {
    score: Option<f64>,
    moments: u32,
}

/// A finding.
#[derive(Debug, Serialize)]
struct Item {
    category: String,
    start_s: f64,
    text: String,
    speaker: Option<String>,
}

impl Call {
    /// What is shown of a document whose results have this name. Its text is in the file with this number.
    pub(super) fn new(document: &Document, name: &str, page: Option<String>, text_part: usize) -> Self {
        let (recording, scores) = (&document.recording, &document.forensics.scores);
        let (items, item_count) = items(document);
        Self {
            name: name.to_owned(),
            href: page.map(|page| percent_encoded(page.as_bytes())),
            recorded_at: recording.recorded_at.clone(),
            contact: recording.contact.clone(),
            number: recording.number.clone(),
            direction: recording.direction.clone(),
            duration_s: recording.duration_s,
            exhibit: document.case.as_ref().and_then(|case| case.exhibit.clone()),
            speakers: document.speakers.speakers.len(),
            languages: document.segments.iter().map(|segment| segment.language.clone()).collect(),
            score: scores.overall.value,
            level: scores.level,
            not_assessable: scores.overall.reason.clone(),
            categories: scores.categories.iter().map(|(name, own)| (name.clone(), Category::of(own))).collect(),
            items,
            item_count,
            reliable_share: scores.coverage.ratio.value,
            not_transcribed_s: document.dropped.iter().map(|dropped| dropped.end_s - dropped.start_s).sum(),
            warnings: recording.warnings.iter().map(|warning| format!("{}: {warning}", warning.kind)).collect(),
            sha256: recording.sha256.clone(),
            text_part,
        }
    }
}

impl Category {
    const fn of(score: &stage_core::forensics::CategoryScore) -> Self {
        Self { score: score.score.value, moments: score.moments }
    }
}

/// The most severe findings that count, and the number of all that do.
fn items(document: &Document) -> (Vec<Item>, usize) {
    let mut counted: Vec<&Evidence> =
        document.forensics.evidence.iter().filter(|evidence| evidence.discounted.is_none()).collect();
    counted.sort_by(|a, b| b.severity.total_cmp(&a.severity).then(a.start_s.total_cmp(&b.start_s)));
    let item = |evidence: &&Evidence| Item {
        category: evidence.category.clone(),
        start_s: evidence.start_s,
        text: evidence.text.clone(),
        speaker: document.label_name(evidence.channel, evidence.speaker.as_deref()),
    };
    (counted.iter().take(SHOWN_ITEMS).map(item).collect(), counted.len())
}
