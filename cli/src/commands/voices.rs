//! `voices`: groups the speakers of different recordings by their voices.

use std::path::Path;

use decode::{DecodeInput, Decoder};
use diarize::VoiceEncoder;
use scheduler::store::{self, Access, Entry, RecordingEntry, Store, VoicesAction};
use serde_json::json;
use stage_core::{Pcm, Speakers, Stage, Turn, printable, shown};

use crate::args::{FolderArgs, VoicesArgs, VoicesCommand, VoicesNameArgs};
use crate::clock::now_ms;
use crate::config::Loaded;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::{read_document, utc};
use crate::open_store;
use crate::settings::decode_config;
use crate::voices::{self, ERROR_NOTE, GroupedVoice, LEGAL_NOTE, Name, SpeakerVoice, Voices, groups};

/// Speakers with less speech, in seconds, are not compared: their voices are not clear.
const SPEECH_MIN_S: f64 = 4.0;

pub(crate) fn voices(args: &VoicesArgs) -> Result<Exit, Error> {
    match (&args.command, &args.folder) {
        (Some(VoicesCommand::Name(name)), _) => give_name(name),
        (Some(VoicesCommand::Forget(folder)), _) => forget_all(folder),
        (None, Some(folder)) => group(folder, args),
        (None, None) => Err(Error::usage("name the folder of the case")),
    }
}

/// Compares the speakers of all recordings of a case, and writes the groups.
fn group(folder: &Path, args: &VoicesArgs) -> Result<Exit, Error> {
    eprintln!("{LEGAL_NOTE}");
    let url = open_store::url(args.store.as_deref(), folder)?;
    let mut store = store::open(&url, Access::Write).map_err(Error::store)?;
    let encoder = VoiceEncoder::new().map_err(Error::from)?;
    let decoder = Decoder::new(decode_config(&Loaded::find(None).map_err(Error::usage)?.config));
    let before = Voices::read(folder)?.filter(|before| before.model_sha256 == encoder.sha256());
    let mut found = Voices::new(encoder.sha256(), args.threshold);
    let mut failures = Vec::new();
    for recording in store.recordings().map_err(Error::store)? {
        match speakers_of(&*store, folder, &recording, &decoder, &encoder) {
            Ok(speakers) => found.speakers.extend(speakers),
            Err(error) => failures.push(format!("{}: {error}", printable(&recording.name))),
        }
    }
    assign_groups(&mut found, before.as_ref());
    let sha256 = found.write(folder)?;
    store.log(&[entry(VoicesAction::Grouped, Some(sha256))]).map_err(Error::store)?;
    print(&found, args.json)?;
    failures.iter().for_each(|failure| eprintln!("{failure}"));
    eprintln!("{}: delete it with `earwitness voices forget {}`", shown(&voices::path(folder)), shown(folder));
    Ok(if failures.is_empty() { Exit::Done } else { Exit::SomeFilesFailed })
}

/// The voices of a recording's speakers who have enough speech.
fn speakers_of(
    store: &dyn Store,
    folder: &Path,
    recording: &RecordingEntry,
    decoder: &Decoder,
    encoder: &VoiceEncoder,
) -> Result<Vec<SpeakerVoice>, Error> {
    let document = read_document(store, recording).map_err(Error::usage)?;
    let Speakers { speakers, turns, .. } = document.speakers;
    if speakers.is_empty() {
        return Ok(Vec::new());
    }
    let pcm = decoded(folder, recording, decoder)?;
    let mut voices = Vec::new();
    for speaker in speakers {
        let own = turns.iter().filter(|turn: &&Turn| turn.speaker == speaker.id);
        let voice = encoder.embed(&pcm, own).map_err(Error::from)?;
        let Some(voice) = voice.filter(|voice| voice.speech_s >= SPEECH_MIN_S) else { continue };
        voices.push(SpeakerVoice {
            recording: recording.file_sha256.clone(),
            name: recording.name.clone(),
            speaker: speaker.id,
            speech_s: voice.speech_s,
            group: String::new(),
            embedding: voice.embedding,
        });
    }
    Ok(voices)
}

/// The samples of a recording, from a place where its bytes are still the same.
fn decoded(folder: &Path, recording: &RecordingEntry, decoder: &Decoder) -> Result<Pcm, Error> {
    let in_folder = recording.in_folder(folder);
    let mut places = in_folder.as_deref().into_iter().chain(recording.places());
    let decode = |path| decoder.run((DecodeInput { path, sha256: &recording.file_sha256 }, None)).ok();
    let found = places.find_map(decode).map(|decoded| decoded.pcm);
    found.ok_or_else(|| Error::usage("the recording is not where the case has seen it, or its bytes have changed"))
}

