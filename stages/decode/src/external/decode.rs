//! Decodes a file with ffmpeg: lists its packets, decodes its tracks, and compares the two.

use std::sync::Arc;

use stage_core::container::ContainerFacts;
use stage_core::{DecodeWarning, FileAccount, TrackAccount, WarningKind};

use super::arguments;
use super::ffmpeg::Ffmpeg;
use super::listing::{Header, ListReader, TRACKS_MAX, TrackPackets};
use super::messages::Messages;
use super::process::{Process, ProcessError};
use super::stream::{DecodedTrack, ExternalStream, Plan, PlannedTrack, failure};
use super::track::Counts;
use crate::config::{DecodeConfig, DecodeLimits};
use crate::container::Layout;
use crate::error::DecodeError;
use crate::input::{Bytes, InputFile};
use crate::native::Passes;
use crate::sample_hash::SampleHash;
use crate::sink::Sink;
use crate::stage::{Decoded, Output, Probe};

/// Audio tracks beyond this number are left out, because each needs a process.
const DECODED_TRACKS_MAX: usize = 16;
/// The decoder's output may be shorter than its packets by this: encoder delay and padding, in seconds.
const SHORTER_S_MAX: f64 = 0.25;
/// Decoders of codecs that ffmpeg itself decodes without DTX. Not every ffmpeg has them.
const BETTER_DECODERS: [(&str, &str); 2] = [("amr_nb", "libopencore_amrnb"), ("amr_wb", "libopencore_amrwb")];
/// Containers that consist of packets only, after a short header.
const ONLY_PACKETS: [&str; 9] = ["aac", "ac3", "amr", "eac3", "g722", "g723_1", "g729", "gsm", "dts"];
/// Longest header of these containers, in bytes: `#!AMR_MC1.0` and its channels.
const SHORT_HEADER: u64 = 16;
/// In other containers, headers, indexes and tags take at most this many bytes and a fifth of the sound. More may be
/// another recording, which ffmpeg does not read.
const LONG_HEADER: u64 = 8 << 10;
/// Beginnings of the names of lossless codecs.
const LOSSLESS: [&str; 12] =
    ["pcm_s", "pcm_u", "pcm_f", "flac", "alac", "ape", "tta", "tak", "wmalossless", "truehd", "mlp", "shorten"];

/// Container, codec and length as ffmpeg states them.
///
/// # Errors
/// It does not know the file, or the file has no audio track.
pub(super) fn probe(
    program: &Arc<Ffmpeg>,
    file: &Arc<InputFile>,
    format: Option<&'static str>,
) -> Result<Probe, DecodeError> {
    let plan = Plan::new(program, format, DecodeLimits::default());
    let (messages, _) =
        run(&plan, &arguments::describe(format), file, |_| ()).map_err(|error| failure(&plan, &error))?;
    let header = Header::read(&messages.facts).ok_or_else(|| rejected(&plan, &messages))?;
    let codec = header.codecs.first().ok_or_else(|| rejected(&plan, &messages))?;
    Ok(Probe {
        container: header.container,
        codec: codec.clone(),
        duration_s: header.duration_s,
        external_decoder: Some(program.version.clone()),
    })
}

