//! The codec of the first audio track of an MP4 file (`.3gp`, `.m4a`, `.mov`).

use std::io::{Read, Seek, SeekFrom};

use super::Codec;
use crate::codec::names::four_characters;

/// A longer table of contents is not read to find a name.
const MOOV_BYTES_MAX: u64 = 1 << 26;
/// Bytes of the header of a sample entry: size, code, data reference.
const ENTRY_BYTES: usize = 16;
/// Bytes of an audio sample entry before its boxes.
const AUDIO_ENTRY_BYTES: usize = 36;

/// Finds the first audio track. `None` if there is none, or if the file is not MP4.
pub(super) fn codec(file: &mut (impl Read + Seek), len: u64) -> Option<Codec> {
    let moov = read_moov(file, len)?;
    let tracks = boxes(&moov).filter(|(kind, _)| *kind == b"trak");
    tracks.filter_map(|(_, track)| codec_of_track(track)).next()
}

fn read_moov(file: &mut (impl Read + Seek), len: u64) -> Option<Vec<u8>> {
    let mut at = 0;
    while at < len {
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut header = [0; 8];
        file.read_exact(&mut header).ok()?;
        let (mut size, mut header_bytes) = (u64::from(u32::from_be_bytes(header[..4].try_into().ok()?)), 8);
        if size == 1 {
            let mut long = [0; 8];
            file.read_exact(&mut long).ok()?;
            (size, header_bytes) = (u64::from_be_bytes(long), 16);
        } else if size == 0 {
            size = len - at;
        }
        let body = size.checked_sub(header_bytes)?;
        if &header[4..] == b"moov" {
            let mut moov = Vec::new();
            file.take(body.min(MOOV_BYTES_MAX)).read_to_end(&mut moov).ok()?;
            return Some(moov);
        }
        at = at.checked_add(size)?;
    }
    None
}

/// The kinds and bodies of the boxes in `bytes`. A box that is cut short has the bytes that are there.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (header, kind) = (rest.first_chunk::<4>()?, rest.get(4..)?.first_chunk::<4>()?);
        let size = (u32::from_be_bytes(*header) as usize).min(rest.len());
        let body = rest.get(8..size)?;
        rest = &rest[size..];
        Some((kind, body))
    })
}

fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(own, _)| *own == kind).map(|(_, body)| body)
}

fn codec_of_track(track: &[u8]) -> Option<Codec> {
    let media = child(track, b"mdia")?;
    if child(media, b"hdlr")?.get(8..12)? != b"soun" {
        return None;
    }
    let table = child(child(child(media, b"minf")?, b"stbl")?, b"stsd")?;
    let entry = table.get(8..)?;
    let code: [u8; 4] = entry.get(4..8)?.try_into().ok()?;
    match &code {
        b"drms" | b"drmi" => Some(Codec::Encrypted("FairPlay".to_owned())),
        b"enca" => Some(Codec::Encrypted("Common Encryption".to_owned())),
        b"mp4a" => Some(Codec::Named(object_type(entry).unwrap_or("AAC").to_owned())),
        _ => Some(Codec::Named(four_characters(&code))),
    }
}

/// The codec of an `mp4a` entry, from the object type in its `esds` box.
fn object_type(entry: &[u8]) -> Option<&'static str> {
    const DECODER_CONFIG: u8 = 4;
    let from = AUDIO_ENTRY_BYTES.max(ENTRY_BYTES);
    let esds = child(entry.get(from..)?, b"esds")?;
    let mut at = 4;
    // Descriptors: a tag, a length of up to four bytes, a body. The first one holds the others, after three bytes.
    for _ in 0..4 {
        let tag = *esds.get(at)?;
        at += 1;
        while *esds.get(at)? & 0x80 != 0 {
            at += 1;
        }
        at += 1;
        if tag == DECODER_CONFIG {
            return match esds.get(at)? {
                0x69 | 0x6b => Some("MP3"),
                0xa5 => Some("AC-3"),
                0xa6 => Some("E-AC-3"),
                0xa9..=0xac => Some("DTS"),
                0xd1 => Some("EVRC"),
                0xe1 => Some("QCELP"),
                _ => None,
            };
        }
        at += 3;
    }
    None
}
