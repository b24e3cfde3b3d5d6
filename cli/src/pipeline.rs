//! The typed composition of the five stages: the only place that knows which artifact goes where.

use std::path::PathBuf;
use std::sync::OnceLock;

use decode::DecodeInput;
use forensics::ForensicInput;
use scheduler::worker::{Artifact, ItemJob, Pipeline, Recorded};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stage_core::{
    AlignedWords, DeviceStage, ErrorClass, Flow, Pcm, Recording, SpeechSegments, Stage, StageError, StageKind,
    Transcript, Window,
};
use transcribe::Transcriber;

use crate::stages::Stages;

/// One recording on its way through the stages: what is known of it so far. A clone shares the samples.
#[derive(Clone)]
pub(crate) struct Item {
    path: PathBuf,
    file_sha256: String,
    /// Bodies of the artifacts on record.
    have: Vec<Recorded>,
    pcm: OnceLock<Pcm>,
    recording: OnceLock<Recording>,
    segments: OnceLock<SpeechSegments>,
    transcript: OnceLock<Transcript>,
    words: OnceLock<AlignedWords>,
}

impl Item {
    /// The recording's file.
    pub(crate) fn file(&self) -> DecodeInput<'_> {
        DecodeInput { path: &self.path, sha256: &self.file_sha256 }
    }

    /// What the decoder says of it, where it was decoded in this process.
    pub(crate) fn decoded(&self) -> Option<&Recording> {
        self.recording.get()
    }

    /// An input of `stage`: made before in this worker, or on record.
    fn input<'a, T: DeserializeOwned>(
        &'a self,
        slot: &'a OnceLock<T>,
        made_by: StageKind,
        stage: StageKind,
    ) -> Result<&'a T, StageError> {
        if let Some(made) = slot.get() {
            return Ok(made);
        }
        let on_record = self.on_record(made_by, stage)?;
        let body = on_record.ok_or_else(|| bug(stage, "missing-input", format!("no artifact of {made_by} is here")))?;
        Ok(slot.get_or_init(|| body))
    }

    fn on_record<T: DeserializeOwned>(&self, made_by: StageKind, stage: StageKind) -> Result<Option<T>, StageError> {
        let Some(recorded) = self.have.iter().find(|recorded| recorded.stage == made_by) else { return Ok(None) };
        serde_json::from_str(&recorded.body)
            .map(Some)
            .map_err(|error| bug(stage, "unreadable-artifact", format!("artifact of {made_by} on record: {error}")))
    }

    fn pcm(&self, stage: StageKind) -> Result<&Pcm, StageError> {
        self.pcm.get().ok_or_else(|| bug(stage, "missing-input", "the recording was not decoded"))
    }

    fn recording(&self, stage: StageKind) -> Result<&Recording, StageError> {
        self.input(&self.recording, StageKind::Decode, stage)
    }

    fn segments(&self, stage: StageKind) -> Result<&SpeechSegments, StageError> {
        self.input(&self.segments, StageKind::Segment, stage)
    }

    fn transcript(&self, stage: StageKind) -> Result<&Transcript, StageError> {
        self.input(&self.transcript, StageKind::Transcribe, stage)
    }

    fn words(&self, stage: StageKind) -> Result<&AlignedWords, StageError> {
        self.input(&self.words, StageKind::Align, stage)
    }
}

impl Pipeline for Stages {
    type Item = Item;
    type Unit = <Transcriber as DeviceStage>::Unit;
    type Answer = <Transcriber as DeviceStage>::Answer;

    fn open(&self, job: &ItemJob) -> Result<Item, StageError> {
        Ok(Item {
            path: job.path.clone(),
            file_sha256: job.file_sha256.clone(),
            have: job.have.clone(),
            pcm: OnceLock::new(),
            recording: OnceLock::new(),
            segments: OnceLock::new(),
            transcript: OnceLock::new(),
            words: OnceLock::new(),
        })
    }