/// Decodes all audio tracks of a file.
///
/// # Errors
/// ffmpeg does not know the file, has no decoder for it, or fails; or the file has changed.
pub(super) fn decode(
    program: &Arc<Ffmpeg>,
    file: &Arc<InputFile>,
    format: Option<&'static str>,
    config: &DecodeConfig,
) -> Result<Decoded, DecodeError> {
    let mut plan = Plan::new(program, format, config.settings.limits.clone());
    let (header, listed, known) = list(&plan, file)?;
    let mut warnings = Vec::new();
    warnings.extend(problem(&known, &[]).map(|problem| DecodeWarning::new(WarningKind::Damaged, problem)));
    plan_tracks(&mut plan, &listed, &mut warnings);
    let mut stream = ExternalStream::open(file, &mut plan, &mut warnings)?;
    let spec = stream.spec();
    let mut sink = Sink::new(spec, config)?;
    let mut hash = SampleHash::default();
    while let Some(block) = stream.next(&plan)? {
        hash.update(block.samples);
        sink.push(block.samples)?;
    }
    let collected = sink.finish()?;
    let decoded = stream.finish();
    compare(&plan, &listed, &decoded, &known.problems, &mut warnings)?;
    let container_facts = container_facts(file, &mut warnings);
    let account = account(&plan, &header, &listed, &decoded, file, &mut warnings);
    let codec = account.tracks.iter().find(|track| !track.channels.is_empty()).map(|track| track.codec.clone());
    let codec = codec.unwrap_or_default();
    let output = Output {
        container: header.container,
        lossless: LOSSLESS.iter().any(|prefix| codec.starts_with(prefix)),
        codec,
        tags: header.tags,
        container_facts,
        spec,
        trimmed: (0, 0),
        pcm_sha256: hash.finish().finish_hex(),
        external_decoder: Some(plan.provenance()),
        account,
        warnings,
    };
    Ok(output.into_decoded(file, collected, Passes::External(Arc::new(plan))))
}

/// Runs ffmpeg to its end, and passes its output on.
fn run(
    plan: &Plan,
    arguments: &[String],
    file: &Arc<InputFile>,
    mut output: impl FnMut(&[u8]),
) -> Result<(Messages, bool), ProcessError> {
    let handle = file.handle().map_err(ProcessError::Start)?;
    let (mut process, _) = Process::start(&plan.program, arguments, handle)?;
    while let Some(chunk) = process.next_chunk()? {
        output(&chunk);
    }
    process.finish()
}

/// The header, all packets of the audio tracks, and the messages about them.
fn list(plan: &Plan, file: &Arc<InputFile>) -> Result<(Header, Vec<TrackPackets>, Messages), DecodeError> {
    let mut reader = ListReader::default();
    let arguments = arguments::list(plan.format);
    let ran = run(plan, &arguments, file, |chunk| reader.push(chunk));
    file.check_all()?;
    let (messages, succeeded) = ran.map_err(|error| failure(plan, &error))?;
    let tracks = reader.finish();
    let header = Header::read(&messages.facts).filter(|_| succeeded && !tracks.is_empty() && !is_guess(&messages));
    let header = header.ok_or_else(|| rejected(plan, &messages))?;
    Ok((header, tracks, messages))
}

/// Whether ffmpeg took the format only because no other one is as likely.
fn is_guess(messages: &Messages) -> bool {
    messages.problems.iter().any(|problem| problem.contains("misdetection possible"))
}

/// The error for a file that ffmpeg does not take.
fn rejected(plan: &Plan, messages: &Messages) -> DecodeError {
    let without_track = |problem: &&String| problem.contains("matches no streams");
    let reason = match messages.problems.iter().find(without_track) {
        Some(_) => "it finds no audio track",
        None => messages.problems.first().map_or("it finds no audio track", String::as_str),
    };
    let reason = reason.split(" on whitelist ").next().unwrap_or(reason).to_owned();
    failure(plan, &ProcessError::Failed(reason))
}

/// Chooses the tracks that are decoded, and their common rate.
fn plan_tracks(plan: &mut Plan, listed: &[TrackPackets], warnings: &mut Vec<DecodeWarning>) {
    for (index, track) in listed.iter().enumerate() {
        let number = index + 1;
        if index >= DECODED_TRACKS_MAX || index >= TRACKS_MAX {
            let message = format!("audio track {number} was left out: only {DECODED_TRACKS_MAX} are decoded");
            warnings.push(DecodeWarning::new(WarningKind::LeftOut, message));
            continue;
        }
        let better = BETTER_DECODERS.iter().find(|(codec, _)| *codec == track.codec).map(|(_, decoder)| *decoder);
        let decoder = better.filter(|decoder| plan.program.has_decoder(decoder));
        plan.tracks.push(PlannedTrack { index, decoder, exact_s: track.is_amr().then_some(track.length_s) });
    }
    let rates = || plan.tracks.iter().map(|track| listed[track.index].rate_hz);
    if rates().any(|rate_hz| Some(rate_hz) != rates().next()) {
        plan.rate_hz = rates().max();
    }
}

