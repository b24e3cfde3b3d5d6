//! Which segment, speaker and word of a channel a time belongs to.

use crate::measure::Channel;

/// Intervals without overlap, by time, each with an index.
#[derive(Debug, Default)]
struct Intervals(Vec<(f64, f64, u32)>);

impl Intervals {
    fn of(intervals: impl Iterator<Item = (f64, f64, u32)>) -> Self {
        let mut intervals: Vec<_> = intervals.collect();
        intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(intervals)
    }

    /// Index of the last interval that begins before a time, if it has not ended there.
    fn at(&self, time_s: f64) -> Option<u32> {
        let after = self.0.partition_point(|(start_s, ..)| *start_s <= time_s);
        let (_, end_s, index) = self.0.get(after.checked_sub(1)?)?;
        (time_s < *end_s).then_some(*index)
    }

    fn indices(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(.., index)| *index)
    }
}

/// What a time in a channel belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// Index of the segment in the transcript.
    pub(super) segment: Option<u32>,
    /// Index in [`Owners::speakers`].
    pub(super) speaker: Option<u32>,
    /// Index of the aligned word.
    pub(super) word: Option<u32>,
}

/// The segments, speakers and words of a channel.
#[derive(Debug, Default)]
pub(super) struct Owners {
    segments: Intervals,
    turns: Intervals,
    words: Intervals,
    speakers: Vec<String>,
}

impl Owners {
    pub(super) fn of(channel: &Channel<'_>) -> Self {
        let (input, number) = (channel.input, channel.number);
        let own = input.speakers.speakers.iter().filter(|speaker| speaker.channel == number);
        let speakers: Vec<String> = own.map(|speaker| speaker.id.clone()).collect();
        let segments = input.transcript.segments.iter().zip(0..).filter(|(segment, _)| segment.channel == number);
        let words = input.words.words.iter().zip(0..).filter(|(word, _)| word.channel == number);
        let turns = input.speakers.turns.iter().filter(|turn| turn.channel == number);
        let turns = turns.filter_map(|turn| {
            let speaker = speakers.iter().position(|speaker| *speaker == turn.speaker)?;
            Some((turn.start_s, turn.end_s, speaker as u32))
        });
        Self {
            segments: Intervals::of(segments.map(|(segment, at)| (segment.start_s, segment.end_s, at))),
            words: Intervals::of(words.map(|(word, at)| (word.start_s, word.end_s, at))),
            turns: Intervals::of(turns),
            speakers,
        }
    }

    pub(super) fn at(&self, time_s: f64) -> Owner {
        Owner { segment: self.segments.at(time_s), speaker: self.turns.at(time_s), word: self.words.at(time_s) }
    }

    /// The labels of the speakers of the channel.
    pub(super) fn speakers(&self) -> &[String] {
        &self.speakers
    }

    /// Indices of the segments, by time.
    pub(super) fn segments(&self) -> impl Iterator<Item = u32> {
        self.segments.indices()
    }

    /// Indices of the words, by time.
    pub(super) fn words(&self) -> impl Iterator<Item = u32> {
        self.words.indices()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_a_time_includes_its_start_and_not_its_end() {
        let intervals = Intervals::of([(2.0, 3.0, 7), (0.5, 1.0, 3)].into_iter());
        let found: Vec<Option<u32>> = [0.4, 0.5, 0.99, 1.0, 2.5, 3.0].into_iter().map(|at| intervals.at(at)).collect();
        assert_eq!(found, [None, Some(3), Some(3), None, Some(7), None]);
        assert_eq!(intervals.indices().collect::<Vec<_>>(), [3, 7]);
    }
}
