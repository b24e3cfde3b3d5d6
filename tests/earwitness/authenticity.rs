//! Traces of editing in the sound, the container and the name of a file, through the whole program.

use std::path::Path;

use serde_json::Value;
use testkit::{Ffmpeg, Random, Wav};

use crate::support::{calls, document, run};

const RATE: usize = 8_000;

/// A call of 8 s over noise, in which 1 s of speech occurs again and a tenth of a second was muted.
fn altered() -> Vec<f32> {
    let mut samples = Wav::read_mono(&calls().join("reading.wav"), RATE as u32);
    let noise = Random(3).noise(samples.len(), 0.004);
    samples.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += noise);
    samples.copy_within(RATE..2 * RATE, 4 * RATE + 37);
    samples[6 * RATE..6 * RATE + RATE / 10].fill(0.0);
    samples
}

fn cues<'a>(document: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = document["forensics"]["authenticity"]["cues"].as_array().unwrap();
    all.iter().filter(|cue| cue["kind"] == kind).collect()
}

fn assert_near(value: &Value, expected_s: f64) {
    assert!((value.as_f64().unwrap() - expected_s).abs() < 0.1, "{value} is not {expected_s}");
}

#[test]
fn altered_sound_is_found_with_its_places() {
    let folder = tempfile::tempdir().unwrap();
    let (call, out) = (folder.path().join("call.wav"), folder.path().join("out"));
    Wav::mono(RATE as u32, altered()).write(&call);
    run(&[&call], &out, &["--model", "embedded", "--language", "en"]).with_code(0);
    let document = document(&out, "call");
    let [copy] = cues(&document, "copied-segment")[..] else { panic!("{document}") };
    assert_near(&copy["start_s"], 1.0);
    assert_near(&copy["other_start_s"], 4.0);
    let [silence] = cues(&document, "digital-silence")[..] else { panic!("{document}") };
    assert_near(&silence["start_s"], 6.0);
    assert_near(&silence["end_s"], 6.1);
    for cue in [copy, silence] {
        assert!(cue["strength"]["value"].as_f64() > cue["exceeded_by_5_percent"]["value"].as_f64());
        assert!(!cue["alternatives"].as_array().unwrap().is_empty());
    }
    let without = document["forensics"]["authenticity"]["without_cue"].as_array().unwrap();
    assert!(without.contains(&"hum-phase-jump".into()) && !without.contains(&"copied-segment".into()), "{without:?}");
    assert!(!without.contains(&"times-disagree".into()), "the file states no time: {without:?}");
}

/// Writes the call as an AAC file with these options of the container.
fn write(ffmpeg: &Ffmpeg, options: &[&str], path: &Path) {
    let input = calls().join("reading.wav");
    let arguments = [&["-i", input.to_str().unwrap(), "-c:a", "aac"], options, &[path.to_str().unwrap()]].concat();
    ffmpeg.write(&arguments);
}

#[test]
fn statements_of_the_file_that_disagree_are_found() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("calls"), folder.path().join("out"));
    std::fs::create_dir(&inputs).unwrap();
    let (same, other) = ("creation_time=2024-11-05T00:30:12Z", "creation_time=2024-11-06T03:11:09Z");
    for (name, time) in [("통화 녹음 가_241105_093012", same), ("통화 녹음 나_241105_093012", other)] {
        let options = ["-bitexact", "-metadata", time];
        write(&ffmpeg, &options, &inputs.join(format!("{name}.m4a")));
    }
    write(&ffmpeg, &["-metadata", same], &inputs.join("통화 녹음 다_241105_093012.m4a"));
    run(&[&inputs], &out, &["--model", "embedded", "--language", "en"]).with_code(0);
    let kinds = |name: &str| {
        let document = document(&out, &format!("통화 녹음 {name}_241105_093012"));
        assert_eq!(document["recording"]["container_facts"]["tracks"][0]["handler"], "soun");
        let all = document["forensics"]["authenticity"]["cues"].as_array().unwrap().clone();
        let of_file = all.into_iter().filter(|cue| cue["channel"].is_null());
        of_file.map(|cue| cue["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("가"), Vec::<String>::new(), "9:30:12 in Korea is 0:30:12 UTC");
    assert_eq!(kinds("나"), ["times-disagree"]);
    assert_eq!(kinds("다"), ["encoder-disagrees"]);
}
