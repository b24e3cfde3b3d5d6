//! The stage: its input, the order of its work, and its fingerprint.

use std::collections::BTreeMap;

use serde_json::json;
use stage_core::forensics::ForensicRecord;
use stage_core::{
    AlignedWords, Artifact, ErrorCode, Identity, Inputs, IntoArtifacts, Made, OutputSpec, Overview, Pcm, Phases,
    PipelineError, Recording, Speakers, SpeechSegments, Stage, StageSpec, Transcript,
};

use crate::config::{ForensicsConfig, LexiconSource};
use crate::error::{ForensicsError, NAME};
use crate::evidence::{discount_low_confidence, find_evidence};
use crate::input::ForensicInput;
use crate::lexicon::Lexicons;
use crate::limits::limits;
use crate::measure::{MeasuredChannels, Measures, Stopwatch, measure_channels};
use crate::overview::overview;
use crate::score::score;
use crate::turn_taking::turn_taking;

/// The outputs of the stage for one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// Measurements, evidence and scores.
    pub record: ForensicRecord,
    /// Waveform, spectrogram and contours, for drawings.
    pub overview: Overview,
}

impl IntoArtifacts for Examined {
    fn into_artifacts(self) -> Result<Made, PipelineError> {
        self.record.into_artifacts()?.artifact(self.overview)
    }
}

/// The forensics stage: turns words and samples into a [`ForensicRecord`] and an [`Overview`].
#[derive(Debug)]
pub struct Forensics {
    config: ForensicsConfig,
    lexicons: Lexicons,
    measures: Measures,
}

impl Forensics {
    /// Checks the settings, loads the built-in lexicons and `lexicons` in addition, and verifies the examples of every
    /// rule.
    ///
    /// # Errors
    /// A [`ForensicsError`] that names the setting, or the lexicon, rule and example, to correct.
    pub fn new(config: ForensicsConfig, lexicons: &[LexiconSource]) -> Result<Self, ForensicsError> {
        config.validate()?;
        let (lexicons, measures) = (Lexicons::load(&config, lexicons)?, Measures::new(&config.measures)?);
        Ok(Self { config, lexicons, measures })
    }

    /// Measures a recording and returns the time of each measure over all channels, in seconds of `clock`. For
    /// benchmarks.
    ///
    /// # Errors
    /// Those of the stage.
    pub fn measure_times(
        &self,
        input: ForensicInput<'_>,
        clock: &dyn Fn() -> f64,
    ) -> Result<BTreeMap<&'static str, f64>, PipelineError> {
        check_channels(&input)?;
        let mut stopwatch = Stopwatch::new(clock);
        measure_channels(&self.measures, &input, &mut stopwatch)?;
        Ok(stopwatch.seconds())
    }
}

impl Stage for Forensics {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 9,
        inputs: &[
            Recording::NAME,
            Pcm::NAME,
            SpeechSegments::NAME,
            Speakers::NAME,
            Transcript::NAME,
            AlignedWords::NAME,
        ],
        outputs: &[OutputSpec { name: "overview", stored: true }],
        phases: Phases::Cpu,
        weight: 0.1,
    };
    type Input<'a> = ForensicInput<'a>;
    type Output = Examined;

    fn identity(&self) -> Identity {
        let mut settings = json!(self.config);
        settings["measures"] = self.measures.settings();
        settings["lexicons_sha256"] = self.lexicons.sha256().into();
        Identity::without_model(settings)
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<ForensicInput<'a>, PipelineError> {
        Ok(ForensicInput {
            recording: inputs.get()?,
            pcm: inputs.transient()?,
            segments: inputs.get()?,
            speakers: inputs.get()?,
            transcript: inputs.get()?,
            words: inputs.get()?,
        })
    }

    /// # Errors
    /// `samples-unreadable` (transient) if the samples' spill file cannot be read; `file-changed` (bad input) and the other
    /// errors of decode if the file is read again at its own rate; `no-such-channel` (bug) if an artifact names a
    /// channel that the samples do not have.
    fn run(&self, input: Self::Input<'_>) -> Result<Self::Output, PipelineError> {
        check_channels(&input)?;
        let MeasuredChannels { records: channels, f0, authenticity } =
            measure_channels(&self.measures, &input, &mut Stopwatch::default())?;
        let mut evidence = find_evidence(&self.lexicons, &input.words.words, self.config.phrase_gap_max_s);
        discount_low_confidence(&mut evidence, input.words, input.transcript);
        let scores = score(&self.config, &self.lexicons, &input, &evidence);
        let limits = limits(input.recording, &channels, self.config.deception);
        let turn_taking = turn_taking(input.speakers);
        let record = ForensicRecord { channels, evidence, scores, turn_taking, authenticity, limits };
        let overview = overview(input.pcm, &f0).map_err(|error| PipelineError::samples_unreadable(NAME, &error))?;
        Ok(Examined { record, overview })
    }
}

fn check_channels(input: &ForensicInput<'_>) -> Result<(), PipelineError> {
    let spans = input.segments.spans.iter().map(|span| ("speech span", span.channel));
    let segments = input.transcript.segments.iter().map(|segment| ("segment", segment.channel));
    let words = input.words.words.iter().map(|word| ("word", word.channel));
    match spans.chain(segments).chain(words).find(|(_, channel)| usize::from(*channel) >= input.pcm.channels()) {
        None => Ok(()),
        Some((what, channel)) => {
            let message =
                format!("a {what} is in channel {channel}, but the recording has {} channels", input.pcm.channels());
            Err(PipelineError::bug(NAME, ErrorCode::NoSuchChannel, message))
        }
    }
}
