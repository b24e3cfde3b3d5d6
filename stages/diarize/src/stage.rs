//! The stage: turns samples and spans of speech into the artifact.

use std::collections::BTreeMap;

use models::speaker_change::SpeakerChange;
use models::speaker_encoder::SpeakerEncoder;
use serde_json::json;
use stage_core::{
    Artifact, Identity, Inputs, Overlap, Pcm, Phases, PipelineError, Speaker, Speakers, SpeechSegments, Stage,
    StageSpec, Turn, sum,
};

use crate::blocks;
use crate::changes::{Changes, VoiceOverlap};
use crate::config::{DiarizeConfig, SpeakerCount};
use crate::error::{DiarizeError, NAME};
use crate::region::{FRAMES_PER_S, Region, regions};
use crate::turns::{VoiceTurn, turns};
use crate::windows::windows;

/// Finds the speakers of each channel. One instance can process any number of recordings.
#[derive(Debug)]
pub struct Diarizer {
    config: DiarizeConfig,
    encoder: SpeakerEncoder,
    detector: SpeakerChange,
}

/// What is found in one channel.
#[derive(Debug, Default)]
struct Voices {
    channel: u16,
    turns: Vec<VoiceTurn>,
    overlaps: Vec<VoiceOverlap>,
}

impl Diarizer {
    /// Loads the networks inside the program.
    ///
    /// # Errors
    /// [`ModelMalformed`](stage_core::ErrorCode::ModelMalformed) if the program was built with other weights.
    pub fn new(config: DiarizeConfig) -> Result<Self, PipelineError> {
        let encoder = SpeakerEncoder::embedded().map_err(DiarizeError::from)?;
        let detector = SpeakerChange::embedded().map_err(DiarizeError::from)?;
        Ok(Self { config, encoder, detector })
    }

    /// The turns of one channel, and the overlap if it has several speakers.
    fn diarize(
        &self,
        pcm: &Pcm,
        channel: u16,
        segments: &SpeechSegments,
        speakers: Option<usize>,
    ) -> Result<Voices, DiarizeError> {
        let (mut speech, mut found) = (Vec::new(), Vec::new());
        for interval in regions(&segments.spans, channel) {
            let region = Region::read(pcm, channel, interval, &segments.spans)?;
            speech.extend(region.speech(segments, channel));
            found.extend(windows(&self.encoder, &region));
        }
        let who = blocks::speakers(&found, self.encoder.between(), speakers);
        if who.first().is_none_or(|row| row.len() < 2) {
            return Ok(Voices {
                channel,
                turns: turns(&speech, &found, &who, &Changes::default()),
                ..Voices::default()
            });
        }
        let changes = Changes::find(&self.detector, pcm, channel, &speech)?;
        Ok(Voices { channel, turns: turns(&speech, &found, &who, &changes), overlaps: changes.overlaps(&speech) })
    }
}

impl Stage for Diarizer {
    const SPEC: StageSpec = StageSpec {
        name: NAME,
        version: 2,
        inputs: &[Pcm::NAME, SpeechSegments::NAME],
        outputs: &[],
        phases: Phases::Cpu,
        weight: 0.05,
    };
    type Input<'a> = (&'a Pcm, &'a SpeechSegments);
    type Output = Speakers;

    fn identity(&self) -> Identity {
        let sha256 = self.encoder.sha256().to_owned();
        Identity {
            settings: json!(self.config),
            model_files: BTreeMap::from([
                (self.encoder.file().to_owned(), sha256.clone()),
                (self.detector.file().to_owned(), self.detector.sha256().to_owned()),
            ]),
            model_sha256: Some(sha256),
            numeric: Some("f32".to_owned()),
        }
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<Self::Input<'a>, PipelineError> {
        Ok((inputs.transient()?, inputs.get()?))
    }

