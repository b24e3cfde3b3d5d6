//! `review`: statements of people about results.

use std::ffi::OsStr;
use std::io::ErrorKind;

use scheduler::store::{self, Access, RecordingEntry, Store};
use stage_core::{Existing, full_message, printable, printable_json, shown, write_files};

use super::resolve::resolve;
use crate::args::{ReviewArgs, ReviewCommand, ReviewFileArgs, ReviewItemArgs, ReviewListArgs};
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{Document, ExportError, read_document};
use crate::open_store;
use crate::review::{self, Action, Draft, Review, ReviewBlock, Statement, Target};

/// Characters of the ID of a refused statement that are printed.
const LONGEST_ID: usize = 40;

pub(crate) fn review(command: &ReviewCommand) -> Result<Exit, Error> {
    match command {
        ReviewCommand::List(args) => list(args),
        ReviewCommand::Confirm(args) => state(Action::Confirm, args, None),
        ReviewCommand::Reject(args) => state(Action::Reject, args, None),
        ReviewCommand::Note(args) => state(Action::Note, args, None),
        ReviewCommand::Text(args) => state(Action::CorrectText, &args.item, Some(&args.new)),
        ReviewCommand::Speaker(args) => state(Action::CorrectSpeaker, &args.item, Some(&args.new)),
        ReviewCommand::Withdraw(args) => withdraw(&args.review, &args.id),
        ReviewCommand::Export(args) => export(args),
        ReviewCommand::Import(args) => import(args),
    }
}

/// Adds a statement about an item of a recording, as it is now.
fn state(action: Action, args: &ReviewItemArgs, new: Option<&String>) -> Result<Exit, Error> {
    let mut store = open_store::open(&args.review.folder, Access::Write)?;
    let entry = find(&*store, &args.review.recording)?;
    let document = document(&*store, &entry)?;
    let draft = Draft { action, target: args.target, new: new.cloned(), note: args.review.note.clone() };
    let statement = review::complete(draft, &document).map_err(Error::usage)?;
    add(&mut *store, new_review(&args.review, entry.file_sha256, statement))
}

/// Takes a statement back. This is about the result that the statement is about, which may be an earlier one.
fn withdraw(args: &ReviewArgs, id: &str) -> Result<Exit, Error> {
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let entry = find(&*store, &args.recording)?;
    let known = store.reviews(Some(&entry.file_sha256)).map_err(Error::store)?;
    let found = known.iter().find(|known| known.id == id);
    let found = found.ok_or_else(|| Error::usage(format!("{}: there is no review {id}", shown(&entry.path))))?;
    let found = Review::of(found).context("the review cannot be read: it was altered")?;
    let (new, note) = (Some(id.to_owned()), args.note.clone());
    let statement = Statement { action: Action::Withdraw, new, note, ..found.statement.clone() };
    let withdrawal = new_review(args, entry.file_sha256, statement);
    review::check_withdrawal(&withdrawal, Some(&found)).map_err(Error::usage)?;
    add(&mut *store, withdrawal)
}

fn new_review(args: &ReviewArgs, recording: String, statement: Statement) -> Review {
    let author = args.author.clone().unwrap_or_else(store::user);
    Review { id: store::random_id(), recording, author, at_ms: now_ms(), statement }
}

fn add(store: &mut dyn Store, review: Review) -> Result<Exit, Error> {
    review.check(review.at_ms).map_err(Error::usage)?;
    let stored = review.entry().context("the review cannot be stored")?;
    store.put_reviews(&[stored]).map_err(Error::store)?;
    println!("review {} of {} ({:?})", review.id, review.statement.target, printable(&review.statement.old));
    println!("`earwitness export DIR` writes the results with it");
    Ok(Exit::Done)
}

fn export(args: &ReviewFileArgs) -> Result<Exit, Error> {
    let bytes = review::export(&*open_store::open(&args.folder, Access::Read)?)?;
    write_files([(&*args.file, &bytes[..], Existing::Keep)]).map_err(|(path, error)| {
        let reason = match error.kind() {
            ErrorKind::AlreadyExists => "there is a file of this name, which is not replaced".to_owned(),
            _ => format!("cannot be written: {error}"),
        };
        Error::usage(format!("{}: {reason}", shown(&path)))
    })?;
    println!("reviews: {}", shown(&args.file));
    Ok(Exit::Done)
}

