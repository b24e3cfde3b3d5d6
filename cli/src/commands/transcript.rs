//! `transcript`: writes a draft of a transcript of one recording.

use std::ffi::OsStr;
use std::path::Path;

use scheduler::store::{self, Access, Entry, RecordingEntry, Store};
use stage_core::shown;

use super::resolve::resolve;
use crate::args::TranscriptArgs;
use crate::case_file::{self, CaseFile};
use crate::config::Loaded;
use crate::copies;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{Document, DocumentContext, ExportError, read_document_in};
use crate::failures::Failures;
use crate::file_name::NameParser;
use crate::open_store;
use crate::review::corrected;
use crate::transcript::{self, Format, Template, TranscriptRequest, Written};

pub(crate) fn transcript(args: &TranscriptArgs) -> Result<Exit, Error> {
    if let Some(folder) = &args.write_templates {
        return write_templates(folder);
    }
    let (Some(folder), Some(recording)) = (&args.folder, &args.recording) else {
        return Err(Error::usage("a result folder and a recording are expected; see `earwitness transcript --help`"));
    };
    let config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    let names = NameParser::new(&config.run.name_patterns).map_err(Error::usage)?;
    let template = Template::read(args.template.as_deref()).map_err(Error::usage)?;
    let context = DocumentContext { names, case: CaseFile::read(folder).map_err(Error::usage)? };
    let url = open_store::url(args.store.as_deref(), folder)?;
    let store = store::open(&url, Access::Read).map_err(Error::store)?;
    let entry = find(&*store, recording, context.case.as_ref())?;
    let document = corrected(read(&*store, &entry, &context)?, context.case.as_ref());
    drop(store);
    let case_file = case_file::path(folder);
    let format = if args.docx { Format::Docx } else { Format::Html };
    let written = transcript::write(&TranscriptRequest {
        document: &document,
        name: &entry.name,
        from: args.from.as_ref(),
        to: args.to.as_ref(),
        language: args.language.unwrap_or(config.export.report_language),
        template: &template,
        format,
        out: args.out.as_deref(),
        inputs: &entry.places().chain([&*case_file]).collect::<Vec<_>>(),
    })?;
    print(&written);
    let (recording, sha256) = (entry.file_sha256, written.sha256);
    let reviewed = document.reviewed.is_some_and(|reviewed| !reviewed.items.is_empty());
    let format = format!("transcript-{}", format.extension());
    copies::record(&url, &[Entry::Copied { recording, format, sha256, reviewed, redacted: false }]);
    Ok(Exit::Done)
}

fn write_templates(folder: &Path) -> Result<Exit, Error> {
    for path in transcript::write_built_in(folder).map_err(Error::usage)? {
        println!("template: {}", shown(&path));
    }
    println!("edit them, and name the folder with --template; docs/transcript.md describes them");
    Ok(Exit::Done)
}

/// The recording that a name means. Several stored recordings may have the same bytes: the first one is taken.
fn find(store: &dyn Store, name: &OsStr, case: Option<&CaseFile>) -> Result<RecordingEntry, Error> {
    let entries = store.recordings().map_err(Error::store)?;
    let sha256 = resolve(name, "RECORDING", &entries, case)?;
    let found = entries.into_iter().find(|entry| entry.file_sha256 == sha256);
    found.ok_or_else(|| Error::usage(format!("RECORDING {}: the store has no results of it", shown(Path::new(name)))))
}

fn read(store: &dyn Store, entry: &RecordingEntry, context: &DocumentContext) -> Result<Document, Error> {
    read_document_in(context, store, entry)
        .map_err(|error| match error {
            ExportError::Store(error) => Error::store(error),
            error => match Failures::read(store) {
                Ok(failures) => Error::from(failures.explain(entry, error)),
                Err(error) => Error::store(error),
            },
        })
        .context(format!("{}: there is no transcript to print", shown(&entry.path)))
}

fn print(written: &Written) {
    let Written { path, sha256, lines, not_transcribed, excerpt } = written;
    println!("transcript  {}", shown(path));
    println!("sha256      {sha256}");
    if let Some(excerpt) = excerpt {
        println!("excerpt     {excerpt}");
    }
    println!("turns       {lines}; {not_transcribed} intervals without transcript");
    println!("a draft made by a machine: nobody has checked or certified it");
}
