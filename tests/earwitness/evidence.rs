//! What is found in the fixture calls is what was said in them.

use crate::support::{calls, document, expected_words, run, spoken_words};

/// Digits that the unseen speaker's seven may come out wrong: about what the model's measured error allows.
const UNSEEN_ERRORS: usize = 3;

/// Channel 0 is a speaker of whom the model heard nothing, channel 1 one whom it knows, in takes that it does not.
#[test]
fn each_channel_of_a_stereo_call_comes_out_with_its_digits_in_order_and_in_time() {
    let out = tempfile::tempdir().unwrap();
    let call = "two-speakers_261105_142530";
    run(&[&calls().join(format!("{call}.m4a"))], out.path(), &[]).with_code(0);
    let document = document(out.path(), call);
    assert_eq!(document["recording"]["channels"], 2);
    for (channel, allowed) in [(0, UNSEEN_ERRORS), (1, 0)] {
        let said = expected_words(&format!("{call}.m4a"), channel);
        let heard = spoken_words(&document, channel as u64);
        let pairs = longest_common(&said, &heard);
        let errors = said.len().max(heard.len()) - pairs.len();
        assert!(errors <= allowed, "channel {channel}: {errors} of {said:?} wrong in {heard:?}");
        let boundary = |(i, j): (usize, usize)| [(said[i].1 - heard[j].1).abs(), (said[i].2 - heard[j].2).abs()];
        let mut errors_s: Vec<f64> = pairs.into_iter().flat_map(boundary).collect();
        errors_s.sort_by(f64::total_cmp);
        let median_s = errors_s[errors_s.len() / 2];
        assert!(median_s <= 0.1, "channel {channel}: median boundary error {median_s} s");
    }
}

/// Indices of the longest common subsequence of two lists of words, by their texts.
fn longest_common(said: &[(String, f64, f64)], heard: &[(String, f64, f64)]) -> Vec<(usize, usize)> {
    let (Some((last_said, said_before)), Some((last_heard, heard_before))) = (said.split_last(), heard.split_last())
    else {
        return Vec::new();
    };
    if last_said.0 == last_heard.0.to_lowercase() {
        let mut pairs = longest_common(said_before, heard_before);
        pairs.push((said_before.len(), heard_before.len()));
        return pairs;
    }
    let (a, b) = (longest_common(said_before, heard), longest_common(said, heard_before));
    if a.len() > b.len() { a } else { b }
}

#[test]
fn threats_are_found_where_they_were_said_in_english_and_korean() {
    for (call, threat_begins_after_s) in [("threat.flac", 1.0), ("민수_261107_213000.m4a", 7.0)] {
        let out = tempfile::tempdir().unwrap();
        run(&[&calls().join(call)], out.path(), &[]).with_code(0);
        let document = document(out.path(), call.split('.').next().unwrap());
        let evidence = document["forensics"]["evidence"].as_array().unwrap();
        let threat = evidence.iter().find(|item| item["category"] == "threat").expect("a threat");
        let (start_s, end_s) = (threat["start_s"].as_f64().unwrap(), threat["end_s"].as_f64().unwrap());
        let ends_s = document["recording"]["duration_s"].as_f64().unwrap();
        assert!(start_s > threat_begins_after_s && end_s > start_s && end_s < ends_s, "{call}: {threat}");
        assert!(document["forensics"]["scores"]["overall"]["value"].as_f64().unwrap() > 0.0);
    }
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

#[test]
fn what_is_not_transcribed_is_listed_with_its_reason_and_told() {
    let out = tempfile::tempdir().unwrap();
    let twins = out.path().join("twins.wav");
    let mut mono = hound::WavReader::open(calls().join("account-number.wav")).unwrap();
    let spec = hound::WavSpec { channels: 2, ..mono.spec() };
    let mut stereo = hound::WavWriter::create(&twins, spec).unwrap();
    for sample in mono.samples::<i16>().map(Result::unwrap) {
        stereo.write_sample(sample).unwrap();
        stereo.write_sample(sample).unwrap();
    }
    stereo.finalize().unwrap();
    let finished = run(&[&twins], out.path(), &[]).with_code(0);
    let document = document(out.path(), "twins");
    let dropped = document["dropped"].as_array().unwrap();
    let twin = dropped.iter().find(|dropped| dropped["channel"] == 1).expect("the second channel");
    assert_eq!(
        (&twin["reason"], &twin["end_s"]),
        (&"identical to channel 0".into(), &document["recording"]["duration_s"])
    );
    let told = format!("not transcribed: {} stretches", dropped.len());
    assert!(finished.stdout.contains(&told), "{told}: {}", finished.stdout);
}

#[test]
fn without_a_detector_every_second_is_transcribed_or_listed() {
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
