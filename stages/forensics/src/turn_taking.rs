//! Turn-taking: how much each speaker says, how fast they respond, and how often they interrupt each other.

use std::collections::BTreeMap;

use stage_core::forensics::{SpeakerPair, SpeakerShare, TurnTaking};
use stage_core::{Measured, Speakers, Turn, sum};

/// Turns of one speaker with a shorter pause, in which nobody else begins to speak, are one turn, in seconds.
const PAUSE_S: f64 = 1.0;
/// A change of speaker after a longer silence does not count, in seconds.
const RESPONSE_S: f64 = 5.0;
/// Speech that begins this long before the other ends interrupts it if it continues longer, in seconds.
const INTERRUPTION_S: f64 = 0.2;

/// Measures the turns of a recording.
pub(crate) fn turn_taking(speakers: &Speakers) -> TurnTaking {
    let turns = joined(speakers);
    let total_s = sum(turns.iter().map(length_s));
    let share = |id: &str| {
        let own: Vec<&Joined> = turns.iter().filter(|turn| turn.speaker == id).collect();
        let speech_s = sum(own.iter().map(|turn| length_s(turn)));
        let mean_s = (!own.is_empty()).then(|| speech_s / own.len() as f64);
        SpeakerShare {
            speaker: id.to_owned(),
            turns: own.len() as u32,
            speech_s,
            share: Measured::from_option((total_s > 0.0).then(|| speech_s / total_s), "no speaker is known"),
            mean_turn_s: Measured::from_option(mean_s, "the speaker has no turn"),
        }
    };
    TurnTaking {
        speakers: speakers.speakers.iter().map(|speaker| share(&speaker.id)).collect(),
        pairs: pairs(&turns),
        overlap_s: sum(speakers.overlaps.iter().map(|overlap| overlap.end_s - overlap.start_s)),
    }
}

/// Turns of a speaker without the pauses in them.
struct Joined<'a> {
    speaker: &'a str,
    start_s: f64,
    end_s: f64,
}

fn length_s(turn: &Joined<'_>) -> f64 {
    turn.end_s - turn.start_s
}

/// The turns of known speakers, by time.
fn joined(speakers: &Speakers) -> Vec<Joined<'_>> {
    let mut turns: Vec<&Turn> = speakers.turns.iter().filter(|turn| turn.is_known()).collect();
    turns.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut joined: Vec<Joined<'_>> = Vec::new();
    for turn in turns {
        match joined.last_mut() {
            Some(last) if last.speaker == turn.speaker && turn.start_s - last.end_s < PAUSE_S => {
                last.end_s = last.end_s.max(turn.end_s);
            }
            _ => joined.push(Joined { speaker: &turn.speaker, start_s: turn.start_s, end_s: turn.end_s }),
        }
    }
    joined
}

/// What happens when the second speaker of a pair speaks after the first.
#[derive(Default)]
struct Counts {
    latencies_s: Vec<f64>,
    interruptions: u32,
    overlap_s: f64,
}

