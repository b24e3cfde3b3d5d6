//! Both detectors on real recordings.

#[path = "recordings/bleed.rs"]
mod bleed;
mod support;

use stage_core::Pcm;
use support::mixes::{NOISES, SNRS_DB, agreement, mixes};
use support::{Agreement, DETECTORS, data, meetings, read_wav, segment};

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
        for vad in DETECTORS {
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

/// Sums are of 150 s of meetings. Margins are about a tenth of what is measured (fixtures/README.md).
#[test]
fn meetings_agree_with_their_turns() {
    let Some(data) = data() else { return };
    let [energy, silero]: [Agreement; 2] = DETECTORS.map(|vad| meetings(&data, &vad));
    assert!(energy.f1() > 0.70 && silero.f1() > 0.85, "F1 {:.3} {:.3}", energy.f1(), silero.f1());
    assert!(silero.cost() < 0.15 && silero.cost() < energy.cost(), "{:.3} {:.3}", silero.cost(), energy.cost());
}

/// Noise that is speech itself, as loud as half of the speech, is beyond both detectors.
#[test]
fn digits_are_found_in_noise() {
    let Some(data) = data() else { return };
    for noise in NOISES {
        let levels = if noise == "babble" { 1 } else { SNRS_DB.len() };
        for (snr_db, most) in SNRS_DB.into_iter().zip([0.1, 0.12, 0.2, 0.3]).take(levels) {
            let mixes = mixes(&data, noise, snr_db);
            let [energy, silero] = DETECTORS.map(|vad| agreement(&mixes, &vad));
            let costs = (silero.cost(), energy.cost());
            assert!(costs.0 < most && costs.0 < costs.1, "{noise} noise, {snr_db} dB: {costs:?}");
        }
    }
}

#[test]
fn the_same_speech_fits_windows_of_six_seconds() {
    let Some(data) = data() else { return };
    let pcm = Pcm::from_channels(vec![read_wav(&data.join("vad/test.wav"))]);
    for vad in DETECTORS {
        let (long, short) = (segment(vad.clone(), 30.0, &pcm), segment(vad, 6.0, &pcm));
        assert!(short.windows.len() > long.windows.len());
        assert!(short.windows.iter().all(|window| window.end_s - window.start_s <= 6.0));
        let speech = |spans: &[stage_core::SpeechSpan]| spans.iter().map(|s| s.end_s - s.start_s).sum::<f64>();
        assert!((speech(&long.spans) - speech(&short.spans)).abs() < 1e-9, "cutting loses nothing");
    }
}
