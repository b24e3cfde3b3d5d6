//! Who speaks when, on real voices with known turns, and on input without voices.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::f32::consts::TAU;

use diarize::{DiarizeConfig, Diarizer, SpeakerCount};
use stage_core::{Pcm, Speakers, SpeechSegments, SpeechSpan, Stage, VadIdentity};
use testkit::{Random, Wav, fixture};

const RATE: usize = 16_000;

fn voice(name: &str) -> Vec<f32> {
    Wav::read_mono(&fixture("speech").join(name), RATE as u32)
}

/// Speech of one speaker, and then of another, and so on, with pauses of 0.4 s: the samples and the end of each part in
/// seconds.
fn conversation(parts: &[&[f32]]) -> (Vec<f32>, Vec<f64>) {
    let mut samples = vec![0.0; RATE / 2];
    let mut ends = Vec::new();
    for part in parts {
        samples.extend_from_slice(part);
        ends.push(samples.len() as f64 / RATE as f64);
        samples.extend(vec![0.0; RATE * 2 / 5]);
    }
    (samples, ends)
}

fn run(channels: Vec<Vec<f32>>, spans: &[(u16, f64, f64)], speakers: SpeakerCount) -> Speakers {
    let span = |(channel, start_s, end_s): &(u16, f64, f64)| SpeechSpan {
        channel: *channel,
        start_s: *start_s,
        end_s: *end_s,
        probability: 1.0,
    };
    let vad = VadIdentity { name: "silero".to_owned(), model_sha256: None };
    let spans = spans.iter().map(span).collect();
    let segments = SpeechSegments { spans, vad, ..SpeechSegments::of_windows(Vec::new()) };
    Diarizer::new(DiarizeConfig { speakers }).unwrap().run((&Pcm::from_channels(channels), &segments)).unwrap()
}

/// Runs over one channel that is speech from start to end.
fn run_mono(samples: Vec<f32>, speakers: SpeakerCount) -> Speakers {
    let length_s = samples.len() as f64 / RATE as f64;
    run(vec![samples], &[(0, 0.0, length_s)], speakers)
}

/// The speaker of most of an interval.
fn speaker_of(found: &Speakers, from_s: f64, to_s: f64) -> &str {
    let share = |id: &str| -> f64 {
        let own = found.turns.iter().filter(|turn| turn.speaker == id);
        own.map(|turn| (turn.end_s.min(to_s) - turn.start_s.max(from_s)).max(0.0)).sum()
    };
    let ids = found.turns.iter().map(|turn| turn.speaker.as_str());
    ids.max_by(|a, b| share(a).total_cmp(&share(b))).unwrap()
}

#[test]
fn speakers_of_a_dialogue_are_distinguished() {
    let (reader, president) = (voice("en/sense_and_sensibility_01_austen_64kb-0870.wav"), voice("en/jfk.wav"));
    let (first, second) = (&reader[..RATE * 3], &reader[RATE * 3..RATE * 6]);
    let (third, fourth) = (&president[..RATE * 4], &president[RATE * 5..RATE * 9]);
    let (samples, ends) = conversation(&[first, third, second, fourth]);
    for count in [SpeakerCount::Auto, SpeakerCount::Exactly(2)] {
        let found = run_mono(samples.clone(), count);
        assert_eq!(found.speakers.len(), 2, "{count}: {:?}", found.speakers);
        let spoken: Vec<&str> = ends.iter().map(|end_s| speaker_of(&found, end_s - 2.5, end_s - 0.2)).collect();
        assert_eq!(spoken, ["S1", "S2", "S1", "S2"], "{count}");
        assert!(found.turns.is_sorted_by(|a, b| a.end_s <= b.start_s));
    }
}

#[test]
fn speakers_of_a_reading_are_one() {
    for name in ["en/sense_and_sensibility_01_austen_64kb-0870.wav", "en/jfk.wav", "ko/azure_ko.wav"] {
        let found = run_mono(voice(name), SpeakerCount::Auto);
        assert_eq!(found.speakers.len(), 1, "{name}: {:?}", found.speakers);
    }
}

#[test]
fn speakers_are_sought_in_each_channel() {
    let (reader, president) = (voice("en/sense_and_sensibility_01_austen_64kb-0870.wav"), voice("en/jfk.wav"));
    let (both, ends) = conversation(&[&reader[..RATE * 5], &president[..RATE * 5]]);
    let mut alone = voice("en/azure_en.wav");
    alone.resize(both.len(), 0.0);
    let length_s = both.len() as f64 / RATE as f64;
    let found = run(vec![alone, both], &[(0, 0.0, length_s), (1, 0.0, length_s)], SpeakerCount::Auto);
    let channels: Vec<u16> = found.speakers.iter().map(|speaker| speaker.channel).collect();
    assert_eq!(channels.iter().filter(|channel| **channel == 1).count(), 2, "{:?}", found.speakers);
    assert_eq!(channels.iter().filter(|channel| **channel == 0).count(), 1, "{:?}", found.speakers);
    assert!(ends.len() == 2 && found.turns.iter().all(|turn| turn.end_s <= length_s + 0.01));
}

#[test]
fn speakers_are_not_invented_without_speech() {
    let silence = run(vec![vec![0.0; RATE * 5]], &[], SpeakerCount::Auto);
    assert!(silence.speakers.is_empty() && silence.turns.is_empty() && silence.skipped.is_none());
    let empty = run(vec![Vec::new()], &[], SpeakerCount::Exactly(3));
    assert!(empty.turns.is_empty());
    let off = run_mono(vec![0.1; RATE], SpeakerCount::Off);
    assert!(off.skipped.is_some() && off.turns.is_empty());
}

#[test]
fn speakers_of_sound_that_is_no_speech_are_one_at_most() {
    let chord = |n: usize| {
        let tone = |hz: f32| (n as f32 * hz * TAU / RATE as f32).sin();
        0.1 * (tone(220.0) + tone(277.2) + tone(329.6)) * (1.0 + (n as f32 * 3.0 * TAU / RATE as f32).sin())
    };
    let music = run_mono((0..RATE * 20).map(chord).collect(), SpeakerCount::Auto);
    assert!(music.speakers.len() <= 1, "{:?}", music.speakers);
    let noise = run_mono(Random(3).noise(RATE * 20, 0.3), SpeakerCount::Auto);
    assert!(noise.speakers.len() <= 1, "{:?}", noise.speakers);
}

#[test]
fn speakers_of_a_moment_are_one_or_unknown() {
    let reader = voice("en/jfk.wav");
    for samples in [1, 80, 160, 1_600, 4_800, 10_399, 10_400, 16_000] {
        for count in [SpeakerCount::Auto, SpeakerCount::Exactly(20)] {
            let found = run_mono(reader[RATE..RATE + samples].to_vec(), count);
            assert!(found.speakers.len() <= 1 || count != SpeakerCount::Auto, "{samples}: {:?}", found.speakers);
            assert!(found.turns.iter().all(|turn| turn.start_s < turn.end_s), "{samples}: {:?}", found.turns);
        }
    }
}

#[test]
fn speakers_do_not_depend_on_threads() {
    let (reader, president) = (voice("en/azure_en.wav"), voice("en/jfk.wav"));
    let (samples, _) = conversation(&[&reader, &president, &reader[..RATE * 9]]);
    let whole = run_mono(samples.clone(), SpeakerCount::Auto);
    let alone = std::thread::spawn(move || run_mono(samples, SpeakerCount::Auto)).join().unwrap();
    assert_eq!(whole, alone);
}
