//! Speakers: from the turns of a mono call to every format, and the voices of a case.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{calls, expected, finish, run};

const CALL: &str = "conversation_261109_101500";

fn document(folder: &std::path::Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap()
}

#[test]
fn speakers_of_a_mono_call_make_a_conversation() {
    let out = tempfile::tempdir().unwrap();
    let call = calls().join(format!("{CALL}.m4a"));
    let (call, folder) = (call.to_str().unwrap(), out.path().to_str().unwrap());
    let finished = finish(["run", call, "--out", folder, "--format", "srt,vtt,csv,textgrid,rttm"]).with_code(0);
    assert!(
        finished.stdout.contains("[S1] Good morning, Steve.") && finished.stdout.contains("[S2] Good morning, Katie.")
    );
    let document = document(out.path(), CALL);

    let expected = &expected()[&format!("{CALL}.m4a")]["channels"][0];
    let words = document["words"].as_array().unwrap();
    for utterance in expected.as_array().unwrap() {
        let (from, to) = (utterance["start_s"].as_f64().unwrap(), utterance["end_s"].as_f64().unwrap());
        let label = if utterance["speaker"] == "Katie" { "S1" } else { "S2" };
        let own = words.iter().filter(|word| {
            let middle = (word["start_s"].as_f64().unwrap() + word["end_s"].as_f64().unwrap()) / 2.0;
            (from..to).contains(&middle)
        });
        let own: Vec<_> = own.collect();
        assert!(!own.is_empty() && own.iter().all(|word| word["speaker"] == label), "{utterance}: {own:?}");
        assert!(own.iter().all(|word| word["speaker_confidence"].as_f64().unwrap() > 0.5));
    }
    let shares = document["forensics"]["turn_taking"]["speakers"].as_array().unwrap();
    assert_eq!(shares.iter().map(|share| share["speaker"].as_str().unwrap()).collect::<Vec<_>>(), ["S1", "S2"]);
    assert_eq!(document["forensics"]["scores"]["speakers"].as_array().unwrap().len(), 2);

    let text = |extension: &str| fs::read_to_string(out.path().join(format!("{CALL}.{extension}"))).unwrap();
    assert!(text("srt").contains("[S1] Good morning, Steve."), "{}", text("srt"));
    assert!(text("vtt").contains("<v S2>Good morning, Katie."), "{}", text("vtt"));
    assert!(text("csv").contains(",S1,") && text("TextGrid").contains("name = \"S2\""));
    let rttm = text("rttm");
    assert!(rttm.lines().all(|line| line.starts_with(&format!("SPEAKER {CALL} 1 "))) && rttm.lines().count() >= 6);
    finish(["verify", folder]).with_code(0);
}

#[test]
fn speakers_that_are_not_sought_leave_everything_else_as_it_is() {
    let (out, off) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let call = calls().join(format!("{CALL}.m4a"));
    run(&[&call], out.path(), &[]).with_code(0);
    run(&[&call], off.path(), &["--speakers", "off", "--format", "srt"]).with_code(0);
    let (with, without) = (document(out.path(), CALL), document(off.path(), CALL));
    assert!(without["words"].as_array().unwrap().iter().all(|word| word["speaker"].is_null()));
    assert!(without["speakers"]["skipped"].is_string());
    let times = |document: &Value| -> Vec<_> {
        document["words"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| (word["text"].clone(), word["start_s"].clone()))
            .collect()
    };
    assert_eq!(times(&with), times(&without));
    assert!(!fs::read_to_string(off.path().join(format!("{CALL}.srt"))).unwrap().contains("[S1]"));
    // Another number of speakers computes diarize, align and forensics again, and nothing else.
    let again = run(&[&call], out.path(), &["--speakers", "2"]).with_code(0).summary();
    assert_eq!((&again["stages_computed"], &again["stages_reused"]), (&3.into(), &3.into()), "{again}");
    let wrong = run(&[&call], out.path(), &["--speakers", "0"]).with_code(2).stderr;
    assert!(wrong.contains("auto, off, or 1 to 20"), "{wrong}");
}

#[test]
fn voices_are_grouped_named_and_forgotten_on_request_only() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    let inputs = ["reading.wav", "audiobook.opus", "address.mp3"].map(|name| calls().join(name));
    run(&[&inputs[0], &inputs[1], &inputs[2]], out.path(), &[]).with_code(0);
    let file = out.path().join("voices.json");
    assert!(!file.exists(), "nothing is computed unless it is asked for");
    assert_eq!(finish(["voices", "name", folder, "V1", "somebody"]).code, Some(2));

    let grouped = finish(["voices", folder, "--json", "--threshold", "0.7"]).with_code(0);
    assert!(grouped.stderr.contains("biometric"), "{}", grouped.stderr);
    let all: Value = serde_json::from_str(&grouped.stdout).unwrap();
    let groups = all["groups"].as_array().unwrap();
    let reader = groups.iter().find(|group| group["speakers"].as_array().unwrap().len() == 2).unwrap();
    let names: Vec<_> = reader["speakers"].as_array().unwrap().iter().map(|speaker| &speaker["name"]).collect();
    assert_eq!(names, ["audiobook", "reading"], "one reader read both");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let group = reader["group"].as_str().unwrap();
    let named = finish(["voices", "name", folder, group, "김민수", "--by", "lee"]).with_code(0);
    assert!(named.stdout.contains("named 김민수 by lee"), "{}", named.stdout);
    let again = finish(["voices", folder, "--threshold", "0.7"]).with_code(0);
    assert!(again.stdout.contains("named 김민수 by lee"), "the name stays: {}", again.stdout);
    let verified = finish(["verify", folder]).with_code(0).stdout;
    assert!(verified.contains("voices.json: embeddings of voices"), "{verified}");

    finish(["forget", folder, "reading", "--yes"]).with_code(0);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("\"reading\"") && text.contains("audiobook"));
    finish(["voices", "forget", folder]).with_code(0);
    assert!(!file.exists());
    finish(["voices", "forget", folder]).with_code(0);
    let log: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let log = log.iter().find(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let log = fs::read_to_string(log.expect("a custody log")).unwrap();
    for action in ["grouped", "named", "recording-forgotten", "forgotten"] {
        assert!(log.contains(&format!("\"action\":\"{action}\"")), "{action}");
    }
    assert!(!log.contains("김민수"));
}
