//! The account of a file: every byte is sound, something else, or left out with a warning.

use stage_core::{DecodeWarning, FileAccount, TrackAccount, WarningKind};

use crate::container::{Layout, Part, Payload};
use crate::error::DecodeError;
use crate::source::RefusedTrack;
use crate::stream::{Counts, Ended};

/// A length in a header may include delay and padding, and may be rounded.
const ROUNDED_LENGTH_S: f64 = 0.06;

/// Counts bytes, packets and tracks while a file is decoded.
pub(crate) struct Ledger {
    account: FileAccount,
    file_bytes: u64,
    warnings: Vec<DecodeWarning>,
    bad_reason: String,
    /// Number of recordings in the file, and of those that were decoded to their end.
    parts: usize,
    closed_parts: usize,
}

impl Ledger {
    /// Begins with what the scan of the file has found.
    pub(crate) fn new(layout: &Layout) -> Self {
        let account = FileAccount { left_out_bytes: layout.left_out_bytes, ..FileAccount::default() };
        let (file_bytes, warnings) = (layout.file_bytes, layout.warnings.clone());
        let parts = layout.parts.len();
        Self { account, file_bytes, warnings, bad_reason: String::new(), parts, closed_parts: 0 }
    }

    pub(crate) fn warn(&mut self, warning: DecodeWarning) {
        self.warnings.push(warning);
    }

    /// Leaves out this recording and those behind it.
    pub(crate) fn unusable_part(&mut self, part: &Part, error: &DecodeError) {
        let bytes = self.file_bytes - part.bytes.start;
        self.account.left_out_bytes += bytes;
        let start = part.bytes.start;
        let message = format!("{bytes} bytes from byte {start} on, another recording, were left out: {error}");
        self.warn(DecodeWarning::new(WarningKind::LeftOut, message));
    }

    /// Counts a recording that was decoded to its end.
    pub(crate) fn close_part(
        &mut self,
        part: &Part,
        refused: &[RefusedTrack],
        tracks: Vec<TrackAccount>,
        ends: &[Ended],
    ) {
        self.closed_parts += 1;
        let of_tracks = ends.iter().flat_map(|ended| &ended.warnings);
        for warning in part.warnings.iter().chain(of_tracks) {
            // Times in the warnings of a part count from its start.
            let place = if self.parts > 1 { format!("recording {}: ", self.closed_parts) } else { String::new() };
            self.warnings.push(DecodeWarning::new(warning.kind, format!("{place}{warning}")));
        }
        for track in refused {
            self.refuse(track);
        }
        let longest_s = tracks.iter().filter_map(|track| track.duration_s).fold(0.0, f64::max);
        if let Some(promised_s) = part.promised_s.filter(|&promised_s| promised_s > longest_s + ROUNDED_LENGTH_S) {
            let message = format!("the header promises {promised_s:.3} s, the file holds {longest_s:.3} s");
            self.warn(DecodeWarning::new(WarningKind::Incomplete, message));
        }
        if self.account.tracks.len() < tracks.len() + refused.len() {
            let left_out = |track: &RefusedTrack| TrackAccount {
                codec: track.codec.clone(),
                channels: Vec::new(),
                duration_s: track.duration_s,
            };
            self.account.tracks = tracks.into_iter().chain(refused.iter().map(left_out)).collect();
        }
        let counts: Vec<&Counts> = ends.iter().map(|ended| &ended.counts).collect();
        for counts in &counts {
            self.account.packets += counts.packets;
            self.account.damaged_packets += counts.bad;
            if counts.bad > 0 {
                self.bad_reason.clone_from(&counts.bad_reason);
            }
        }
        self.check_payload(part, &counts);
    }

    fn refuse(&mut self, track: &RefusedTrack) {
        let length = track.duration_s.map_or_else(|| "unknown length".to_owned(), |seconds| format!("{seconds:.3} s"));
        let RefusedTrack { codec, error, .. } = track;
        let message = format!("a track ({codec}, {length}) was left out: {error}; --decoder ffmpeg may decode it");
        self.warn(DecodeWarning::new(WarningKind::LeftOut, message));
    }

    /// Compares what the demuxer returned with what the scan of the container found.
    fn check_payload(&mut self, part: &Part, counts: &[&Counts]) {
        let sound: u64 = counts.iter().map(|counts| counts.bytes).sum();
        let demuxed = counts.iter().map(|counts| counts.demuxed_bytes).max().unwrap_or(0);
        // Two packets are the remainder of a packet that was cut, and padding.
        let tolerance = 2 * counts.iter().map(|counts| counts.largest_packet).max().unwrap_or(0);
        let missing = match &part.payload {
            Payload::Bytes(expected) => expected.saturating_sub(demuxed),
            Payload::Packets(expected) => {
                let returned = |track| counts.iter().filter_map(|counts| counts.demuxed_packets.get(track)).max();
                let missing = expected.iter().map(|(track, n)| n.saturating_sub(*returned(track).unwrap_or(&0)));
                let packets: u64 = missing.sum();
                let average =
                    demuxed / counts.iter().map(|c| c.demuxed_packets.values().sum()).max().unwrap_or(1).max(1);
                packets * average
            }
        };
        let len = part.bytes.end - part.bytes.start;
        let sound = sound.min(len - part.left_out_bytes.min(len));
        let mut left_out = part.left_out_bytes;
        if missing > tolerance {
            left_out += missing;
            let message = format!("{missing} bytes of sound were found in no packet");
            self.warn(DecodeWarning::new(WarningKind::LeftOut, message));
        }
        self.account.audio_bytes += sound;
        self.account.left_out_bytes += left_out.min(len - sound);
    }

    /// # Errors
    /// More than half of the packets could not be decoded, or there is damage and not one packet.
    pub(crate) fn check_decodable(&self) -> Result<(), DecodeError> {
        let FileAccount { packets, damaged_packets, .. } = self.account;
        if damaged_packets * 2 > packets {
            let reason = self.bad_reason.clone();
            return Err(DecodeError::Undecodable { bad: damaged_packets, total: packets, reason });
        }
        let damage = self.warnings.iter().find(|warning| warning.kind.loses_sound());
        match damage {
            Some(damage) if packets == 0 => Err(DecodeError::NoSound(damage.message.clone())),
            _ => Ok(()),
        }
    }

    /// Completes the account: bytes that are neither sound nor left out are headers, indexes, tags and padding.
    pub(crate) fn close(mut self, parts: usize) -> (FileAccount, Vec<DecodeWarning>) {
        // A recording that cannot be used and what follows it may have been counted twice.
        let left_out_bytes = self.account.left_out_bytes.min(self.file_bytes - self.account.audio_bytes);
        let FileAccount { audio_bytes, .. } = self.account;
        self.account.left_out_bytes = left_out_bytes;
        self.account.other_bytes = self.file_bytes.saturating_sub(audio_bytes + left_out_bytes);
        self.account.parts = parts as u32;
        (self.account, self.warnings)
    }
}