    /// Finds the speakers of every channel and their turns. Embeddings of voices are not kept.
    ///
    /// # Errors
    /// `samples-unreadable` (Transient) if spilled samples cannot be read back.
    fn run(&self, (pcm, segments): Self::Input<'_>) -> Result<Speakers, PipelineError> {
        let speakers = match self.config.speakers {
            SpeakerCount::Off => {
                return Ok(Speakers { skipped: Some("--speakers off".to_owned()), ..Speakers::default() });
            }
            SpeakerCount::Auto => None,
            SpeakerCount::Exactly(count) => Some(usize::from(count)),
        };
        let channels = 0..pcm.channels() as u16;
        let found = channels.map(|channel| self.diarize(pcm, channel, segments, speakers));
        Ok(labeled(&found.collect::<Result<Vec<_>, DiarizeError>>()?))
    }
}

/// Labels the speakers of all channels in the order in which they begin to speak.
fn labeled(channels: &[Voices]) -> Speakers {
    let turns = || channels.iter().flat_map(|voices| voices.turns.iter().map(|turn| (voices.channel, turn)));
    let mut starts: Vec<(f64, u16, usize)> = Vec::new();
    for (channel, turn) in turns() {
        let Some(speaker) = turn.speaker else { continue };
        if !starts.iter().any(|(_, own, known)| (*own, *known) == (channel, speaker)) {
            starts.push((turn.start_s, channel, speaker));
        }
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let label = |channel: u16, speaker: Option<usize>| {
        let position = starts.iter().position(|(_, own, known)| (*own, Some(*known)) == (channel, speaker));
        position.map_or_else(|| Turn::UNKNOWN.to_owned(), |at| format!("S{}", at + 1))
    };
    let turns: Vec<Turn> = turns()
        .map(|(channel, turn)| Turn {
            channel,
            speaker: label(channel, turn.speaker),
            start_s: turn.start_s,
            end_s: turn.end_s,
            confidence: turn.confidence,
        })
        .collect();
    let speaker = |(_, channel, speaker): &(f64, u16, usize)| {
        let id = label(*channel, Some(*speaker));
        let speech_s = sum(turns.iter().filter(|turn| turn.speaker == id).map(|turn| turn.end_s - turn.start_s));
        Speaker { id, channel: *channel, speech_s }
    };
    let overlap = |channel: u16, found: &VoiceOverlap| Overlap {
        channel,
        start_s: found.frames.start as f64 / FRAMES_PER_S,
        end_s: found.frames.end as f64 / FRAMES_PER_S,
        confidence: found.probability,
    };
    let overlaps =
        channels.iter().flat_map(|voices| voices.overlaps.iter().map(|found| overlap(voices.channel, found)));
    Speakers { skipped: None, speakers: starts.iter().map(speaker).collect(), overlaps: overlaps.collect(), turns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_are_labeled_in_the_order_in_which_they_begin() {
        let turn = |speaker, start_s, end_s| VoiceTurn { speaker, start_s, end_s, confidence: 0.9 };
        let overlaps = vec![VoiceOverlap { frames: 290..310, probability: 0.75 }];
        let channels = [
            Voices { channel: 0, turns: vec![turn(Some(1), 2.0, 3.0), turn(Some(0), 3.0, 5.0)], overlaps },
            Voices { channel: 1, turns: vec![turn(Some(0), 0.5, 1.0), turn(None, 6.0, 6.2)], ..Voices::default() },
        ];
        let found = labeled(&channels);
        let speakers: Vec<_> = found.speakers.iter().map(|s| (s.id.as_str(), s.channel, s.speech_s)).collect();
        assert_eq!(speakers, [("S1", 1, 0.5), ("S2", 0, 1.0), ("S3", 0, 2.0)]);
        assert_eq!(found.overlaps, [Overlap { channel: 0, start_s: 2.9, end_s: 3.1, confidence: 0.75 }]);
        let turns: Vec<_> = found.turns.iter().map(|turn| (turn.channel, turn.speaker.as_str())).collect();
        assert_eq!(turns, [(0, "S2"), (0, "S3"), (1, "S1"), (1, "unknown")]);
    }
}
