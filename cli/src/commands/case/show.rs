//! `case show`: prints what a case states, and what is missing.

use comfy_table::Table;
use stage_core::{printable, shown};

use super::changes::DIGITS;
use super::overview::{Contact, Overview, PersonRow, RecordingRow};
use super::{Stored, require_folder};
use crate::args::CaseShowArgs;
use crate::case_file::{self, CaseFile, PersonFacts, Speaker, Voice};
use crate::config::Loaded;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::file_name::NameParser;
use crate::{table, terminal};

/// Number of recordings that are named for a contact.
const NAMED: usize = 3;

pub(crate) fn show(args: &CaseShowArgs) -> Result<Exit, Error> {
    let folder = &args.folder.folder;
    require_folder(folder)?;
    let config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    let names = NameParser::new(&config.run.name_patterns).map_err(Error::usage)?;
    let case = CaseFile::read(folder).map_err(Error::usage)?;
    let stored = Stored::open(&args.folder)?;
    let recordings = stored.as_ref().map(|stored| (&*stored.store, stored.recordings.as_slice()));
    let overview = Overview::new(case.as_ref(), &names, recordings).map_err(Error::store)?;
    if args.json {
        println!("{}", terminal::json(&overview).context("the case cannot be serialized")?);
        return Ok(Exit::Done);
    }
    let path = shown(&case_file::path(folder));
    match &overview.file_sha256 {
        Some(sha256) => println!("{path} (SHA-256 {sha256})"),
        None => println!("{path}: there is none; `earwitness case set {}` creates it", shown(folder)),
    }
    print_case(&overview);
    print_recordings(&overview);
    print_missing(&overview);
    if stored.is_none() {
        println!("no recordings were run yet");
    }
    Ok(Exit::Done)
}

/// Prints title, reference and people.
fn print_case(overview: &Overview) {
    for (what, text) in [("title", &overview.title), ("reference", &overview.reference)] {
        println!("{what}: {}", text.as_deref().map_or("-".into(), printable));
    }
    if overview.people.is_empty() {
        return;
    }
    let mut people = table::empty(["person", "name", "role", "numbers", "aliases", "channel", "recordings"]);
    for PersonRow { person, numbers, aliases, channel, recordings } in &overview.people {
        let list = |texts: &[String]| Some(texts.join("\n")).filter(|list| !list.is_empty());
        let channel = channel.map(|channel| channel.to_string());
        let own = [Some(person.id.clone()), Some(person.name.clone()), person.role.clone()];
        let more = [list(numbers), list(aliases), channel, Some(recordings.to_string())];
        add(&mut people, own.into_iter().chain(more));
    }
    println!("\n{people}");
}

/// Prints the recordings with and without exhibit numbers.
fn print_recordings(overview: &Overview) {
    let (exhibits, others): (Vec<_>, Vec<_>) = overview.recordings.iter().partition(|row| row.exhibit.is_some());
    if !exhibits.is_empty() {
        let mut table = table::empty(["exhibit", "recording", "party", "speakers", "note", "SHA-256"]);
        for row in exhibits {
            let digits = row.sha256[..DIGITS].to_owned();
            let cells =
                [row.exhibit.clone(), Some(name(row)), party(row), speakers(row), row.note.clone(), Some(digits)];
            add(&mut table, cells);
        }
        println!("\n{table}");
    }
    if !others.is_empty() {
        let mut table = table::empty(["without an exhibit number", "party", "speakers", "note", "SHA-256"]);
        for row in others {
            let digits = row.sha256[..DIGITS].to_owned();
            add(&mut table, [Some(name(row)), party(row), speakers(row), row.note.clone(), Some(digits)]);
        }
        println!("\n{table}");
    }
}

/// Prints contacts that are nobody's, people without recordings, and channels that do not exist.
fn print_missing(overview: &Overview) {
    if !overview.unmatched.is_empty() {
        let mut table = table::empty(["contact that is nobody's", "number", "recordings", ""]);
        for Contact { contact, number, is_ambiguous, recordings } in &overview.unmatched {
            let more = recordings.len().saturating_sub(NAMED);
            let mut named = recordings.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            if more > 0 {
                named = format!("{named} and {more} more");
            }
            let why = is_ambiguous.then(|| "may be several people".to_owned());
            add(&mut table, [contact.clone(), number.clone(), Some(named), why.or_else(|| Some(String::new()))]);
        }
        println!("\n{table}");
    }
    let without: Vec<_> = overview.people.iter().filter(|person| person.recordings == 0).collect();
    if !without.is_empty() {
        let ids = without.iter().map(|row| shown_person(&row.person)).collect::<Vec<_>>().join(", ");
        println!("\npeople in no recording: {}", printable(&ids));
    }
    for row in &overview.recordings {
        for channel in &row.missing_channels {
            println!("{}: the speaker of channel {channel} is stated, which it does not have", printable(&name(row)));
        }
        for voice in &row.missing_voices {
            println!(
                "{}: the person of the voice {voice} is stated, which its results do not have",
                printable(&name(row))
            );
        }
    }
}

/// Adds a row; `-` stands for what is not known.
fn add(table: &mut Table, cells: impl IntoIterator<Item = Option<String>>) {
    let shown = |cell: Option<String>| {
        let text = cell.unwrap_or_else(|| "-".to_owned());
        text.lines().map(|line| printable(line).into_owned()).collect::<Vec<_>>().join("\n")
    };
    table.add_row(cells.into_iter().map(shown));
}

fn name(row: &RecordingRow) -> String {
    row.name.clone().unwrap_or_else(|| "(not in the store)".to_owned())
}

/// The party: the person, or what the file name states.
fn party(row: &RecordingRow) -> Option<String> {
    let stated = || row.contact.clone().or_else(|| row.number.clone()).map(|stated| format!("{stated}?"));
    row.party.as_ref().map(shown_person).or_else(stated)
}

fn speakers(row: &RecordingRow) -> Option<String> {
    let speaker = |speaker: &Speaker| format!("{} {}", speaker.channel, speaker.person.name);
    let voice = |voice: &Voice| format!("{} {}", voice.speaker, voice.person.name);
    let lines: Vec<_> = row.speakers.iter().map(speaker).chain(row.voices.iter().map(voice)).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn shown_person(person: &PersonFacts) -> String {
    format!("{} ({})", person.name, person.id)
}
