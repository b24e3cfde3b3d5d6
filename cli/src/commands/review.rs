//! `review`: statements of people about results.

use std::ffi::OsStr;

use scheduler::store::{self, Access, RecordingEntry, Store};
use stage_core::{Existing, printable, printable_json, shown, write_files};

use super::resolve::resolve;
use crate::args::{ReviewArgs, ReviewCommand, ReviewListArgs};
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{Document, read_document};
use crate::open_store;
use crate::review::{self, Action, Draft, Review, ReviewBlock, Target};

pub(crate) fn review(command: &ReviewCommand) -> Result<Exit, Error> {
    let draft = |action, args: &crate::args::ReviewItemArgs, new: Option<&String>| {
        let draft = Draft { action, target: args.target, new: new.cloned(), note: args.review.note.clone() };
        add(&args.review, draft)
    };
    match command {
        ReviewCommand::List(args) => list(args),
        ReviewCommand::Confirm(args) => draft(Action::Confirm, args, None),
        ReviewCommand::Reject(args) => draft(Action::Reject, args, None),
        ReviewCommand::Note(args) => draft(Action::Note, args, None),
        ReviewCommand::Text(args) => draft(Action::CorrectText, &args.item, Some(&args.new)),
        ReviewCommand::Speaker(args) => draft(Action::CorrectSpeaker, &args.item, Some(&args.new)),
        ReviewCommand::Withdraw(args) => withdraw(&args.review, &args.id),
        ReviewCommand::Export(args) => {
            let bytes = review::export(&*open_store::open(&args.folder, Access::Read)?)?;
            let failed = |(path, error): (std::path::PathBuf, _)| {
                Error::usage(format!("{}: cannot be written: {error}", path.display()))
            };
            write_files([(&*args.file, &bytes[..], Existing::Keep)]).map_err(failed)?;
            println!("reviews: {}", shown(&args.file));
            Ok(Exit::Done)
        }
        ReviewCommand::Import(args) => {
            let imported = review::import(&mut *open_store::open(&args.folder, Access::Write)?, &args.file)?;
            for (id, reason) in &imported.refused {
                println!("refused {}: {}", printable(id), printable(reason));
            }
            println!(
                "{} reviews added, {} known, {} refused",
                imported.written,
                imported.known,
                imported.refused.len()
            );
            Ok(if imported.refused.is_empty() { Exit::Done } else { Exit::SomeFilesFailed })
        }
    }
}

/// Adds a statement about an item of a recording.
fn add(args: &ReviewArgs, draft: Draft) -> Result<Exit, Error> {
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let entry = find(&*store, &args.recording)?;
    let document = document(&*store, &entry)?;
    let statement = review::complete(draft, &document).map_err(Error::usage)?;
    let id = store::random_id();
    let author = args.author.clone().unwrap_or_else(store::user);
    let review = Review { id, recording: entry.file_sha256, author, at_ms: now_ms(), statement };
    let stored = review.entry().context("the review cannot be stored")?;
    store.put_reviews(&[stored]).map_err(Error::store)?;
    println!("review {} of {} ({:?})", review.id, review.statement.target, printable(&review.statement.old));
    println!("`earwitness export DIR` writes the results with it");
    Ok(Exit::Done)
}

/// Takes a statement back.
fn withdraw(args: &ReviewArgs, id: &str) -> Result<Exit, Error> {
    let store = open_store::open(&args.folder, Access::Read)?;
    let entry = find(&*store, &args.recording)?;
    let known = store.reviews(Some(&entry.file_sha256)).map_err(Error::store)?;
    let found = known.iter().find(|known| known.id == id);
    let found = found.ok_or_else(|| Error::usage(format!("{}: there is no review {id}", shown(&entry.path))))?;
    let target = Review::of(found).context("the review cannot be read: it was altered")?.statement.target;
    drop(store);
    add(args, Draft { action: Action::Withdraw, target, new: Some(id.to_owned()), note: args.note.clone() })
}

fn list(args: &ReviewListArgs) -> Result<Exit, Error> {
    let store = open_store::open(&args.folder, Access::Read)?;
    let entries = match &args.recording {
        Some(name) => vec![find(&*store, name)?],
        None => store.recordings().map_err(Error::store)?,
    };
    for entry in entries {
        let Ok(document) = read_document(&*store, &entry) else { continue };
        if args.json {
            let reviews =
                serde_json::json!({"recording": entry.file_sha256, "name": entry.name, "review": document.review});
            println!("{}", printable_json(&reviews.to_string()));
        } else {
            print(&entry, &document, args.items);
        }
    }
    Ok(Exit::Done)
}

/// Prints the reviews of a recording, and with `items` what can be reviewed.
fn print(entry: &RecordingEntry, document: &Document, items: bool) {
    if document.review.is_empty() && !items {
        return;
    }
    println!("{} ({})", printable(&entry.name), &entry.file_sha256[..12]);
    if items {
        let evidence = document.forensics.evidence.iter().enumerate();
        for (index, item) in evidence {
            println!(
                "  {:<12} {:>8.2} s  {}: {}",
                Target::Evidence(index).to_string(),
                item.start_s,
                item.category,
                printable(&item.text)
            );
        }
        for (index, segment) in document.segments.iter().enumerate() {
            println!(
                "  {:<12} {:>8.2} s  {}",
                Target::Segment(index).to_string(),
                segment.start_s,
                printable(&segment.text)
            );
        }
        for (index, word) in document.words.iter().enumerate() {
            println!("  {:<12} {:>8.2} s  {}", Target::Word(index).to_string(), word.start_s, printable(&word.text));
        }
    }
    for ReviewBlock { id, state, action, target, old, new, note, author, at, .. } in &document.review {
        let new = new.as_ref().map(|new| format!(" -> {}", printable(new))).unwrap_or_default();
        let note = note.as_ref().map(|note| format!(" ({})", printable(note))).unwrap_or_default();
        println!("  {id} {at} {}: {action:?} {target} {}{new}{note} [{state:?}]", printable(author), printable(old));
    }
}

fn find(store: &dyn Store, name: &OsStr) -> Result<RecordingEntry, Error> {
    let recordings = store.recordings().map_err(Error::store)?;
    let sha256 = resolve(name, "RECORDING", &recordings, None)?;
    let found = recordings.into_iter().find(|entry| entry.file_sha256 == sha256);
    found.ok_or_else(|| Error::usage(format!("{sha256}: the case has no such recording")))
}

fn document(store: &dyn Store, entry: &RecordingEntry) -> Result<Document, Error> {
    let document = read_document(store, entry).map_err(Error::usage);
    document.context(format!("{}: its results cannot be read", shown(&entry.path)))
}
