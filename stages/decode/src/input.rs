//! The file of a recording: opened once, hashed once, and checked at every later read.
//!
//! Demuxers seek, so hashing and decoding are two passes over the file, and the file may be overwritten or truncated
//! between them. The first pass therefore stores the state of the hash at every chunk boundary. A read loads a whole
//! chunk, continues the hash from the state before it, and compares the digest with that of the state after it. So this
//! module returns only bytes that belong to the file's SHA-256, even if the file changes. Each reader keeps one chunk
//! in memory, and the second pass usually reads from the page cache.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stage_core::Sha256Stream;
use symphonia::core::io::MediaSource;

use crate::error::DecodeError;

/// A file that is only probed is searched for at most this many bytes at a time.
const PROBE_SEARCH_BYTES: u64 = 1 << 20;
/// Number of bytes that are read and checked at once.
const CHUNK_BYTES: usize = 1 << 20;

/// An open file. Replacing the file at its path has no effect; a change of its bytes is detected.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    len: u64,
    /// `None` if reads are not checked, to read only the header.
    chunks: Option<Vec<Chunk>>,
    changed: AtomicBool,
}

/// Hash of the file up to the start and up to the end of a chunk.
#[derive(Debug)]
struct Chunk {
    before: Sha256Stream,
    through: [u8; 32],
}

impl InputFile {
    /// Opens a file to read its header, without hashing it.
    ///
    /// # Errors
    /// The file cannot be opened, is not a regular file, or is empty.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, DecodeError> {
        let file = open_regular(path)?;
        let len = file.metadata().map_err(DecodeError::Open)?.len();
        if len == 0 {
            return Err(DecodeError::Empty);
        }
        Ok(Arc::new(Self { file, len, chunks: None, changed: AtomicBool::new(false) }))
    }

    /// Opens a file and hashes it while it is read once. Returns the hash of its bytes (64 hex digits). Later reads return
    /// the bytes with this hash or fail.
    ///
    /// # Errors
    /// As [`InputFile::open`]; or the file cannot be read.
    pub(crate) fn open_and_hash(path: &Path) -> Result<(Arc<Self>, String), DecodeError> {
        let (input, sha256) = Self::hashed(open_regular(path)?)?;
        if input.len == 0 {
            return Err(DecodeError::Empty);
        }
        Ok((Arc::new(input), sha256))
    }

    /// As [`InputFile::open_and_hash`], for a file whose hash is known. It may be at a URL: then it is copied into a
    /// temporary file in `folder` first.
    ///
    /// # Errors
    /// As [`InputFile::open_and_hash`]; or the file cannot be fetched, or has another hash.
    pub(crate) fn open_hashed(place: &Path, sha256: &str, folder: &Path) -> Result<Arc<Self>, DecodeError> {
        let (input, found) = match fetch::url(place) {
            Some(url) => Self::hashed(fetch::fetch(url, folder)?)?,
            None => Self::hashed(open_regular(place)?)?,
        };
        if found != sha256 {
            return Err(DecodeError::FileChanged);
        }
        if input.len == 0 {
            return Err(DecodeError::Empty);
        }
        Ok(Arc::new(input))
    }

    fn hashed(file: File) -> Result<(Self, String), DecodeError> {
        let size = file.metadata().map_err(DecodeError::Open)?.len();
        let (mut chunks, mut len, mut hash) = (Vec::new(), 0, Sha256Stream::default());
        let mut block = vec![0; CHUNK_BYTES.min(size as usize + 1)];
        loop {
            let read = fill(&file, &mut block, len).map_err(DecodeError::Read)?;
            if read == 0 {
                break;
            }
            let before = hash.clone();
            hash.update(&block[..read]);
            chunks.push(Chunk { before, through: hash.clone().finish() });
            len += read as u64;
            if read < CHUNK_BYTES {
                break;
            }
        }
        Ok((Self { file, len, chunks: Some(chunks), changed: AtomicBool::new(false) }, hash.finish_hex()))
    }

    /// Returns a reader at the start of the file.
    pub(crate) fn reader(self: &Arc<Self>) -> InputReader {
        InputReader { input: Arc::clone(self), position: 0, chunk: Vec::new(), chunk_at: None }
    }

    /// Size in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Another handle of the open file, for a program that reads it.
    ///
    /// # Errors
    /// The process has too many open files.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Reads all bytes again, after another program has read them.
    ///
    /// # Errors
    /// They cannot be read, or are not those that were hashed.
    pub(crate) fn check_all(self: &Arc<Self>) -> Result<(), DecodeError> {
        let read = io::copy(&mut self.reader(), &mut io::sink()).map(drop).map_err(DecodeError::Read);
        self.unless_changed(read)
    }

    /// Returns the result, or `file-changed` if a read found other bytes than those that were hashed. A demuxer may
    /// have reported that failure as something else, such as the end of the file or damage.
    pub(crate) fn unless_changed<T>(&self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.changed.load(Ordering::Relaxed) { Err(DecodeError::FileChanged) } else { result }
    }

    /// Reads the chunk with this index into `chunk` and checks it.
    fn load(&self, chunks: &[Chunk], index: usize, chunk: &mut Vec<u8>) -> io::Result<()> {
        let start = index as u64 * CHUNK_BYTES as u64;
        chunk.resize(CHUNK_BYTES.min((self.len - start) as usize), 0);
        let read = fill(&self.file, chunk, start)?;
        let mut hash = chunks[index].before.clone();
        hash.update(&chunk[..read]);
        if hash.finish() == chunks[index].through {
            return Ok(());
        }
        chunk.clear();
        self.changed.store(true, Ordering::Relaxed);
        Err(io::Error::other("the file changed while it was read"))
    }
}

