//! One track of a recording on its way into the common stream: hashes the decoder's output, and converts it to the common
//! rate.

use stage_core::Sha256Stream;

use crate::codec::Spec;
use crate::error::DecodeError;
use crate::resample::Resampler;
use crate::sample_hash::SampleHash;
use crate::stream::{Ended, Stream};

/// A track, and its frames that are ready.
pub(crate) struct Feed {
    stream: Stream,
    common: Option<Spec>,
    resampler: Option<Resampler>,
    /// Interleaved frames at the common rate; those before `taken` are used up.
    ready: Vec<f32>,
    taken: usize,
    ended: bool,
    hash: SampleHash,
    frames: u64,
}

impl Feed {
    /// Creates the feed of a track. Its frames are at the common rate, or at the track's own if there is none.
    pub(crate) fn new(stream: Stream, common: Option<Spec>) -> Self {
        Self {
            stream,
            common,
            resampler: None,
            ready: Vec::new(),
            taken: 0,
            ended: false,
            hash: SampleHash::default(),
            frames: 0,
        }
    }

    /// Decodes until at least one frame is ready, or the track has ended.
    pub(crate) fn fill(&mut self) -> Result<(), DecodeError> {
        while self.frames() == 0 && !self.ended {
            self.ready.clear();
            self.taken = 0;
            match self.stream.next()? {
                Some(block) => {
                    self.frames += (block.samples.len() / block.spec.channels) as u64;
                    self.hash.update(block.samples);
                    let (from_hz, channels) = (block.spec.rate_hz, block.spec.channels);
                    match self.common.map(|common| common.rate_hz).filter(|&to_hz| to_hz != from_hz) {
                        None => self.ready.extend_from_slice(block.samples),
                        Some(to_hz) => {
                            let resampler = match &mut self.resampler {
                                Some(resampler) => resampler,
                                None => self.resampler.insert(Resampler::new(from_hz, to_hz, channels)?),
                            };
                            resampler.push(block.samples, &mut interleave(&mut self.ready))?;
                        }
                    }
                }
                None => {
                    self.ended = true;
                    if let Some(resampler) = self.resampler.take() {
                        resampler.finish(&mut interleave(&mut self.ready))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Number of frames that are ready.
    pub(crate) fn frames(&self) -> usize {
        (self.ready.len() - self.taken) / self.channels().max(1)
    }

    /// Whether the track has ended. Frames may still be ready.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Number of channels of the track.
    pub(crate) fn channels(&self) -> usize {
        self.stream.spec().map_or(0, |spec| spec.channels)
    }

    /// Rate and channels of the decoded packets.
    pub(crate) fn spec(&self) -> Option<Spec> {
        self.stream.spec()
    }

    /// Moves `frames` frames, or those that are left, into the channels of `block` from `first_channel` on.
    pub(crate) fn take(&mut self, frames: usize, block: &mut [f32], first_channel: usize, block_channels: usize) {
        let channels = self.channels();
        if channels == 0 {
            return;
        }
        let count = frames.min(self.frames()) * channels;
        let from = &self.ready[self.taken..self.taken + count];
        if channels == block_channels {
            block[..count].copy_from_slice(from);
        } else {
            for (frame, samples) in block.chunks_exact_mut(block_channels).zip(from.chunks_exact(channels)) {
                frame[first_channel..first_channel + channels].copy_from_slice(samples);
            }
        }
        self.taken += count;
    }

    /// Closes the track. Returns the hash of the decoder's output and its length in seconds.
    pub(crate) fn end(self) -> (Ended, Sha256Stream, f64) {
        let rate_hz = self.stream.spec().map_or(1, |spec| spec.rate_hz);
        (self.stream.end(), self.hash.finish(), self.frames as f64 / f64::from(rate_hz))
    }
}

/// Appends planar frames to interleaved ones.
fn interleave(ready: &mut Vec<f32>) -> impl FnMut(&[&[f32]]) -> Result<(), DecodeError> {
    |planes| {
        let frames = planes.first().map_or(0, |plane| plane.len());
        for frame in 0..frames {
            ready.extend(planes.iter().map(|plane| plane[frame]));
        }
        Ok(())
    }
}
