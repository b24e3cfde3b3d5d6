//! Lines of JSON with a maximum length. Longer messages are sent as numbered chunks and joined by the reader.
//!
//! A line is `{"v":5,"message":…}` or `{"v":5,"chunk":{"id":…,"part":…,"of":…,"text":…}}`. Chunks of several messages
//! may interleave; the parts of one message come in order.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::VERSION;

/// Limits on the lines and chunks of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of a line in bytes, including the line end.
    pub line_bytes: usize,
    /// Maximum number of bytes in chunks that wait to be joined, over all messages.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: 256 << 10, message_bytes: 256 << 20 }
    }
}

/// Maximum number of bytes in a chunk's line besides its text.
const CHUNK_OVERHEAD_BYTES: usize = 128;

/// Why a line could not be read or written. No error is recoverable: end the peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The pipe broke.
    #[error("the pipe failed: {0}")]
    Io(#[from] io::Error),
    /// A line is longer than the limit.
    #[error("a line is longer than {limit_bytes} bytes")]
    LineTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// A line is not a message.
    #[error("a line is not a message: {source}; it begins `{excerpt}`")]
    Garbage {
        /// The parser's error.
        source: serde_json::Error,
        /// The line's first characters.
        excerpt: String,
    },
    /// The message could not be serialized to JSON.
    #[error("a message cannot be serialized: {0}")]
    Unwritable(serde_json::Error),
    /// The peer uses another version of the protocol.
    #[error("protocol version {found}, expected {VERSION}")]
    Version {
        /// The peer's version.
        found: u32,
    },
    /// A line contains neither a message nor a chunk, or both.
    #[error("a line does not contain exactly one message or chunk")]
    Ambiguous,
    /// A chunk arrived out of order.
    #[error("chunk {part} of {of} of message {id} arrived out of order")]
    ChunkOutOfTurn {
        /// The number of the message.
        id: u64,
        /// The number of the part that arrived.
        part: u32,
        /// The number of parts, as this chunk states it.
        of: u32,
    },
    /// The chunks that wait to be joined exceed the limit.
    #[error("chunks exceed {limit_bytes} bytes")]
    MessageTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The input ended inside a line or inside a chunked message.
    #[error("the input ended inside a message")]
    Truncated,
}

#[derive(Deserialize)]
struct Line<M> {
    v: u32,
    message: Option<M>,
    chunk: Option<Chunk>,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Chunk {
    id: u64,
    part: u32,
    of: u32,
    text: String,
}

#[derive(Serialize)]
struct ChunkLine<'a> {
    v: u32,
    chunk: &'a Chunk,
}

/// Writes messages.
#[derive(Debug)]
pub struct Encoder<W> {
    output: W,
    limits: Limits,
    next_id: u64,
}

impl<W: Write> Encoder<W> {
    /// Creates a writer with the default limits.
    pub fn new(output: W) -> Self {
        Self::with_limits(output, Limits::default())
    }

    /// Creates a writer with these limits. `line_bytes` must be at least 256.
    pub fn with_limits(output: W, limits: Limits) -> Self {
        let limits = Limits { line_bytes: limits.line_bytes.max(2 * CHUNK_OVERHEAD_BYTES), ..limits };
        Self { output, limits, next_id: 0 }
    }

    /// Writes one message and flushes. A long message is split into chunks.
    ///
    /// # Errors
    /// [`CodecError::Io`] if the peer is gone, [`CodecError::Unwritable`] if the message cannot be serialized.
    pub fn write<M: Serialize>(&mut self, message: &M) -> Result<(), CodecError> {
        let text = serde_json::to_string(message).map_err(CodecError::Unwritable)?;
        let line = format!("{{\"v\":{VERSION},\"message\":{text}}}\n");
        if line.len() <= self.limits.line_bytes {
            self.output.write_all(line.as_bytes())?;
        } else {
            self.write_chunks(&text)?;
        }
        Ok(self.output.flush()?)
    }

    /// Writes a line that is not a message. For fault injection.
    ///
    /// # Errors
    /// [`CodecError::Io`] if the pipe is broken.
    pub(crate) fn write_garbage(&mut self) -> Result<(), CodecError> {
        self.output.write_all(b"this is not a message\n")?;
        Ok(self.output.flush()?)
    }

