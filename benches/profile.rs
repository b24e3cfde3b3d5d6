//! A profile of transcription: the time of each part of the network with real weights and recordings, compared with the
//! time that its arithmetic takes at the machine's measured peak, or that reading its weights and keys takes at the
//! measured memory bandwidth.
//!
//!     cargo bench -p transcribe --bench profile -- [--precision int8] [--beam-size 5] [RECORDING.wav...]
//!
//! Recordings are mono WAV files at 16 kHz; long ones are cut every 28 s. The default is a selection of the shared
//! recordings. The model is the embedded one. With `EARWITNESS_CPU`, the peaks are those of the instructions that the
//! limited kernels use.

#[cfg(target_arch = "x86_64")]
#[path = "peak.rs"]
mod peak;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use kernels::Isa;
use kernels::probe::{self, Part};
use measure::{Machine, runs};
use stage_core::{DeviceStage, ListFlow, Pcm, SpeechSegments, Window};
use transcribe::{Compute, ModelSource, Precision, TranscribeConfig, Transcriber, Unit, open_model};

/// Number of windows that are decoded at a time.
const BATCH: usize = 8;
const WINDOW_SAMPLES: usize = 28 * 16_000;
/// Number of utterances from each Korean set.
const UTTERANCES: usize = 10;

/// The dimensions of Whisper base.
const LAYERS: f64 = 6.0;
const WIDTH: f64 = 512.0;
const HIDDEN: f64 = 2_048.0;
const POSITIONS: f64 = 1_500.0;
const BANDS: f64 = 80.0;
const VOCABULARY: f64 = 51_865.0;

fn main() {
    let (precision, beam_size, files) = arguments();
    if files.is_empty() {
        println!("skipped: no recordings were given, and the shared recordings are missing");
        return;
    }
    let config = TranscribeConfig { beam_size, ..TranscribeConfig::default() };
    let model = open_model(&ModelSource::Embedded).expect("the embedded model");
    let transcriber = Transcriber::new(model, config, Compute::cpu(precision)).expect("settings that the model knows");
    transcriber.load().expect("weights that load");
    let samples: Vec<Vec<f32>> = files.iter().flat_map(|file| windows(file)).collect();
    let audio_s = samples.iter().map(Vec::len).sum::<usize>() as f64 / 16_000.0;
    let prepared = runs(1, 1, || samples.iter().map(|samples| unit(&transcriber, samples)).collect::<Vec<_>>());
    let units = prepared.best();
    infer(&transcriber, units);
    let plain_s = runs(0, 1, || infer(&transcriber, units)).best_s();
    probe::start();
    let probed_s = runs(0, 1, || infer(&transcriber, units)).best_s();
    let parts = probe::finish();

    let limits = Limits::measure(precision);
    let level = Isa::detect().name();
    println!("{}; {level}; {precision}, beam {beam_size}, batch {BATCH}", Machine::here());
    println!("{} windows, {audio_s:.0} s of audio; {plain_s:.2} s, {probed_s:.2} s with the probe", units.len());
    println!("{limits}\n");
    println!("{}", table(&parts, prepared.best_s(), probed_s, (&limits, precision)));
}

fn arguments() -> (Precision, usize, Vec<PathBuf>) {
    let (mut precision, mut beam_size, mut files) = (Precision::Int8, 5, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value");
        match argument.as_str() {
            "--precision" => precision = value().parse().expect("a precision"),
            "--beam-size" => beam_size = value().parse().expect("a number of beams"),
            "--bench" => {}
            _ => files.push(argument.into()),
        }
    }
    (precision, beam_size, if files.is_empty() { shared_recordings() } else { files })
}

/// Long recordings in both languages and utterances of both Korean sets; empty if the shared recordings are missing.
fn shared_recordings() -> Vec<PathBuf> {
    const LONG: [&str; 5] = ["ko/azure_ko.wav", "en/azure_en.wav", "diar/dev00.wav", "diar/trn01.wav", "en/jfk.wav"];
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(talk) = std::fs::read_dir(shared.join("ko/talk")) else { return Vec::new() };
    let mut talk: Vec<_> = talk.filter_map(|entry| Some(entry.ok()?.path())).collect();
    talk.sort();
    let of_set = |prefix: &str| {
        let starts = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        talk.iter().filter(starts).take(UTTERANCES).cloned().collect::<Vec<_>>()
    };
    let long = LONG.iter().map(|name| shared.join(name)).collect();
    [long, of_set("KaiSpeech_"), of_set("wav_")].concat()
}

