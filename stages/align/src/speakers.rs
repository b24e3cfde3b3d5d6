//! Assigns words to speakers: each word has the speaker whose turns share most of it.

use stage_core::{Overlap, Speakers, Turn, Word};

/// A word without a turn has the speaker of a turn that is this near, in seconds: the end of a word may be softer than
/// what counts as speech.
const NEAR_S: f64 = 0.3;

/// The turns of a recording by channel, and where two people may speak at once.
pub(crate) struct SpeakerTurns<'a> {
    turns: Option<&'a [Turn]>,
    overlaps: &'a [Overlap],
    longest_s: f64,
}

impl<'a> SpeakerTurns<'a> {
    pub(crate) fn new(speakers: &'a Speakers) -> Self {
        let longest_s = speakers.turns.iter().map(|turn| turn.end_s - turn.start_s).fold(0.0, f64::max);
        let turns = speakers.skipped.is_none().then_some(speakers.turns.as_slice());
        Self { turns, overlaps: &speakers.overlaps, longest_s }
    }

    /// Sets the speaker of a word, unless no speakers were sought.
    pub(crate) fn assign(&self, word: &mut Word) {
        let Some(turns) = self.turns else { return };
        let near = self.near(turns, word);
        let speaker = shared(near, word).or_else(|| nearest(near, word));
        (word.speaker, word.speaker_confidence) = match speaker {
            Some((speaker, confidence)) => {
                let confidence = confidence * (1.0 - self.overlap(word) / 2.0);
                (Some(speaker.to_owned()), Some(confidence as f32))
            }
            None => (Some(Turn::UNKNOWN.to_owned()), None),
        };
    }

    /// Mean probability over the word that two people speak. Then either of them may have said it.
    fn overlap(&self, word: &Word) -> f64 {
        let before = |overlap: &Overlap| (overlap.channel, overlap.end_s) <= (word.channel, word.start_s);
        let from = self.overlaps.partition_point(before);
        let later = self.overlaps[from..].iter();
        let near = later.take_while(|overlap| overlap.channel == word.channel && overlap.start_s < word.end_s);
        let part = |overlap: &Overlap| {
            let shared_s = overlap.end_s.min(word.end_s) - overlap.start_s.max(word.start_s);
            f64::from(overlap.confidence) * shared_s.max(0.0)
        };
        (near.map(part).sum::<f64>() / (word.end_s - word.start_s).max(1e-3)).min(1.0)
    }

    /// The turns of the word's channel that may share it or be near it.
    fn near(&self, turns: &'a [Turn], word: &Word) -> &'a [Turn] {
        let before = |turn: &Turn, start_s: f64| (turn.channel, turn.start_s) < (word.channel, start_s);
        let from = turns.partition_point(|turn| before(turn, word.start_s - NEAR_S - self.longest_s));
        let to = turns.partition_point(|turn| before(turn, word.end_s + NEAR_S));
        &turns[from..to.max(from)]
    }
}

/// The known speaker who shares most of a word, with the probability that it is the right one: the share of the word,
/// weighted by the confidence of the turns.
fn shared<'a>(turns: &'a [Turn], word: &Word) -> Option<(&'a str, f64)> {
    let length_s = (word.end_s - word.start_s).max(1e-3);
    let share_s = |turn: &Turn| (turn.end_s.min(word.end_s) - turn.start_s.max(word.start_s)).max(0.0);
    let mut speakers: Vec<(&str, f64, f64)> = Vec::new();
    for turn in turns.iter().filter(|turn| share_s(turn) > 0.0) {
        let (share_s, confidence) = (share_s(turn), f64::from(turn.confidence));
        match speakers.iter_mut().find(|(speaker, ..)| *speaker == turn.speaker) {
            Some((_, sum_s, weighted)) => (*sum_s, *weighted) = (*sum_s + share_s, *weighted + share_s * confidence),
            None => speakers.push((&turn.speaker, share_s, share_s * confidence)),
        }
    }
    let total_s: f64 = speakers.iter().map(|(_, share_s, _)| share_s).sum::<f64>().min(length_s);
    let (speaker, _, weighted) = speakers.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (speaker != Turn::UNKNOWN).then(|| (speaker, (weighted / total_s).min(1.0)))
}

