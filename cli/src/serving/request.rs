//! A request for a transcription, from the uploaded file to the transcript.
//!
//! ```text
//! file -> decode -> segment -> windows -> lane -> texts -> words -> segments
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use align::Aligner;
use decode::Decoder;
use models::Output;
use segment::Segmenter;
use serve::{Event, Events, Failure, UploadedFile};
use stage_core::{
    AlignedWords, DeviceStage, ErrorClass, Pcm, PhoneEmissions, PipelineError, Speakers, SpeechSegments, Stage,
    Transcript, Window,
};
use transcribe::{Transcribed, Transcriber};

use super::answer;
use super::lane::{Ticket, WindowLane, WindowOutput};

/// Between two events of progress.
const PROGRESS: Duration = Duration::from_secs(1);
/// How long an output is waited for before the request is asked whether it was canceled.
const PATIENCE: Duration = Duration::from_millis(200);

/// The stages and the lane that all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) decoder: Decoder,
    pub(super) segmenter: Segmenter,
    pub(super) aligner: Aligner,
    pub(super) lane: WindowLane,
}

/// Why there is no transcript.
pub(super) enum Stopped {
    /// Nobody waits for it.
    Canceled,
    Failed(PipelineError),
}

impl From<PipelineError> for Stopped {
    fn from(error: PipelineError) -> Self {
        Self::Failed(error)
    }
}

/// A request in progress.
pub(super) struct Request {
    pub(super) shared: Arc<Shared>,
    /// Prepares its windows and reads the outputs: with the request's own settings.
    pub(super) stage: Transcriber,
    pub(super) ticket: Ticket,
    pub(super) from_lane: Receiver<WindowOutput>,
    pub(super) events: Events,
    /// Whether texts do not depend on later windows, so that they are sent as they come.
    pub(super) streams: bool,
}

impl Request {
    /// A request whose windows `group` decodes; `stage` is that of its own settings.
    pub(super) fn new(shared: Arc<Shared>, stage: Transcriber, group: Arc<Transcriber>, events: Events) -> Self {
        let (sender, from_lane) = channel();
        let ticket = Ticket { group, outputs: sender, canceled: Arc::default() };
        Self { shared, stage, ticket, from_lane, events, streams: false }
    }

    /// Transcribes the file and sends the result.
    pub(super) fn run(self, file: UploadedFile) {
        let event = match self.transcribe(&file) {
            Ok(transcript) => Event::Finished(transcript),
            Err(Stopped::Canceled) => return,
            Err(Stopped::Failed(error)) => Event::Failed(failure(&error)),
        };
        drop(file);
        let _nobody = self.events.send(event);
    }

    fn transcribe(&self, file: &UploadedFile) -> Result<serve::Transcript, Stopped> {
        let decoded = self.shared.decoder.decode_file(file.path())?.decoded;
        self.unless_canceled()?;
        let speech = self.shared.segmenter.run(&decoded.pcm)?;
        let Transcribed { transcript, emissions } = self.texts(&decoded.pcm, &speech)?;
        let words = self.words(&decoded.pcm, &speech, &transcript, &emissions)?;
        let segments = answer::segments(&transcript, &words);
        Ok(answer::transcript(&transcript, segments, decoded.recording.duration_s))
    }

    fn unless_canceled(&self) -> Result<(), Stopped> {
        let is_canceled = self.ticket.canceled.load(Ordering::Relaxed) || self.events.is_closed();
        if is_canceled { Err(Stopped::Canceled) } else { Ok(()) }
    }

    /// Decodes all windows, and those that follow from their outputs.
    fn texts(&self, pcm: &Pcm, speech: &SpeechSegments) -> Result<Transcribed, Stopped> {
        let mut round = Round::new(pcm, speech);
        loop {
            let first = round.outputs.len();
            let done: Vec<Output> = round.outputs.iter().flatten().cloned().collect();
            let mut problem = None;
            // Outputs come while windows are prepared.
            let mut add = |index: usize, unit| {
                round.reach(index);
                problem = self.receive_ready(&mut round).err();
                problem.is_none() && self.shared.lane.add(&self.ticket, index, unit)
            };
            let count = if first == 0 {
                self.stage.prepare((pcm, speech), &|_| false, &mut add)?
            } else {
                self.stage.follow_up((pcm, speech), &done, &mut add)?
            };
            if let Some(problem) = problem {
                return Err(problem);
            }
            if count == 0 {
                return Ok(self.stage.finish((pcm, speech), done)?);
            }
            while round.received < first + count {
                self.unless_canceled()?;
                if let Ok(output) = self.from_lane.recv_timeout(PATIENCE) {
                    self.receive(&mut round, output)?;
                }
            }
        }
    }

