//! Selects the decoder's frames that belong to the recording: applies encoder delay, padding and edit lists.
//!
//! The decoder's output is one stream of frames, numbered from 0: the *media* timeline. An edit list maps it to the
//! *presentation* timeline, which a player plays. All times in Earwitness refer to the presentation timeline.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use symphonia::core::units::{Duration, TimeBase};

/// One interval of the presentation, in frames of the decoder's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// A pause of this number of frames (an "empty edit").
    Silence(u64),
    /// Media frames `start..end` are played.
    Media { start: u64, end: u64 },
}

/// One step to take with a block of decoded frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Insert this number of frames of silence.
    Silence(u64),
    /// Keep these frames of the block.
    Frames(Range<usize>),
}

/// Rules that turn a track's decoded frames into the recording.
#[derive(Debug)]
pub(crate) struct TrimRules {
    pub(crate) timeline: Timeline,
    /// Number of frames to discard at the end of a packet, by the packet's index.
    pub(crate) padding: BTreeMap<u64, u64>,
    /// Shortest jump of the packets' own time stamps, in milliseconds, that counts as a missing packet. Shorter jumps
    /// are rounding. `None` if packets have no time stamps of their own.
    pub(crate) gap_ms: Option<u64>,
}

impl Default for TrimRules {
    /// Everything is played, and time stamps follow from the lengths of the packets.
    fn default() -> Self {
        Self { timeline: Timeline::from_frame(0), padding: BTreeMap::new(), gap_ms: None }
    }
}

/// Converts a duration in a track's time base to frames at `rate_hz`, rounded; 0 without a time base.
pub(crate) fn frames_of(ticks: Duration, time_base: Option<TimeBase>, rate_hz: u32) -> u64 {
    let Some(base) = time_base else { return 0 };
    let (numer, denom) = (u128::from(base.numer.get()), u128::from(base.denom.get()));
    let frames = (u128::from(ticks.get()) * numer * u128::from(rate_hz) + denom / 2) / denom;
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// Cuts the stream of decoded blocks to the presentation, and counts the removed frames.
#[derive(Debug)]
pub(crate) struct Timeline {
    edits: VecDeque<Edit>,
    position: u64,
    started: bool,
    trimmed_start: u64,
    trimmed_end: u64,
}

impl Timeline {
    /// Creates a timeline that applies `edits`, whose media ranges must be in order and must not overlap.
    pub(crate) fn new(edits: Vec<Edit>) -> Self {
        Self { edits: edits.into(), position: 0, started: false, trimmed_start: 0, trimmed_end: 0 }
    }

    /// Keeps everything from frame `start` on.
    pub(crate) fn from_frame(start: u64) -> Self {
        Self::new(vec![Edit::Media { start, end: u64::MAX }])
    }

    /// Number of frames removed before the first kept frame and after the last kept frame.
    pub(crate) const fn trimmed(&self) -> (u64, u64) {
        (self.trimmed_start, self.trimmed_end)
    }

    /// Counts frames that the container marks as delay or padding. They are on no timeline.
    pub(crate) const fn count_trimmed(&mut self, frames: u64) {
        if self.started {
            self.trimmed_end += frames;
        } else {
            self.trimmed_start += frames;
        }
    }

    /// Returns the pieces of the presentation for the next `frames` media frames, in order.
    pub(crate) fn advance(&mut self, frames: usize) -> Vec<Piece> {
        let (block, block_end) = (self.position, self.position + frames as u64);
        let mut pieces = Vec::with_capacity(1);
        let mut kept_to = block;
        while let Some(&edit) = self.edits.front() {
            match edit {
                Edit::Silence(silent) => pieces.push(Piece::Silence(silent)),
                Edit::Media { start, end } => {
                    let (from, to) = (start.max(block), end.min(block_end));
                    if from < to {
                        self.count_trimmed(from - kept_to);
                        self.started = true;
                        kept_to = to;
                        pieces.push(Piece::Frames((from - block) as usize..(to - block) as usize));
                    }
                    if end > block_end {
                        break;
                    }
                }
            }
            self.edits.pop_front();
        }
        self.count_trimmed(block_end - kept_to);
        self.position = block_end;
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the presentation as media frame numbers, with `None` for silence.
    fn present(edits: Vec<Edit>, blocks: &[usize]) -> (Vec<Option<u64>>, (u64, u64)) {
        let mut timeline = Timeline::new(edits);
        let mut frames = Vec::new();
        for &block in blocks {
            let first = timeline.position;
            for piece in timeline.advance(block) {
                match piece {
                    Piece::Silence(n) => frames.extend((0..n).map(|_| None)),
                    Piece::Frames(range) => frames.extend(range.map(|i| Some(first + i as u64))),
                }
            }
        }
        (frames, timeline.trimmed())
    }

    #[test]
    fn timeline_removes_delay_and_padding_across_blocks() {
        let (frames, trimmed) = present(vec![Edit::Media { start: 5, end: 11 }], &[4, 4, 4, 4]);
        assert_eq!(frames, (5..11).map(Some).collect::<Vec<_>>());
        assert_eq!(trimmed, (5, 5));
    }

    #[test]
    fn timeline_plays_an_empty_edit_as_silence() {
        let (frames, _) = present(vec![Edit::Silence(2), Edit::Media { start: 1, end: 3 }], &[4]);
        assert_eq!(frames, [None, None, Some(1), Some(2)]);
    }

    proptest! {
        #[test]
        fn timeline_does_not_depend_on_block_sizes(
            spans in prop::collection::vec((0u64..9, 1u64..9, 0u64..4), 1..5),
            blocks in prop::collection::vec(0usize..9, 1..20),
        ) {
            let mut edits = Vec::new();
            let mut at = 0;
            for (gap, len, silence) in spans {
                edits.push(Edit::Silence(silence));
                edits.push(Edit::Media { start: at + gap, end: at + gap + len });
                at += gap + len;
            }
            let total: usize = blocks.iter().sum();
            let (whole, trimmed_whole) = present(edits.clone(), &[total]);
            let (parts, trimmed_parts) = present(edits, &blocks);
            // Silence may come one block earlier if the media before it ends exactly at the end of a block.
            let media = |frames: &[Option<u64>]| frames.iter().flatten().copied().collect::<Vec<_>>();
            prop_assert_eq!(media(&whole), media(&parts));
            prop_assert_eq!(trimmed_whole, trimmed_parts);
        }
    }
}
