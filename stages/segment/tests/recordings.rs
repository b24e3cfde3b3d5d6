//! Both detectors on real recordings.

mod support;

use stage_core::Pcm;
use support::{Agreement, TURNS, data, detectors, read_wav, rttm, segment};

/// File, and where it holds speech in seconds: s = speech, n = noise, in order.
const ORDERS: [(&str, &[(f64, f64)]); 7] = [
    ("s", &[(0.0, 2.27)]),
    ("n", &[]),
    ("ns", &[(1.55, 3.93)]),
    ("sn", &[(0.0, 2.9)]),
    ("nsn", &[(1.55, 4.3)]),
    ("sns", &[(0.0, 0.95), (1.5, 2.27)]),
    ("zero", &[]),
];

#[test]
fn speech_and_noise_are_found_in_the_order_of_the_files_name() {
    let Some(data) = data() else { return };
    for (name, truth) in ORDERS {
        let samples = read_wav(&data.join(format!("vad/{name}.wav")));
        let pcm = Pcm::from_channels(vec![samples]);
        for vad in detectors(&data) {
            let found = segment(vad.clone(), 30.0, &pcm);
            let agreement = Agreement::of(&found, truth, pcm.duration_s());
            if truth.is_empty() {
                assert!(found.spans.is_empty() && found.windows.is_empty(), "{name} {vad:?}: {:?}", found.spans);
            } else {
                assert!(agreement.recall() > 0.95, "{name} {vad:?}: {agreement:?} {:?}", found.spans);
                assert!(agreement.precision() > 0.75, "{name} {vad:?}: {agreement:?} {:?}", found.spans);
            }
        }
    }
}

#[test]
fn meetings_agree_with_their_turns() {
    let Some(data) = data() else { return };
    for (vad, least) in detectors(&data).into_iter().zip([0.70, 0.85]) {
        let mut total = Agreement::default();
        for (name, turns) in TURNS {
            let pcm = Pcm::from_channels(vec![read_wav(&data.join(format!("diar/{name}.wav")))]);
            let turns = rttm(&data.join("diar").join(turns), name);
            total += Agreement::of(&segment(vad.clone(), 30.0, &pcm), &turns, pcm.duration_s());
        }
        assert!(total.f1() > least, "{vad:?}: F1 {:.3}", total.f1());
    }
}

#[test]
fn the_same_speech_fits_windows_of_six_seconds() {
    let Some(data) = data() else { return };
    let pcm = Pcm::from_channels(vec![read_wav(&data.join("vad/test.wav"))]);
    for vad in detectors(&data) {
        let (long, short) = (segment(vad.clone(), 30.0, &pcm), segment(vad, 6.0, &pcm));
        assert!(short.windows.len() > long.windows.len());
        assert!(short.windows.iter().all(|window| window.end_s - window.start_s <= 6.0));
        let speech = |spans: &[stage_core::SpeechSpan]| spans.iter().map(|s| s.end_s - s.start_s).sum::<f64>();
        assert!((speech(&long.spans) - speech(&short.spans)).abs() < 1e-9, "cutting loses nothing");
    }
}
