//! Reads files that are small if they are what they should be.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// The bytes of a file, and the metadata of the file that was read. The bytes are erased from memory when dropped.
///
/// # Errors
/// It cannot be read, is not a file, or has more than `limit` bytes ([`io::ErrorKind::FileTooLarge`]).
pub(super) fn read(path: &Path, limit: u64) -> io::Result<(Zeroizing<Vec<u8>>, Metadata)> {
    stage_core::require_file(path)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // The whole capacity is reserved: a buffer that grows leaves copies of a key in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(limit) as usize + 1));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok((bytes, metadata))
}
