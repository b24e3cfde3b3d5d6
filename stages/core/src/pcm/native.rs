//! Reading a recording at the file's own sample rate.

use std::fmt;

use super::{Pcm, SAMPLE_RATE_HZ};
use crate::{Artifact, PipelineError};

/// Frames per packet when packets are read from 16 kHz planes.
const PLANE_PACKET_FRAMES: usize = 1 << 16;

/// Consecutive frames at the file's own sample rate.
#[derive(Debug, Clone, PartialEq)]
pub struct NativePacket {
    /// Offset of the first frame in the recording, in frames. Packets follow each other without a gap.
    pub first_frame: u64,
    /// Number of channels, at least 1.
    pub channels: usize,
    /// Interleaved samples, [frames, channels], in [-1, 1]; a lossy codec may exceed that.
    pub samples: Vec<f32>,
}

impl NativePacket {
    /// Number of samples in each channel.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels
    }

    /// The samples of one channel.
    pub fn channel(&self, channel: usize) -> impl Iterator<Item = f32> + '_ {
        self.samples.iter().skip(channel).step_by(self.channels).copied()
    }
}

/// The packets of one recording, in order.
pub type NativePackets = Box<dyn Iterator<Item = Result<NativePacket, PipelineError>> + Send>;

/// A recording that can be decoded again. Decode implements it; [`Pcm::native`] uses it.
pub trait NativeSource: fmt::Debug + Send + Sync {
    /// The file's own sample rate, in Hz.
    fn sample_rate_hz(&self) -> u32;

    /// Number of channels of the file, equal to the number of planes of its [`Pcm`].
    fn channels(&self) -> usize;

    /// Starts decoding from the beginning.
    ///
    /// # Errors
    /// A [`PipelineError`] of decode.
    fn packets(&self) -> Result<NativePackets, PipelineError>;
}

/// One pass over a recording at the file's own sample rate: an iterator over [`NativePacket`]s. It ends after an error.
///
/// ```
/// use stage_core::Pcm;
///
/// let pcm = Pcm::from_channels(vec![vec![0.1, -0.7, 0.3]]);
/// let mut peak = 0.0_f32;
/// for packet in pcm.native()? {
///     peak = packet?.channel(0).fold(peak, |peak, sample| peak.max(sample.abs()));
/// }
/// assert_eq!(peak, 0.7);
/// # Ok::<(), stage_core::PipelineError>(())
/// ```
pub struct NativeReader {
    sample_rate_hz: u32,
    channels: usize,
    packets: NativePackets,
    failed: bool,
}

impl NativeReader {
    pub(super) fn of_source(source: &dyn NativeSource) -> Result<Self, PipelineError> {
        let (sample_rate_hz, channels) = (source.sample_rate_hz(), source.channels());
        Ok(Self { sample_rate_hz, channels, packets: source.packets()?, failed: false })
    }

    pub(super) fn of_planes(pcm: &Pcm) -> Self {
        let (pcm, channels) = (pcm.clone(), pcm.channels());
        let starts = (0..pcm.frames()).step_by(PLANE_PACKET_FRAMES);
        let packets = Box::new(starts.map(move |start| packet_of_planes(&pcm, start)));
        Self { sample_rate_hz: SAMPLE_RATE_HZ, channels, packets, failed: false }
    }

    /// Sample rate of the packets, in Hz.
    #[must_use]
    pub const fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Number of channels of the packets.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }
}

impl fmt::Debug for NativeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sample_rate_hz, channels, failed, .. } = self;
        write!(f, "NativeReader {{ {channels} channels at {sample_rate_hz} Hz, failed: {failed} }}")
    }
}

impl Iterator for NativeReader {
    type Item = Result<NativePacket, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let packet = if self.failed { None } else { self.packets.next() };
        self.failed |= matches!(packet, Some(Err(_)));
        packet
    }
}

fn packet_of_planes(pcm: &Pcm, start: u64) -> Result<NativePacket, PipelineError> {
    let channels = pcm.channels();
    let frames = (pcm.frames() - start).min(PLANE_PACKET_FRAMES as u64) as usize;
    let mut samples = vec![0.0; frames * channels];
    for channel in 0..channels {
        let unreadable = |error| PipelineError::samples_unreadable(Pcm::NAME.stage(), &error);
        let plane = pcm.read(channel, start, frames).map_err(unreadable)?;
        samples.iter_mut().skip(channel).step_by(channels).zip(plane).for_each(|(slot, sample)| *slot = sample);
    }
    Ok(NativePacket { first_frame: start, channels, samples })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ErrorClass, ErrorCode};

    #[test]
    fn native_reader_without_a_file_gives_the_planes() {
        let plane = |sign: f32| (0..150_000).map(|n| sign * n as f32 / 150_000.0).collect::<Vec<f32>>();
        let reader = Pcm::from_channels(vec![plane(1.0), plane(-1.0)]).native().unwrap();
        assert_eq!((reader.sample_rate_hz(), reader.channels()), (16_000, 2));
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for packet in reader {
            let packet = packet.unwrap();
            assert_eq!(packet.first_frame, left.len() as u64);
            left.extend(packet.channel(0));
            right.extend(packet.channel(1));
            assert_eq!(packet.first_frame + packet.frames() as u64, left.len() as u64);
        }
        assert_eq!((left, right), (plane(1.0), plane(-1.0)));
        assert_eq!(Pcm::from_channels(vec![vec![]]).native().unwrap().count(), 0);
        assert_eq!(Pcm::from_channels(vec![]).native().unwrap().count(), 0);
    }

    /// Three packets. Reading the second one fails.
    #[derive(Debug)]
    struct Failing;

    impl NativeSource for Failing {
        fn sample_rate_hz(&self) -> u32 {
            8_000
        }

        fn channels(&self) -> usize {
            1
        }

        fn packets(&self) -> Result<NativePackets, PipelineError> {
            let packet = |n: u64| match n {
                1 => {
                    Err(PipelineError::new(Pcm::NAME.stage(), ErrorClass::BadInput, ErrorCode::FileChanged, "changed"))
                }
                n => Ok(NativePacket { first_frame: n * 10, channels: 1, samples: vec![0.5; 10] }),
            };
            Ok(Box::new((0..3).map(packet)))
        }
    }

    #[test]
    fn native_reader_stops_at_the_first_error() {
        let pcm = Pcm::from_channels(vec![vec![0.0; 40]]).with_native(Arc::new(Failing));
        let reader = pcm.native().unwrap();
        assert_eq!(reader.sample_rate_hz(), 8_000);
        let codes: Vec<_> = reader.map(|packet| packet.map_err(|error| error.code)).collect();
        assert_eq!(codes.len(), 2);
        assert_eq!(codes[1], Err(ErrorCode::FileChanged));
    }
}