/// A recording's samples, cut into windows.
fn windows(path: &Path) -> Vec<Vec<f32>> {
    let mut file = hound::WavReader::open(path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
    assert_eq!((file.spec().sample_rate, file.spec().channels), (16_000, 1), "{}", path.display());
    let samples: Vec<f32> = file.samples::<i16>().map_while(Result::ok).map(|x| f32::from(x) / 32_768.0).collect();
    samples.chunks(WINDOW_SAMPLES).map(<[f32]>::to_vec).collect()
}

fn unit(transcriber: &Transcriber, samples: &[f32]) -> Arc<Unit> {
    let end_s = samples.len() as f64 / 16_000.0;
    let segments = SpeechSegments::of_windows(vec![Window::without_spans(0, 0.0, end_s)]);
    let pcm = Pcm::from_channels(vec![samples.to_vec()]);
    let mut unit = None;
    let mut emit = |_, prepared| {
        unit = Some(Arc::new(prepared));
        true
    };
    transcriber.prepare((&pcm, &segments), &|_| false, &mut emit).expect("a window that fits the model");
    unit.expect("a window")
}

fn infer(transcriber: &Transcriber, units: &[Arc<Unit>]) {
    transcriber.infer(&mut ListFlow::new(units.to_vec(), BATCH)).expect("answers");
}

/// The measured limits of the machine on all threads.
struct Limits {
    /// Operations per second in the precision of the layers, and in that of attention weights and values.
    layers: f64,
    values: f64,
    /// Bytes read per second.
    memory: f64,
}

impl Limits {
    fn measure(precision: Precision) -> Self {
        let peaks = peaks();
        let peak = |instruction| peaks.get(instruction).copied().unwrap_or(f64::NAN);
        let [int8, bf16, f32] = instructions(Isa::detect().name()).map(peak);
        let (layers, values) = match precision {
            Precision::Int8 => (int8, bf16),
            Precision::Bf16 => (bf16, bf16),
            _ => (f32, f32),
        };
        Self { layers, values, memory: memory_bandwidth() }
    }
}

impl std::fmt::Display for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [layers, values, memory] = [self.layers, self.values, self.memory].map(|per_second| per_second / 1e9);
        write!(f, "peaks of all threads: layers {layers:.0} Gop/s, values {values:.0} Gop/s, memory {memory:.1} GB/s")
    }
}

/// The instructions that the kernels use for products at a level, in int8, bf16 and f32.
fn instructions(level: &str) -> [&'static str; 3] {
    match level {
        "avx2" => ["int8 through int16, 256 bits", "f32 FMA, 256 bits", "f32 FMA, 256 bits"],
        "avxvnni" => ["int8 VNNI, 256 bits", "f32 FMA, 256 bits", "f32 FMA, 256 bits"],
        "avx512" => ["int8 through int16, 512 bits", "f32 FMA, 512 bits", "f32 FMA, 512 bits"],
        "avx512vnni" => ["int8 VNNI, 512 bits", "f32 FMA, 512 bits", "f32 FMA, 512 bits"],
        "avx512bf16" => ["int8 VNNI, 512 bits", "bf16, 512 bits", "f32 FMA, 512 bits"],
        _ => ["not measured"; 3],
    }
}

/// Operations per second of each instruction, summed over all threads, which run at the same time.
#[cfg(target_arch = "x86_64")]
fn peaks() -> HashMap<&'static str, f64> {
    let mut total = HashMap::new();
    let threads: Vec<_> = (0..Machine::here().threads).map(|_| thread::spawn(peak::peaks)).collect();
    for thread in threads {
        for (name, peak) in thread.join().expect("peaks") {
            *total.entry(name).or_default() += peak;
        }
    }
    total
}

#[cfg(not(target_arch = "x86_64"))]
fn peaks() -> HashMap<&'static str, f64> {
    HashMap::new()
}

/// Bytes per second that all threads together read from memory.
fn memory_bandwidth() -> f64 {
    const NUMBERS: usize = 1 << 26;
    let threads = Machine::here().threads;
    let numbers = vec![1_u64; NUMBERS];
    let sum = |part: &[u64]| part.iter().fold(0_u64, |sum, x| sum.wrapping_add(*x));
    let read = || {
        thread::scope(|scope| {
            let parts: Vec<_> = numbers.chunks(NUMBERS / threads).map(|part| scope.spawn(move || sum(part))).collect();
            parts.into_iter().map(|part| part.join().expect("a sum")).fold(0, u64::wrapping_add)
        })
    };
    8.0 * NUMBERS as f64 / runs(1, 5, || std::hint::black_box(read())).best_s()
}

