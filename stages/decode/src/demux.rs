//! Demuxers: cut the bytes of a recording into packets. Symphonia's are used for containers with an index; blocks of a
//! fixed size and frames that follow each other are read here, so that every byte is accounted for.

use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use crate::container::frames::{Item, Walker};
use crate::error::DecodeError;
use crate::input::Bytes;

/// Frames in a packet of blocks, unless a block is longer.
pub(crate) const PACKET_FRAMES: u64 = 1 << 12;

/// A source of packets.
pub(crate) trait Demuxer: Send {
    /// Returns the next packet of any track, or `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged at this place (the next call continues behind it).
    fn next_packet(&mut self) -> Result<Option<Packet>, DemuxError>;
}

/// Why a demuxer returned no packet.
#[derive(Debug)]
pub(crate) enum DemuxError {
    /// An error of symphonia's demuxer.
    Symphonia(SymphoniaError),
    /// The file cannot be used any further.
    Fatal(DecodeError),
}

impl Demuxer for Box<dyn FormatReader> {
    fn next_packet(&mut self) -> Result<Option<Packet>, DemuxError> {
        self.as_mut().next_packet().map_err(DemuxError::Symphonia)
    }
}

/// Where the blocks of a recording are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockLayout {
    /// Offset of the first block in the file.
    pub(crate) start: u64,
    /// Number of whole blocks.
    pub(crate) blocks: u64,
    /// Size of a block in bytes: all channels of one frame, or of a group of frames that is coded as a unit.
    pub(crate) block_bytes: u64,
    /// Frames in a block.
    pub(crate) block_frames: u64,
}

impl BlockLayout {
    /// Blocks in `len` bytes from `start` on.
    pub(crate) const fn new(start: u64, len: u64, block_bytes: u64, block_frames: u64) -> Self {
        Self { start, blocks: len / block_bytes, block_bytes, block_frames }
    }

    /// Size of all blocks in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.blocks * self.block_bytes
    }

    /// Frames in all blocks.
    pub(crate) const fn frames(&self) -> u64 {
        self.blocks * self.block_frames
    }
}

/// Reads blocks of a fixed size, several per packet.
pub(crate) struct BlockDemuxer {
    bytes: Bytes,
    layout: BlockLayout,
    next: u64,
}

impl BlockDemuxer {
    pub(crate) const fn new(bytes: Bytes, layout: BlockLayout) -> Self {
        Self { bytes, layout, next: 0 }
    }
}

impl Demuxer for BlockDemuxer {
    fn next_packet(&mut self) -> Result<Option<Packet>, DemuxError> {
        let BlockLayout { start, blocks, block_bytes, block_frames } = self.layout;
        let count = (PACKET_FRAMES / block_frames).max(1).min(blocks - self.next);
        if count == 0 {
            return Ok(None);
        }
        let data = self.bytes.get(start + self.next * block_bytes, (count * block_bytes) as usize);
        let data: Box<[u8]> = data.map_err(DemuxError::Fatal)?.into();
        let pts = Timestamp::new((self.next * block_frames) as i64);
        self.next += count;
        Ok(Some(Packet::new(0, pts, Duration::new(count * block_frames), data)))
    }
}

/// Reads frames that follow each other, each with a header of its own. Damage between them shows in the time stamps.
pub(crate) struct FrameDemuxer {
    walker: Walker,
    frames: u64,
    /// Whether the first frame holds no sound.
    skip_first: bool,
}

impl FrameDemuxer {
    pub(crate) const fn new(walker: Walker, skip_first: bool) -> Self {
        Self { walker, frames: 0, skip_first }
    }
}

impl Demuxer for FrameDemuxer {
    fn next_packet(&mut self) -> Result<Option<Packet>, DemuxError> {
        while let Some(item) = self.walker.next().map_err(DemuxError::Fatal)? {
            match item {
                Item::Frame(_) if std::mem::take(&mut self.skip_first) => {}
                Item::Frame(frame) => {
                    let data = self.walker.payload(&frame).map_err(DemuxError::Fatal)?;
                    let (pts, frames) = (Timestamp::new(self.frames as i64), frame.header.frames);
                    self.frames += frames;
                    return Ok(Some(Packet::new(0, pts, Duration::new(frames), data)));
                }
                Item::Skipped { lost_frames, .. } => self.frames += lost_frames,
            }
        }
        Ok(None)
    }
}
