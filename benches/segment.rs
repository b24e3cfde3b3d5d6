//! Segment: how the detectors agree with known speech, how near their edges are, what is
//! taken for bleed in stereo calls, and how fast all that is.
//!
//! `cargo bench -p segment`. Without the recordings beside the checkout, speed on noise alone. With the weights of the
//! silero-vad package in `SILERO_WEIGHTS` (`.venv/bin/python stages/segment/tests/oracle/silero.py OUT WAV` writes them)
//! these stand beside ours. Frames of 10 ms, the default settings without padding: that is added for the transcriber, and
//! no error of the detector.

#[path = "../stages/segment/tests/support/mod.rs"]
mod support;

use std::env;
use std::path::Path;
use std::time::Instant;

use segment::VadChoice;
use stage_core::{Pcm, SpeechSegments};
use support::calls::{LEAKS, Separation, call};
use support::mixes::{Mix, NOISES, SNRS_DB, agreement, mixes};
use support::{Agreement, DETECTORS, TURNS, data, detect, meeting, meetings, orders, read_wav, segment};

/// Length of the recording that speed is measured on: an hour, one channel.
const SPEED_S: usize = 3600;

fn main() {
    let detectors: Vec<VadChoice> = DETECTORS
        .into_iter()
        .chain(env::var_os("SILERO_WEIGHTS").map(|path| VadChoice::SileroAt(path.into())))
        .collect();
    let Some(data) = data() else {
        println!("synthesised noise, no recordings");
        let noise: Vec<f32> = (0..16_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e9).collect();
        return detectors.iter().for_each(|vad| speed(vad, &noise));
    };
    quality(&data, &detectors);
    closeness(&data, &detectors);
    separation(&data);
    println!();
    detectors.iter().for_each(|vad| speed(vad, &read_wav(&data.join("vad/test.wav"))));
}

fn quality(data: &Path, detectors: &[VadChoice]) {
    println!("| recordings | detector | precision | recall | F1 | detection cost |\n|---|---|---|---|---|---|");
    for recording in TURNS {
        for vad in detectors {
            row(&format!("meeting {}", recording.0), vad, meeting(data, recording, vad));
        }
    }
    for vad in detectors {
        row("all five meetings", vad, meetings(data, vad));
    }
    for vad in detectors {
        row("speech and noise in turn", vad, orders(data, vad));
    }
    for noise in NOISES {
        for snr_db in SNRS_DB {
            let mixes = mixes(data, noise, snr_db);
            for vad in detectors {
                row(&format!("digits in {noise} noise, {snr_db} dB"), vad, agreement(&mixes, vad));
            }
        }
    }
}

fn row(label: &str, vad: &VadChoice, agreement: Agreement) {
    let (precision, recall, f1) = (agreement.precision(), agreement.recall(), agreement.f1());
    println!("| {label} | {} | {precision:.3} | {recall:.3} | {f1:.3} | {:.3} |", name(vad), agreement.cost());
}

fn closeness(data: &Path, detectors: &[VadChoice]) {
    println!("\n| edges, 20 dB | detector | onset late: median, 95 % | offset late: median, 95 % |\n|---|---|---|---|");
    for noise in NOISES {
        let mixes: Vec<Mix> = mixes(data, noise, 20.0);
        for vad in detectors {
            let (onsets, offsets) = edges(&mixes, vad);
            let (onset, offset) = (spread(onsets), spread(offsets));
            println!("| digits in {noise} noise | {} | {onset} | {offset} |", name(vad));
        }
    }
}

/// By how much spans begin and end beside the speech that they alone hold, in seconds, late being positive.
fn edges(mixes: &[Mix], vad: &VadChoice) -> (Vec<f64>, Vec<f64>) {
    let (mut onsets, mut offsets) = (Vec::new(), Vec::new());
    for mix in mixes {
        let found: SpeechSegments = detect(vad.clone(), mix.samples.clone());
        for span in &found.spans {
            let inside = mix.speech.iter().filter(|(start, end)| *start < span.end_s && *end > span.start_s);
            if let [(start, end)] = inside.collect::<Vec<_>>()[..] {
                onsets.push(span.start_s - start);
                offsets.push(span.end_s - end);
            }
        }
    }
    (onsets, offsets)
}

fn spread(mut errors_s: Vec<f64>) -> String {
    errors_s.sort_by(f64::total_cmp);
    let at = |share: f64| errors_s.get((errors_s.len() as f64 * share) as usize).map_or(f64::NAN, |s| s * 1000.0);
    format!("{:.0} ms, {:.0} ms", at(0.5), at(0.95))
}

fn separation(data: &Path) {
    println!("\n| bleed | in a room | taken for speech | of it dropped | own speech lost | source lost |");
    println!("|---|---|---|---|---|---|");
    for (seed, leak) in LEAKS.into_iter().enumerate() {
        let call = call(data, Some(leak), 5 + seed as u64);
        let Separation { bled, dropped, own, lost } = call.separation();
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
        println!(
            "| {} dB, {} ms late | {} | {:.1} s | {:.1} % | {:.1} % | {} s |",
            leak.gain_db,
            leak.delay_ms,
            if leak.room { "yes" } else { "no" },
            bled as f64 / 100.0,
            percent(dropped, bled),
            percent(lost, own),
            call.lost_of_source() as f64 / 100.0
        );
    }
}

fn speed(vad: &VadChoice, samples: &[f32]) {
    let pcm = Pcm::from_channels(vec![samples.iter().copied().cycle().take(SPEED_S * 16_000).collect()]);
    let start = Instant::now();
    let found = segment(vad.clone(), 30.0, &pcm);
    let seconds = start.elapsed().as_secs_f64();
    let (windows, times) = (found.windows.len(), SPEED_S as f64 / seconds);
    println!("{} on {SPEED_S} s: {seconds:.2} s, {times:.0} times real time, {windows} windows", name(vad));
}

fn name(vad: &VadChoice) -> &'static str {
    match vad {
        VadChoice::Off => "off",
        VadChoice::Energy => "energy",
        VadChoice::Silero => "silero (default)",
        VadChoice::SileroAt(_) => "silero-vad package",
    }
}
