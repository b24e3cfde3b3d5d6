//! Speed of the forensics stage on real speech, compared with the same measures by Praat.
//!
//! Both run on one thread, and their CPU time is compared, so that other programs on the machine change it little. Praat runs
//! if `EARWITNESS_ORACLE_PYTHON` or the workspace's `.venv` has parselmouth.

use std::path::{Path, PathBuf};
use std::process::Command;

use forensics::{ForensicInput, Forensics, ForensicsConfig};
use measure::{Machine, figures};
use stage_core::{
    AlignedWords, Pcm, PcmSource, Recording, SAMPLE_RATE_HZ, Speakers, SpeechSegments, SpeechSpan, Stage, Transcript,
    VadIdentity, Word,
};

const RATE: f64 = SAMPLE_RATE_HZ as f64;
/// Length to which the speech is repeated, in seconds.
const SECONDS: f64 = 600.0;
const RUNS: usize = 3;

/// The measures of `f0` and `voice`: pitch, pulses, jitter and shimmer, harmonicity, intensity, formants, the long-term
/// spectrum and the cepstrum.
const PRAAT: &str = r#"
import sys, time, numpy, parselmouth
from parselmouth.praat import call
sound = parselmouth.Sound(numpy.fromfile(sys.argv[1], '<f4').astype(float), 16000)
begin = time.process_time()
pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=500)
print(time.process_time() - begin)
pulses = call([sound, pitch], 'To PointProcess (cc)')
for kind in ('local', 'rap', 'ppq5', 'ddp'):
    call(pulses, f'Get jitter ({kind})', 0, 0, 0.0001, 0.02, 1.3)
for kind in ('local', 'apq3', 'apq5', 'apq11'):
    call([sound, pulses], f'Get shimmer ({kind})', 0, 0, 0.0001, 0.02, 1.3, 1.6)
sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=75)
sound.to_intensity(minimum_pitch=75, time_step=0.01)
sound.to_formant_burg(time_step=0.01, maximum_formant=5500)
call(sound, 'To Ltas', 100)
print(time.process_time() - begin)
call(call(sound, 'To PowerCepstrogram', 60, 0.01, 5000, 50), 'Get CPPS', False, 0.02, 0.0005, 60, 330, 0.05,
     'Parabolic', 0.001, 0.05, 'Straight', 'Robust')
print(time.process_time() - begin)
"#;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let samples = speech(&root.join("../shared/data/en/jfk.wav"));
    let machine = Machine::here();
    println!("{machine}; best of {RUNS} runs");
    let path = std::env::temp_dir().join(format!("earwitness-bench-{}.f32", std::process::id()));
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let stored = std::fs::write(&path, bytes);
    let silent_s = stage(&Pcm::from_channels(vec![samples.clone()]), false);
    let whole_s = stage(&Pcm::from_channels(vec![samples.clone()]), true);
    let stereo_s = stage(&Pcm::from_channels(vec![samples.clone(), samples]), true);
    let praat_s = stored.ok().and_then(|()| praat(&root, &path));
    let mut table = figures(1, ["forensics, 10 minutes of speech, 1 thread", "CPU seconds", "x real time"]);
    let mut row = |name: &str, seconds: f64| {
        table.add_row([name.to_owned(), format!("{seconds:.2}"), format!("{:.0}", SECONDS / seconds)]);
    };
    row("level, quality, words and scores", silent_s);
    row("whole stage", whole_s);
    row("whole stage, two channels that both speak all the time", stereo_s);
    row("F0 and voice alone (the difference)", whole_s - silent_s);
    match praat_s.as_deref() {
        Some([pitch_s, voice_s, all_s]) => {
            row("Praat, pitch", *pitch_s);
            row("Praat, without cepstrum", *voice_s);
            row("Praat, all", *all_s);
        }
        _ => println!("Praat is left out: no Python with parselmouth"),
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

/// The least CPU time of several runs on one thread, in seconds. Without speech spans, there is no voice to measure.
fn stage(pcm: &Pcm, with_speech: bool) -> f64 {
    let frames = pcm.frames();
    let recording = Recording {
        container: "wav".into(),
        codec: "pcm_s16le".into(),
        lossless: true,
        sample_rate_hz: SAMPLE_RATE_HZ,
        channels: pcm.channels() as u16,
        duration_s: pcm.duration_s(),
        pcm_sha256: String::new(),
        pcm: PcmSource { source_frames: frames, frames, trimmed_start_frames: 0, trimmed_end_frames: 0 },
        tags: Default::default(),
        external_decoder: None,
        account: None,
        warnings: vec![],
    };
    let spans = (0..(SECONDS / 6.0) as u32).map(|i| f64::from(i) * 6.0);
    let channels = 0..pcm.channels() as u16;
    let span = |(channel, start_s)| SpeechSpan { channel, start_s, end_s: start_s + 6.0, probability: 0.9 };
    let spans = channels.flat_map(|channel| spans.clone().map(move |start_s| (channel, start_s)));
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
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    let run = || {
        let begin_s = cpu_s();
        pool.install(|| stage.run(input)).expect("samples in memory can be read");
        cpu_s() - begin_s
    };
    (0..RUNS).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// CPU time of this process, in seconds.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // After the name, which may contain spaces: user and system time are the 12th and 13th field, in hundredths.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// CPU time of Praat after the pitch, after all but the cepstrum, and at the end.
fn praat(root: &Path, samples: &Path) -> Option<Vec<f64>> {
    let python =
        std::env::var_os("EARWITNESS_ORACLE_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let output = Command::new(python).args(["-c", PRAAT]).arg(samples).output().ok()?;
    String::from_utf8(output.stdout).ok()?.lines().map(|line| line.trim().parse().ok()).collect()
}