    fn write_chunks(&mut self, text: &str) -> Result<(), CodecError> {
        // JSON text has no control characters, so escaping at most doubles its length.
        let pieces = split(text, (self.limits.line_bytes - CHUNK_OVERHEAD_BYTES) / 2);
        let id = self.next_id;
        self.next_id += 1;
        for (part, piece) in (0..).zip(&pieces) {
            let chunk = Chunk { id, part, of: pieces.len() as u32, text: (*piece).to_owned() };
            serde_json::to_writer(&mut self.output, &ChunkLine { v: VERSION, chunk: &chunk }).map_err(unwritten)?;
            self.output.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// The error of a message that was being written: of the pipe, or of the message itself.
fn unwritten(error: serde_json::Error) -> CodecError {
    if error.is_io() { CodecError::Io(error.into()) } else { CodecError::Unwritable(error) }
}

/// Splits text into pieces of at most `bytes` bytes, but at least one character.
fn split(mut text: &str, bytes: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let first = text.chars().next().map_or(1, char::len_utf8);
        let (piece, rest) = text.split_at(text.floor_char_boundary(bytes).max(first));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

/// Reads messages.
#[derive(Debug)]
pub struct Decoder<R> {
    input: R,
    assembler: Assembler,
}

impl<R: BufRead> Decoder<R> {
    /// Creates a reader with the default limits.
    pub fn new(input: R) -> Self {
        Self::with_limits(input, Limits::default())
    }

    /// Creates a reader with these limits.
    pub fn with_limits(input: R, limits: Limits) -> Self {
        Self { input, assembler: Assembler::with_limits(limits) }
    }

    /// Reads the next message. Returns `None` if the input ends after a complete message.
    ///
    /// # Errors
    /// A [`CodecError`] that names the error in the input. Do not read any further.
    pub fn read<M: DeserializeOwned>(&mut self) -> Result<Option<M>, CodecError> {
        while let Some(line) = read_line(&mut self.input, self.assembler.limits.line_bytes)? {
            if let Some(message) = self.assembler.add(&line)? {
                return Ok(Some(message));
            }
        }
        if self.assembler.joins.is_empty() { Ok(None) } else { Err(CodecError::Truncated) }
    }
}

/// Reads a line with its end, of at most `limit_bytes`. Returns `None` at the end of the input.
///
/// # Errors
/// The input failed or ended inside a line, or the line is too long.
pub(crate) fn read_line(input: &mut impl BufRead, limit_bytes: usize) -> Result<Option<Vec<u8>>, CodecError> {
    let mut line = Vec::new();
    input.by_ref().take(limit_bytes as u64 + 1).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        _ if line.len() > limit_bytes => Err(CodecError::LineTooLong { limit_bytes }),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(CodecError::Truncated),
    }
}

/// Turns the lines of one sender into messages.
#[derive(Debug)]
pub(crate) struct Assembler {
    limits: Limits,
    joins: HashMap<u64, Join>,
    joining_bytes: usize,
}

#[derive(Debug)]
struct Join {
    next: u32,
    of: u32,
    text: String,
}

impl Default for Assembler {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

impl Assembler {
    fn with_limits(limits: Limits) -> Self {
        Self { limits, joins: HashMap::new(), joining_bytes: 0 }
    }

    /// Adds a line. Returns a message if the line completes one.
    ///
    /// # Errors
    /// A [`CodecError`] that names the error in the line. Do not add any more.
    pub(crate) fn add<M: DeserializeOwned>(&mut self, line: &[u8]) -> Result<Option<M>, CodecError> {
        if line.len() > self.limits.line_bytes {
            return Err(CodecError::LineTooLong { limit_bytes: self.limits.line_bytes });
        }
        let parsed: Line<M> = serde_json::from_slice(line).map_err(|source| garbage(line, source))?;
        match (parsed.message, parsed.chunk) {
            _ if parsed.v != VERSION => Err(CodecError::Version { found: parsed.v }),
            (Some(message), None) => Ok(Some(message)),
            (None, Some(chunk)) => match self.join(chunk)? {
                Some(text) => serde_json::from_str(&text).map(Some).map_err(|error| garbage(text.as_bytes(), error)),
                None => Ok(None),
            },
            _ => Err(CodecError::Ambiguous),
        }
    }

    fn join(&mut self, chunk: Chunk) -> Result<Option<String>, CodecError> {
        let Chunk { id, part, of, text } = chunk;
        self.joining_bytes += text.len();
        if self.joining_bytes > self.limits.message_bytes {
            return Err(CodecError::MessageTooLarge { limit_bytes: self.limits.message_bytes });
        }
        let join = self.joins.entry(id).or_insert_with(|| Join { next: 0, of, text: String::new() });
        if part != join.next || of != join.of || part >= of {
            return Err(CodecError::ChunkOutOfTurn { id, part, of });
        }
        join.text.push_str(&text);
        join.next += 1;
        if join.next < join.of {
            return Ok(None);
        }
        let joined = self.joins.remove(&id).map(|join| join.text);
        self.joining_bytes -= joined.as_ref().map_or(0, String::len);
        Ok(joined)
    }
}

/// Checks the version first: a line of another version may not parse at all.
fn garbage(line: &[u8], source: serde_json::Error) -> CodecError {
    match serde_json::from_slice::<VersionOnly>(line) {
        Ok(VersionOnly { v }) if v != VERSION => CodecError::Version { found: v },
        _ => CodecError::Garbage { source, excerpt: String::from_utf8_lossy(line).chars().take(80).collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Batch, ItemJob, Slot, ToWorker};
    use crate::store::Lease;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::io::BufReader;
    use std::os::unix::ffi::OsStringExt;

    const TIGHT: Limits = Limits { line_bytes: 256, message_bytes: 1 << 20 };

    fn encoded<M: Serialize>(messages: &[M]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::with_limits(&mut bytes, TIGHT);
        messages.iter().for_each(|message| encoder.write(message).unwrap());
        bytes
    }

    fn decoded<M: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<M>, CodecError> {
        let mut decoder = Decoder::with_limits(BufReader::with_capacity(7, bytes), TIGHT);
        std::iter::from_fn(|| decoder.read().transpose()).collect()
    }

    fn failure(bytes: &[u8]) -> CodecError {
        decoded::<String>(bytes).unwrap_err()
    }

    proptest! {
        #[test]
        fn messages_of_any_length_come_back_over_bounded_lines(
            messages in prop::collection::vec(("\\PC{0,9}", prop::collection::vec(any::<char>(), 0..900), any::<f64>()
                .prop_filter("JSON has no such number", |x| x.is_finite())), 0..6)
        ) {
            let bytes = encoded(&messages);
            prop_assert!(bytes.split(|b| *b == b'\n').all(|line| line.len() < TIGHT.line_bytes));
            prop_assert_eq!(decoded::<(String, Vec<char>, f64)>(&bytes).unwrap(), messages);
        }

        #[test]
        fn batch_with_any_bytes_in_paths_comes_back(paths in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..4)) {
            let item = |path: Vec<u8>| ItemJob {
                item: 1,
                path: OsString::from_vec(path).into(),
                file_sha256: String::new(),
                audio_s: 1.0,
                steps: vec![],
                stored: vec![],
                checkpoints: vec![],
            };
            let items = paths.into_iter().map(item).collect();
            let batch = ToWorker::Batch(Batch { slot: Slot::default(), lease: Lease { batch: 1, number: 1 }, items });
            prop_assert_eq!(decoded::<ToWorker>(&encoded(std::slice::from_ref(&batch))).unwrap(), [batch]);
        }

        #[test]
        fn chunks_of_two_messages_may_interleave(a in ".{300,900}", b in ".{300,900}", order in any::<u64>()) {
            let bytes = encoded(&[&a, &b]);
            let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let second = lines.iter().position(|line| line.starts_with(format!("{{\"v\":{VERSION},\"chunk\":{{\"id\":1").as_bytes())).unwrap();
            let (mut left, mut right) = (lines[..second].iter().peekable(), lines[second..].iter().peekable());
            let mut mixed = Vec::new();
            for turn in (0..64).cycle() {
                let line = if order >> turn & 1 == 0 { left.next() } else { right.next() };
                mixed.extend_from_slice(line.copied().unwrap_or_default());
                if left.peek().is_none() || right.peek().is_none() { break; }
            }
            left.chain(right).for_each(|line| mixed.extend_from_slice(line));
            let mut got: Vec<String> = decoded(&mixed).unwrap();
            let mut sent = vec![a, b];
            got.sort();
            sent.sort();
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn decoder_never_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decoded::<String>(&bytes);
        }

        #[test]
        fn decoder_of_a_cut_stream_gives_an_error_or_a_prefix(text in ".{0,900}", at in any::<prop::sample::Index>()) {
            let bytes = encoded(&[text]);
            let cut = at.index(bytes.len());
            match decoded::<String>(&bytes[..cut]) {
                Ok(messages) => prop_assert!(messages.is_empty() && cut == 0),
                Err(error) => prop_assert!(matches!(error, CodecError::Truncated)),
            }
        }
    }

    #[test]
    fn decoder_has_an_error_for_each_fault() {
        assert!(matches!(failure(b"hello\n"), CodecError::Garbage { .. }));
        assert!(matches!(failure(b"{\"v\":99,\"message\":{\"new\":1}}\n"), CodecError::Version { found: 99 }));
        assert!(matches!(failure(format!("{{\"v\":{VERSION}}}\n").as_bytes()), CodecError::Ambiguous));
        assert!(matches!(failure(&[b'x'; 300]), CodecError::LineTooLong { limit_bytes: 256 }));
        let late = format!("{{\"v\":{VERSION},\"chunk\":{{\"id\":0,\"part\":1,\"of\":2,\"text\":\"\"}}}}\n");
        assert!(matches!(failure(late.as_bytes()), CodecError::ChunkOutOfTurn { id: 0, part: 1, of: 2 }));
        let endless =
            format!("{{\"v\":{VERSION},\"chunk\":{{\"id\":0,\"part\":0,\"of\":2,\"text\":\"{}\"}}}}\n", "x".repeat(99));
        let mut decoder = Decoder::with_limits(endless.as_bytes(), Limits { message_bytes: 98, ..TIGHT });
        assert!(matches!(decoder.read::<String>(), Err(CodecError::MessageTooLarge { limit_bytes: 98 })));
    }
}