/// Work of a part: operations in the precision of the layers and in that of the values, and bytes read from memory that
/// are in no cache.
#[derive(Clone, Copy, Default)]
struct Work {
    layers: f64,
    values: f64,
    bytes: f64,
}

/// The work of all calls of a part, if it is counted.
fn work(part: &Part, weight_bytes: f64) -> Option<Work> {
    let (calls, items) = (part.count as f64, part.items as f64);
    let product = |rows: f64, inputs: f64, outputs: f64| 2.0 * rows * inputs * outputs;
    let weights = |inputs: f64, outputs: f64| weight_bytes * inputs * outputs;
    let scores = 2.0 * POSITIONS * POSITIONS * WIDTH;
    Some(match part.name {
        "encoder.stem" => Work {
            layers: calls * product(POSITIONS, 3.0 * WIDTH, WIDTH),
            values: calls * product(2.0 * POSITIONS, 3.0 * BANDS, WIDTH),
            ..Work::default()
        },
        // Queries, keys and values in one call, the output in another.
        "encoder.projections" => {
            Work { layers: calls / 2.0 * product(POSITIONS, WIDTH, 4.0 * WIDTH), ..Work::default() }
        }
        "encoder.attention" => Work { layers: calls * scores, values: calls * scores, bytes: 0.0 },
        "encoder.mlp" => Work { layers: calls * 2.0 * product(POSITIONS, WIDTH, HIDDEN), ..Work::default() },
        "cross_kv_cache" => Work { layers: calls * LAYERS * product(POSITIONS, WIDTH, 2.0 * WIDTH), ..Work::default() },
        "step.self_attention" => Work {
            layers: product(items, WIDTH, 4.0 * WIDTH),
            bytes: calls * weights(WIDTH, 4.0 * WIDTH),
            ..Work::default()
        },
        // A window's keys have the precision of the layers; its values have two bytes.
        "step.cross_attention" => Work {
            bytes: calls * weights(WIDTH, 2.0 * WIDTH)
                + items * POSITIONS * WIDTH * (weight_bytes + weight_bytes.max(2.0)),
            ..Work::default()
        },
        "step.mlp" => Work {
            layers: 2.0 * product(items, WIDTH, HIDDEN),
            bytes: calls * 2.0 * weights(WIDTH, HIDDEN),
            ..Work::default()
        },
        "step.logits" => Work {
            layers: product(items, WIDTH, VOCABULARY),
            bytes: calls * weights(WIDTH, VOCABULARY),
            ..Work::default()
        },
        _ => return None,
    })
}

fn table(
    parts: &[Part],
    mel_s: f64,
    total_s: f64,
    (limits, precision): (&Limits, Precision),
) -> impl std::fmt::Display {
    let header = ["part", "calls", "s", "share %", "Gop/s", "GB/s", "at the limit s", "of the limit %"];
    let mut table = measure::markdown(1, header);
    let weight_bytes = match precision {
        Precision::Int8 => 1.0,
        Precision::Bf16 | Precision::F16 => 2.0,
        Precision::F32 => 4.0,
    };
    let dash = || "-".to_owned();
    for part in parts {
        let share = format!("{:.1}", 100.0 * part.seconds / total_s);
        let mut row = vec![part.name.to_owned(), part.count.to_string(), format!("{:.2}", part.seconds), share];
        match work(part, weight_bytes) {
            Some(Work { layers, values, bytes }) => {
                let limit_s = (layers / limits.layers + values / limits.values).max(bytes / limits.memory);
                row.push(format!("{:.0}", (layers + values) / part.seconds / 1e9));
                row.push(if bytes > 0.0 { format!("{:.1}", bytes / part.seconds / 1e9) } else { dash() });
                row.extend([format!("{limit_s:.2}"), format!("{:.0}", 100.0 * limit_s / part.seconds)]);
            }
            None => row.extend([dash(), dash(), dash(), dash()]),
        }
        table.add_row(row);
    }
    let rest = total_s - parts.iter().map(|part| part.seconds).sum::<f64>();
    for (name, seconds) in [("rest of inference", rest), ("features, before it", mel_s)] {
        let share = format!("{:.1}", 100.0 * seconds / total_s);
        table.add_row([name.to_owned(), dash(), format!("{seconds:.2}"), share, dash(), dash(), dash(), dash()]);
    }
    table
}
