//! Checks written files against their records, and renders them again from the artifacts.

use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;

use scheduler::store::{OutputFile, RecordingEntry};
use stage_core::{sha256_file, sha256_hex, shown};

use super::artifacts::Current;
use super::{Case, Check, Report, progress};
use crate::error::Error;
use crate::export::{
    Document, DocumentContext, ExportFormat, Formats, LISTENING_COPY, PAGE, PageSound, embedded_sound, name_patterns,
    played_copy, read_document_in, recorded_copy,
};
use crate::file_name::NameParser;
use crate::outputs::pending;

pub(super) fn check(case: &Case<'_>, current: &Current<'_>, report: &mut Report) -> Result<(), Error> {
    let mut of_recordings: BTreeMap<&str, Vec<&OutputFile>> = BTreeMap::new();
    let pending: HashSet<_> = pending(case.store, &case.record).map_err(Error::store)?.into_iter().collect();
    let bar = progress::bar("written files", case.record.files().count());
    for file in case.record.files() {
        bar.inc(1);
        if pending.contains(&file.path) {
            let name = shown(&file.path);
            let why = "its recording was forgotten, and the next command that writes to the case deletes it";
            report.note(Check::File, format!("{name}: {why}"));
            continue;
        }
        report.counts.files += 1;
        match fault(case, file, current) {
            Some(fault) => report.fault(Check::File, format!("{}: {fault}", shown(&file.path))),
            // Its hash and its source were checked; it is not rendered.
            None if file.format == LISTENING_COPY => {}
            None => of_recordings.entry(file.recording.as_deref().unwrap_or_default()).or_default().push(file),
        }
    }
    bar.finish_and_clear();
    let bar = progress::bar("rendering again", case.recordings.len());
    for entry in &case.recordings {
        bar.inc(1);
        if let Some(files) = of_recordings.get(&*entry.file_sha256) {
            render_again(case, entry, files, report);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// How a file differs from its record, or from what the store has now.
fn fault(case: &Case<'_>, file: &OutputFile, current: &Current<'_>) -> Option<String> {
    let Some(path) = case.record.locate(&file.path) else {
        return Some("the store names a file outside the folder".to_owned());
    };
    let is_absent = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
    match (sha256_file(&path), &file.sha256) {
        // A run that was killed leaves its report and the like unfinished.
        (Err(error), None) if is_absent(&error) => None,
        (Ok(_), None) => None,
        (Err(error), _) if is_absent(&error) && file.recording.is_none() => Some("missing".to_owned()),
        (Err(error), _) if is_absent(&error) => Some(
            "missing: it was removed, or a process was killed before it was written; `earwitness export` writes it"
                .to_owned(),
        ),
        (Err(error), _) => Some(format!("cannot be read: {error}")),
        (Ok(found), Some(sha256)) if found == *sha256 => stale(file, current).map(str::to_owned),
        (Ok(found), _) if file.is_ours(&found) => Some("stale: the run that was to replace it was stopped".to_owned()),
        (Ok(_), _) => Some("altered after it was written".to_owned()),
    }
}

/// Why a file with the recorded hash does not show what the store has now. What versions before 6 of the store made a
/// file from is not known.
fn stale(file: &OutputFile, current: &Current<'_>) -> Option<&'static str> {
    match current.get(file.recording.as_deref()?) {
        None => Some("stale: the store has no results of its recording"),
        Some(current) if file.made_from.iter().all(|made| current.contains(made)) => None,
        Some(_) => Some("stale: made from other artifacts than the store has now; run again, or `earwitness export`"),
    }
}

/// Renders the files of a recording again, and compares them with their records.
fn render_again(case: &Case<'_>, entry: &RecordingEntry, files: &[&OutputFile], report: &mut Report) {
    let mut sources = Sources { case, entry, known: Vec::new() };
    for file in files {
        let name = shown(&file.path);
        match compare(file, &mut sources) {
            Again::Same => report.counts.rendered_again += 1,
            Again::NotRendered(why) => report.note(Check::File, format!("{name}: not rendered again: {why}")),
            Again::Fault(fault) => report.fault(Check::File, format!("{name}: {fault}")),
        }
    }
}

/// The result of rendering a file again.
enum Again {
    Same,
    NotRendered(String),
    Fault(String),
}

fn compare(file: &OutputFile, sources: &mut Sources<'_>) -> Again {
    let Some(recorded) = &file.document else {
        return Again::NotRendered("an older version did not record its sources".to_owned());
    };
    let Some(formats) = renderer(file) else {
        let OutputFile { renderer, format, .. } = file;
        let why = format!("written by version {renderer} of the format {format}, which this program does not have");
        return Again::NotRendered(why);
    };
    let case = sources.case;
    let (document, sha256) = match sources.of(file) {
        Err(reason) => return Again::Fault(format!("cannot be rendered again: {reason}")),
        Ok(source) => source,
    };
    let with_sound = match with_sound(case, file, document) {
        Err(fault) => return Again::Fault(fault),
        Ok(document) => document,
    };
    let document = with_sound.as_ref().unwrap_or(document);
    match formats.get(&file.format).map(|format| format.render(document)) {
        Some(Ok(bytes)) if Some(sha256_hex(&bytes)) == file.sha256 => Again::Same,
        Some(Err(reason)) => Again::Fault(format!("cannot be rendered again: {reason}")),
        _ if sha256 != recorded => Again::Fault(stale_source(changed_source(case, file))),
        _ if plays_other_copy(file, document) => Again::Fault(stale_source("its listening copy")),
        _ => Again::Fault("it does not show what its artifacts contain".to_owned()),
    }
}

/// The document with the sound that a page contains, which must be that of the recording or of its copy. `None` for files
/// without sound.
fn with_sound(case: &Case<'_>, file: &OutputFile, document: &Document) -> Result<Option<Document>, String> {
    let bytes = case.record.locate(&file.path).filter(|_| file.settings.get("embed_audio").is_some());
    let page = bytes.map(|path| std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))).transpose()?;
    let Some(sound) = page.and_then(|page| embedded_sound(&page)) else { return Ok(None) };
    let copy = document.page.sound.copy.clone();
    let expected = copy.as_ref().map_or(&document.recording.sha256, |copy| &copy.sha256);
    if sha256_hex(&sound) != *expected {
        let other = "it contains other sound than that of the recording";
        let is_stale = plays_other_copy(file, document);
        return Err(if is_stale { stale_source("its listening copy") } else { other.to_owned() });
    }
    let mut document = document.clone();
    document.page.sound = PageSound { copy, embedded: Some(sound), ..PageSound::default() };
    Ok(Some(document))
}

/// What the files of a recording are rendered from: a document for each set of patterns for its name.
struct Sources<'a> {
    case: &'a Case<'a>,
    entry: &'a RecordingEntry,
    known: Vec<(Vec<String>, Source)>,
}

/// A document and its hash, or why it cannot be made.
type Source = Result<(Document, String), String>;

impl Sources<'_> {
    fn of(&mut self, file: &OutputFile) -> Result<(&Document, &String), &String> {
        let patterns = name_patterns(file);
        let known = self.known.iter().position(|(of, _)| *of == patterns);
        let at = known.unwrap_or_else(|| {
            let source = document(self.case, self.entry, &patterns);
            self.known.push((patterns, source));
            self.known.len() - 1
        });
        self.known[at].1.as_ref().map(|(document, sha256)| (document, sha256))
    }
}