/// The known speaker of the turn nearest to a word that no turn shares.
fn nearest<'a>(turns: &'a [Turn], word: &Word) -> Option<(&'a str, f64)> {
    let gap_s = |turn: &Turn| (turn.start_s - word.end_s).max(word.start_s - turn.end_s);
    let near = turns.iter().filter(|turn| (0.0..=NEAR_S).contains(&gap_s(turn)));
    let nearest = near.min_by(|a, b| gap_s(a).total_cmp(&gap_s(b)))?;
    nearest.is_known().then_some((nearest.speaker.as_str(), f64::from(nearest.confidence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(channel: u16, speaker: &str, start_s: f64, end_s: f64) -> Turn {
        Turn { channel, speaker: speaker.to_owned(), start_s, end_s, confidence: 0.8 }
    }

    fn assigned(speakers: &Speakers, channel: u16, start_s: f64, end_s: f64) -> (Option<String>, Option<f32>) {
        let mut word = Word::of_text(channel, (start_s, end_s), "word");
        SpeakerTurns::new(speakers).assign(&mut word);
        (word.speaker, word.speaker_confidence)
    }

    #[test]
    fn words_have_the_speaker_who_shares_most_of_them() {
        let turns = vec![
            turn(0, "S1", 0.0, 9.0),
            turn(0, "S2", 2.0, 2.6),
            turn(0, "unknown", 10.0, 11.0),
            turn(1, "S3", 0.0, 1.0),
        ];
        let speakers = Speakers { turns, ..Speakers::default() };
        let of = |channel, start_s, end_s| assigned(&speakers, channel, start_s, end_s).0.unwrap();
        assert_eq!(of(0, 0.5, 1.0), "S1");
        assert_eq!(of(0, 8.5, 9.2), "S1");
        assert_eq!(of(1, 0.5, 1.2), "S3");
        assert_eq!(of(0, 10.2, 10.8), "unknown");
        assert_eq!(of(0, 9.1, 9.25), "S1", "the nearest turn");
        assert_eq!(of(0, 12.0, 12.5), "unknown", "no turn is near");
        assert_eq!(of(1, 12.0, 12.5), "unknown");
        assert!((assigned(&speakers, 0, 0.5, 1.0).1.unwrap() - 0.8).abs() < 1e-6);
        assert_eq!(assigned(&speakers, 0, 12.0, 12.5).1, None);
    }

    #[test]
    fn words_that_two_may_speak_are_less_certain() {
        let overlap = |channel, start_s, end_s| Overlap { channel, start_s, end_s, confidence: 0.6 };
        let overlaps = vec![overlap(0, 1.0, 1.5), overlap(0, 3.0, 3.1), overlap(1, 0.0, 9.0)];
        let speakers = Speakers { turns: vec![turn(0, "S1", 0.0, 9.0)], overlaps, ..Speakers::default() };
        let confidence = |start_s, end_s| assigned(&speakers, 0, start_s, end_s).1.unwrap();
        assert!((confidence(0.5, 1.0) - 0.8).abs() < 1e-6);
        assert!((confidence(1.0, 1.5) - 0.8 * 0.7).abs() < 1e-6);
        assert!((confidence(1.25, 1.75) - 0.8 * 0.85).abs() < 1e-6);
    }

    #[test]
    fn words_have_no_speaker_if_none_were_sought() {
        let speakers = Speakers { skipped: Some("off".to_owned()), ..Speakers::default() };
        assert_eq!(assigned(&speakers, 0, 0.0, 1.0), (None, None));
    }
}
