//! Problems of a run that names and headers show before it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use scheduler::store::Failure;
use serde::{Serialize, Serializer};
use stage_core::{ErrorCode, is_unprintable, path_text};

use super::{Conditions, Examined};
use crate::export::legal_name;
use crate::file_name::NameParser;
use crate::inputs::{Inputs, SkipReason, SkippedFile};

/// Longer recordings are possible, but more likely a damaged header, in seconds.
const LONGEST_S: f64 = 24.0 * 3600.0;
/// Shorter recordings contain no word, in seconds.
const SHORTEST_S: f64 = 0.1;
/// No codec for speech is below this rate, in bits per second.
const LEAST_BPS: f64 = 400.0;
/// Extensions of recordings that decode has no demuxer for.
const AUDIO_LIKE: [&str; 16] =
    ["3ga", "ac3", "aiff", "ape", "au", "awb", "caf", "dss", "ds2", "gsm", "mov", "mp2", "mpc", "voc", "wma", "wmv"];

/// A problem of one or several files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    /// Stable code, for scripts. For files whose header cannot be used it is the code of the error in the run.
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) paths: Vec<PathBuf>,
}

/// How a problem affects the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// The run will fail on these files.
    Error,
    /// The result may not be what the user expects.
    Warning,
    /// The run handles it.
    Note,
}

/// Paths as text, in which bytes that are not UTF-8 are `\xB1`.
fn as_text<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path_text(path)))
}

/// All problems, the worst first. `names` are the names of the exported files.
pub(super) fn find(
    inputs: &Inputs,
    examined: &[Examined],
    names: &BTreeMap<PathBuf, String>,
    conditions: &Conditions,
) -> Vec<Problem> {
    let mut problems: Vec<Problem> = examined.iter().filter_map(of_header).collect();
    problems.extend(examined.iter().filter_map(of_length));
    problems.extend(duplicates(examined));
    problems.extend(renamed(examined, names));
    problems.extend(of_names(examined.iter().map(|file| file.path.as_path()), &conditions.names, &tomorrow()));
    problems.extend(inputs.skipped.iter().filter_map(of_skipped));
    problems.extend(inputs.unreadable.iter().map(|Failure { path, error }| {
        problem(Severity::Error, error.code.as_str(), error.reason(), vec![path.clone()])
    }));
    problems.extend(conditions.taken.iter().map(|(path, why)| {
        let message = format!("the run would not replace this file: {why}; move it, or add --overwrite");
        problem(Severity::Error, ErrorCode::OutputTaken.as_str(), message, vec![path.clone()])
    }));
    problems.sort_by(|a, b| (a.severity, &a.code, &a.paths).cmp(&(b.severity, &b.code, &b.paths)));
    problems
}

fn problem(severity: Severity, code: &str, message: String, paths: Vec<PathBuf>) -> Problem {
    Problem { severity, code: code.to_owned(), message, paths }
}

/// A file that the run cannot read or decode.
fn of_header(file: &Examined) -> Option<Problem> {
    let paths = || vec![file.path.clone()];
    if let Err(reason) = &file.facts {
        let message = format!("the file cannot be read: {reason}");
        return Some(problem(Severity::Error, "unreadable-file", message, paths()));
    }
    let error = file.header.as_ref().err()?;
    Some(problem(Severity::Error, error.code.as_str(), error.reason(), paths()))
}

/// A length that the header does not state, or that is not plausible.
fn of_length(file: &Examined) -> Option<Problem> {
    let header = file.header.as_ref().ok()?;
    let warning = |code, message| Some(problem(Severity::Warning, code, message, vec![file.path.clone()]));
    let Some(length_s) = header.duration_s else {
        return warning("unknown-length", "the header states no length; the decoder will measure it".to_owned());
    };
    let bits_per_s = file.size_bytes as f64 * 8.0 / length_s;
    if length_s < SHORTEST_S {
        warning("too-short", format!("the recording has {length_s:.3} s of sound: too short for a word"))
    } else if length_s > LONGEST_S || bits_per_s < LEAST_BPS {
        let hours = length_s / 3600.0;
        warning("implausible-length", format!("the header states {hours:.1} h for {} bytes", file.size_bytes))
    } else {
        None
    }
}

/// Files with the same bytes.
fn duplicates(examined: &[Examined]) -> Vec<Problem> {
    let mut by_hash: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for file in examined.iter().filter(|file| file.size_bytes > 0) {
        if let Ok(facts) = &file.facts {
            by_hash.entry(&facts.sha256).or_default().push(file.path.clone());
        }
    }
    let message = "the files have the same bytes: one recording, exported once".to_owned();
    let several = by_hash.into_values().filter(|paths| paths.len() > 1);
    several.map(|paths| problem(Severity::Note, "duplicate-content", message.clone(), paths)).collect()
}

/// Files whose results are named otherwise: with a number because another recording has their name, or because their
/// name is not legal everywhere.
fn renamed(examined: &[Examined], names: &BTreeMap<PathBuf, String>) -> Vec<Problem> {
    let note = |file: &Examined| {
        let (stem, name) = (file.path.file_stem()?, names.get(&file.path)?);
        let legal = legal_name(stem);
        let (code, reason) = match (legal == *name, stem == name.as_str()) {
            (_, true) => return None,
            (true, false) => ("renamed", "the name is too long or not legal on every system"),
            (false, false) => ("same-name", "another recording has the same name"),
        };
        Some(problem(Severity::Note, code, format!("{reason}: the results are named {name}"), vec![file.path.clone()]))
    };
    examined.iter().filter_map(note).collect()
}

