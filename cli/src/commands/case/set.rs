//! `case set`: changes a `case.toml`.

use stage_core::{Existing, printable, shown, write_files};

use super::changes::{self, DIGITS};
use super::{Stored, require_folder};
use crate::args::{CaseSetArgs, Channel, PersonArgs, SpeakerKey};
use crate::case_file::{self, CaseFile, Edit, PersonEdit, RecordingEdit};
use crate::commands::resolve::resolve;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;

pub(crate) fn set(args: &CaseSetArgs) -> Result<Exit, Error> {
    let folder = &args.folder.folder;
    require_folder(folder)?;
    let path = case_file::path(folder);
    let text = case_file::read_text(&path).map_err(Error::usage)?;
    let before = text.as_deref().map(|text| CaseFile::parse(&path, text)).transpose().map_err(Error::usage)?;
    check(args, before.as_ref())?;
    let stored = if args.recording.recording.is_some() { Stored::open(&args.folder)? } else { None };
    let recording = recording_edit(args, stored.as_ref(), before.as_ref())?;
    let edited = edited(text.as_deref().unwrap_or_default(), args, recording.as_ref())?;
    let after = CaseFile::parse(&path, &edited).map_err(Error::usage);
    let after = after.context("nothing was written, because the result would be invalid")?;
    let lines = changes::between(before.as_ref(), &after, &|sha256| name(sha256, stored.as_ref()));
    if lines.is_empty() {
        println!("{}: nothing changes", shown(&path));
        return Ok(Exit::Done);
    }
    // The file that was read is replaced; one that appeared since is not.
    let existing = if before.is_some() { Existing::Replace } else { Existing::Keep };
    let written = write_files([(&*path, edited.as_bytes(), existing)]).map_err(|(_, error)| error);
    written.context(format!("{}: cannot be written", shown(&path)))?;
    lines.iter().for_each(|line| println!("{}", printable(line)));
    println!("{}: written; `earwitness export {}` renews the results that exist", shown(&path), shown(folder));
    Ok(Exit::Done)
}

/// Refuses a command without changes, and changes of people that cannot be made.
fn check(args: &CaseSetArgs, case: Option<&CaseFile>) -> Result<(), Error> {
    let CaseSetArgs { title, reference, person, remove_person, recording, .. } = args;
    let is_empty = title.is_none() && reference.is_none() && person.person.is_none() && remove_person.is_none();
    if is_empty && recording.recording.is_none() {
        return Err(Error::usage("nothing to change: see `earwitness case set --help`"));
    }
    let is_known = |id: &str| case.is_some_and(|case| case.has_person(id));
    if let Some(id) = remove_person.as_deref().filter(|id| !is_known(id)) {
        return Err(Error::usage(format!("--remove-person: there is no person `{}`", printable(id))));
    }
    let Some(id) = person.person.as_deref() else { return Ok(()) };
    match person.name.as_deref() {
        Some(name) if name.trim().is_empty() => {
            Err(Error::usage("--name: a person needs a name; --remove-person removes the person"))
        }
        None if !is_known(id) => Err(Error::usage(format!("the person `{}` is new: add --name", printable(id)))),
        _ => Ok(()),
    }
}

/// The text with the changes.
fn edited(text: &str, args: &CaseSetArgs, recording: Option<&RecordingEdit>) -> Result<String, Error> {
    let mut edit = Edit::new(text).map_err(Error::unexpected)?;
    for (key, value) in [("title", &args.title), ("reference", &args.reference)] {
        if let Some(value) = value {
            edit.set(key, value);
        }
    }
    if let Some(person) = person_edit(&args.person) {
        edit.set_person(&person);
    }
    if let Some(id) = &args.remove_person {
        edit.remove_person(id);
    }
    if let Some(recording) = recording {
        edit.set_recording(recording);
    }
    Ok(edit.finish())
}

fn person_edit(args: &PersonArgs) -> Option<PersonEdit> {
    Some(PersonEdit {
        id: args.person.clone()?,
        name: args.name.clone(),
        role: args.role.clone(),
        numbers: args.number.clone(),
        aliases: args.alias.clone(),
        channel: args.channel.map(|Channel(channel)| channel),
    })
}

fn recording_edit(
    args: &CaseSetArgs,
    stored: Option<&Stored>,
    case: Option<&CaseFile>,
) -> Result<Option<RecordingEdit>, Error> {
    let args = &args.recording;
    let Some(recording) = &args.recording else { return Ok(None) };
    let recordings = stored.map(|stored| stored.recordings.as_slice()).unwrap_or_default();
    let (mut speakers, mut voices) = (Vec::new(), Vec::new());
    for (speaker, id) in &args.speaker {
        match speaker {
            SpeakerKey::Channel(channel) => speakers.push((*channel, id.clone())),
            SpeakerKey::Voice(label) => voices.push((label.clone(), id.clone())),
        }
    }
    Ok(Some(RecordingEdit {
        sha256: resolve(recording, "--recording", recordings, case)?,
        exhibit: args.exhibit.clone(),
        note: args.note.clone(),
        speakers,
        voices,
    }))
}

/// The name of a recording in messages: that of its results, or the first digits of its hash.
fn name(sha256: &str, stored: Option<&Stored>) -> String {
    let entry = stored.and_then(|stored| stored.recordings.iter().find(|entry| entry.file_sha256 == sha256));
    entry.map_or_else(|| sha256[..DIGITS].to_owned(), |entry| entry.name.clone())
}