/// A position in an [`InputFile`].
#[derive(Debug)]
pub(crate) struct InputReader {
    input: Arc<InputFile>,
    position: u64,
    chunk: Vec<u8>,
    chunk_at: Option<usize>,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.input.len.saturating_sub(self.position);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = match &self.input.chunks {
            None => self.input.file.read_at(&mut buffer[..wanted], self.position)?,
            Some(chunks) => {
                let index = (self.position / CHUNK_BYTES as u64) as usize;
                if self.chunk_at != Some(index) {
                    self.chunk_at = None;
                    self.input.load(chunks, index, &mut self.chunk)?;
                    self.chunk_at = Some(index);
                }
                let rest = &self.chunk[(self.position % CHUNK_BYTES as u64) as usize..];
                let read = wanted.min(rest.len());
                buffer[..read].copy_from_slice(&rest[..read]);
                read
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for InputReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = sought(to, self.position, self.input.len)?;
        Ok(self.position)
    }
}

/// Random access to the bytes of a file through a buffer, for scans that look at a few bytes in many places.
pub(crate) struct Bytes {
    reader: InputReader,
    len: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl Bytes {
    /// Number of bytes that are read at once.
    const BUFFER_BYTES: usize = 1 << 16;

    /// Creates a reader of the whole file.
    pub(crate) fn new(input: &Arc<InputFile>) -> Self {
        Self { reader: input.reader(), len: input.len, buffer: Vec::new(), buffer_at: 0 }
    }

    /// Another reader of the same file.
    pub(crate) fn again(&self) -> Self {
        Self::new(&self.reader.input)
    }

    /// Length of the file in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// The bytes `at..at + len`; fewer at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn get(&mut self, at: u64, len: usize) -> Result<&[u8], DecodeError> {
        let len = len.min(usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX));
        let buffered = self.buffer_at + self.buffer.len() as u64;
        if at < self.buffer_at || at + len as u64 > buffered {
            self.fill(at, len.max(Self::BUFFER_BYTES)).map_err(DecodeError::Read)?;
        }
        let from = (at - self.buffer_at).min(self.buffer.len() as u64) as usize;
        Ok(&self.buffer[from..(from + len).min(self.buffer.len())])
    }

