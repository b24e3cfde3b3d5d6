//! One embedding per speaker, for comparisons between recordings.

use std::io;

use models::speaker_encoder::{BANDS, SpeakerEncoder, WINDOW_FRAMES};
use stage_core::{Pcm, PipelineError, Turn};

use crate::error::DiarizeError;
use crate::region::{FRAME, FRAMES_PER_S};
use crate::windows::scaled;

/// Frames between the windows of a voice: half a window.
const HOP: usize = WINDOW_FRAMES / 2;
/// Windows of a speaker that are used, at most: five minutes.
const MOST_WINDOWS: usize = 375;

/// Computes embeddings of speakers. An embedding is biometric data: in many countries, only people who agreed to it or
/// the law may permit to compute and keep it.
#[derive(Debug)]
pub struct VoiceEncoder(SpeakerEncoder);

/// The voice of a speaker in one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// The mean embedding of windows of 1.6 s, at unit length. The cosine of two voices is their product.
    pub embedding: Vec<f32>,
    /// Length of the speech in it, in seconds.
    pub speech_s: f64,
}

impl VoiceEncoder {
    /// Loads the speaker encoder inside the program.
    ///
    /// # Errors
    /// [`ModelMalformed`](stage_core::ErrorCode::ModelMalformed) if the program was built with other weights.
    pub fn new() -> Result<Self, PipelineError> {
        Ok(Self(SpeakerEncoder::embedded().map_err(DiarizeError::from)?))
    }

    /// SHA-256 of the weights, as hex. Embeddings of different weights cannot be compared.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.0.sha256()
    }

    /// The voice in turns of one speaker, if one of them is at least 1.6 s long.
    ///
    /// # Errors
    /// `samples-unreadable` (Transient) if spilled samples cannot be read back.
    pub fn embed<'a>(
        &self,
        pcm: &Pcm,
        turns: impl IntoIterator<Item = &'a Turn>,
    ) -> Result<Option<Voice>, PipelineError> {
        let mut windows: Vec<Vec<[f32; BANDS]>> = Vec::new();
        for turn in turns {
            windows.extend(self.windows(pcm, turn).map_err(DiarizeError::from)?);
            if windows.len() >= MOST_WINDOWS {
                break;
            }
        }
        let inputs: Vec<&[[f32; BANDS]]> = windows.iter().map(Vec::as_slice).collect();
        let mut mean = vec![0.0f32; models::speaker_encoder::EMBEDDING];
        for embedding in self.0.embed(&inputs) {
            mean.iter_mut().zip(embedding).for_each(|(sum, x)| *sum += x);
        }
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        let speech_s = ((windows.len() + 1) * HOP) as f64 / FRAMES_PER_S;
        Ok((length > 0.0).then(|| Voice { embedding: mean.iter().map(|x| x / length).collect(), speech_s }))
    }

    fn windows(&self, pcm: &Pcm, turn: &Turn) -> io::Result<Vec<Vec<[f32; BANDS]>>> {
        let frames = ((turn.end_s - turn.start_s) * FRAMES_PER_S).round() as usize;
        if frames < WINDOW_FRAMES {
            return Ok(Vec::new());
        }
        let start = (turn.start_s * FRAMES_PER_S).round() as u64 * FRAME as u64;
        let frames = frames.min(MOST_WINDOWS * HOP);
        let mels = self.0.mels(&pcm.read(turn.channel.into(), start, frames * FRAME)?);
        Ok(mels.windows(WINDOW_FRAMES).step_by(HOP).map(scaled).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_of_short_turns_is_not_known() {
        let encoder = VoiceEncoder::new().unwrap();
        let samples: Vec<f32> = (0..64_000).map(|n| (n as f32 * 0.05).sin() * (n as f32 * 0.0007).sin()).collect();
        let pcm = Pcm::from_channels(vec![samples]);
        let turn = |start_s, end_s| Turn { channel: 0, speaker: "S1".to_owned(), start_s, end_s, confidence: 1.0 };
        assert_eq!(encoder.embed(&pcm, &[turn(0.0, 1.5), turn(2.0, 3.0)]).unwrap(), None);
        let voice = encoder.embed(&pcm, &[turn(0.0, 4.0)]).unwrap().unwrap();
        assert!((voice.embedding.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(voice.speech_s >= 3.0, "{}", voice.speech_s);
    }
}
