//! Decodes the file again at its own rate, packet by packet: the source of [`Pcm::native`](stage_core::Pcm::native).

use std::fmt;
use std::sync::Arc;

use stage_core::{NativePacket, NativePackets, NativeSource, PipelineError};

use crate::codec::Spec;
use crate::config::DecodeLimits;
use crate::container::Layout;
use crate::error::{DecodeError, guarded};
use crate::external::{ExternalStream, Plan};
use crate::input::InputFile;
use crate::program::{Block, Program};

/// A file that was decoded once. It stays open, so that a second pass reads the same bytes.
pub(crate) struct NativeFile {
    pub(crate) file: Arc<InputFile>,
    pub(crate) spec: Spec,
    /// Number of frames in the first pass. The second pass must produce the same number.
    pub(crate) frames: u64,
    /// Who decoded it, and will do so again.
    pub(crate) passes: Passes,
}

/// The decoder of a file.
pub(crate) enum Passes {
    BuiltIn { layout: Arc<Layout>, limits: DecodeLimits },
    External(Arc<Plan>),
}

impl fmt::Debug for NativeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NativeFile {{ {:?}, {} frames }}", self.spec, self.frames)
    }
}

impl NativeSource for NativeFile {
    fn sample_rate_hz(&self) -> u32 {
        self.spec.rate_hz
    }

    fn channels(&self) -> usize {
        self.spec.channels
    }

    fn packets(&self) -> Result<NativePackets, PipelineError> {
        let pass = guarded(|| match &self.passes {
            Passes::BuiltIn { layout, limits } => {
                Ok(Pass::BuiltIn(Box::new(Program::open_scanned(&self.file, layout, limits)?)))
            }
            Passes::External(plan) => Ok(Pass::External(ExternalStream::reopen(&self.file, plan)?, Arc::clone(plan))),
        })?;
        Ok(Box::new(Packets { pass, spec: self.spec, frames: self.frames, given: 0 }))
    }
}

/// One decoding of the file.
enum Pass {
    BuiltIn(Box<Program>),
    External(ExternalStream, Arc<Plan>),
}

impl Pass {
    fn next(&mut self) -> Result<Option<Block<'_>>, DecodeError> {
        match self {
            Self::BuiltIn(program) => program.next(),
            Self::External(stream, plan) => stream.next(plan),
        }
    }
}

struct Packets {
    pass: Pass,
    spec: Spec,
    frames: u64,
    given: u64,
}

impl Packets {
    fn next_packet(&mut self) -> Result<Option<NativePacket>, DecodeError> {
        let Some(block) = self.pass.next()? else {
            // Same bytes and same code, so another length is a bug.
            return if self.given == self.frames { Ok(None) } else { Err(DecodeError::OtherOutput) };
        };
        if block.spec != self.spec {
            return Err(DecodeError::OtherOutput);
        }
        let packet = NativePacket {
            first_frame: block.first_frame,
            channels: block.spec.channels,
            samples: block.samples.to_vec(),
        };
        self.given += packet.frames() as u64;
        Ok(Some(packet))
    }
}

impl Iterator for Packets {
    type Item = Result<NativePacket, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        guarded(|| self.next_packet()).transpose()
    }
}
