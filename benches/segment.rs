//! Segment: speed of both detectors and how their frames agree with the turns of real meetings.
//!
//! `cargo bench -p segment`. Without the recordings beside the checkout, the energy detector's speed on noise alone.

#[path = "../stages/segment/tests/support/mod.rs"]
mod support;

use std::time::Instant;

use segment::VadChoice;
use stage_core::Pcm;
use support::{Agreement, TURNS, data, detectors, read_wav, rttm, segment};

/// Length of the recording that speed is measured on: an hour, one channel.
const SPEED_S: usize = 3600;

fn main() {
    let Some(data) = data() else {
        println!("synthesised noise, no recordings");
        let noise: Vec<f32> = (0..16_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e9).collect();
        return speed(&VadChoice::Energy, &noise);
    };
    for vad in detectors(&data) {
        println!("\n{:<12} {:>10} {:>10} {:>10}", name(&vad), "precision", "recall", "F1");
        let mut total = Agreement::default();
        for (recording, turns) in TURNS {
            let pcm = Pcm::from_channels(vec![read_wav(&data.join(format!("diar/{recording}.wav")))]);
            let turns = rttm(&data.join("diar").join(turns), recording);
            let agreement = Agreement::of(&segment(vad.clone(), 30.0, &pcm), &turns, pcm.duration_s());
            row(recording, agreement);
            total += agreement;
        }
        row("all", total);
        speed(&vad, &read_wav(&data.join("vad/test.wav")));
    }
}

fn row(label: &str, agreement: Agreement) {
    let (precision, recall, f1) = (agreement.precision(), agreement.recall(), agreement.f1());
    println!("{label:<12} {precision:>10.3} {recall:>10.3} {f1:>10.3}");
}

fn speed(vad: &VadChoice, samples: &[f32]) {
    let pcm = Pcm::from_channels(vec![samples.iter().copied().cycle().take(SPEED_S * 16_000).collect()]);
    let start = Instant::now();
    let found = segment(vad.clone(), 30.0, &pcm);
    let seconds = start.elapsed().as_secs_f64();
    let windows = found.windows.len();
    println!(
        "{} on {SPEED_S} s: {seconds:.2} s, {:.0} times real time, {windows} windows",
        name(vad),
        SPEED_S as f64 / seconds
    );
}

fn name(vad: &VadChoice) -> &'static str {
    match vad {
        VadChoice::Energy => "energy",
        VadChoice::Silero(_) => "silero-v5",
    }
}
