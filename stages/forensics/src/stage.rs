//! The stage itself: what it reads, in which order it works, and what enters its fingerprint.

use std::io;

use serde_json::json;
use stage_core::forensics::{ChannelRecord, ForensicRecord};
use stage_core::{
    AlignedWords, Artifact, ErrorClass, Identity, Inputs, Pcm, Phases, Recording, Span, SpeechSegments, Stage,
    StageError, StageName, StageSpec, Transcript,
};

use crate::evidence::{discount_low_confidence, find_evidence};
use crate::level::measure_level;
use crate::lexicon::Lexicons;
use crate::limits::limits;
use crate::pauses::pauses;
use crate::pitch::measure_pitch;
use crate::score::score;
use crate::spans::spans_of;
use crate::speech::{Spoken, measure_speech};
use crate::{ForensicsConfig, ForensicsError};

/// The stage's name.
pub(crate) const NAME: StageName = ForensicRecord::NAME.stage();

/// What the stage reads: everything that was made of one recording before it.
#[derive(Debug, Clone, Copy)]
pub struct ForensicInput<'a> {
    /// What the recording is.
    pub recording: &'a Recording,
    /// Its samples.
    pub pcm: &'a Pcm,
    /// Where somebody speaks.
    pub segments: &'a SpeechSegments,
    /// What was said.
    pub transcript: &'a Transcript,
    /// The words with their times.
    pub words: &'a AlignedWords,
}

/// Words and samples to a [`ForensicRecord`].
#[derive(Debug)]
pub struct Forensics {
    config: ForensicsConfig,
    lexicons: Lexicons,
}

impl Forensics {
    /// Checks the settings, loads the project's lexicons and the caller's, and verifies every rule's examples.
    ///
    /// # Errors
    /// A [`ForensicsError`] that names the setting, or the lexicon, rule and example, to correct.
    pub fn new(config: ForensicsConfig) -> Result<Self, ForensicsError> {
        config.validate()?;
        let lexicons = Lexicons::load(&config)?;
        Ok(Self { config, lexicons })
    }

    fn channel(&self, input: &ForensicInput<'_>, channel: u16) -> Result<ChannelRecord, StageError> {
        let spans = spans_of(input.segments, channel);
        let (level, extremes) = measure_level(input.recording, input.pcm, channel, &spans).map_err(unread)?;
        let f0 = measure_pitch(&self.config.pitch, input.pcm, channel, &spans, extremes).map_err(unread)?;
        let others = (0..input.pcm.channels() as u16).filter(|other| *other != channel);
        let others: Vec<Vec<Span>> = others.map(|other| spans_of(input.segments, other)).collect();
        let pauses = pauses(input.pcm, channel, &spans, &others).map_err(unread)?;
        let spoken = Spoken {
            duration_s: input.pcm.duration_s(),
            spans: &spans,
            pauses: &pauses,
            words: &input.words.words,
            transcript: input.transcript,
        };
        let speech = measure_speech(spoken, channel);
        Ok(ChannelRecord { channel, level, speech, f0 })
    }
}

impl Stage for Forensics {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 3,
        inputs: &[Recording::NAME, Pcm::NAME, SpeechSegments::NAME, Transcript::NAME, AlignedWords::NAME],
        outputs: &[],
        phases: Phases::Cpu,
        weight: 0.1,
    };
    type Input<'a> = ForensicInput<'a>;
    type Output = ForensicRecord;

    fn identity(&self) -> Identity {
        let ForensicsConfig { lexicons: _, deception, pitch, scores, phrase_gap_max_s } = &self.config;
        Identity::without_model(json!({
            "lexicons_sha256": self.lexicons.sha256(),
            "deception": deception,
            "pitch": pitch,
            "scores": scores,
            "phrase_gap_max_s": phrase_gap_max_s,
        }))
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<ForensicInput<'a>, StageError> {
        Ok(ForensicInput {
            recording: inputs.get()?,
            pcm: inputs.transient()?,
            segments: inputs.get()?,
            transcript: inputs.get()?,
            words: inputs.get()?,
        })
    }

    /// # Errors
    /// `pcm-unreadable` (transient) when the samples' spill file cannot be read; `channel-out-of-range` (bug) when an
    /// artifact names a channel that the samples do not have.
    fn run(&self, input: Self::Input<'_>) -> Result<Self::Output, StageError> {
        check_channels(&input)?;
        let channels = (0..input.pcm.channels() as u16)
            .map(|channel| self.channel(&input, channel))
            .collect::<Result<Vec<_>, _>>()?;
        let mut evidence = find_evidence(&self.lexicons, &input.words.words, self.config.phrase_gap_max_s);
        discount_low_confidence(&mut evidence, input.words, input.transcript);
        let scores = score(&self.config, &self.lexicons, &input, &evidence);
        let limits = limits(input.recording, self.config.deception);
        Ok(ForensicRecord { channels, evidence, scores, limits })
    }
}

fn check_channels(input: &ForensicInput<'_>) -> Result<(), StageError> {
    let spans = input.segments.spans.iter().map(|span| ("speech span", span.channel));
    let segments = input.transcript.segments.iter().map(|segment| ("segment", segment.channel));
    let words = input.words.words.iter().map(|word| ("word", word.channel));
    match spans.chain(segments).chain(words).find(|(_, channel)| usize::from(*channel) >= input.pcm.channels()) {
        None => Ok(()),
        Some((what, channel)) => {
            let message = format!("a {what} is in channel {channel} of {}", input.pcm.channels());
            Err(StageError::new(NAME, ErrorClass::Bug, "channel-out-of-range", message))
        }
    }
}

fn unread(error: io::Error) -> StageError {
    let message = format!("the decoded samples could not be read back: {error}");
    StageError::new(NAME, ErrorClass::Transient, "pcm-unreadable", message)
}