/// The formats with the settings of a file, if this program has its renderer in the same version.
fn renderer(file: &OutputFile) -> Option<Formats> {
    let formats = Formats::with_recorded_settings(&file.settings);
    let format: &dyn ExportFormat = formats.get(&file.format)?;
    (format.version() == file.renderer && format.settings() == file.settings).then_some(formats)
}

/// What has changed since a file was made.
fn changed_source(case: &Case<'_>, file: &OutputFile) -> &'static str {
    let then = file.context.get("case_file").and_then(|sha256| sha256.as_str());
    let now = case.file.as_ref().map(|case| case.file_sha256.as_str());
    if then == now { "what it was made from" } else { "case.toml" }
}

fn stale_source(what: &str) -> String {
    format!("stale: {what} has changed; `earwitness export` writes it again")
}

/// Whether a page was made with another listening copy than the record has now.
fn plays_other_copy(file: &OutputFile, now: &Document) -> bool {
    file.format == PAGE && played_copy(file) != now.page.sound.copy.as_ref().map(|copy| &*copy.sha256)
}

fn document(case: &Case<'_>, entry: &RecordingEntry, patterns: &[String]) -> Source {
    let names = NameParser::new(patterns).map_err(|error| error.to_string())?;
    let context = DocumentContext { names, case: case.file.clone() };
    let mut document = read_document_in(&context, case.store, entry).map_err(|error| error.to_string())?;
    document.page.sound = PageSound { copy: recorded_copy(&case.record, &entry.file_sha256), ..PageSound::default() };
    let sha256 = document.sha256();
    Ok((document, sha256))
}