/// Names with damaged characters, mixed Unicode forms, or dates that differ in form or are in the future (after
/// `tomorrow`, in ISO 8601).
fn of_names<'a>(paths: impl Iterator<Item = &'a Path>, parser: &NameParser, tomorrow: &str) -> Vec<Problem> {
    let (mut damaged, mut composed, mut decomposed) = (Vec::new(), false, Vec::new());
    let mut dates: BTreeMap<DateForm, Vec<PathBuf>> = BTreeMap::new();
    let mut future = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap_or(OsStr::new(""));
        let text = stem.to_string_lossy();
        if text.contains('\u{FFFD}') || text.chars().any(is_unprintable) {
            damaged.push(path.to_owned());
        }
        composed |= text.chars().any(is_composed);
        if text.chars().any(is_combining) {
            decomposed.push(path.to_owned());
        }
        let (form, at) = date(path, parser);
        dates.entry(form).or_default().push(path.to_owned());
        if at.is_some_and(|at| *at > *tomorrow) {
            future.push(path.to_owned());
        }
    }
    let mut problems = Vec::new();
    let mut warn = |code, message: &str, paths: Vec<PathBuf>| {
        if !paths.is_empty() {
            problems.push(problem(Severity::Warning, code, message.to_owned(), paths));
        }
    };
    warn(
        "damaged-name",
        "the name is not valid UTF-8 (contact and number are then read as CP949, a guess) or has control characters",
        damaged,
    );
    if composed {
        let message = "the name has letters in decomposed form, as macOS writes them, others have composed ones: equal \
                       names of contacts differ";
        warn("mixed-unicode-forms", message, decomposed);
    }
    warn("future-date", "the date in the name is in the future", future);
    let dated: BTreeSet<_> = dates.keys().filter(|form| **form != DateForm::None).copied().collect();
    if let Some(undated) = dates.remove(&DateForm::None).filter(|_| !dated.is_empty()) {
        warn(
            "missing-date",
            "the name has no date and time like the others; --name-pattern describes other forms",
            undated,
        );
    }
    if dated.len() > 1 {
        let paths = dates.remove(&DateForm::FourDigits).unwrap_or_default();
        warn("mixed-dates", "the year in the name has four digits, in others two", paths);
    }
    problems
}

/// The form of the date in a file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DateForm {
    None,
    TwoDigits,
    FourDigits,
}

/// The form of the date in a name, and the time in ISO 8601.
fn date(path: &Path, parser: &NameParser) -> (DateForm, Option<String>) {
    let named = parser.parse(path);
    let form = match &named.recorded_at {
        None => DateForm::None,
        Some(_) if named.has_century => DateForm::FourDigits,
        Some(_) => DateForm::TwoDigits,
    };
    (form, named.recorded_at)
}

/// Whether a letter of another script than ASCII is one code point that has a decomposed form: Latin with marks, Hangul
/// syllables.
const fn is_composed(c: char) -> bool {
    matches!(c, '\u{C0}'..='\u{17F}' | '\u{AC00}'..='\u{D7A3}')
}

/// Whether a character is a part of a decomposed letter: a combining mark, or a Hangul jamo.
const fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{1100}'..='\u{11FF}' | '\u{3099}' | '\u{309A}')
}

/// A day from now in UTC, which no local time has reached yet.
fn tomorrow() -> String {
    (Timestamp::now() + SignedDuration::from_hours(24)).to_string()
}

/// A skipped file that is a recording by its content or its name.
fn of_skipped(skipped: &SkippedFile) -> Option<Problem> {
    let path = match skipped.reason {
        SkipReason::NotAudioName | SkipReason::AudioContent => &skipped.path,
        _ => return None,
    };
    let warning = |code, message| Some(problem(Severity::Warning, code, message, vec![path.clone()]));
    if decode::probe(path).is_ok() {
        let message = "skipped, but it contains audio: name the file itself as an input".to_owned();
        return warning("skipped-recording", message);
    }
    let extension = path.extension()?.to_string_lossy().to_lowercase();
    let message = || format!("skipped: .{extension} is not supported; convert it to wav or flac first");
    if AUDIO_LIKE.contains(&extension.as_str()) { warning("unsupported-extension", message()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(names: &[&str]) -> Vec<(String, usize)> {
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        let found = of_names(paths.iter().map(PathBuf::as_path), &NameParser::default(), "2026-11-29T12:00:00Z");
        found.into_iter().map(|problem| (problem.code, problem.paths.len())).collect()
    }

    #[test]
    fn names_in_one_form_have_no_problem() {
        assert_eq!(codes(&["김민수_241105_093012.m4a", "이영희_241106_093012.m4a"]), []);
        assert_eq!(codes(&["a.wav", "b.wav"]), [], "dates are missed only if other names have them");
    }

    #[test]
    fn names_that_mix_forms_or_are_damaged_are_reported() {
        let two = "a_241105_093012.m4a";
        assert_eq!(codes(&[two, "b.m4a"]), [("missing-date".to_owned(), 1)]);
        assert_eq!(codes(&[two, "b_20241105_093012.m4a"]), [("mixed-dates".to_owned(), 1)]);
        assert_eq!(codes(&["b_261201_000000.m4a", "c_261129_110000.m4a"]), [("future-date".to_owned(), 1)]);
        assert_eq!(codes(&["\u{AE40}.m4a", "\u{1100}\u{1175}\u{11B7}.m4a"]), [("mixed-unicode-forms".to_owned(), 1)]);
        assert_eq!(codes(&["a\u{FFFD}.m4a", "b\u{7}.m4a"]), [("damaged-name".to_owned(), 2)]);
    }
}
