//! `export`: writes results from the store into files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scheduler::coordinator::Interrupt;
use scheduler::store::{self, Access, Entry, RecordingEntry, Store};
use stage_core::{printable, remove_unfinished, shown};

use crate::args::ExportArgs;
use crate::case_file::{self, CaseFile};
use crate::config::Loaded;
use crate::copies;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{DocumentContext, ExportError, Exported, Exporter, Formats, SoundReader, Variant};
use crate::failures::Failures;
use crate::file_name::NameParser;
use crate::open_store;
use crate::outputs::{FolderLock, Output, Record, check_places};
use crate::settings::decode_config;
use crate::signals::{self, SignalWatch};

pub(crate) fn export(args: &ExportArgs) -> Result<Exit, Error> {
    let config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    let mut settings = config.export.clone();
    args.formats.apply(&mut settings);
    args.formats.check(&args.format).map_err(Error::usage)?;
    let all = Formats::with_settings(&settings);
    let selected = all.select(args.format.iter().map(String::as_str)).map_err(Error::usage)?;
    let patterns = [args.name_pattern.clone(), config.run.name_patterns.clone()].concat();
    let names = NameParser::new(&patterns).map_err(Error::usage)?;
    let folder = &args.folder.folder;
    let context = DocumentContext { names, case: CaseFile::read(folder).map_err(Error::usage)? };
    let variant = Variant { reviewed: args.reviewed, redacted: args.redact };
    let interrupt = Interrupt::default();
    let sound = SoundReader { folder: folder.clone(), decode: decode_config(&config), interrupt: interrupt.clone() };
    let (copies, sound) = (settings.listening_copy, Some(&sound));
    let exporter = Exporter { selected: &selected, all: &all, context: &context, variant, copies, sound };
    check_variant(args, variant)?;
    let url = open_store::url(args.folder.store.as_deref(), folder)?;
    // A copy elsewhere changes neither the folder nor the store, which may be on read-only media.
    let elsewhere = args.out.as_deref().filter(|out| !same_folder(out, folder));
    if variant.differs() && elsewhere.is_none() {
        let reason = "the results of the case itself stay complete, and as the program made them";
        return Err(Error::usage(format!("--reviewed and --redact need --out with another folder: {reason}")));
    }
    let access = if elsewhere.is_some() { Access::Read } else { Access::Write };
    let mut store = store::open(&url, access).map_err(Error::store)?;
    if elsewhere.is_none() && url.path().is_none() {
        // The store is elsewhere, so the folder may be new.
        created(folder)?;
    }
    let _lock = elsewhere.is_none().then(|| FolderLock::acquire(&url, folder)).transpose()?;
    let mut record = match elsewhere {
        Some(out) => Record::empty(None, &created(out)?, args.overwrite),
        None => {
            // The lock of the store or of the folder keeps other runs away.
            remove_unfinished(folder).context(format!("{}: cannot be cleaned", folder.display()))?;
            open_store::record(&mut *store, &url, folder, args.overwrite)?
        }
    };
    let recordings = store.recordings().map_err(Error::store)?;
    check(&record, exporter, &recordings, &case_file::path(folder))?;
    let signals = SignalWatch::start(interrupt).context("the signal handlers cannot be installed")?;
    let failures = Failures::read(&*store).map_err(Error::store)?;
    let (exit, copies) = export_all(&mut *store, &mut record, exporter, (&recordings, &failures), &signals);
    if elsewhere.is_some() {
        drop(store);
        copies::record(&url, &copies);
    }
    Ok(exit)
}

/// Refuses sound in masked copies, which have none.
fn check_variant(args: &ExportArgs, variant: Variant) -> Result<(), Error> {
    let asks = args.formats.listening_copy.is_some() || args.formats.embed_audio == Some(true);
    if variant.redacted && asks {
        return Err(Error::usage("--listening-copy and --embed-audio: a masked copy (--redact) has no sound"));
    }
    Ok(())
}

/// Refuses to write over recordings, over the `case.toml`, and over files that the store has no record of.
fn check(
    record: &Record,
    exporter: Exporter<'_>,
    recordings: &[RecordingEntry],
    case_file: &Path,
) -> Result<(), Error> {
    let outputs = |entry: &RecordingEntry| exporter.outputs(record, Some(&entry.file_sha256), &entry.name);
    let outputs: Vec<Output> = recordings.iter().flat_map(outputs).chain(exporter.case_output(record)).collect();
    let inputs = recordings.iter().flat_map(RecordingEntry::places).chain([case_file]);
    check_places(inputs, &outputs).map_err(Error::usage)?;
    if !record.is_kept() {
        // A copy may be there already. Each file is compared when it is rendered.
        return Ok(());
    }
    record.check_taken(&outputs)
}

fn export_all(
    store: &mut dyn Store,
    record: &mut Record,
    exporter: Exporter<'_>,
    (recordings, failures): (&[RecordingEntry], &Failures),
    signals: &SignalWatch,
) -> (Exit, Vec<Entry>) {
    let (mut copies, mut failed, mut formats) = (Vec::new(), 0, BTreeSet::new());
    let mut case_page = exporter.begin_case(record);
    for entry in recordings {
        if signals.is_interrupted() {
            println!("interrupted after {} files", copies.len());
            return (signals::exit(), copies);
        }
        match exporter.export(store, record, entry) {
            Ok(Exported { document, files, again, removed, sound_problems }) => {
                if let Some(draft) = &mut case_page
                    && let Err(error) = exporter.add_to_case(draft, record, entry, &document)
                {
                    // It is read and reported again when the page is written.
                    tracing::debug!(%error, "the recording was not added to the page of the case");
                }
                failed += usize::from(!sound_problems.is_empty());
                sound_problems.iter().for_each(|why| println!("{}: {}", shown(&entry.path), printable(why)));
                let Variant { reviewed, redacted } = exporter.variant;
                let recording = &entry.file_sha256;
                let copy = |(format, sha256)| Entry::Copied {
                    recording: recording.clone(),
                    format,
                    sha256,
                    reviewed,
                    redacted,
                };
                copies.extend(files.into_iter().map(copy));
                formats.extend(again);
                removed.iter().for_each(|path| println!("removed (stale): {}", shown(path)));
            }
            Err(error) => {
                failed += 1;
                let nothing = if matches!(error, ExportError::Missing(_)) { "nothing to export: " } else { "" };
                let reason = failures.explain(entry, error).to_string();
                println!("{}: {nothing}{}", shown(&entry.path), printable(&reason));
            }
        }
    }
    match case_page.map(|draft| exporter.export_case(store, record, draft, false)) {
        Some(Ok(page)) => println!("all recordings on one page: {}", shown(&page)),
        None => {}
        Some(Err(error)) => {
            failed += 1;
            println!(
                "{}: the page of the case was not written: {}",
                shown(record.folder()),
                printable(&error.to_string())
            );
        }
    }
    if !formats.is_empty() {
        let formats = formats.into_iter().collect::<Vec<_>>().join(", ");
        println!("also in the formats of earlier runs, so that no file is stale: {formats}");
    }
    println!("{} files written to {}", copies.len(), shown(record.folder()));
    (if failed == 0 { Exit::Done } else { Exit::SomeFilesFailed }, copies)
}

fn same_folder(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn created(folder: &Path) -> Result<PathBuf, Error> {
    let failed = |error| Error::usage(format!("{}: cannot be created: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    Ok(folder.to_owned())
}
