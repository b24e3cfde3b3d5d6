//! Input of the stage.

use stage_core::{AlignedWords, Pcm, Recording, Speakers, SpeechSegments, Transcript};

/// The input: the results of all earlier stages for one recording.
#[derive(Debug, Clone, Copy)]
pub struct ForensicInput<'a> {
    /// Decode's artifact.
    pub recording: &'a Recording,
    /// Its samples.
    pub pcm: &'a Pcm,
    /// Intervals of speech.
    pub segments: &'a SpeechSegments,
    /// Who speaks when.
    pub speakers: &'a Speakers,
    /// The text.
    pub transcript: &'a Transcript,
    /// The words with their times.
    pub words: &'a AlignedWords,
}
