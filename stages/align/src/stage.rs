//! The stage: turns a transcript into the artifact.

use std::io;

use models::wav2vec2::Wav2Vec2Files;
use models::{ModelError, SpeechModel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stage_core::{
    AlignedWords, Artifact, ErrorClass, ErrorCode, Identity, Inputs, Pcm, Phases, PhoneEmissions, PipelineError,
    SAMPLE_RATE_HZ, Segment, Speakers, SpeechSegments, SpeechSpan, Stage, StageSpec, Timing, TimingMethod, TokenTiming,
    Transcript, Word,
};

use crate::error::{NAME, StageFault};
use crate::model::{CtcModel, Timed, TimedWord};
use crate::monotonic::enforce_monotonic;
use crate::phones::PhoneAligner;
use crate::refine::{Reach, refine};
use crate::sound::{Interval, Sound};
use crate::speakers::SpeakerTurns;
use crate::speech::{Marked, onto_sound};
use crate::utterance::{Utterance, samples, seconds};
use crate::words::{UntimedWord, words};

/// Settings of an [`Aligner`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlignConfig {
    /// Search range for onsets and offsets around the recognizer's times, in seconds, after words are restricted to
    /// sound; 0 keeps the recognizer's times, including silences.
    pub search_s: f64,
    /// Search range for onsets and offsets next to a pause around the times of phones, in seconds; 0 keeps them.
    pub phone_search_s: f64,
    /// Search range for the onset or offset next to a pause around a CTC model's times, in seconds; 0 keeps the model's
    /// times. Where words touch, the model's time is always kept, because the dip between them is as often inside a
    /// word.
    pub ctc_search_s: f64,
    /// Audio on each side of a segment that a CTC model also receives, in seconds, up to the neighboring segments.
    pub margin_s: f64,
    /// The words of a segment keep the recognizer's times if their geometric mean probability is below this, 0 to 1.
    pub min_score: f64,
}

impl Default for AlignConfig {
    /// `search_s` is 80 ms: four positions of the attention, whose silences transcribe has removed. `ctc_search_s` is
    /// 150 ms, because a CTC model's spikes are well inside their words.
    fn default() -> Self {
        Self { search_s: 0.08, phone_search_s: 0.08, ctc_search_s: 0.15, margin_s: 0.2, min_score: 0.01 }
    }
}

impl AlignConfig {
    /// Checks that every setting is in its range: seconds from 0 to 10, a probability from 0 to 1.
    ///
    /// # Errors
    /// Code `bad-setting`, with the name and the value of the setting.
    pub fn validate(&self) -> Result<(), PipelineError> {
        let Self { search_s, phone_search_s, ctc_search_s, margin_s, min_score } = *self;
        for (name, value, high) in [
            ("search_s", search_s, MOST_S),
            ("phone_search_s", phone_search_s, MOST_S),
            ("ctc_search_s", ctc_search_s, MOST_S),
            ("margin_s", margin_s, MOST_S),
            ("min_score", min_score, 1.0),
        ] {
            if !(0.0..=high).contains(&value) {
                let message = format!("{name} is {value:?}: 0 to {high} is expected");
                return Err(PipelineError::new(NAME, ErrorClass::BadInput, ErrorCode::BadSetting, message));
            }
        }
        Ok(())
    }
}

/// A word whose times have a larger expected error is marked as uncertain, in seconds.
const UNCERTAIN_S: f32 = 0.2;

/// Range around a boundary of phones for the largest spectral change, in samples: a frame.
const PHONE_FRAME: i64 = 320;
/// The largest search range and margin, in seconds.
const MOST_S: f64 = 10.0;

/// Builds the words of a transcript and times them. One instance can process any number of recordings.
///
/// With a CTC model:
///
/// ```
/// use align::{AlignConfig, Aligner, ModelSource, Wav2Vec2Files};
/// use stage_core::Stage;
///
/// let files = Wav2Vec2Files::resolve(&ModelSource::Directory("../../fixtures/models/test-ctc".into()))?;
/// let aligner = Aligner::with_model(AlignConfig::default(), files)?;
/// assert!(aligner.identity().model_sha256.is_some(), "the model is part of the fingerprint");
/// # Ok::<(), align::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Aligner {
    config: AlignConfig,
    source: Source,
}

