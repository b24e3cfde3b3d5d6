//! Recordings with known speech, for the tests and the bench of this crate. Each of them uses a part of it.
#![allow(dead_code, reason = "not all users of this file use it")]
#![expect(clippy::unwrap_used, reason = "a test or bench may panic")]

pub(crate) mod calls;
pub(crate) mod mixes;

use std::ops::Range;
use std::path::{Path, PathBuf};

use segment::{SegmentConfig, Segmenter, VadChoice};
use stage_core::{Pcm, SAMPLE_RATE_HZ, SpeechSegments, Stage};
use testkit::{DIGIT_TAKES, Wav, fixture, root};

/// A folder of recordings, and the parts of it from which mixes and calls are made.
pub(crate) struct Recordings {
    folder: PathBuf,
    /// Takes of the digits in `fsdd`.
    takes: Range<usize>,
    /// Speech of which babble is made.
    voices: [&'static str; 2],
}

impl Recordings {
    /// The recordings of the repository.
    pub(crate) fn fixtures() -> Self {
        Self { folder: fixture("speech"), takes: DIGIT_TAKES, voices: ["en/jfk.wav", "ko/azure_ko.wav"] }
    }

    /// The developers' recordings, on which fixtures/README.md reports. `None` where they are missing.
    pub(crate) fn shared() -> Option<Self> {
        let folder = root().join("../shared/data");
        let voices = ["en/jfk.wav", "vad/test.wav"];
        folder.is_dir().then_some(Self { folder, takes: 0..50, voices })
    }

    /// Reads a mono file at 16 kHz.
    pub(crate) fn read(&self, name: &str) -> Vec<f32> {
        read_wav(&self.folder.join(name))
    }
}

/// Reads a mono file at 16 kHz.
pub(crate) fn read_wav(path: &Path) -> Vec<f32> {
    Wav::read_mono(path, SAMPLE_RATE_HZ)
}

/// The detectors that detect speech.
pub(crate) const DETECTORS: [VadChoice; 2] = [VadChoice::Energy, VadChoice::Silero];

/// Segments with the defaults for windows of `window_max_s`.
pub(crate) fn segment(vad: VadChoice, window_max_s: f64, pcm: &Pcm) -> SpeechSegments {
    Segmenter::new(SegmentConfig::new(vad, window_max_s)).unwrap().run(pcm).unwrap()
}

/// Segments without padding, which is meant for the transcriber and is not part of detection.
pub(crate) fn detect(vad: VadChoice, samples: Vec<f32>) -> SpeechSegments {
    let config = SegmentConfig { pad_s: 0.0, ..SegmentConfig::new(vad, 30.0) };
    Segmenter::new(config).unwrap().run(&Pcm::from_channels(vec![samples])).unwrap()
}

/// Agreement of a detector without padding with the speech of a recording, in seconds.
fn agreement(recording: &Path, speech: &[(f64, f64)], vad: &VadChoice) -> Agreement {
    let samples = read_wav(recording);
    let duration_s = samples.len() as f64 / f64::from(SAMPLE_RATE_HZ);
    Agreement::of(&detect(vad.clone(), samples), speech, duration_s)
}

/// Agreement of a detector without padding with the turns of one entry of [`TURNS`].
pub(crate) fn meeting(data: &Recordings, (name, turns): (&str, &str), vad: &VadChoice) -> Agreement {
    let turns = rttm(&data.folder.join("diar").join(turns), name);
    agreement(&data.folder.join(format!("diar/{name}.wav")), &turns, vad)
}

/// Agreement of a detector without padding with all [`TURNS`].
pub(crate) fn meetings(data: &Recordings, vad: &VadChoice) -> Agreement {
    TURNS.into_iter().map(|recording| meeting(data, recording, vad)).sum()
}

/// Agreement of a detector without padding with [`ORDERS`].
pub(crate) fn orders(data: &Recordings, vad: &VadChoice) -> Agreement {
    ORDERS.into_iter().map(|(name, speech)| agreement(&data.folder.join(format!("vad/{name}.wav")), speech, vad)).sum()
}

/// Files of vad/ and their intervals of speech in seconds. In the names, s is speech and n is noise, in order.
pub(crate) const ORDERS: [(&str, &[(f64, f64)]); 7] = [
    ("s", &[(0.0, 2.27)]),
    ("n", &[]),
    ("ns", &[(1.55, 3.93)]),
    ("sn", &[(0.0, 2.9)]),
    ("nsn", &[(1.55, 4.3)]),
    ("sns", &[(0.0, 0.95), (1.5, 2.27)]),
    ("zero", &[]),
];

/// The union of an RTTM file's turns for one recording, as (start, end) in seconds.
pub(crate) fn rttm(path: &Path, recording: &str) -> Vec<(f64, f64)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[1] == recording)
        .map(|fields| (fields[3].parse::<f64>().unwrap(), fields[4].parse::<f64>().unwrap()))
        .map(|(start, duration)| (start, start + duration))
        .collect()
}

/// Recordings with their turns: (file, RTTM file).
pub(crate) const TURNS: [(&str, &str); 5] = [
    ("dev00", "debug.development.rttm"),
    ("trn01", "debug.train.rttm"),
    ("trn02", "debug.train.rttm"),
    ("trn03", "debug.train.rttm"),
    ("sample", "sample.rttm"),
];

/// Agreement of a segmentation with the turns, in frames of 10 ms.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Agreement {
    pub(crate) hit: usize,
    pub(crate) false_alarm: usize,
    pub(crate) miss: usize,
    pub(crate) quiet: usize,
}

impl Agreement {
    pub(crate) fn of(found: &SpeechSegments, turns: &[(f64, f64)], duration_s: f64) -> Self {
        let mut agreement = Self::default();
        for frame in 0..(duration_s * 100.0) as usize {
            let at = (frame as f64 + 0.5) / 100.0;
            let speech = turns.iter().any(|(start, end)| (*start..*end).contains(&at));
            let detected = found.spans.iter().any(|span| (span.start_s..span.end_s).contains(&at));
            match (speech, detected) {
                (true, true) => agreement.hit += 1,
                (false, true) => agreement.false_alarm += 1,
                (true, false) => agreement.miss += 1,
                (false, false) => agreement.quiet += 1,
            }
        }
        agreement
    }

    pub(crate) fn precision(self) -> f64 {
        self.hit as f64 / (self.hit + self.false_alarm).max(1) as f64
    }

    pub(crate) fn recall(self) -> f64 {
        self.hit as f64 / (self.hit + self.miss).max(1) as f64
    }

    /// NIST's detection cost: 0.75 of the missed speech plus 0.25 of the non-speech that was detected as speech.
    pub(crate) fn cost(self) -> f64 {
        let share = |part: usize, rest: usize| part as f64 / (part + rest).max(1) as f64;
        0.75 * share(self.miss, self.hit) + 0.25 * share(self.false_alarm, self.quiet)
    }

    pub(crate) fn f1(self) -> f64 {
        2.0 * self.hit as f64 / (2 * self.hit + self.false_alarm + self.miss).max(1) as f64
    }
}

impl std::iter::Sum for Agreement {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            hit: sum.hit + part.hit,
            false_alarm: sum.false_alarm + part.false_alarm,
            miss: sum.miss + part.miss,
            quiet: sum.quiet + part.quiet,
        })
    }
}