/// Groups the speakers. A name stays with the group that has most of the speakers of the group that had it.
fn assign_groups(found: &mut Voices, before: Option<&Voices>) {
    let grouped: Vec<GroupedVoice<'_>> = found
        .speakers
        .iter()
        .map(|voice| GroupedVoice { recording: &voice.recording, embedding: &voice.embedding })
        .collect();
    let numbers = groups(&grouped, found.threshold);
    for (voice, number) in found.speakers.iter_mut().zip(numbers) {
        voice.group = format!("V{}", number + 1);
    }
    for name in before.into_iter().flat_map(|before| &before.names) {
        let was_named = |voice: &SpeakerVoice| {
            let mut earlier = before.into_iter().flat_map(|before| &before.speakers);
            earlier.any(|old| {
                old.group == name.group && (&old.recording, &old.speaker) == (&voice.recording, &voice.speaker)
            })
        };
        let named: Vec<&str> =
            found.speakers.iter().filter(|voice| was_named(voice)).map(|voice| voice.group.as_str()).collect();
        let count = |group: &str| named.iter().filter(|other| **other == group).count();
        let Some(group) = named.iter().copied().max_by_key(|group| count(group)) else { continue };
        if found.name(group).is_none() {
            let kept = Name { group: group.to_owned(), ..name.clone() };
            found.names.push(kept);
        }
    }
}

/// Gives a group a name, or takes it away.
fn give_name(args: &VoicesNameArgs) -> Result<Exit, Error> {
    let folder = &args.folder.folder;
    let mut store = open_store::open(&args.folder, Access::Write)?;
    let missing = || Error::usage(format!("there is no {}: run `earwitness voices DIR` first", voices::FILE));
    let mut found = Voices::read(folder)?.ok_or_else(missing)?;
    if !found.speakers.iter().any(|voice| voice.group == args.group) {
        return Err(Error::usage(format!("there is no group {}", printable(&args.group))));
    }
    found.names.retain(|name| name.group != args.group);
    if !args.name.trim().is_empty() {
        let by = args.by.clone().unwrap_or_else(store::user);
        let (group, name) = (args.group.clone(), args.name.trim().to_owned());
        found.names.push(Name { group, name, by, at: utc(now_ms()) });
    }
    let sha256 = found.write(folder)?;
    store.log(&[entry(VoicesAction::Named, Some(sha256))]).map_err(Error::store)?;
    print(&found, false)?;
    Ok(Exit::Done)
}

/// Deletes the voices of a case.
fn forget_all(args: &FolderArgs) -> Result<Exit, Error> {
    let mut store = open_store::open(args, Access::Write)?;
    let path = shown(&voices::path(&args.folder));
    if Voices::delete(&args.folder)? {
        store.log(&[entry(VoicesAction::Forgotten, None)]).map_err(Error::store)?;
        println!("deleted: {path}");
    } else {
        println!("there is no {path}");
    }
    Ok(Exit::Done)
}

/// Deletes the voices of a forgotten recording.
pub(crate) fn forget_recording(store: &mut dyn Store, folder: &Path, sha256: &str) -> Result<(), Error> {
    let Some(mut found) = Voices::read(folder)? else { return Ok(()) };
    let before = found.speakers.len();
    found.speakers.retain(|voice| voice.recording != sha256);
    if found.speakers.len() == before {
        return Ok(());
    }
    let groups: Vec<String> = found.speakers.iter().map(|voice| voice.group.clone()).collect();
    found.names.retain(|name| groups.contains(&name.group));
    Voices::delete(folder)?;
    let written = found.write(folder)?;
    store.log(&[entry(VoicesAction::RecordingForgotten, Some(written))]).map_err(Error::store)?;
    println!("deleted from {}: {} voices", voices::FILE, before - found.speakers.len());
    Ok(())
}

fn entry(action: VoicesAction, sha256: Option<String>) -> Entry {
    Entry::Voices { action, sha256 }
}

/// Prints the groups with more than one speaker first.
fn print(found: &Voices, as_json: bool) -> Result<(), Error> {
    let mut ids: Vec<&str> = Vec::new();
    for voice in &found.speakers {
        if !ids.contains(&voice.group.as_str()) {
            ids.push(&voice.group);
        }
    }
    let members = |id: &str| found.speakers.iter().filter(|voice| voice.group == id).collect::<Vec<_>>();
    ids.sort_by_key(|id| std::cmp::Reverse(members(id).len()));
    if as_json {
        let group = |id: &&str| {
            let speaker = |voice: &&SpeakerVoice| json!({"recording": voice.recording, "name": voice.name, "speaker": voice.speaker, "speech_s": voice.speech_s});
            let name = found.name(id).map(|name| json!({"name": name.name, "by": name.by, "at": name.at}));
            json!({"group": id, "name": name, "speakers": members(id).iter().map(speaker).collect::<Vec<_>>()})
        };
        let all = json!({"threshold": found.threshold, "error": ERROR_NOTE, "groups": ids.iter().map(group).collect::<Vec<_>>()});
        println!("{}", crate::terminal::json(&all).context("the voices cannot be described")?);
        return Ok(());
    }
    println!("similar voices, not identified people (similarity of at least {}):", found.threshold);
    for id in ids {
        let named = found.name(id).map(|name| format!(", named {} by {}", printable(&name.name), printable(&name.by)));
        println!("{id}{}", named.unwrap_or_default());
        for voice in members(id) {
            println!("  {} in {}, {:.0} s of speech", voice.speaker, printable(&voice.name), voice.speech_s);
        }
    }
    println!("errors: {ERROR_NOTE}");
    Ok(())
}
