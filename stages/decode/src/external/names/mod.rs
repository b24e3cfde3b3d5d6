//! Names the codec of a file that the built-in decoders do not know, from its first bytes or its container.

mod mp4;
mod tables;

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use self::tables::{ASF_AUDIO, MAGICS, RAW, qcp_codec};
use crate::codec::names::{au_encoding, four_characters, matroska_codec, wave_tag};
use crate::error::DecodeError;
use crate::input::InputFile;

/// Number of bytes in which the headers of most containers are.
const HEAD_BYTES: u64 = 1 << 16;
/// An MPEG transport stream has this byte at the start of each packet.
const TRANSPORT_SYNC: u8 = 0x47;
const TRANSPORT_BYTES: usize = 188;

/// A file that no built-in demuxer may open: it could find something in it that looks like sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// Name of the codec, or of the container if it may hold several.
    pub(crate) codec: String,
    /// ffmpeg's name of the format, if the bytes of the file do not show it.
    pub(crate) format: Option<&'static str>,
}

/// What a container states about its sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Codec {
    Named(String),
    /// The sound is encrypted, in this way.
    Encrypted(String),
}

/// Recognizes a file that only the external decoder can read: by its first bytes, or by the extension of its name if it
/// has no header.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn foreign(path: &Path, file: &Arc<InputFile>) -> Result<Option<Foreign>, DecodeError> {
    let head = head(file).map_err(DecodeError::Read)?;
    if let Some(codec) = foreign_container(&head) {
        return Ok(Some(Foreign { codec, format: None }));
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let raw = RAW.iter().find(|(raw, ..)| *raw == extension).filter(|_| !has_header(&head));
    Ok(raw.map(|(_, format, codec)| Foreign { codec: (*codec).to_owned(), format: Some(format) }))
}

fn head(file: &Arc<InputFile>) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.reader().take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether the bytes begin as a container does that is known by its first bytes.
fn has_header(head: &[u8]) -> bool {
    const KNOWN: [&[u8]; 9] =
        [b"RIFF", b"RF64", b"RIFX", b"OggS", b"fLaC", b"FORM", b"caff", b"\x1aE\xdf\xa3", b".snd"];
    KNOWN.iter().any(|magic| head.starts_with(magic)) || head.get(4..8) == Some(b"ftyp")
}

fn foreign_container(head: &[u8]) -> Option<String> {
    let magic = MAGICS.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|head| head.starts_with(magic)));
    if let Some((.., name)) = magic {
        return Some((*name).to_owned());
    }
    if head.starts_with(ASF_AUDIO.0) {
        return Some(asf_codec(head).unwrap_or_else(|| "the audio of ASF files".to_owned()));
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"QLCM") {
        return Some(qcp_codec(head).to_owned());
    }
    if head.starts_with(b"OggS") && ogg_packet(head)?.starts_with(b"Speex   ") {
        return Some("Speex".to_owned());
    }
    let is_transport =
        head.len() >= 5 * TRANSPORT_BYTES && head.iter().step_by(TRANSPORT_BYTES).all(|&byte| byte == TRANSPORT_SYNC);
    is_transport.then(|| "the audio of MPEG transport streams".to_owned())
}

/// The first packet of an Ogg stream.
fn ogg_packet(head: &[u8]) -> Option<&[u8]> {
    head.get(27 + usize::from(*head.get(26)?)..)
}

/// The codec in the stream properties of an ASF header.
fn asf_codec(head: &[u8]) -> Option<String> {
    /// Offset of the format tag from the type of the stream.
    const TAG_AT: usize = 54;
    let at = head.windows(ASF_AUDIO.1.len()).position(|window| window == ASF_AUDIO.1)?;
    Some(wave_tag(u16_le(head, at + TAG_AT)?))
}

/// The codec that a container states, among those of the built-in demuxers. `None` if it is not found.
pub(crate) fn codec(file: &Arc<InputFile>) -> Option<Codec> {
    let head = head(file).ok()?;
    let named = match head.get(..4)? {
        b"RIFF" | b"RF64" => wave_codec(&head),
        b"FORM" => aiff_codec(&head),
        b"caff" => caf_codec(&head),
        b".snd" => au_encoding(u32::from_be_bytes(head.get(12..16)?.try_into().ok()?)),
        b"\x1aE\xdf\xa3" => codec_of_matroska(&head),
        _ => {
            let mut reader = file.reader();
            reader.seek(SeekFrom::Start(0)).ok()?;
            return mp4::codec(&mut reader, file.len());
        }
    };
    named.map(Codec::Named)
}

fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The body of a chunk of a file of RIFF's structure, from its 12th byte on.
fn chunk<'a>(head: &'a [u8], name: &[u8; 4], length: fn([u8; 4]) -> u32) -> Option<&'a [u8]> {
    let mut at = 12;
    loop {
        let body = head.get(at + 8..)?;
        if &head[at..at + 4] == name {
            return Some(body);
        }
        let len = length(head[at + 4..at + 8].try_into().ok()?);
        at = at.checked_add(8 + (len as usize).checked_next_multiple_of(2)?)?;
    }
}

fn wave_codec(head: &[u8]) -> Option<String> {
    const EXTENSIBLE: u16 = 0xfffe;
    let format = chunk(head, b"fmt ", u32::from_le_bytes)?;
    let tag = u16_le(format, 0)?;
    Some(wave_tag(if tag == EXTENSIBLE { u16_le(format, 24)? } else { tag }))
}

fn aiff_codec(head: &[u8]) -> Option<String> {
    if head.get(8..12)? != b"AIFC" {
        return None;
    }
    Some(four_characters(chunk(head, b"COMM", u32::from_be_bytes)?.get(18..22)?))
}

fn caf_codec(head: &[u8]) -> Option<String> {
    /// The description is the first chunk: after 8 bytes of file header, 12 of chunk header and the rate.
    const FORMAT_AT: usize = 28;
    Some(four_characters(head.get(FORMAT_AT..FORMAT_AT + 4)?))
}

/// The first codec id of an audio track.
fn codec_of_matroska(head: &[u8]) -> Option<String> {
    const CODEC_ID: u8 = 0x86;
    let at =
        head.windows(4).position(|window| window[0] == CODEC_ID && window[1] & 0x80 != 0 && &window[2..] == b"A_")?;
    let len = usize::from(head[at + 1] & 0x7f);
    Some(matroska_codec(&String::from_utf8_lossy(head.get(at + 2..at + 2 + len)?)))
}

#[cfg(test)]
mod tests;