/// Each ordered pair of speakers of whom the second speaks after the first. A turn inside that of another speaker takes
/// nothing over: that speaker continues.
fn pairs(turns: &[Joined<'_>]) -> Vec<SpeakerPair> {
    let mut pairs: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
    // Turns that have not ended when the next one begins, and the turn that lasts longest so far.
    let (mut open, mut held): (Vec<&Joined<'_>>, Option<&Joined<'_>>) = (Vec::new(), None);
    for turn in turns {
        open.retain(|earlier| earlier.end_s > turn.start_s);
        for earlier in open.iter().filter(|earlier| earlier.speaker != turn.speaker) {
            let counts = pairs.entry((earlier.speaker, turn.speaker)).or_default();
            counts.overlap_s += earlier.end_s.min(turn.end_s) - turn.start_s;
            let interrupts = earlier.end_s - turn.start_s >= INTERRUPTION_S && turn.end_s > earlier.end_s;
            counts.interruptions += u32::from(interrupts);
        }
        open.push(turn);
        match held {
            Some(held) if turn.end_s <= held.end_s => continue,
            Some(held) if turn.speaker != held.speaker => {
                let latency_s = turn.start_s - held.end_s;
                let counts = pairs.entry((held.speaker, turn.speaker)).or_default();
                counts.latencies_s.extend((latency_s <= RESPONSE_S).then_some(latency_s));
            }
            _ => {}
        }
        held = Some(turn);
    }
    let pair = |((first, second), counts): ((&str, &str), Counts)| SpeakerPair {
        first: first.to_owned(),
        second: second.to_owned(),
        changes: counts.latencies_s.len() as u32,
        latency_s: Measured::from_option(median(counts.latencies_s), "the second never takes over from the first"),
        interruptions: counts.interruptions,
        overlap_s: counts.overlap_s,
    };
    pairs.into_iter().map(pair).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    use stage_core::{Overlap, Speaker};

    use super::*;

    fn speakers(turns: &[(&str, f64, f64)]) -> Speakers {
        let turn = |(speaker, start_s, end_s): &(&str, f64, f64)| Turn {
            channel: 0,
            speaker: (*speaker).to_owned(),
            start_s: *start_s,
            end_s: *end_s,
            confidence: 0.9,
        };
        let speaker = |id: &str| Speaker { id: id.to_owned(), channel: 0, speech_s: 0.0 };
        Speakers {
            skipped: None,
            speakers: vec![speaker("S1"), speaker("S2")],
            turns: turns.iter().map(turn).collect(),
            overlaps: vec![Overlap { channel: 0, start_s: 1.0, end_s: 1.25, confidence: 0.6 }],
        }
    }

    #[test]
    fn turn_taking_joins_pauses_and_counts_changes() {
        let of = [("S1", 0.0, 2.0), ("S1", 2.5, 3.0), ("S2", 3.4, 5.4), ("unknown", 5.4, 6.0), ("S1", 6.0, 7.0)];
        let found = turn_taking(&speakers(&of));
        let shares: Vec<_> = found.speakers.iter().map(|s| (s.speaker.as_str(), s.turns, s.speech_s.round())).collect();
        assert_eq!(shares, [("S1", 2, 4.0), ("S2", 1, 2.0)]);
        assert_eq!(found.overlap_s, 0.25);
        assert!((found.speakers[1].share.value.unwrap() - 1.0 / 3.0).abs() < 1e-9);
        let changes: Vec<_> = found.pairs.iter().map(|pair| (pair.first.as_str(), pair.changes)).collect();
        assert_eq!(changes, [("S1", 1), ("S2", 1)]);
        assert!((found.pairs[0].latency_s.value.unwrap() - 0.4).abs() < 1e-9);
        assert!((found.pairs[1].latency_s.value.unwrap() - 0.6).abs() < 1e-9);
    }

    #[test]
    fn turn_taking_finds_interruptions_and_not_short_feedback() {
        let interruption = turn_taking(&speakers(&[("S1", 0.0, 3.0), ("S2", 2.5, 5.0)]));
        assert_eq!(interruption.pairs[0].interruptions, 1);
        assert!((interruption.pairs[0].overlap_s - 0.5).abs() < 1e-9);
        let feedback = turn_taking(&speakers(&[("S1", 0.0, 3.0), ("S2", 1.0, 1.4)]));
        assert_eq!((feedback.pairs[0].interruptions, feedback.pairs[0].changes), (0, 0));
        assert_eq!(feedback.pairs[0].latency_s.value, None);
    }

    #[test]
    fn turn_taking_counts_every_overlap_and_the_change_after_feedback() {
        let of = [("S1", 0.0, 10.0), ("S2", 1.0, 1.5), ("S2", 5.0, 5.5), ("S2", 10.3, 12.0), ("S1", 11.5, 13.0)];
        let found = turn_taking(&speakers(&of));
        let [answer, back] = &found.pairs[..] else { panic!("{:?}", found.pairs) };
        assert_eq!((answer.first.as_str(), answer.changes, answer.interruptions), ("S1", 1, 0));
        assert!((answer.overlap_s - 1.0).abs() < 1e-9, "both feedbacks: {answer:?}");
        assert!((answer.latency_s.value.unwrap() - 0.3).abs() < 1e-9, "{answer:?}");
        assert_eq!((back.first.as_str(), back.changes, back.interruptions), ("S2", 1, 1));
        assert!((back.latency_s.value.unwrap() + 0.5).abs() < 1e-9 && (back.overlap_s - 0.5).abs() < 1e-9, "{back:?}");
    }

    #[test]
    fn turn_taking_of_nobody_is_empty() {
        let found = turn_taking(&Speakers::default());
        assert!(found.speakers.is_empty() && found.pairs.is_empty());
        assert_eq!(turn_taking(&speakers(&[])).speakers[0].share.value, None);
    }
}
