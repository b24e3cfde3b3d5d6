//! Moves word boundaries to energy onsets and offsets.
//!
//! Each boundary is moved to a nearby pause, an interval without speech activity: the word before it ends and the word
//! after it begins there. If the words touch, the boundary moves to the energy minimum between them. If neither is
//! clear, the boundary keeps its time.

use crate::monotonic::SHORTEST_WORD;
use crate::sound::{Interval, Sound};

/// Shortest pause, in samples: 30 ms.
const SHORTEST_PAUSE: i64 = 480;
/// Pauses longer than this are not preferred further: 0.3 s.
const LONG_PAUSE: i64 = 4800;
/// Minimum depth of an energy minimum between touching words, in dB.
const CLEAR_DIP_DB: f32 = 6.0;
/// Penalty of a minimum per second of distance from the original boundary, in dB.
const DISTANCE_DB_PER_S: f32 = 60.0;

/// Search range of a boundary around its original time, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Range for the nearer end of a pause.
    pub(crate) pause: i64,
    /// Range for a minimum between touching words.
    pub(crate) minimum: i64,
    /// Range for the largest spectral change between touching words.
    pub(crate) change: i64,
}

/// Moves the boundaries of `words`, in order, inside `room`. The result may overlap where the original times did.
pub(crate) fn refine(words: &[Interval], sound: &Sound, room: Interval, reach: Reach) -> Vec<Interval> {
    let mut refined = words.to_vec();
    for at in 0..=words.len() {
        let (left, right) = (at.checked_sub(1).map(|before| words[before]), words.get(at).copied());
        let (end, start) = Boundary { left, right, sound, room, reach }.place();
        if let (Some(before), Some(end)) = (at.checked_sub(1), end) {
            refined[before].end = end;
        }
        if let (Some(word), Some(start)) = (refined.get_mut(at), start) {
            word.start = start;
        }
    }
    for (word, attention) in refined.iter_mut().zip(words) {
        if word.len() < SHORTEST_WORD {
            *word = *attention;
        }
    }
    refined
}

/// A boundary: between two words, before the first word, or after the last word.
struct Boundary<'a> {
    left: Option<Interval>,
    right: Option<Interval>,
    sound: &'a Sound,
    room: Interval,
    reach: Reach,
}

impl Boundary<'_> {
    /// Returns the left word's end and the right word's start, if they are clear. Each moves to its own nearby pause,
    /// because sound between the words that was not transcribed has a pause on either side.
    fn place(&self) -> (Option<i64>, Option<i64>) {
        let given = self.given();
        // A pause that begins with the left word, or ends with the right one, does not tell where that word is.
        let behind = self.pause(given.start).filter(|pause| self.left.is_some_and(|left| pause.start > left.start));
        let before = self.pause(given.end).filter(|pause| self.right.is_some_and(|right| pause.end < right.end));
        if behind.is_some() || before.is_some() {
            return (behind.map(|pause| pause.start), before.map(|pause| pause.end));
        }
        let touch = if self.reach.change > 0 { self.change() } else { self.minimum() };
        (touch, touch)
    }

    /// The original interval between the words; reversed if they overlap.
    fn given(&self) -> Interval {
        let (left, right) = (self.left.map(|left| left.end), self.right.map(|right| right.start));
        let end = left.or(right).unwrap_or(self.room.start);
        Interval { start: end, end: right.unwrap_or(end) }
    }

    /// The interval in which a pause is searched: near the original times, up to the middle of either word.
    fn near(&self) -> Interval {
        let given = self.given();
        Interval {
            start: (given.start - self.reach.pause).max(self.left.map_or(self.room.start, |left| left.middle())),
            end: (given.end + self.reach.pause).min(self.right.map_or(self.room.end, |right| right.middle())),
        }
    }

    /// Finds a long pause close to an edge. It may begin long before the edge, because attention places a word's end
    /// where the next word begins.
    fn pause(&self, edge: i64) -> Option<Interval> {
        let near = self.near();
        let edge = Interval { start: edge, end: edge };
        self.pauses()
            .into_iter()
            .filter(|pause| pause.len() >= SHORTEST_PAUSE && pause.distance(&near) < 0)
            .max_by_key(|pause| pause.len().min(LONG_PAUSE) - pause.distance(&edge).max(0))
    }

    /// All silences from the left word's start to the right word's end.
    fn pauses(&self) -> Vec<Interval> {
        self.sound.silences(Interval {
            start: self.left.map_or(self.room.start, |left| left.start),
            end: self.right.map_or(self.room.end, |right| right.end),
        })
    }

    /// Returns the spectral change between touching words.
    fn change(&self) -> Option<i64> {
        let (given, left, right) = (self.given(), self.left?, self.right?);
        let peak = self.sound.change(given.middle(), self.reach.change)?;
        (given.len() <= self.reach.change && (left.middle()..right.middle()).contains(&peak)).then_some(peak)
    }

    /// Returns the energy minimum between touching words.
    fn minimum(&self) -> Option<i64> {
        let given = self.given();
        if given.len() > self.reach.minimum {
            return None;
        }
        let (left, right, boundary) = (self.left?, self.right?, given.middle());
        let distance_db = |at: i64| (at - boundary).abs() as f32 / 16_000.0 * DISTANCE_DB_PER_S;
        let region = Interval {
            start: (boundary - self.reach.minimum).max(left.middle()),
            end: (boundary + self.reach.minimum).min(right.middle()),
        };
        let cost = |(at, level): &(i64, f32)| level + distance_db(*at);
        let lowest = self.sound.within(region).min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
        (lowest.1.max(self.sound.floor(boundary)) <= self.lower_peak() - CLEAR_DIP_DB).then_some(lowest.0)
    }

    /// Peak level of the quieter word.
    fn lower_peak(&self) -> f32 {
        let peaks = [self.left, self.right].into_iter().flatten().map(|word| self.sound.peak(word));
        peaks.min_by(f32::total_cmp).unwrap_or_else(|| self.sound.floor(self.room.start))
    }
}
