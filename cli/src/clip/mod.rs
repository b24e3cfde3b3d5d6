//! Clips: a lossless copy of a range of a recording as a WAV file, with its hashes, transcript and context as JSON.
//!
//! ```text
//! file, hashed -> decode -> frames of the range -> survey: hashes, smallest exact format -> WAV file -> JSON file
//!                                                     case: words, evidence, context ----------------^
//! ```

mod description;
mod places;
mod range;
mod samples;
mod time;
mod transcript;
mod wav;

use std::path::{Path, PathBuf};

use decode::{DecodeConfig, DecodedFile, Decoder};
use scheduler::store::Store;
use stage_core::{Existing, Recording, printable_json, shown, write_files};

pub(crate) use self::description::Description;
use self::description::{CLIP_VERSION, ClipBlock, RangeBlock, SourceBlock};
use self::places::Places;
use self::range::FrameRange;
pub(crate) use self::range::{RangeError, check_order};
pub(crate) use self::samples::{Cut, Survey, WriteError};
pub(crate) use self::time::Time;
use self::transcript::{ContextBlock, Found, Interval};
pub(crate) use self::transcript::{Phrase, TranscriptBlock};
pub(crate) use self::wav::{SampleFormat, WavSpec};
use crate::error::{Error, ErrorContext};

/// The samples at 16 kHz are not read, unless the recording has this rate. Then they are read in order, from memory or
/// from a file.
const MEMORY_BUDGET_BYTES: u64 = 16 << 20;

/// What to cut out of which recording.
pub(crate) struct ClipRequest<'a> {
    /// The recording.
    pub(crate) input: &'a Path,
    /// The time of the first frame.
    pub(crate) from: &'a Time,
    /// The time before which the last frame is.
    pub(crate) to: &'a Time,
    /// The WAV file. Without it, a file in the current folder that is named after recording and range.
    pub(crate) out: Option<&'a Path>,
    /// Settings of decode.
    pub(crate) decode: DecodeConfig,
    /// The store of a case with results of the recording.
    pub(crate) case: Option<&'a dyn Store>,
    /// How much context to take from the case, in seconds before and after the range.
    pub(crate) context_s: f64,
    /// Asked again and again; the clip is given up when it returns true.
    pub(crate) is_stopped: &'a dyn Fn() -> bool,
}

/// A clip that was written.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    /// The WAV file.
    pub(crate) wav: PathBuf,
    /// The JSON file beside it.
    pub(crate) json: PathBuf,
    /// The contents of the JSON file.
    pub(crate) description: Description,
    /// Whether sound of the recording is missing or damaged, anywhere in it.
    pub(crate) loses_sound: bool,
}

/// Cuts a clip out of a recording and writes its two files. Neither replaces anything, and the recording is only read.
///
/// # Errors
/// The range is not in the recording, a file of the clip exists or cannot be written, the recording cannot be decoded, or
/// the results in the case were altered. Then no file is written.
pub(crate) fn make(request: &ClipRequest<'_>) -> Result<Clip, Error> {
    let ClipRequest { input, from, to, .. } = *request;
    range::check_order(from, to).map_err(Error::usage)?;
    let places = Places::new(request.out, input, (from, to))?;
    let decode = DecodeConfig {
        memory_budget_bytes: request.decode.memory_budget_bytes.min(MEMORY_BUDGET_BYTES),
        ..request.decode.clone()
    };
    let file = Decoder::new(decode).decode_file(input).map_err(Error::from).context(shown(input))?;
    let recording = &file.decoded.recording;
    let range = FrameRange::new(from, to, recording.pcm.source_frames, recording.sample_rate_hz)
        .map_err(Error::usage)
        .context(shown(input))?;
    let cut = Cut { input, pcm: &file.decoded.pcm, range, is_stopped: request.is_stopped };
    let survey = cut.survey()?;
    check_samples(input, recording, &survey)?;
    let said = Said::find(request, &file)?;
    let written = cut.write(&survey, &places.wav)?;
    let description = Description {
        clip_version: CLIP_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        source: SourceBlock::new(input, &file, &survey),
        range: RangeBlock::new(from, to, range, recording.sample_rate_hz),
        clip: ClipBlock::new(&places.wav, recording, survey, written),
        transcript: said.transcript,
        transcript_reason: said.reason,
        context: said.context,
    };
    complete(places, description, recording.loses_sound())
}

/// Writes the JSON file, after the WAV file. After this the clip is complete.
///
/// # Errors
/// The JSON file cannot be written. Then the WAV file is removed.
fn complete(places: Places, description: Description, loses_sound: bool) -> Result<Clip, Error> {
    let Places { wav, json } = places;
    let text = serde_json::to_string_pretty(&description).context("the clip cannot be described")?;
    let text = printable_json(&text).into_owned() + "\n";
    if let Err((path, error)) = write_files([(&*json, text.as_bytes(), Existing::Keep)]) {
        // This process has just created it.
        let _ = std::fs::remove_file(&wav);
        return places::unwritable(&path, error);
    }
    Ok(Clip { wav, json, description, loses_sound })
}

/// Checks that both passes over the recording gave the same samples. The hash of a file with several tracks or joined
/// recordings is made of theirs, and cannot be compared.
fn check_samples(input: &Path, recording: &Recording, survey: &Survey) -> Result<(), Error> {
    if !recording.is_one_stream() || recording.pcm_sha256 == survey.recording_sha256 {
        return Ok(());
    }
    let message = "the samples of the second pass differ from those that were hashed";
    Err(Error::unexpected(format!("{}: {message}", shown(input))))
}

/// What was said in a range and around it, or the reason why it is not known.
struct Said {
    transcript: Option<TranscriptBlock>,
    context: Option<ContextBlock>,
    reason: Option<String>,
}

impl Said {
    fn find(request: &ClipRequest<'_>, file: &DecodedFile) -> Result<Self, Error> {
        let found = match request.case {
            Some(store) => transcript::find(store, &file.sha256)?,
            None => Found::Nothing("no case was given".to_owned()),
        };
        let (name, document) = match found {
            Found::Results { name, document } => (name, document),
            Found::Nothing(reason) => return Ok(Self { transcript: None, context: None, reason: Some(reason) }),
        };
        let interval = Interval { from_s: request.from.seconds(), to_s: request.to.seconds() };
        let pcm_sha256 = &file.decoded.recording.pcm_sha256;
        Ok(Self {
            transcript: Some(TranscriptBlock::new(name, &document, interval, pcm_sha256)),
            context: Some(ContextBlock::new(&document, interval, request.context_s)),
            reason: None,
        })
    }
}
