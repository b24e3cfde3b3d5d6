//! What is found in the fixture calls is what was said in them.

use crate::support::{calls, document, expected_words, run, spoken_words};

fn texts(words: &[(String, f64, f64)]) -> Vec<String> {
    words.iter().map(|(text, ..)| text.trim_matches(['.', ',']).to_lowercase()).collect()
}

#[test]
fn each_channel_of_a_stereo_call_comes_out_with_its_digits_in_order_and_in_time() {
    let out = tempfile::tempdir().unwrap();
    let call = "two-speakers_261105_142530";
    run(&[&calls().join(format!("{call}.m4a"))], out.path(), &[]).with_code(0);
    let document = document(out.path(), call);
    assert_eq!(document["recording"]["channels"], 2);
    let mut errors_s = Vec::new();
    for channel in [0, 1] {
        let expected = expected_words(&format!("{call}.m4a"), channel);
        let spoken = spoken_words(&document, channel as u64);
        assert_eq!(texts(&spoken), texts(&expected), "channel {channel}");
        for ((_, start, end), (_, true_start, true_end)) in spoken.iter().zip(&expected) {
            errors_s.extend([(start - true_start).abs(), (end - true_end).abs()]);
        }
    }
    errors_s.sort_by(f64::total_cmp);
    let median_s = errors_s[errors_s.len() / 2];
    assert!(median_s <= 0.1, "median boundary error {median_s} s");
}

#[test]
fn a_threat_is_found_where_it_was_said() {
    let out = tempfile::tempdir().unwrap();
    run(&[&calls().join("threat.flac")], out.path(), &[]).with_code(0);
    let document = document(out.path(), "threat");
    let evidence = document["forensics"]["evidence"].as_array().unwrap();
    let threat = evidence.iter().find(|item| item["category"] == "threat").expect("a threat");
    let (start_s, end_s) = (threat["start_s"].as_f64().unwrap(), threat["end_s"].as_f64().unwrap());
    assert!(start_s > 1.0 && end_s > start_s && end_s < document["recording"]["duration_s"].as_f64().unwrap());
    assert!(document["forensics"]["scores"]["overall"]["value"].as_f64().unwrap() > 0.0);
}

#[test]
fn nothing_is_invented_in_a_recording_without_speech() {
    let out = tempfile::tempdir().unwrap();
    run(&[&calls().join("silence.mp3")], out.path(), &[]).with_code(0);
    let document = document(out.path(), "silence");
    assert_eq!(document["words"].as_array().unwrap().len(), 0);
    assert!(document["forensics"]["scores"]["overall"]["value"].is_null());
    assert!(document["forensics"]["scores"]["overall"]["reason"].is_string());
}
