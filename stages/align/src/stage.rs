//! The stage: transcript in, the artifact out.

use serde_json::json;
use stage_core::{
    AlignedWords, Identity, Pcm, SAMPLE_RATE_HZ, Segment, SpeechSegments, SpeechSpan, Stage, StageError, StageKind,
    Transcript, Word,
};

use crate::error::AlignError;
use crate::refine::refine;
use crate::settle::settle;
use crate::sound::{Interval, Sound};
use crate::words::words;

/// The settings of an [`Aligner`].
#[derive(Debug, Clone, PartialEq)]
pub struct AlignConfig {
    /// How far from the attention's time an onset or offset is looked for, in seconds; 0 keeps the attention's times.
    pub search_s: f64,
}

impl Default for AlignConfig {
    /// 150 ms: cross-attention is good to about 100.
    fn default() -> Self {
        Self { search_s: 0.15 }
    }
}

/// Makes words of a transcript and times them. One instance serves any number of recordings.
#[derive(Debug)]
pub struct Aligner {
    config: AlignConfig,
}

impl Aligner {
    /// An aligner with these settings.
    #[must_use]
    pub const fn new(config: AlignConfig) -> Self {
        Self { config }
    }

    fn align_segment(
        &self,
        pcm: &Pcm,
        spans: &[SpeechSpan],
        (index, segment): (usize, &Segment),
        room: Interval,
        aligned: &mut Vec<Word>,
    ) -> Result<(), AlignError> {
        let drafts = words(&segment.pieces, &segment.language);
        if drafts.is_empty() {
            return Ok(());
        }
        let mut times: Vec<Interval> = drafts
            .iter()
            .map(|draft| {
                let start = samples(draft.start_s).clamp(room.start, room.end);
                Interval { start, end: samples(draft.end_s).clamp(start, room.end) }
            })
            .collect();
        let reach = samples(self.config.search_s);
        if reach > 0 {
            times = refine(&times, &Sound::hear(pcm, segment.channel, room, spans)?, room, reach);
        }
        settle(&mut times, room);
        aligned.extend(drafts.into_iter().zip(times).map(|(draft, time)| Word {
            channel: segment.channel,
            speaker: None,
            confidence: draft.confidence(),
            text: draft.text,
            start_s: seconds(time.start),
            end_s: seconds(time.end),
            segment: index as u32,
        }));
        Ok(())
    }
}

impl Stage for Aligner {
    const KIND: StageKind = StageKind::Align;
    const VERSION: u32 = 1;
    type Input<'a> = (&'a Pcm, &'a SpeechSegments, &'a Transcript);
    type Output = AlignedWords;

    fn identity(&self) -> Identity {
        Identity::without_model(json!({ "search_s": self.config.search_s }))
    }

    /// The words of every segment. Joined, a segment's words are its text without white space. In a channel words
    /// never overlap; each lies inside its segment and the recording and lasts at least 20 ms, or an equal share of
    /// the segment where that has not the room (in a segment without a sample inside the recording: nothing).
    ///
    /// # Errors
    /// `no-such-channel` (Bug) where the transcript is not this recording's, `samples-unreadable` (Transient) where
    /// spilled samples cannot be read back.
    fn run(&self, (pcm, speech, transcript): Self::Input<'_>) -> Result<AlignedWords, StageError> {
        let mut segments: Vec<(usize, &Segment)> = transcript.segments.iter().enumerate().collect();
        segments.sort_by(|(_, a), (_, b)| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s)));
        let mut aligned: Vec<Word> = Vec::new();
        for (index, segment) in segments {
            let (channel, channels) = (segment.channel, pcm.channels());
            if usize::from(channel) >= channels {
                return Err(AlignError::NoSuchChannel { channel, channels }.into());
            }
            let free = aligned.last().filter(|word| word.channel == channel).map_or(0, |word| samples(word.end_s));
            let room = room(segment, free, pcm.frames() as i64);
            self.align_segment(pcm, &speech.spans, (index, segment), room, &mut aligned)?;
        }
        Ok(AlignedWords { method: "cross-attention+energy".to_owned(), words: aligned })
    }
}

/// The samples of a segment that lie inside the recording and after the words before it.
fn room(segment: &Segment, free: i64, recording: i64) -> Interval {
    let rate = f64::from(SAMPLE_RATE_HZ);
    let start = ((segment.start_s * rate).ceil() as i64).clamp(free, recording);
    Interval { start, end: ((segment.end_s * rate).floor() as i64).clamp(start, recording) }
}

fn samples(seconds: f64) -> i64 {
    (seconds * f64::from(SAMPLE_RATE_HZ)).round() as i64
}

fn seconds(samples: i64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE_HZ)
}
