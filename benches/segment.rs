//! Segment: agreement of the detectors with known speech, errors of span edges, detected crosstalk in stereo calls, and
//! speed.
//!
//! `cargo bench -p segment`. If the recordings are missing, it measures only the speed, on noise. If `SILERO_WEIGHTS`
//! names the weights of the silero-vad package (written by `.venv/bin/python stages/models/tests/oracle/silero.py OUT
//! WAV`), they are compared with ours. Frames are 10 ms. The settings are the defaults without padding, which is meant
//! for the transcriber and would count as an error of the detector.

#[path = "../stages/segment/tests/support/mod.rs"]
mod support;

use std::env;

use measure::{Machine, figures, markdown, median, percentile, runs};
use segment::VadChoice;
use stage_core::{Pcm, SpeechSegments};
use support::calls::{LEAKS, Separation, call};
use support::mixes::{Mix, NOISES, SNRS_DB, agreement, mixes};
use support::{Agreement, DETECTORS, Recordings, TURNS, detect, meeting, meetings, orders, segment};

/// Length of the recording for the speed measurement, in seconds: an hour, one channel.
const SPEED_S: usize = 3600;
const RUNS: usize = 3;

fn main() {
    let detectors: Vec<VadChoice> = DETECTORS
        .into_iter()
        .chain(env::var_os("SILERO_WEIGHTS").map(|path| VadChoice::SileroAt(path.into())))
        .collect();
    let Some(data) = Recordings::shared() else {
        println!("synthesized noise, no recordings");
        let noise: Vec<f32> = (0..16_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e9).collect();
        return speed(&detectors, &noise);
    };
    quality(&data, &detectors);
    closeness(&data, &detectors);
    separation(&data);
    speed(&detectors, &data.read("vad/test.wav"));
}

fn quality(data: &Recordings, detectors: &[VadChoice]) {
    let mut table = markdown(2, ["recordings", "detector", "precision", "recall", "F1", "detection cost"]);
    let mut row = |label: &str, vad: &VadChoice, agreement: Agreement| {
        let figures = [agreement.precision(), agreement.recall(), agreement.f1(), agreement.cost()];
        let names = [label.to_owned(), name(vad).to_owned()];
        table.add_row(names.into_iter().chain(figures.map(|figure| format!("{figure:.3}"))));
    };
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
    println!("{table}\n");
}

fn closeness(data: &Recordings, detectors: &[VadChoice]) {
    let header = ["edges, 20 dB", "detector", "onset late: median, 95 %", "offset late: median, 95 %"];
    let mut table = markdown(2, header);
    for noise in NOISES {
        let mixes: Vec<Mix> = mixes(data, noise, 20.0);
        for vad in detectors {
            let (onsets, offsets) = edges(&mixes, vad);
            let label = format!("digits in {noise} noise");
            table.add_row([label, name(vad).to_owned(), spread(&onsets), spread(&offsets)]);
        }
    }
    println!("{table}\n");
}

/// Errors of the starts and ends of spans that contain exactly one utterance, in seconds; late is positive.
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

fn spread(errors_s: &[f64]) -> String {
    let ms = |seconds: Option<f64>| 1000.0 * seconds.unwrap_or(f64::NAN);
    format!("{:.0} ms, {:.0} ms", ms(median(errors_s)), ms(percentile(errors_s, 95.0)))
}

fn separation(data: &Recordings) {
    let header = ["crosstalk", "in a room", "detected as speech", "of these dropped", "own speech lost", "source lost"];
    let mut table = markdown(2, header);
    for (seed, leak) in LEAKS.into_iter().enumerate() {
        let call = call(data, Some(leak), 5 + seed as u64);
        let Separation { crosstalk, dropped, own, lost } = call.separation();
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
        table.add_row([
            format!("{} dB, {} ms late", leak.gain_db, leak.delay_ms),
            if leak.room { "yes" } else { "no" }.to_owned(),
            format!("{:.1} s", crosstalk as f64 / 100.0),
            format!("{:.1} %", percent(dropped, crosstalk)),
            format!("{:.1} %", percent(lost, own)),
            format!("{} s", call.lost_of_source() as f64 / 100.0),
        ]);
    }
    println!("{table}\n");
}

fn speed(detectors: &[VadChoice], samples: &[f32]) {
    println!("{}; best of {RUNS} runs on {SPEED_S} s", Machine::here());
    let pcm = Pcm::from_channels(vec![samples.iter().copied().cycle().take(SPEED_S * 16_000).collect()]);
    let mut table = figures(1, ["detector", "seconds", "x real time", "windows"]);
    for vad in detectors {
        let found = runs(0, RUNS, || segment(vad.clone(), 30.0, &pcm));
        let speed = format!("{:.0}", found.times_real_time(SPEED_S as f64));
        let windows = found.best().windows.len().to_string();
        table.add_row([name(vad).to_owned(), format!("{:.2}", found.best_s()), speed, windows]);
    }
    println!("{table}");
}

fn name(vad: &VadChoice) -> &'static str {
    match vad {
        VadChoice::Off => "off",
        VadChoice::Energy => "energy",
        VadChoice::Silero => "silero (default)",
        VadChoice::SileroAt(_) => "silero-vad package",
    }
}