    /// `N` bytes at `at`, or `None` beyond the end of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn array<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>, DecodeError> {
        Ok(self.get(at, N)?.try_into().ok())
    }

    /// The end up to which a search goes from `at` on. A file that is only probed is not searched far, because probing
    /// must not take long.
    pub(crate) fn search_end(&self, at: u64, end: u64) -> u64 {
        let is_probed = self.reader.input.chunks.is_none();
        if is_probed { end.min(at.saturating_add(PROBE_SEARCH_BYTES)) } else { end }
    }

    /// Offset of the first occurrence of `pattern` in `range`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn find(&mut self, range: Range<u64>, pattern: &[u8]) -> Result<Option<u64>, DecodeError> {
        let finder = memchr::memmem::Finder::new(pattern);
        let (mut at, end) = (range.start, self.search_end(range.start, range.end));
        while at < end {
            let wanted = (end - at).min(Self::BUFFER_BYTES as u64) as usize;
            let block = self.get(at, wanted)?;
            if let Some(found) = finder.find(block) {
                return Ok(Some(at + found as u64));
            }
            if block.len() < pattern.len() {
                return Ok(None);
            }
            at += (block.len() - (pattern.len() - 1)) as u64;
        }
        Ok(None)
    }

    /// Whether all bytes of the range are zero.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn is_zero(&mut self, range: Range<u64>) -> Result<bool, DecodeError> {
        let (mut at, end) = (range.start, self.search_end(range.start, range.end));
        while at < end {
            let block = self.get(at, (end - at).min(Self::BUFFER_BYTES as u64) as usize)?;
            if block.is_empty() || block.iter().any(|&byte| byte != 0) {
                return Ok(block.is_empty());
            }
            at += block.len() as u64;
        }
        Ok(true)
    }

    fn fill(&mut self, at: u64, len: usize) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(at))?;
        self.buffer.clear();
        self.buffer_at = at;
        (&mut self.reader).take(len as u64).read_to_end(&mut self.buffer).map(|_| ())
    }
}

/// A part of a file as a source for symphonia, in which some bytes may be replaced, such as a size in a header that is
/// wrong.
pub(crate) struct Window {
    reader: InputReader,
    range: Range<u64>,
    /// Offsets in the file, and the bytes to return from there on.
    patches: Vec<(u64, Vec<u8>)>,
    position: u64,
}

impl Window {
    pub(crate) fn new(input: &Arc<InputFile>, range: Range<u64>, patches: Vec<(u64, Vec<u8>)>) -> Self {
        Self { reader: input.reader(), range, patches, position: 0 }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.range.start + self.position;
        let left = usize::try_from(self.range.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        self.reader.seek(SeekFrom::Start(at))?;
        let read = self.reader.read(&mut buffer[..wanted])?;
        for (patch_at, bytes) in &self.patches {
            for (at_byte, byte) in (*patch_at..).zip(bytes) {
                if let Some(slot) = at_byte.checked_sub(at).and_then(|n| buffer[..read].get_mut(n as usize)) {
                    *slot = *byte;
                }
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = sought(to, self.position, self.range.end - self.range.start)?;
        Ok(self.position)
    }
}

impl MediaSource for Window {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.range.end - self.range.start)
    }
}

/// The position that a seek leads to.
fn sought(to: SeekFrom, position: u64, len: u64) -> io::Result<u64> {
    let position = match to {
        SeekFrom::Start(position) => Some(position),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
        SeekFrom::End(offset) => len.checked_add_signed(offset),
    };
    position.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Opens a regular file and returns it with its length in bytes.
fn open_regular(path: &Path) -> Result<File, DecodeError> {
    // The type is checked first because opening a named pipe would wait for a writer.
    let kind = std::fs::metadata(path).map_err(DecodeError::Open)?;
    if !kind.is_file() {
        let error = if kind.is_dir() { io::ErrorKind::IsADirectory.into() } else { io::Error::other("not a file") };
        return Err(DecodeError::Open(error));
    }
    File::open(path).map_err(DecodeError::Open)
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use stage_core::sha256_hex;

    use super::*;

    const LEN: usize = 3 * CHUNK_BYTES + 777;

    fn bytes() -> Vec<u8> {
        (0..LEN).map(|n| (n * 31 % 253) as u8).collect()
    }

    /// Opens a file that is slightly longer than three chunks.
    fn opened() -> (tempfile::NamedTempFile, Arc<InputFile>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes()).unwrap();
        let input = InputFile::open_hashed(file.path(), &sha256_hex(&bytes()), &std::env::temp_dir()).unwrap();
        (file, input)
    }

    fn read_all(input: &Arc<InputFile>) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        input.reader().read_to_end(&mut all).map(|_| all)
    }