/// Adds warnings about each track: errors of its decoder that are not `known`, packets without sound, gaps.
///
/// # Errors
/// The decoder of every track has failed, or gave less than half of the sound.
fn compare(
    plan: &Plan,
    listed: &[TrackPackets],
    decoded: &[DecodedTrack],
    known: &[String],
    warnings: &mut Vec<DecodeWarning>,
) -> Result<(), DecodeError> {
    let pairs = || plan.tracks.iter().map(|planned| &listed[planned.index]).zip(decoded);
    if pairs().all(|(listed, track)| !track.succeeded || is_mostly_lost(listed, track)) {
        let reason = decoded.first().and_then(|track| track.messages.reason());
        return Err(failure(plan, &ProcessError::Failed(reason.unwrap_or("most packets give no sound").to_owned())));
    }
    for (planned, (listed, track)) in plan.tracks.iter().zip(pairs()) {
        warn_of_track(&format!("audio track {}", planned.index + 1), listed, track, known, warnings);
    }
    Ok(())
}

/// Whether more than half of the sound of a track is missing.
fn is_mostly_lost(listed: &TrackPackets, track: &DecodedTrack) -> bool {
    track.messages.problem_count > 0 && 2.0 * track.decoded_s() < sound_s(listed)
}

/// Adds what the scan of the container finds, for containers that are known: pages that are missing, a file that is cut, and
/// recordings that were joined. Returns what the container states about its own making.
fn container_facts(file: &Arc<InputFile>, warnings: &mut Vec<DecodeWarning>) -> ContainerFacts {
    let Ok(layout) = Layout::scan(file) else { return ContainerFacts::default() };
    let facts = layout.parts[0].facts.clone();
    warnings.extend(layout.parts.iter().flat_map(|part| part.warnings.clone()));
    warnings.extend(layout.warnings);
    if layout.parts.len() > 1 {
        let message = format!("the file holds {} recordings, one after the other", layout.parts.len());
        warnings.push(DecodeWarning::new(WarningKind::Header, message));
    }
    facts
}

/// Length of the packets with sound, in seconds.
fn sound_s(listed: &TrackPackets) -> f64 {
    listed.length_s * (listed.packets - listed.dtx_packets()) as f64 / listed.packets.max(1) as f64
}

fn warn_of_track(
    name: &str,
    listed: &TrackPackets,
    track: &DecodedTrack,
    known: &[String],
    warnings: &mut Vec<DecodeWarning>,
) {
    let mut warn = |kind, message: String| warnings.push(DecodeWarning::new(kind, format!("{name}: {message}")));
    let Counts { silent, jumps, ignored, codec_frames, not_finite, .. } = track.counts;
    let silent_s = silent as f64 / f64::from(track.spec.rate_hz);
    // A decoder without DTX reports every pause as an error.
    let only_pauses = listed.dtx_packets() > 0 && listed.packets.saturating_sub(codec_frames) <= listed.dtx_packets();
    if only_pauses && silent > 0 {
        warn(WarningKind::Gap, format!("pauses of the speaker (DTX), {silent_s:.3} s in all, are silence"));
    } else {
        if jumps > 0 {
            warn(WarningKind::Gap, format!("{jumps} intervals without sound, {silent_s:.3} s in all, are silence"));
        }
        if let Some(problem) = problem(&track.messages, known) {
            warn(WarningKind::Damaged, problem);
        }
    }
    if ignored > 0 {
        warn(WarningKind::Header, format!("{ignored} jumps of the time stamps are too long and were ignored"));
    }
    if !track.succeeded {
        warn(WarningKind::LeftOut, "the decoder has failed, and what follows is silence".to_owned());
    }
    let (packets_s, decoded_s) = (sound_s(listed), track.decoded_s());
    if packets_s - decoded_s > SHORTER_S_MAX {
        let message = format!("its packets state {packets_s:.3} s of sound, the decoder gave {decoded_s:.3} s");
        warn(WarningKind::Incomplete, message);
    }
    if not_finite > 0 {
        warn(WarningKind::Damaged, format!("{not_finite} samples are not numbers of any level and are silence"));
    }
}

