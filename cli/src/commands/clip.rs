//! `clip`: cuts a range out of a recording, as an exhibit.

use std::path::Path;

use scheduler::coordinator::Interrupt;
use scheduler::store::{self, Access, Entry, StoreUrl};
use stage_core::{printable, shown};

use crate::args::ClipArgs;
use crate::clip::{self, Clip, ClipRequest, Description, Phrase, TranscriptBlock};
use crate::config::Loaded;
use crate::copies;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::open_store;
use crate::settings::decode_config;
use crate::signals::SignalWatch;
use crate::table::clock;
use crate::terminal;

pub(crate) fn clip(args: &ClipArgs) -> Result<Exit, Error> {
    let mut config = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config;
    config.decode.decoder = args.decoder.unwrap_or(config.decode.decoder);
    let case = find_case(args)?;
    let case = case.map(|url| store::open(&url, Access::Read).map(|store| (url, store)));
    let case = case.transpose().map_err(Error::store)?;
    let signals = SignalWatch::start(Interrupt::default()).context("the signal handlers cannot be installed")?;
    let clip = clip::make(&ClipRequest {
        input: &args.file,
        from: &args.from,
        to: &args.to,
        out: args.out.as_deref(),
        decode: decode_config(&config),
        case: case.as_ref().map(|(_, store)| &**store),
        context_s: args.context,
        is_stopped: &|| signals.is_interrupted(),
    })?;
    if args.json {
        println!("{}", terminal::json(&clip.description).context("the clip cannot be described")?);
    } else {
        print(&clip);
    }
    if let (Some((url, _)), Some(_)) = (&case, &clip.description.transcript) {
        let Description { source, clip, .. } = &clip.description;
        let (recording, sha256) = (source.sha256.clone(), clip.sha256.clone());
        let (format, reviewed, redacted) = ("clip".to_owned(), false, false);
        copies::record(url, &[Entry::Copied { recording, format, sha256, reviewed, redacted }]);
    }
    warn(&clip.description);
    Ok(if clip.loses_sound { Exit::SoundLost } else { Exit::Done })
}

/// The URL of the case's store: that of the arguments, or that in the current folder if there is one.
fn find_case(args: &ClipArgs) -> Result<Option<StoreUrl>, Error> {
    let here = Path::new(".");
    match (&args.case, &args.store) {
        (None, None) => {
            let url = open_store::in_folder(here);
            if url.path().is_none_or(|path| path.symlink_metadata().is_err()) {
                return Ok(None);
            }
            Ok(Some(url))
        }
        (case, store) => open_store::url(store.as_deref(), case.as_deref().unwrap_or(here)).map(Some),
    }
}

fn print(clip: &Clip) {
    let Description { source, range, clip: file, .. } = &clip.description;
    let channels = if source.channels == 1 { "1 channel".to_owned() } else { format!("{} channels", source.channels) };
    println!("clip       {}", shown(&clip.wav));
    println!("described  {}", shown(&clip.json));
    println!(
        "source     {}: {} in {}, {} Hz, {channels}, {}",
        printable(&source.file_name),
        printable(&source.codec),
        printable(&source.container),
        source.sample_rate_hz,
        clock(source.duration_s)
    );
    println!(
        "range      {} to {}: frames {} to {}, {} frames, {:.3} s",
        range.from, range.to, range.first_frame, range.end_frame, range.frames, range.duration_s
    );
    println!("format     {}: {}", file.sample_format, file.sample_format_reason);
    println!("sha256     {}  file", file.sha256);
    println!("           {}  samples", file.samples_sha256);
    match (&clip.description.transcript, &clip.description.transcript_reason) {
        (Some(transcript), _) => print_text(transcript, source.channels),
        (None, reason) => println!("text       none: {}", reason.as_deref().unwrap_or_default()),
    }
}

/// The words of the clip, a line for each phrase.
fn print_text(transcript: &TranscriptBlock, channels: u16) {
    let phrases = transcript.phrases();
    if phrases.is_empty() {
        println!("text       no words");
    }
    for (index, Phrase { channel, start_s, text }) in phrases.iter().enumerate() {
        let (head, channel) = (if index == 0 { "text" } else { "" }, format!("[{channel}] "));
        let channel = if channels > 1 { &channel } else { "" };
        println!("{head:<10} {start_s:>9.3} s  {channel}{}", printable(text));
    }
}

/// What limits the value of the clip as evidence.
fn warn(description: &Description) {
    for warning in &description.source.warnings {
        eprintln!("warning: {}: {}", printable(&description.source.file_name), printable(&warning.message));
    }
    if description.transcript.as_ref().is_some_and(|transcript| !transcript.same_samples) {
        eprintln!(
            "warning: the results of the case were computed from other samples of the same file (another decoder or \
             version); their times may differ"
        );
    }
}
