//! What the embedded model gets wrong, of what it was never trained on, stays within what was measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{document, root, run, shared, write_joined_clips};

/// Errors over units of reference that are let pass: what `fixtures/models/embedded/README.md` reports, and a margin for
/// the smaller sample, the language that is not told and the detector before the model.
const ENGLISH_WORDS: f64 = 0.50;
const KOREAN_CHARACTERS: f64 = 0.44;
const UNSEEN_DIGITS: f64 = 0.22;

const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

#[test]
fn held_out_sentences_by_held_out_voices() {
    if Command::new("espeak-ng").arg("--version").output().is_err() {
        eprintln!("skipped: espeak-ng is not here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let list = std::fs::read_to_string(root().join("fixtures/models/held_out.tsv")).unwrap();
    let said: Vec<_> = list.lines().enumerate().map(|(index, line)| speak(line, index, folder.path())).collect();
    let counts = errors_by_group(&said, &folder.path().join("out"));
    assert_within(&counts["en"], ENGLISH_WORDS, "words of English");
    assert_within(&counts["ko"], KOREAN_CHARACTERS, "characters of Korean");
}

#[test]
fn digits_of_a_speaker_of_whom_the_model_heard_nothing() {
    let Some(fsdd) = shared("fsdd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let string = |first: usize| {
        let digits: Vec<_> = (0..5).map(|k| (first * 3 + k * k + 7 * k) % 10).collect();
        let clips: Vec<_> = digits.iter().map(|d| fsdd.join(format!("{d}_george_{}.wav", first + d))).collect();
        let path = folder.path().join(format!("string-{first}.wav"));
        write_joined_clips(&clips, 0.2, &path);
        let text = digits.iter().map(|&digit| DIGITS[digit]).collect::<Vec<_>>().join(" ");
        Spoken { path, group: "digits".to_owned(), text }
    };
    let said: Vec<_> = (0..20).map(string).collect();
    let counts = errors_by_group(&said, &folder.path().join("out"));
    assert_within(&counts["digits"], UNSEEN_DIGITS, "digits");
}

/// A recording, and what it says.
struct Spoken {
    path: PathBuf,
    group: String,
    text: String,
}

/// A line of the list (language, voice, speed, pitch, sentence), spoken.
fn speak(line: &str, index: usize, folder: &Path) -> Spoken {
    let fields: Vec<_> = line.split('\t').collect();
    let [language, voice, speed, pitch, text] = fields[..] else { panic!("five fields in {line}") };
    let path = folder.join(format!("{language}-{index}.wav"));
    let spoken =
        Command::new("espeak-ng").args(["-v", voice, "-s", speed, "-p", pitch, "-w"]).arg(&path).arg(text).status();
    assert!(spoken.unwrap().success(), "{line}");
    Spoken { path, group: language.to_owned(), text: text.to_owned() }
}

/// Errors and units of each group, by the executable.
fn errors_by_group(said: &[Spoken], out: &Path) -> BTreeMap<String, (usize, usize)> {
    let paths: Vec<_> = said.iter().map(|spoken| spoken.path.as_path()).collect();
    run(&paths, out, &[]).with_code(0);
    let mut counts = BTreeMap::new();
    for Spoken { path, group, text } in said {
        let document = document(out, path.file_stem().unwrap().to_str().unwrap());
        let segments = document["segments"].as_array().unwrap();
        let heard: Vec<_> = segments.iter().map(|segment| segment["text"].as_str().unwrap().to_lowercase()).collect();
        let (said, heard) = (units(group, text), units(group, &heard.join(" ")));
        let count: &mut (usize, usize) = counts.entry(group.clone()).or_default();
        *count = (count.0 + distance(&said, &heard), count.1 + said.len());
    }
    counts
}

/// Characters of Korean, words of anything else.
fn units(language: &str, text: &str) -> Vec<String> {
    match language {
        "ko" => text.chars().filter(|c| !c.is_whitespace()).map(String::from).collect(),
        _ => text.split_whitespace().map(str::to_owned).collect(),
    }
}

/// Levenshtein's.
fn distance(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<_> = (0..=heard.len()).collect();
    for (i, unit) in said.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(unit != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[heard.len()]
}

fn assert_within(&(errors, units): &(usize, usize), allowed: f64, what: &str) {
    let rate = errors as f64 / units as f64;
    println!("{errors} of {units} {what} wrong: {:.1} %", rate * 100.0);
    assert!(rate <= allowed, "{errors} of {units} {what} wrong, more than {allowed}");
}
