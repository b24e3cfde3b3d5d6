//! Speed of the forensics stage on real speech, compared with Praat's pitch analysis.
//!
//! The pitch search takes nearly all of the stage's time. Praat runs if `EARWITNESS_ORACLE_PYTHON` or the workspace's
//! `.venv` has parselmouth.

use std::path::{Path, PathBuf};
use std::process::Command;

use forensics::{ForensicInput, Forensics, ForensicsConfig};
use measure::{Machine, figures, runs};
use stage_core::{
    AlignedWords, Pcm, PcmSource, Recording, SAMPLE_RATE_HZ, Speakers, SpeechSegments, SpeechSpan, Stage, Transcript,
    VadIdentity, Word,
};

const RATE: f64 = SAMPLE_RATE_HZ as f64;
/// Length to which the speech is repeated, in seconds.
const SECONDS: f64 = 600.0;
const RUNS: usize = 3;

const PRAAT: &str = "
import sys, time, numpy, parselmouth
sound = parselmouth.Sound(numpy.fromfile(sys.argv[1], '<f4').astype(float), 16000)
begin = time.perf_counter()
sound.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=500)
print(time.perf_counter() - begin)
";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let samples = speech(&root.join("../shared/data/en/jfk.wav"));
    let machine = Machine::here();
    println!("{machine}; best of {RUNS} runs");
    let path = std::env::temp_dir().join(format!("earwitness-bench-{}.f32", std::process::id()));
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let stored = std::fs::write(&path, bytes);
    let silent_s = stage(&Pcm::from_channels(vec![samples.clone()]), false);
    let whole_s = stage(&Pcm::from_channels(vec![samples]), true);
    let praat_s = stored.ok().and_then(|()| praat(&root, &path));
    let mut table = figures(1, ["forensics", "seconds", "x real time"]);
    let mut row = |name: &str, seconds: f64| {
        table.add_row([name.to_owned(), format!("{seconds:.3}"), format!("{:.0}", SECONDS / seconds)]);
    };
    row("level, words and scores", silent_s);
    row(&format!("whole stage, {} threads", machine.threads), whole_s);
    row("pitch alone (the difference)", whole_s - silent_s);
    match praat_s {
        Some(seconds) => row("Praat to_pitch_ac, 1 thread", seconds),
        None => println!("Praat is left out: no Python with parselmouth"),
    }
    println!("{table}");
    let _ = std::fs::remove_file(path);
}

/// Ten minutes of speech, or of a synthetic voice if the recording is missing.
fn speech(path: &Path) -> Vec<f32> {
    let recorded = hound::WavReader::open(path).ok().filter(|wav| wav.spec().sample_rate == SAMPLE_RATE_HZ);
    let samples: Vec<f32> = match recorded {
        Some(mut wav) => wav.samples::<i16>().flatten().map(|sample| f32::from(sample) / 32_768.0).collect(),
        None => {
            println!("synthetic: {} is missing", path.display());
            (0..SAMPLE_RATE_HZ).map(|n| 0.5 * (n as f32 / 16_000.0 * 120.0 * std::f32::consts::TAU).sin()).collect()
        }
    };
    samples.into_iter().cycle().take((SECONDS * RATE) as usize).collect()
}

/// The best time of several runs, in seconds. Without speech spans, no pitch is searched.
fn stage(pcm: &Pcm, with_speech: bool) -> f64 {
    let frames = pcm.frames();
    let recording = Recording {
        container: "wav".into(),
        codec: "pcm_s16le".into(),
        lossless: true,
        sample_rate_hz: SAMPLE_RATE_HZ,
        channels: 1,
        duration_s: pcm.duration_s(),
        pcm_sha256: String::new(),
        pcm: PcmSource { source_frames: frames, frames, trimmed_start_frames: 0, trimmed_end_frames: 0 },
        tags: Default::default(),
        external_decoder: None,
        account: None,
        warnings: vec![],
    };
    let spans = (0..(SECONDS / 6.0) as u32).map(|i| f64::from(i) * 6.0);
    let span = |start_s| SpeechSpan { channel: 0, start_s, end_s: start_s + 6.0, probability: 0.9 };
    let segments = SpeechSegments {
        vad: VadIdentity { name: "given".into(), model_sha256: None },
        spans: if with_speech { spans.map(span).collect() } else { vec![] },
        windows: vec![],
        dropped: vec![],
        duplicates: Vec::new(),
    };
    let transcript = Transcript { model: "given".into(), segments: vec![], dropped: vec![] };
    let text = "and so my fellow americans ask not what your country can do for you i will call the police";
    let word = |(i, text): (usize, &str)| Word::of_text(0, (i as f64 * 0.4, i as f64 * 0.4 + 0.3), text);
    let said = text.split(' ').cycle().take((SECONDS / 0.4) as usize);
    let words = AlignedWords { method: "given".into(), words: said.enumerate().map(word).collect() };
    let stage = Forensics::new(ForensicsConfig::default(), &[]).expect("the project's lexicons load");
    let input = ForensicInput {
        recording: &recording,
        pcm,
        segments: &segments,
        speakers: &Speakers::default(),
        transcript: &transcript,
        words: &words,
    };
    runs(0, RUNS, || stage.run(input).expect("samples in memory can be read")).best_s()
}

fn praat(root: &Path, samples: &Path) -> Option<f64> {
    let python =
        std::env::var_os("EARWITNESS_ORACLE_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let output = Command::new(python).args(["-c", PRAAT]).arg(samples).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