/// A summary of the problems that are not `known`.
fn problem(messages: &Messages, known: &[String]) -> Option<String> {
    let first = messages.problems.iter().find(|problem| !known.contains(problem))?;
    Some(match messages.problem_count {
        1 => format!("ffmpeg reports a problem: {first}"),
        count => format!("ffmpeg reports {count} problems, among them: {first}"),
    })
}

/// Length of the header of an ASF file (WMA) and of the beginning of its data, in bytes. Its packets have a fixed size, so
/// that their own headers take a known share.
fn asf_header_bytes(file: &Arc<InputFile>) -> Option<u64> {
    let start = Bytes::new(file).array::<24>(0).ok()??;
    let size = start[16..].try_into().ok().map(u64::from_le_bytes)?;
    start.starts_with(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11").then(|| size.min(file.len()) + 50)
}

/// Accounts for the bytes and tracks of the file.
fn account(
    plan: &Plan,
    header: &Header,
    listed: &[TrackPackets],
    decoded: &[DecodedTrack],
    file: &Arc<InputFile>,
    warnings: &mut Vec<DecodeWarning>,
) -> FileAccount {
    let len = file.len();
    let bytes_of = |tracks: &mut dyn Iterator<Item = &TrackPackets>| tracks.map(|track| track.bytes).sum::<u64>();
    let is_planned = |index: usize| plan.tracks.iter().any(|track| track.index == index);
    let audio_bytes = bytes_of(&mut plan.tracks.iter().map(|track| &listed[track.index])).min(len);
    let skipped = &mut listed.iter().enumerate().filter(|(index, _)| !is_planned(*index)).map(|(_, track)| track);
    let mut left_out_bytes = bytes_of(skipped).min(len - audio_bytes);
    let other_bytes = len - audio_bytes - left_out_bytes;
    let is_bare = ONLY_PACKETS.contains(&header.container.as_str());
    let most = match asf_header_bytes(file) {
        Some(header_bytes) => header_bytes + 1_024 + audio_bytes / 12,
        None => LONG_HEADER + audio_bytes / 5,
    };
    let is_much = !header.has_video && other_bytes > most;
    if is_bare && other_bytes > SHORT_HEADER || is_much {
        left_out_bytes += other_bytes;
        let message = format!("{other_bytes} of {len} bytes are in no packet and were left out");
        warnings.push(DecodeWarning::new(WarningKind::LeftOut, message));
    }
    let mut first_channel = 0;
    let tracks = listed.iter().enumerate().map(|(index, track)| {
        let at = plan.tracks.iter().position(|planned| planned.index == index);
        let count = at.map_or(0, |at| decoded[at].spec.channels as u16);
        first_channel += count;
        TrackAccount {
            codec: track.codec.clone(),
            channels: (first_channel - count..first_channel).collect(),
            duration_s: (track.length_s > 0.0).then_some(track.length_s),
        }
    });
    FileAccount {
        tracks: tracks.collect(),
        audio_bytes,
        other_bytes: len - audio_bytes - left_out_bytes,
        left_out_bytes,
        packets: plan.tracks.iter().map(|track| listed[track.index].packets).sum(),
        damaged_packets: 0,
        parts: 1,
    }
}
