//! `forget`: deletes the content of recordings from a case, and leaves their hashes.
//!
//! ```text
//! names -> Deletion (read only, printed) -> --yes: one transaction per recording, then the files, then compact
//! ```

mod names;
mod remains;

use std::collections::BTreeMap;

use scheduler::store::{self, Access, Deletion, Forgotten, Names, OutputFile, RecordingEntry, Store};
use stage_core::{printable, shown};

use super::resolve::resolve;
use crate::args::ForgetArgs;
use crate::clock::now_ms;
use crate::error::Error;
use crate::exit::Exit;
use crate::export::{CASE_PAGE, utc};
use crate::manifest;
use crate::open_store;
use crate::outputs::{Found, Record, delete_pending};

/// A recording that is to be forgotten.
struct Target {
    sha256: String,
    entry: Option<RecordingEntry>,
    names: Names,
    /// What the program cannot delete, for the user.
    remains: Vec<String>,
}

pub(crate) fn forget(args: &ForgetArgs) -> Result<Exit, Error> {
    if args.yes {
        let (mut store, mut record) = open_store::with_record(&args.folder, false)?;
        let url = open_store::url(args.folder.store.as_deref(), &args.folder.folder)?;
        open_store::check_alone(&mut *store, &url)?;
        let targets = targets(&*store, args)?;
        return delete(&mut *store, &mut record, &targets, args);
    }
    let url = open_store::url(args.folder.store.as_deref(), &args.folder.folder)?;
    let store = open_store::open(&args.folder, Access::Read)?;
    let record = Record::read(&*store, &url, &args.folder.folder, false).map_err(Error::store)?;
    let targets = targets(&*store, args)?;
    println!("`forget --yes` deletes:");
    for target in &targets {
        print_deletion(&record, target, &deletion(&*store, target, args)?);
    }
    print_files(&*store, &record, &targets)?;
    println!("It cannot delete:");
    targets.iter().flat_map(|target| &target.remains).for_each(|line| println!("  {line}"));
    println!("  copies of the folder, backups, and files with reviews that were exported");
    println!("nothing was deleted: add --yes to delete the content of {} recordings", targets.len());
    Ok(Exit::Usage)
}

/// The recordings that the arguments name. If one of them is unknown, nothing is deleted.
fn targets(store: &dyn Store, args: &ForgetArgs) -> Result<Vec<Target>, Error> {
    let recordings = store.recordings().map_err(Error::store)?;
    let mut arguments: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for argument in &args.recordings {
        arguments.entry(resolve(argument, "RECORDING", &recordings, None)?).or_default().push(argument);
    }
    let (own, others): (Vec<_>, Vec<_>) =
        recordings.into_iter().partition(|entry| arguments.contains_key(&entry.file_sha256));
    let parsers = names::parsers(&store.outputs().map_err(Error::store)?);
    let known = names::claims(others.iter().flat_map(RecordingEntry::places), &parsers);
    let target = |(sha256, arguments): (String, Vec<_>)| {
        let entry = own.iter().find(|entry| entry.file_sha256 == sha256).cloned();
        let names = names::of(entry.as_ref(), &arguments, &parsers, &known);
        let remains = remains::of(store, &args.folder.folder, &sha256, entry.as_ref(), &names)?;
        Ok::<_, Error>(Target { sha256, entry, names, remains })
    };
    arguments.into_iter().map(target).collect()
}

/// What is deleted with a recording now.
fn deletion(store: &dyn Store, target: &Target, args: &ForgetArgs) -> Result<Deletion, Error> {
    let (sha256, reason) = (target.sha256.clone(), args.reason.clone());
    let forgotten = Forgotten { sha256, at_ms: now_ms(), by: store::user(), reason };
    Deletion::of(store, forgotten, &target.names).map_err(Error::store)
}

fn delete(store: &mut dyn Store, record: &mut Record, targets: &[Target], args: &ForgetArgs) -> Result<Exit, Error> {
    let mut was_signed = false;
    for target in targets {
        let deletion = deletion(store, target, args)?;
        let sha256 = &target.sha256;
        let all = store.forgotten().map_err(Error::store)?;
        if let Some(first) = all.iter().find(|one| one.sha256 == *sha256) {
            println!("already forgotten: {sha256} ({}, by {}); this stays", utc(first.at_ms), printable(&first.by));
            if deletion.is_empty() {
                continue;
            }
        }
        print_deletion(record, target, &deletion);
        store.forget(&deletion).map_err(Error::store)?;
        super::voices::forget_recording(store, &args.folder.folder, sha256)?;
        was_signed |= deletion.outputs.iter().any(is_of_manifest);
        println!("forgotten: {sha256}");
    }
    *record = record.read_again(store).map_err(Error::store)?;
    let deleted = delete_pending(store, record).map_err(Error::store)?;
    store.compact().map_err(Error::store)?;
    deleted.removed.iter().for_each(|path| println!("deleted: {}", shown(path)));
    let remaining = deleted.remaining();
    let remains = targets.iter().flat_map(|target| &target.remains).chain(&remaining);
    remains.for_each(|line| println!("{line}"));
    println!("Copies of the folder, backups, and files with reviews that were exported are yours to delete.");
    if was_signed {
        println!("The manifest was deleted: sign the case again with `earwitness manifest DIR --sign KEY`.");
    }
    Ok(if remaining.is_empty() { Exit::Done } else { Exit::SomeFilesFailed })
}

fn is_of_manifest(file: &OutputFile) -> bool {
    manifest::format::ALL.contains(&&*file.format)
}

/// Prints what the store loses.
fn print_deletion(record: &Record, target: &Target, deletion: &Deletion) {
    let Deletion { artifacts, checkpoints, quarantines, reviews, runs, incidents, failures, .. } = deletion;
    let name = match &target.entry {
        Some(entry) => format!("{} ({})", shown(&entry.path), target.sha256),
        None => format!("{}, which the store does not have", target.sha256),
    };
    println!("  {name}:");
    println!(
        "    results: {} artifacts, checkpoints of {} unfinished artifacts, {} reviews",
        artifacts.len(),
        checkpoints.len(),
        reviews.len()
    );
    println!(
        "    texts that name it: arguments of {} runs, {} incidents, {} failures, {} quarantines",
        runs.len(),
        incidents.len(),
        failures.len(),
        quarantines.len()
    );
    let files = record.of_recording(&target.sha256).count();
    println!("    its written files: {files}, and the files about runs and the case");
}

/// Prints the files that are deleted, and those that somebody changed.
fn print_files(store: &dyn Store, record: &Record, targets: &[Target]) -> Result<(), Error> {
    for file in store.outputs().map_err(Error::store)? {
        let is_of_target = |sha256: &String| targets.iter().any(|target| target.sha256 == *sha256);
        let why = match &file.recording {
            Some(sha256) if is_of_target(sha256) => "",
            Some(_) => continue,
            None if is_of_manifest(&file) => " (it lists all recordings: sign the case again)",
            None if file.format == CASE_PAGE => " (it lists all recordings: `earwitness export` writes it again)",
            None => " (about a run: it may name the recording)",
        };
        let Some(path) = record.locate(&file.path) else { continue };
        match record.find(&path) {
            Ok(Found::Absent) => {}
            Ok(Found::Ours(_)) => println!("  file {}{why}", shown(&path)),
            Ok(Found::Taken(_)) => {
                println!("  the record of {}, but not the file, which was changed: delete it yourself", shown(&path));
            }
            Err(error) => println!("  file {}, which cannot be read: {error}", shown(&path)),
        }
    }
    Ok(())
}
