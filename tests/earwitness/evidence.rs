//! The results of the README's first command match the known content of the fixture calls.

use std::sync::LazyLock;

use serde_json::Value;
use testkit::Wav;

use crate::support::{Finished, calls, document, expected, finish, run, stem, timed_texts};

/// Maximum error of the start of a channel's first word; the measured error is 0.28 s.
const START_TOLERANCE_S: f64 = 0.4;
/// Maximum error of the end of the last word; the measured error is 0.8 s, on a recording whose noise counts as
/// activity.
const END_TOLERANCE_S: f64 = 1.0;
/// How far evidence may extend beyond the utterance that it quotes, in seconds.
const EVIDENCE_TOLERANCE_S: f64 = 0.3;

/// The README's first command, run once for all tests.
struct FirstCommand {
    out: tempfile::TempDir,
    finished: Finished,
}

static FIRST_COMMAND: LazyLock<FirstCommand> = LazyLock::new(|| {
    let out = tempfile::tempdir().unwrap();
    let finished = finish(["run", calls().to_str().unwrap(), "--out", out.path().to_str().unwrap()]).with_code(0);
    FirstCommand { out, finished }
});

impl FirstCommand {
    fn document(&self, call: &str) -> Value {
        document(self.out.path(), stem(call))
    }
}

/// Letters and digits of a text, in lowercase.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The items of one channel, each with text and times.
fn of_channel(items: &Value, channel: usize) -> Vec<(String, f64, f64)> {
    timed_texts(items.as_array().unwrap().iter().filter(|item| item["channel"] == channel))
}

fn joined(items: &[(String, f64, f64)]) -> String {
    items.iter().map(|(text, ..)| text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Per channel: the call, its document, and the expected text with times.
fn channels() -> impl Iterator<Item = (String, Value, usize, Vec<(String, f64, f64)>)> {
    expected().into_iter().flat_map(|(call, holds)| {
        let channels = holds["channels"].as_array().unwrap().clone();
        channels.into_iter().enumerate().map(move |(channel, said)| {
            let document = FIRST_COMMAND.document(&call);
            (call.clone(), document, channel, timed_texts(said.as_array().unwrap()))
        })
    })
}

#[test]
fn run_of_the_fixtures_writes_what_was_said_in_english_and_korean() {
    for (call, document, channel, said) in channels() {
        let (said, written) = (joined(&said), joined(&of_channel(&document["segments"], channel)));
        assert_eq!(letters(&written), letters(&said), "{call}, channel {channel}: {written}");
    }
}

#[test]
fn run_of_the_fixtures_prints_the_text_in_its_table() {
    let table = letters(&FIRST_COMMAND.finished.stdout);
    for (call, text) in [
        ("address.mp3", "And so my fellow Americans"),
        ("synthetic-threat.flac", "I know where you live"),
        ("민수_261107_213000.m4a", "어떤 모델이 요구를 충족하는지"),
    ] {
        assert!(table.contains(&letters(text)), "{call}: {}", FIRST_COMMAND.finished.stdout);
    }
}

#[test]
fn run_of_the_fixtures_says_once_what_the_embedded_model_is_for() {
    let notices = FIRST_COMMAND.finished.stderr.matches("is a finding aid").count();
    assert_eq!(notices, 1, "{}", FIRST_COMMAND.finished.stderr);
    let out = tempfile::tempdir().unwrap();
    let other = run(&[&calls().join("silence.mp3")], out.path(), &[]).with_code(0);
    assert!(!other.stderr.contains("finding aid"), "another model: {}", other.stderr);
}

#[test]
fn words_start_and_end_with_the_sound() {
    for (call, document, channel, said) in channels() {
        let words = of_channel(&document["words"], channel);
        let ([first, ..], [.., last]) = (&said[..], &said[..]) else { continue };
        let (late_s, long_s) = (words[0].1 - first.1, words[words.len() - 1].2 - last.2);
        assert!(late_s.abs() < START_TOLERANCE_S, "{call}, channel {channel}: begins {late_s} s late");
        assert!(long_s.abs() < END_TOLERANCE_S, "{call}, channel {channel}: ends {long_s} s late");
    }
}

#[test]
fn evidence_is_in_the_utterance_that_it_quotes_and_in_no_other_call() {
    for (call, holds) in expected() {
        let document = FIRST_COMMAND.document(&call);
        let found = document["forensics"]["evidence"].as_array().unwrap();
        let category = |item: &Value| item["category"].as_str().unwrap().to_owned();
        let mut categories: Vec<_> = found.iter().map(category).collect();
        categories.sort();
        categories.dedup();
        let wanted: Vec<_> =
            holds["evidence"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(categories, wanted, "{call}");
        let said = timed_texts(holds["channels"][0].as_array().unwrap());
        for item in found {
            let quote = letters(item["text"].as_str().unwrap());
            let (_, from_s, to_s) =
                said.iter().find(|(text, ..)| letters(text).contains(&quote)).expect("an utterance");
            let (start_s, end_s) = (item["start_s"].as_f64().unwrap(), item["end_s"].as_f64().unwrap());
            let inside = start_s > from_s - EVIDENCE_TOLERANCE_S && end_s < to_s + EVIDENCE_TOLERANCE_S;
            assert!(inside, "{call}: {item} is not within {from_s} to {to_s}");
        }
    }
}

#[test]
fn silence_has_no_words_and_no_score() {
    let document = FIRST_COMMAND.document("silence.mp3");
    assert_eq!(document["words"].as_array().unwrap().len(), 0);
    assert!(document["forensics"]["scores"]["overall"]["value"].is_null());
    assert!(document["forensics"]["scores"]["overall"]["reason"].is_string());
}

#[test]
fn intervals_that_are_omitted_are_listed_with_reasons_and_printed() {
    let out = tempfile::tempdir().unwrap();
    let duplicate = out.path().join("duplicate.wav");
    let mono = Wav::read(&calls().join("reading.wav"));
    let samples = mono.samples.iter().flat_map(|sample| [*sample; 2]).collect();
    Wav { channels: 2, samples, ..mono }.write(&duplicate);
    let finished = run(&[&duplicate], out.path(), &[]).with_code(0);
    let document = document(out.path(), "duplicate");
    let dropped = document["dropped"].as_array().unwrap();
    let dropped_channel = dropped.iter().find(|dropped| dropped["channel"] == 1).expect("the second channel");
    assert_eq!(
        (&dropped_channel["reason"], &dropped_channel["end_s"]),
        (&"identical to channel 0".into(), &document["recording"]["duration_s"])
    );
    let notices = format!("not transcribed: {} intervals", dropped.len());
    assert!(finished.stdout.contains(&notices), "{notices}: {}", finished.stdout);
}

#[test]
fn vad_off_transcribes_or_lists_every_second() {
    let out = tempfile::tempdir().unwrap();
    run(&[&calls().join("silence.mp3")], out.path(), &["--vad", "off"]).with_code(0);
    let document = document(out.path(), "silence");
    let parts = ["segments", "dropped"].map(|name| document[name].as_array().unwrap().clone()).concat();
    let length_s: f64 =
        parts.iter().map(|part| part["end_s"].as_f64().unwrap() - part["start_s"].as_f64().unwrap()).sum();
    let duration_s = document["recording"]["duration_s"].as_f64().unwrap();
    assert!((length_s - duration_s).abs() < 0.01, "{length_s} of {duration_s} s: {parts:?}");
    let provenance = document["provenance"].as_array().unwrap();
    let segment = provenance.iter().find(|stage| stage["stage"] == "segment").unwrap();
    assert_eq!(segment["settings"]["vad"], "off");
}
