//! Calls made of recordings one after the other.

use std::path::Path;
use std::sync::Arc;

use forensics::ForensicInput;
use stage_core::{
    AlignedWords, NativePacket, NativePackets, NativeSource, Pcm, PcmSource, PcmWriter, PipelineError, Recording,
    SAMPLE_RATE_HZ, Speakers, SpeechSegments, SpeechSpan, Transcript, VadIdentity, Word,
};

/// Samples of a channel that stay in memory, in bytes.
const BUDGET_BYTES: u64 = 8 << 20;
const WORDS: &str = "and so my fellow americans ask not what your country can do for you i will call the police";
/// Samples at 48 kHz for each at 16 kHz.
const FACTOR: u32 = 3;

/// All speech of `shared`, or of `fixtures` if it is missing, one recording after the other: 14 minutes or 3.
pub(crate) fn speech(shared: &Path, fixtures: &Path) -> Vec<f32> {
    let root = if shared.is_dir() { shared } else { fixtures };
    let mut paths: Vec<_> = ["en", "ko", "ko/talk", "diar", "vad"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flat_map(|files| files.flatten().map(|file| file.path()))
        .collect();
    paths.sort();
    let speech: Vec<f32> = paths.iter().flat_map(|path| recorded(path)).collect();
    println!("{} s of recordings in {}", speech.len() / SAMPLE_RATE_HZ as usize, root.display());
    speech
}

/// The samples of a WAV file with one channel at 16 kHz; none of another file.
fn recorded(path: &Path) -> Vec<f32> {
    let wav = hound::WavReader::open(path).ok();
    let wav = wav.filter(|wav| wav.spec().sample_rate == SAMPLE_RATE_HZ && wav.spec().channels == 1);
    let samples = wav.into_iter().flat_map(|wav| wav.into_samples::<i16>().flatten());
    samples.map(|sample| f32::from(sample) / 32_768.0).collect()
}

/// A call with the artifacts of the stages before.
pub(crate) struct Call {
    recording: Recording,
    pcm: Pcm,
    speech: Arc<[f32]>,
    segments: SpeechSegments,
    speakers: Speakers,
    transcript: Transcript,
    words: AlignedWords,
}

impl Call {
    /// `speech` in all channels, again if it is too short, with speech spans of 6 s and a word every 0.4 s.
    pub(crate) fn new(speech: &[f32], seconds: f64, channels: u16) -> Self {
        let frames = (seconds * f64::from(SAMPLE_RATE_HZ)) as u64;
        let pcm = repeated(speech, frames, channels.into());
        let starts = (0..(seconds / 6.0) as u32).map(|i| f64::from(i) * 6.0);
        let span = |channel, start_s| SpeechSpan { channel, start_s, end_s: start_s + 6.0, probability: 0.9 };
        let spans = (0..channels).flat_map(|channel| starts.clone().map(move |start_s| span(channel, start_s)));
        let word = |(i, text): (usize, &str)| Word::of_text(0, (i as f64 * 0.4, i as f64 * 0.4 + 0.3), text);
        let words = WORDS.split(' ').cycle().take((seconds / 0.4) as usize).enumerate().map(word).collect();
        Self {
            recording: recording(&pcm),
            speech: speech.into(),
            segments: SpeechSegments {
                vad: VadIdentity { name: "given".into(), model_sha256: None },
                spans: spans.collect(),
                windows: vec![],
                dropped: vec![],
                duplicates: Vec::new(),
            },
            speakers: Speakers::default(),
            transcript: Transcript { model: "given".into(), segments: vec![], dropped: vec![] },
            words: AlignedWords { method: "given".into(), words },
            pcm,
        }
    }

    /// The same without detected speech, so that there is no voice to measure.
    pub(crate) fn without_speech(mut self) -> Self {
        self.segments.spans.clear();
        self
    }

    /// The same with speech detected in one channel at a time.
    pub(crate) fn in_turns(mut self) -> Self {
        let channels = self.pcm.channels() as u16;
        self.segments.spans.retain(|span| (span.start_s / 6.0) as u16 % channels == span.channel);
        self
    }

    /// The same as a file at 48 kHz: each sample three times.
    pub(crate) fn at_48_khz(mut self) -> Self {
        let (speech, frames, channels) = (self.speech.clone(), self.pcm.frames(), self.pcm.channels());
        self.pcm = self.pcm.with_native(Arc::new(At48Khz { speech, frames, channels }));
        self.recording.sample_rate_hz = FACTOR * SAMPLE_RATE_HZ;
        self
    }

    pub(crate) fn duration_s(&self) -> f64 {
        self.pcm.duration_s()
    }

    /// The samples of the first channel at 16 kHz.
    pub(crate) fn channel(&self) -> Vec<f32> {
        self.pcm.read(0, 0, self.pcm.frames() as usize).expect("the temporary file can be read")
    }

    pub(crate) fn input(&self) -> ForensicInput<'_> {
        ForensicInput {
            recording: &self.recording,
            pcm: &self.pcm,
            segments: &self.segments,
            speakers: &self.speakers,
            transcript: &self.transcript,
            words: &self.words,
        }
    }
}

fn repeated(speech: &[f32], frames: u64, channels: usize) -> Pcm {
    let mut writer = PcmWriter::new(channels, BUDGET_BYTES, &std::env::temp_dir());
    while writer.frames() < frames {
        let len = speech.len().min((frames - writer.frames()) as usize);
        writer.push(&vec![&speech[..len]; channels]).expect("the temporary folder has space");
    }
    writer.finish().expect("the temporary folder has space")
}

fn recording(pcm: &Pcm) -> Recording {
    let frames = pcm.frames();
    Recording {
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
    }
}

/// A call at 48 kHz, in packets of a second.
#[derive(Debug)]
struct At48Khz {
    speech: Arc<[f32]>,
    /// Length at 16 kHz.
    frames: u64,
    channels: usize,
}

impl NativeSource for At48Khz {
    fn sample_rate_hz(&self) -> u32 {
        FACTOR * SAMPLE_RATE_HZ
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn packets(&self) -> Result<NativePackets, PipelineError> {
        let (speech, frames, channels) = (self.speech.clone(), self.frames, self.channels);
        let copies = FACTOR as usize * channels;
        let packet = move |first: u64| {
            let len = (SAMPLE_RATE_HZ as usize).min((frames - first) as usize);
            let samples = speech.iter().cycle().skip(first as usize % speech.len()).take(len);
            let samples = samples.flat_map(|sample| std::iter::repeat_n(*sample, copies)).collect();
            Ok(NativePacket { first_frame: first * u64::from(FACTOR), channels, samples })
        };
        Ok(Box::new((0..self.frames).step_by(SAMPLE_RATE_HZ as usize).map(packet)))
    }
}