    fn run(&self, item: &Item, stage: StageKind) -> Result<Artifact, StageError> {
        match stage {
            StageKind::Decode => self.decode(item),
            StageKind::Segment => keep(&item.segments, self.segmenter.run(item.pcm(stage)?)?, stage),
            StageKind::Align => {
                let input = (item.pcm(stage)?, item.segments(stage)?, item.transcript(stage)?);
                keep(&item.words, self.aligner.run(input)?, stage)
            }
            StageKind::Forensics => {
                let input = ForensicInput {
                    recording: item.recording(stage)?,
                    pcm: item.pcm(stage)?,
                    segments: item.segments(stage)?,
                    transcript: item.transcript(stage)?,
                    words: item.words(stage)?,
                };
                serialised(&self.forensics.run(input)?, stage)
            }
            StageKind::Transcribe => Err(bug(stage, "wrong-phase", "transcribe runs in three phases")),
        }
    }

    fn prepare(
        &self,
        item: &Item,
        stage: StageKind,
        is_answered: &dyn Fn(usize) -> bool,
        emit: &mut dyn FnMut(usize, Self::Unit) -> bool,
    ) -> Result<usize, StageError> {
        self.transcriber.prepare((item.pcm(stage)?, item.segments(stage)?), is_answered, emit)
    }

    fn unit_audio_s(&self, item: &Item, stage: StageKind, index: usize) -> f64 {
        let (Ok(pcm), Ok(segments)) = (item.pcm(stage), item.segments(stage)) else { return 0.0 };
        let length_s = |window: &Window| window.end_s - window.start_s;
        let all_s: f64 = segments.windows.iter().map(length_s).sum();
        let share = segments.windows.get(index).map_or(0.0, |window| length_s(window) / all_s);
        share * pcm.duration_s()
    }

    fn load_device(&self) -> Result<(), StageError> {
        self.transcriber.load()
    }

    fn canary(&self) -> Result<(), StageError> {
        self.transcriber.canary()
    }

    fn infer(&self, _stage: StageKind, flow: &mut dyn Flow<Self::Unit, Self::Answer>) -> Result<(), StageError> {
        self.transcriber.infer(flow)
    }

    fn follow_up(
        &self,
        item: &Item,
        stage: StageKind,
        answers: &[Self::Answer],
        emit: &mut dyn FnMut(usize, Self::Unit) -> bool,
    ) -> Result<usize, StageError> {
        self.transcriber.follow_up((item.pcm(stage)?, item.segments(stage)?), answers, emit)
    }

    fn finish(&self, item: &Item, stage: StageKind, answers: Vec<Self::Answer>) -> Result<Artifact, StageError> {
        let input = (item.pcm(stage)?, item.segments(stage)?);
        keep(&item.transcript, self.transcriber.finish(input, answers)?, stage)
    }
}

impl Stages {
    /// Decodes the bytes of the item's hash, and compares the hash of the samples with the one in the store.
    fn decode(&self, item: &Item) -> Result<Artifact, StageError> {
        let stage = StageKind::Decode;
        let decoded = self.decoder.run(item.file())?;
        if let Some(before) = item.on_record::<Recording>(stage, stage)?
            && before.pcm_sha256 != decoded.recording.pcm_sha256
        {
            let message = "the decoder gives other samples than those on record: run with --force to make all anew";
            return Err(bug(stage, "pcm-changed", message));
        }
        let _ = item.pcm.set(decoded.pcm);
        keep(&item.recording, decoded.recording, stage)
    }
}

/// Serialises an artifact and keeps it for the stages after it.
fn keep<T: Serialize>(slot: &OnceLock<T>, artifact: T, stage: StageKind) -> Result<Artifact, StageError> {
    let body = serialised(&artifact, stage)?;
    slot.set(artifact).map_err(|_| bug(stage, "twice", "the stage ran twice on one item"))?;
    Ok(body)
}

fn serialised<T: Serialize>(artifact: &T, stage: StageKind) -> Result<Artifact, StageError> {
    let body = serde_json::to_string(artifact)
        .map_err(|error| bug(stage, "unwritable-artifact", format!("the artifact cannot be written: {error}")))?;
    Ok(Artifact { body })
}

fn bug(stage: StageKind, code: &str, message: impl Into<String>) -> StageError {
    StageError::new(stage, ErrorClass::Bug, code, message)
}
