//! Layouts that a recorder which writes a file once does not leave.

use stage_core::container::{EditFacts, TrackFacts};

use super::Statements;

/// Encoders' delays are below this: edits that start later cut sound.
const DELAY_S_MAX: f64 = 0.15;
/// Lengths of one file differ by less.
const LENGTH_S: f64 = 0.5;

pub(super) fn deviations(file: &Statements<'_>) -> Vec<String> {
    let facts = file.facts;
    let mut found = Vec::new();
    if let Some(account) = file.account.filter(|account| account.parts > 1) {
        found.push(format!("the file holds {} recordings, one after the other", account.parts));
    }
    for kind in ["ftyp", "moov"] {
        let count = facts.boxes.iter().filter(|facts| facts.kind == kind).count();
        if count > 1 {
            found.push(format!("the file has {count} boxes {kind}"));
        }
    }
    for (number, track) in (1..).zip(&facts.tracks).filter(|(_, track): &(u32, &TrackFacts)| track.handler == "soun") {
        found.extend(edits(&track.edits).map(|text| format!("the edit list of track {number} {text}")));
        found.extend(lengths(track, file.sound_s).map(|text| format!("track {number} {text}")));
    }
    let stated = facts.mp3_header.as_ref().and_then(|header| header.frames);
    if let (Some(stated), Some(packets)) = (stated, file.account.map(|account| account.packets))
        // Encoders count the frame of the header or not.
        && stated.abs_diff(packets) > 1
    {
        found.push(format!("the header of the first frame states {stated} frames, and the file has {packets}"));
    }
    found
}

/// What an edit list does beyond the removal of an encoder's delay.
fn edits(edits: &[EditFacts]) -> Option<String> {
    let media: Vec<f64> = edits.iter().filter_map(|edit| edit.media_start_s).collect();
    if media.len() > 1 {
        return Some(format!("joins {} parts of the media", media.len()));
    }
    if let Some(start) = media.first().filter(|start| **start > DELAY_S_MAX) {
        return Some(format!("leaves out the first {start:.3} s of the media"));
    }
    let empty = edits.iter().filter(|edit| edit.media_start_s.is_none());
    let empty_s: f64 = empty.map(|edit| edit.duration_s).sum();
    (empty_s > DELAY_S_MAX).then(|| format!("inserts {empty_s:.3} s of silence"))
}

/// Sound that the media has and the recording does not play.
fn lengths(track: &TrackFacts, sound_s: f64) -> Option<String> {
    let media_s = track.media.duration_s?;
    (media_s - sound_s > LENGTH_S)
        .then(|| format!("states {media_s:.3} s of media, of which {sound_s:.3} s are played or present"))
}