/// The source of word times.
#[derive(Debug)]
enum Source {
    /// The recognizer's own times.
    Recognizer,
    /// The sounds that transcription recognized.
    Phones,
    /// A CTC model, and the SHA-256 of its files.
    Ctc(Box<CtcModel>, String),
}

impl Aligner {
    /// Creates an aligner with these settings that keeps the recognizer's times.
    #[must_use]
    pub const fn new(config: AlignConfig) -> Self {
        Self { config, source: Source::Recognizer }
    }

    /// Creates an aligner with these settings that uses the sounds of [`PhoneEmissions`], and keeps the recognizer's
    /// times where there are none.
    #[must_use]
    pub const fn with_phones(config: AlignConfig) -> Self {
        Self { config, source: Source::Phones }
    }

    /// Creates an aligner with a CTC model. Hashes the weights now and loads them on first use.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, if the weights cannot be read.
    pub fn with_model(config: AlignConfig, files: Wav2Vec2Files) -> Result<Self, ModelError> {
        let sha256 = files.sha256()?.to_owned();
        Ok(Self { config, source: Source::Ctc(Box::new(CtcModel::new(files)), sha256) })
    }

    /// Files of the CTC model, if there is one.
    #[must_use]
    pub fn files(&self) -> Option<&Wav2Vec2Files> {
        match &self.source {
            Source::Ctc(model, _) => Some(&model.files),
            Source::Recognizer | Source::Phones => None,
        }
    }

    /// Times the words of one utterance inside `room`, with the model's times if it aligned them.
    fn time_utterance(
        &self,
        utterance: Utterance<'_>,
        sound: Option<&Sound>,
        timed: Option<Timed>,
        room: Interval,
    ) -> Vec<Word> {
        let Utterance { index, segment, words } = utterance;
        let within = |start: i64, end: i64| {
            let start = start.clamp(room.start, room.end);
            Interval { start, end: end.clamp(start, room.end) }
        };
        let by_model =
            |words: &Vec<TimedWord>| words.iter().map(|word| within(word.time.start, word.time.end)).collect();
        let by_recognizer = |word: &UntimedWord| {
            let time = within(samples(word.start_s), samples(word.end_s));
            Marked { time, marks_end: samples(word.marks_end_s).clamp(time.end, room.end) }
        };
        let recognized = || words.iter().map(by_recognizer).collect::<Vec<_>>();
        let timed_by_model = timed.as_ref().and_then(|timed| timed.as_ref().ok());
        let reach = self.reach(timed_by_model.is_some());
        let mut times: Vec<Interval> = match sound.filter(|_| reach.pause > 0) {
            Some(sound) => {
                let times = timed_by_model.map_or_else(|| onto_sound(&recognized(), sound), by_model);
                refine(&times, sound, room, reach)
            }
            None => timed_by_model.map_or_else(|| recognized().iter().map(|word| word.time).collect(), by_model),
        };
        enforce_monotonic(&mut times, room);
        let words = words.into_iter().zip(times).enumerate().map(|(at, (word, time))| Word {
            channel: segment.channel,
            speaker: None,
            speaker_confidence: None,
            confidence: word.confidence(),
            text: word.text,
            start_s: seconds(time.start),
            end_s: seconds(time.end),
            segment: index as u32,
            timing: self.timing(segment, timed.as_ref(), at, reach.pause > 0),
        });
        words.collect()
    }

    /// The sound of an interval, if the settings need it.
    fn sound(&self, pcm: &Pcm, channel: u16, room: Interval, spans: &[SpeechSpan]) -> Option<io::Result<Sound>> {
        match &self.source {
            Source::Phones => Some(Sound::with_change(pcm, channel, room, spans)),
            _ if self.reach(true).pause > 0 || self.reach(false).pause > 0 => {
                Some(Sound::measure(pcm, channel, room, spans))
            }
            _ => None,
        }
    }