    /// Receives the outputs that the lane has sent.
    fn receive_ready(&self, round: &mut Round<'_>) -> Result<(), Stopped> {
        while let Ok(output) = self.from_lane.try_recv() {
            self.receive(round, output)?;
        }
        Ok(())
    }

    fn receive(&self, round: &mut Round<'_>, (index, output): WindowOutput) -> Result<(), Stopped> {
        let output = output?;
        if let Some(place @ None) = round.outputs.get_mut(index) {
            *place = Some(output);
            round.received += 1;
        }
        self.report(round)
    }

    /// Sends texts that are certain, and how far the recording is.
    fn report(&self, round: &mut Round<'_>) -> Result<(), Stopped> {
        while self.streams
            && let Some(Some(output)) = round.outputs.get(round.reported)
            && let Some(window) = round.speech.windows.get(round.reported)
        {
            let one = of_window(round.speech, window);
            let Transcribed { transcript, emissions } = self.stage.finish((round.pcm, &one), vec![output.clone()])?;
            let words = self.words(round.pcm, &one, &transcript, &emissions)?;
            for segment in answer::segments(&transcript, &words) {
                let _nobody = self.events.send(Event::Segment(segment));
            }
            round.reported += 1;
        }
        if round.progress_at.elapsed() >= PROGRESS {
            round.progress_at = Instant::now();
            let is_done = |index: &usize| round.outputs.get(*index).is_some_and(Option::is_some);
            let windows = (0..round.speech.windows.len()).filter(is_done);
            let done_s = windows.map(|index| self.stage.input_audio_s((round.pcm, round.speech), index)).sum();
            let total_s = round.pcm.duration_s();
            let _nobody = self.events.send(Event::Advanced { done_s, total_s });
        }
        Ok(())
    }

    fn words(
        &self,
        pcm: &Pcm,
        speech: &SpeechSegments,
        transcript: &Transcript,
        emissions: &PhoneEmissions,
    ) -> Result<AlignedWords, PipelineError> {
        self.shared.aligner.run((pcm, speech, &Speakers::default(), transcript, emissions))
    }
}

/// What is known of a recording so far.
struct Round<'a> {
    pcm: &'a Pcm,
    speech: &'a SpeechSegments,
    outputs: Vec<Option<Output>>,
    /// Number of outputs that came.
    received: usize,
    /// Number of windows whose texts were sent.
    reported: usize,
    progress_at: Instant,
}

impl<'a> Round<'a> {
    fn new(pcm: &'a Pcm, speech: &'a SpeechSegments) -> Self {
        Self { pcm, speech, outputs: Vec::new(), received: 0, reported: 0, progress_at: Instant::now() }
    }

    /// Expects the output of a window.
    fn reach(&mut self, index: usize) {
        if self.outputs.len() <= index {
            self.outputs.resize_with(index + 1, || None);
        }
    }
}

/// The speech of one window.
fn of_window(speech: &SpeechSegments, window: &Window) -> SpeechSegments {
    SpeechSegments { windows: vec![*window], ..speech.clone() }
}

/// The failure as the client sees it. The message of a defect is for the log alone.
fn failure(error: &PipelineError) -> Failure {
    match error.class {
        ErrorClass::BadInput => Failure::BadInput(error.message.clone()),
        ErrorClass::Transient | ErrorClass::Memory | ErrorClass::Device => {
            tracing::error!(code = %error.code, "a transcription failed");
            Failure::Transient("The server cannot transcribe this at present; send the request again later".to_owned())
        }
        ErrorClass::Bug => Failure::Internal(error.to_string()),
    }
}