    #[test]
    fn input_reads_the_hashed_bytes_from_any_position() {
        let (_file, input) = opened();
        assert_eq!(read_all(&input).unwrap(), bytes());
        let mut reader = input.reader();
        for at in [0, CHUNK_BYTES - 3, CHUNK_BYTES, 2 * CHUNK_BYTES + 5, LEN - 1, 17] {
            let mut some = [0; 6];
            reader.seek(SeekFrom::Start(at as u64)).unwrap();
            let wanted = 6.min(LEN - at);
            reader.read_exact(&mut some[..wanted]).unwrap();
            assert_eq!(some[..wanted], bytes()[at..at + wanted]);
        }
        assert_eq!(reader.seek(SeekFrom::End(10)).unwrap(), LEN as u64 + 10);
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
        assert!(reader.seek(SeekFrom::Current(-(LEN as i64) - 11)).is_err());
    }

    #[test]
    fn input_that_is_replaced_or_grows_still_gives_the_hashed_bytes() {
        let (file, input) = opened();
        fs::OpenOptions::new().append(true).open(file.path()).unwrap().write_all(b"more").unwrap();
        assert_eq!(read_all(&input).unwrap(), bytes());
        let other = tempfile::NamedTempFile::new().unwrap();
        fs::rename(other.path(), file.path()).unwrap();
        assert_eq!(read_all(&input).unwrap(), bytes());
        fs::remove_file(file.path()).unwrap();
        assert_eq!(read_all(&input).unwrap(), bytes());
    }

    #[test]
    fn input_that_is_overwritten_or_truncated_gives_hashed_bytes_or_an_error() {
        let last_chunk = 3 * CHUNK_BYTES;
        for change in ["overwrite", "truncate"] {
            let (file, input) = opened();
            let handle = fs::OpenOptions::new().write(true).open(file.path()).unwrap();
            match change {
                "overwrite" => handle.write_all_at(b"x", last_chunk as u64 + 9).unwrap(),
                _ => handle.set_len(last_chunk as u64 + 9).unwrap(),
            }
            let mut reader = input.reader();
            let mut before = vec![0; last_chunk];
            reader.read_exact(&mut before).unwrap();
            assert_eq!(before, bytes()[..last_chunk], "chunks that did not change are still good");
            assert!(input.unless_changed(Ok(())).is_ok());
            assert!(reader.read(&mut [0]).is_err(), "{change}");
            assert!(matches!(input.unless_changed(Ok(())), Err(DecodeError::FileChanged)));
        }
    }

    #[test]
    fn input_with_another_hash_is_refused() {
        let (file, _) = opened();
        let error = InputFile::open_hashed(file.path(), &sha256_hex(b"other"), &std::env::temp_dir()).unwrap_err();
        assert!(matches!(error, DecodeError::FileChanged), "{error}");
    }

    #[test]
    fn input_is_hashed_when_it_is_opened() {
        let (file, _) = opened();
        let (input, sha256) = InputFile::open_and_hash(file.path()).unwrap();
        assert_eq!((sha256, input.len()), (sha256_hex(&bytes()), LEN as u64));
        assert_eq!(read_all(&input).unwrap(), bytes());
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(InputFile::open_and_hash(empty.path()), Err(DecodeError::Empty)));
    }
}