fn import(args: &ReviewFileArgs) -> Result<Exit, Error> {
    let imported = review::import(&mut *open_store::open(&args.folder, Access::Write)?, &args.file)?;
    for (id, reason) in &imported.refused {
        let id: String = id.chars().take(LONGEST_ID).collect();
        println!("refused {}: {}", printable(&id), printable(reason));
    }
    println!("{} reviews added, {} known, {} refused", imported.written, imported.known, imported.refused.len());
    Ok(if imported.refused.is_empty() { Exit::Done } else { Exit::SomeFilesFailed })
}

fn list(args: &ReviewListArgs) -> Result<Exit, Error> {
    let store = open_store::open(&args.folder, Access::Read)?;
    let entries = match &args.recording {
        Some(name) => vec![find(&*store, name)?],
        None => store.recordings().map_err(Error::store)?,
    };
    let mut exit = Exit::Done;
    for entry in entries {
        let stored = store.reviews(Some(&entry.file_sha256)).map_err(Error::store)?.len();
        let listed = match read_document(&*store, &entry) {
            Ok(document) => print_readable(&entry, &document, stored, args),
            Err(error) => print_unreadable(&entry, &error, stored, args),
        };
        if !listed {
            exit = Exit::SomeFilesFailed;
        }
    }
    Ok(exit)
}

/// Prints the reviews of a recording. Returns false if some of those that are stored cannot be read.
fn print_readable(entry: &RecordingEntry, document: &Document, stored: usize, args: &ReviewListArgs) -> bool {
    if args.json {
        let (recording, name, review) = (&entry.file_sha256, &entry.name, &document.review);
        let reviews = serde_json::json!({"recording": recording, "name": name, "review": review});
        println!("{}", printable_json(&reviews.to_string()));
    } else {
        print(entry, document, args.items);
    }
    let altered = stored.saturating_sub(document.review.len());
    if altered > 0 {
        eprintln!("{}: {altered} reviews cannot be read: they were altered (see `earwitness verify`)", title(entry));
    }
    altered == 0
}

/// Prints why the results of a recording cannot be read, and what the store has about them nevertheless. Returns false.
fn print_unreadable(entry: &RecordingEntry, error: &ExportError, stored: usize, args: &ReviewListArgs) -> bool {
    let reason = full_message(error);
    if args.json {
        let (recording, name) = (&entry.file_sha256, &entry.name);
        let reviews = serde_json::json!({
            "recording": recording, "name": name, "review": null, "unreadable": reason, "stored_reviews": stored,
        });
        println!("{}", printable_json(&reviews.to_string()));
    } else {
        let (name, reason) = (title(entry), printable(&reason));
        println!("{name}: the results cannot be read: {reason}; {stored} reviews about them are stored");
    }
    false
}

fn title(entry: &RecordingEntry) -> String {
    format!("{} ({})", printable(&entry.name), &entry.file_sha256[..12])
}

/// Prints the reviews of a recording, and with `items` what can be reviewed.
fn print(entry: &RecordingEntry, document: &Document, items: bool) {
    if document.review.is_empty() && !items {
        return;
    }
    println!("{}", title(entry));
    if items {
        print_items(document);
    }
    for ReviewBlock { id, state, action, target, old, new, note, author, at, .. } in &document.review {
        let new = new.as_ref().map(|new| format!(" -> {}", printable(new))).unwrap_or_default();
        let note = note.as_ref().map(|note| format!(" ({})", printable(note))).unwrap_or_default();
        println!("  {id} {at} {}: {action:?} {target} {}{new}{note} [{state:?}]", printable(author), printable(old));
    }
}

/// Prints what can be reviewed, with its number and time.
fn print_items(document: &Document) {
    let evidence = document.forensics.evidence.iter();
    let evidence = evidence.map(|item| (item.start_s, format!("{}: {}", item.category, printable(&item.text))));
    let segments = document.segments.iter().map(|item| (item.start_s, printable(&item.text).into_owned()));
    let words = document.words.iter().map(|item| (item.start_s, printable(&item.text).into_owned()));
    let evidence = evidence.enumerate().map(|(index, item)| (Target::Evidence(index), item));
    let segments = segments.enumerate().map(|(index, item)| (Target::Segment(index), item));
    let words = words.enumerate().map(|(index, item)| (Target::Word(index), item));
    for (target, (start_s, text)) in evidence.chain(segments).chain(words) {
        println!("  {:<12} {start_s:>8.2} s  {text}", target.to_string());
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