    /// The search ranges around the times of the model, or of the recognizer.
    fn reach(&self, by_model: bool) -> Reach {
        let AlignConfig { search_s, phone_search_s, ctc_search_s, .. } = self.config;
        match (&self.source, by_model) {
            (Source::Phones, true) => Reach { pause: samples(phone_search_s), minimum: 0, change: PHONE_FRAME },
            (Source::Ctc(..), true) => Reach { pause: samples(ctc_search_s), minimum: 0, change: 0 },
            _ => Reach { pause: samples(search_s), minimum: samples(search_s), change: 0 },
        }
    }

    /// Timing of the word with index `at` in its segment.
    fn timing(&self, segment: &Segment, timed: Option<&Timed>, at: usize, energy: bool) -> Timing {
        let method = recognized(Some(segment), energy);
        match timed {
            None => Timing { method, ..Timing::default() },
            Some(Err(reason)) => {
                Timing { method, uncertain: true, fallback: Some(reason.to_string()), ..Timing::default() }
            }
            Some(Ok(words)) => {
                let TimedWord { score, wildcard, expected_error_s, .. } = words[at];
                Timing {
                    method: self.method(wildcard, energy),
                    score: Some(score),
                    expected_error_s,
                    uncertain: match (expected_error_s, &self.source) {
                        (Some(error_s), _) => error_s > UNCERTAIN_S,
                        (None, source) => matches!(source, Source::Phones),
                    },
                    fallback: None,
                }
            }
        }
    }

    /// The method of a word that the model timed.
    const fn method(&self, wildcard: bool, energy: bool) -> TimingMethod {
        match (&self.source, wildcard, energy) {
            (Source::Phones, false, false) => TimingMethod::Phones,
            (Source::Phones, false, true) => TimingMethod::PhonesEnergy,
            (Source::Phones, true, false) => TimingMethod::PhonesWildcard,
            (Source::Phones, true, true) => TimingMethod::PhonesWildcardEnergy,
            (_, false, false) => TimingMethod::Ctc,
            (_, false, true) => TimingMethod::CtcEnergy,
            (_, true, false) => TimingMethod::CtcWildcard,
            (_, true, true) => TimingMethod::CtcWildcardEnergy,
        }
    }
}

