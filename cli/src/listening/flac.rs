//! Writes a FLAC file block by block.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, Stream, StreamInfo};
use flacenc::config::Encoder;
use flacenc::encode_fixed_size_frame;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Context, Fill, FrameBuf};

/// Frames in a block.
const BLOCK: usize = 4096;
/// Limits of the format, and of the encoder.
const MOST_CHANNELS: u16 = 8;
const HIGHEST_RATE_HZ: u32 = 96_000;
/// Bytes of a point of the seek table.
const POINT: usize = 18;

/// Why a FLAC file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlacError {
    #[error(
        "{channels} channels at {rate_hz} Hz: FLAC copies have up to {MOST_CHANNELS} channels and {HIGHEST_RATE_HZ} Hz; use \
         --listening-copy wav"
    )]
    TooWide { channels: u16, rate_hz: u32 },
    #[error("the recording has no samples, and a FLAC file needs some; use --listening-copy wav")]
    Empty,
    #[error("the FLAC encoder failed: {0}")]
    Encoder(String),
    #[error("the copy cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// A FLAC file that is being written.
pub(super) struct Writer<'a> {
    file: BufWriter<&'a mut File>,
    config: Verified<Encoder>,
    info: StreamInfo,
    /// Counts and hashes the samples.
    context: Context,
    block: FrameBuf,
    /// Interleaved samples of the next block.
    samples: Vec<i32>,
    block_samples: usize,
    sink: ByteSink,
    seek_table: SeekTable,
}

/// Where frames begin, about two in a second. Without it Chromium cannot seek to the last second of some files.
struct SeekTable {
    /// Blocks from one point to the next.
    step: u64,
    /// Number of points.
    size: usize,
    points: Vec<u8>,
    /// Bytes of frames that were written.
    offset: u64,
}

impl SeekTable {
    fn new(frames: u64, rate_hz: u32) -> Self {
        let step = (u64::from(rate_hz) / 2 / BLOCK as u64).max(1);
        let size = frames.div_ceil(BLOCK as u64).div_ceil(step) as usize;
        Self { step, size, points: Vec::with_capacity(size * POINT), offset: 0 }
    }

    /// A block was written.
    fn add(&mut self, number: u64, frames: usize, bytes: usize) {
        if number.is_multiple_of(self.step) && self.points.len() < self.size * POINT {
            self.points.extend((number * BLOCK as u64).to_be_bytes());
            self.points.extend(self.offset.to_be_bytes());
            self.points.extend((frames as u16).to_be_bytes());
        }
        self.offset += bytes as u64;
    }

    /// The metadata block, the last one. Points that do not exist yet are placeholders.
    fn block(&self) -> Vec<u8> {
        const LAST_SEEK_TABLE: u8 = 0x83;
        let mut block = vec![LAST_SEEK_TABLE];
        block.extend(&((self.size * POINT) as u32).to_be_bytes()[1..]);
        block.extend(&self.points);
        for _ in self.points.len() / POINT..self.size {
            block.extend([0xFF; 8]);
            block.extend([0; 10]);
        }
        block
    }
}

fn failed(reason: impl std::fmt::Display) -> FlacError {
    FlacError::Encoder(reason.to_string())
}

impl<'a> Writer<'a> {
    /// Begins a file with this number of frames.
    pub(super) fn new(
        file: &'a mut File,
        rate_hz: u32,
        channels: u16,
        bits: u16,
        frames: u64,
    ) -> Result<Self, FlacError> {
        if frames == 0 {
            return Err(FlacError::Empty);
        }
        if channels > MOST_CHANNELS || rate_hz > HIGHEST_RATE_HZ {
            return Err(FlacError::TooWide { channels, rate_hz });
        }
        let (channels, bits) = (usize::from(channels), usize::from(bits));
        let config = Encoder::default().into_verified().map_err(|(_, reason)| failed(reason))?;
        let info = StreamInfo::new(rate_hz as usize, channels, bits).map_err(failed)?;
        let mut writer = Self {
            file: BufWriter::new(file),
            config,
            info,
            context: Context::new(bits, channels),
            block: FrameBuf::with_size(channels, BLOCK).map_err(failed)?,
            samples: Vec::new(),
            block_samples: BLOCK * channels,
            sink: ByteSink::new(),
            seek_table: SeekTable::new(frames, rate_hz),
        };
        writer.write_header()?;
        Ok(writer)
    }

    /// Writes interleaved samples.
    pub(super) fn write(&mut self, samples: &[i32]) -> Result<(), FlacError> {
        let mut rest = samples;
        while !rest.is_empty() {
            let (next, later) = rest.split_at(rest.len().min(self.block_samples - self.samples.len()));
            self.samples.extend_from_slice(next);
            rest = later;
            if self.samples.len() == self.block_samples {
                self.write_block()?;
            }
        }
        Ok(())
    }

    /// Writes the last block, and the header, which states what was written.
    pub(super) fn finish(mut self) -> Result<(), FlacError> {
        if !self.samples.is_empty() {
            self.write_block()?;
        }
        self.info.set_md5_digest(&self.context.md5_digest());
        // All blocks but the last one have this size.
        self.info.set_block_sizes(BLOCK, BLOCK).map_err(failed)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.write_header()?;
        Ok(self.file.flush()?)
    }

    fn write_block(&mut self) -> Result<(), FlacError> {
        let frames = self.samples.len() * BLOCK / self.block_samples;
        self.block.fill_interleaved(&self.samples).map_err(failed)?;
        self.context.fill_interleaved(&self.samples).map_err(failed)?;
        self.samples.clear();
        let number = self.context.current_frame_number().unwrap_or_default();
        let frame = encode_fixed_size_frame(&self.config, &self.block, number, &self.info).map_err(failed)?;
        self.info.update_frame_info(&frame);
        self.sink.clear();
        frame.write(&mut self.sink).map_err(failed)?;
        self.seek_table.add(number as u64, frames, self.sink.as_slice().len());
        Ok(self.file.write_all(self.sink.as_slice())?)
    }

    fn write_header(&mut self) -> Result<(), FlacError> {
        self.sink.clear();
        Stream::with_stream_info(self.info.clone()).write(&mut self.sink).map_err(failed)?;
        // The encoder marks its only metadata block as the last one, behind the four bytes of the file's mark.
        let mut header = self.sink.as_slice().to_vec();
        header[4] &= 0x7F;
        header.extend(self.seek_table.block());
        Ok(self.file.write_all(&header)?)
    }
}