impl Stage for Aligner {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 7,
        inputs: &[Pcm::NAME, SpeechSegments::NAME, Speakers::NAME, Transcript::NAME, PhoneEmissions::NAME],
        outputs: &[],
        phases: Phases::Cpu,
        weight: 0.05,
    };
    type Input<'a> = (&'a Pcm, &'a SpeechSegments, &'a Speakers, &'a Transcript, &'a PhoneEmissions);
    type Output = AlignedWords;

    fn identity(&self) -> Identity {
        let AlignConfig { search_s, phone_search_s, ctc_search_s, margin_s, min_score } = self.config;
        match &self.source {
            Source::Recognizer => Identity::without_model(json!({ "search_s": search_s })),
            Source::Phones => {
                let settings = json!({ "model": "phones", "search_s": search_s, "phone_search_s": phone_search_s });
                Identity::without_model(settings)
            }
            Source::Ctc(model, sha256) => Identity {
                settings: json!({
                    "model": model.files.name(),
                    "search_s": search_s,
                    "ctc_search_s": ctc_search_s,
                    "margin_s": margin_s,
                    "min_score": min_score,
                }),
                model_sha256: Some(sha256.clone()),
                numeric: Some("f32".to_owned()),
                // They were hashed when the stage was created.
                model_files: model.files.files().file_hashes().unwrap_or_default(),
            },
        }
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, PipelineError> {
        Ok((inputs.transient()?, inputs.get()?, inputs.get()?, inputs.get()?, inputs.get()?))
    }

    /// Returns the words of every segment. Joined, the words of a segment are its text without white space. Words of a
    /// channel never overlap. Each word is inside its segment and the recording and lasts at least 20 ms, or an equal
    /// share of the segment if the segment is too short (zero if no sample of it is inside the recording).
    ///
    /// # Errors
    /// `no-such-channel` (Bug) if the transcript belongs to another recording, `samples-unreadable` (Transient) if
    /// spilled samples cannot be read back, `model-malformed` (BadInput) if the weights do not match the model.
    fn run(
        &self,
        (pcm, speech, speakers, transcript, emissions): Self::Input<'_>,
    ) -> Result<AlignedWords, PipelineError> {
        let channels = pcm.channels();
        if let Some(segment) = transcript.segments.iter().find(|segment| usize::from(segment.channel) >= channels) {
            return Err(StageFault::NoSuchChannel { channel: segment.channel, channels }.into());
        }
        let utterances = utterances(transcript);
        let mut by_ctc = match &self.source {
            Source::Ctc(model, _) => {
                let limits = (samples(self.config.margin_s), self.config.min_score);
                model.align(pcm, &speech.spans, &utterances, limits)?
            }
            Source::Recognizer | Source::Phones => Vec::new(),
        }
        .into_iter();
        let phones = matches!(self.source, Source::Phones).then(|| PhoneAligner::new(emissions));
        let mut aligned: Vec<Word> = Vec::new();
        for utterance in utterances {
            let by_ctc = by_ctc.next();
            if utterance.words.is_empty() {
                continue;
            }
            let channel = utterance.segment.channel;
            let free = aligned.last().filter(|word| word.channel == channel).map_or(0, |word| samples(word.end_s));
            let room = room(utterance.segment, free, pcm.frames() as i64);
            let sound = self.sound(pcm, channel, room, &speech.spans).transpose().map_err(StageFault::from)?;
            let by_phones = phones.as_ref().zip(sound.as_ref()).map(|(phones, sound)| phones.align(&utterance, sound));
            aligned.extend(self.time_utterance(utterance, sound.as_ref(), by_phones.or(by_ctc), room));
        }
        let turns = SpeakerTurns::new(speakers);
        aligned.iter_mut().for_each(|word| turns.assign(word));
        let energy = self.reach(true).pause > 0;
        let method = match &self.source {
            Source::Recognizer => recognized(transcript.segments.first(), energy),
            Source::Phones if emissions.symbols.is_none() => recognized(transcript.segments.first(), energy),
            Source::Phones | Source::Ctc(..) => self.method(false, energy),
        };
        Ok(AlignedWords { method: method.name().to_owned(), words: aligned })
    }
}

/// Segments by channel, then by time, with their words.
fn utterances(transcript: &Transcript) -> Vec<Utterance<'_>> {
    let utterance =
        |(index, segment)| Utterance { index, segment, words: words(&segment.token_groups, &segment.language) };
    let mut utterances: Vec<Utterance<'_>> = transcript.segments.iter().enumerate().map(utterance).collect();
    utterances.sort_by(|a, b| {
        let (a, b) = (a.segment, b.segment);
        a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s))
    });
    utterances
}

/// Timing method of the recognizer's own times.
fn recognized(segment: Option<&Segment>, energy: bool) -> TimingMethod {
    match (segment.and_then(|segment| segment.token_timing).unwrap_or_default(), energy) {
        (TokenTiming::CrossAttention, false) => TimingMethod::CrossAttention,
        (TokenTiming::CrossAttention, true) => TimingMethod::CrossAttentionEnergy,
        (TokenTiming::Emissions, false) => TimingMethod::Emissions,
        (TokenTiming::Emissions, true) => TimingMethod::EmissionsEnergy,
    }
}

/// Samples of a segment that are inside the recording and after the previous words.
fn room(segment: &Segment, free: i64, recording: i64) -> Interval {
    let rate = f64::from(SAMPLE_RATE_HZ);
    let start = ((segment.start_s * rate).ceil() as i64).clamp(free, recording);
    Interval { start, end: ((segment.end_s * rate).floor() as i64).clamp(start, recording) }
}
