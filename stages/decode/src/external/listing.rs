//! What ffmpeg states about a file: container, tags, codecs, and every packet of the audio tracks.

use std::collections::BTreeMap;

/// Longer tags are dropped: they are cover texts and lyrics.
const TAG_CHARS_MAX: usize = 1_000;
/// Names of containers that differ from those of the built-in demuxers.
const CONTAINERS: [(&str, &str); 2] = [("mov", "isomp4"), ("webm", "matroska")];

/// The lines that ffmpeg prints about a file.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Header {
    /// Short name of the container.
    pub(crate) container: String,
    /// Codecs of the audio tracks, as far as they are listed.
    pub(crate) codecs: Vec<String>,
    /// Length in seconds, often an estimate.
    pub(crate) duration_s: Option<f64>,
    /// Whether there are pictures.
    pub(crate) has_video: bool,
    /// Tags of the container.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Header {
    /// Reads it from the lines. `None` if ffmpeg did not open the file.
    pub(crate) fn read(lines: &[String]) -> Option<Self> {
        let at = lines.iter().position(|line| line.starts_with("Input #0, "))?;
        let names = lines[at].strip_prefix("Input #0, ")?.split(", from").next()?;
        let name = names.split(',').find(|name| *name != "webm").unwrap_or(names);
        let name = CONTAINERS.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours);
        let mut header = Self { container: name.to_owned(), ..Self::default() };
        let mut in_tags = false;
        for line in lines[at + 1..].iter().take_while(|line| line.starts_with(' ')) {
            let text = line.trim_start();
            match line.len() - text.len() {
                2 => {
                    in_tags = text.starts_with("Metadata:") && header.codecs.is_empty();
                    header.duration_s = text.strip_prefix("Duration: ").and_then(seconds).or(header.duration_s);
                    header.has_video |= text.contains(": Video: ");
                    header.codecs.extend(codec(text));
                }
                4 if in_tags => header.tags.extend(tag(text)),
                _ => {}
            }
        }
        Some(header)
    }
}

/// The codec of a line such as `Stream #0:0[0x1](und): Audio: amr_nb (samr / 0x726D6173), 8000 Hz`.
fn codec(line: &str) -> Option<String> {
    let (_, codec) = line.strip_prefix("Stream #0:")?.split_once(": Audio: ")?;
    Some(codec.split([' ', ',']).next()?.to_owned())
}

/// A tag of a line such as `major_brand     : 3gp4`.
fn tag(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once(':')?;
    let (key, value) = (key.trim(), value.trim());
    (!key.is_empty() && value.len() <= TAG_CHARS_MAX).then(|| (key.to_owned(), value.to_owned()))
}

/// The seconds of `00:01:08.30, start: 0.000000`; `None` for `N/A`.
fn seconds(text: &str) -> Option<f64> {
    text.split(',').next()?.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

/// Length of a packet of AMR with comfort noise: a byte of header and 39 or 40 bits.
const NOISE_BYTES: u64 = 6;
/// Type of a packet of AMR without data, which has only the byte of header.
const NO_DATA: u32 = 15;

/// The packets of one audio track.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct TrackPackets {
    pub(crate) codec: String,
    pub(crate) rate_hz: u32,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Sum of the lengths of the packets, in seconds.
    pub(crate) length_s: f64,
    /// Number of packets that have the form of a pause in AMR.
    pauses: u64,
    /// Length of a tick, in seconds.
    tick_s: f64,
}

impl TrackPackets {
    fn packet(&mut self, length: i64, bytes: u64, checksum: u32) {
        self.packets += 1;
        // The checksum of a single byte is twice that byte.
        let is_empty = bytes == 1 && checksum >> 3 & 15 == NO_DATA;
        self.pauses += u64::from(is_empty || bytes == NOISE_BYTES);
        self.bytes = self.bytes.saturating_add(bytes);
        self.length_s += length.max(0) as f64 * self.tick_s;
    }

    /// Whether the codec is AMR, whose packets all have the same length.
    pub(crate) fn is_amr(&self) -> bool {
        ["amr_nb", "amr_wb"].contains(&self.codec.as_str())
    }

    /// Number of packets of AMR that hold no speech, but comfort noise or nothing (discontinuous transmission, DTX).
    pub(crate) fn dtx_packets(&self) -> u64 {
        if self.is_amr() { self.pauses } else { 0 }
    }
}

/// Reads the list of packets (ffmpeg's `framecrc` format) in pieces.
#[derive(Debug, Default)]
pub(super) struct ListReader {
    tracks: Vec<TrackPackets>,
    rest: Vec<u8>,
}

/// Audio tracks beyond this number are not listed.
pub(super) const TRACKS_MAX: usize = 64;
/// Longer lines do not occur.
const LINE_BYTES_MAX: usize = 4_096;

impl ListReader {
    /// Adds the next piece of the list.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        for line in String::from_utf8_lossy(&lines).lines() {
            // Lines of another form are left out.
            let _ = self.line(line);
        }
        if self.rest.len() > LINE_BYTES_MAX {
            self.rest.clear();
        }
    }

    /// The audio tracks, in the order of the file.
    pub(super) fn finish(self) -> Vec<TrackPackets> {
        self.tracks
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(property) = line.strip_prefix('#') {
            let (name, value) = property.split_once(": ")?;
            let (name, track) = name.split_once(' ')?;
            let track = self.track(track.parse().ok()?)?;
            match name {
                "codec_id" => track.codec = value.to_owned(),
                "sample_rate" => track.rate_hz = value.parse().ok()?,
                "tb" => {
                    let (numerator, denominator) = value.split_once('/')?;
                    track.tick_s = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
                }
                _ => {}
            }
            return Some(());
        }
        let mut fields = line.split(',').map(str::trim);
        let track = self.track(fields.next()?.parse().ok()?)?;
        let (length, bytes) = (fields.nth(2)?, fields.next()?);
        let checksum = fields.next().and_then(|text| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        track.packet(length.parse().unwrap_or(0), bytes.parse().ok()?, checksum.unwrap_or(0));
        Some(())
    }

    fn track(&mut self, index: usize) -> Option<&mut TrackPackets> {
        if index >= self.tracks.len() && index < TRACKS_MAX {
            self.tracks.resize_with(index + 1, TrackPackets::default);
        }
        self.tracks.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_has_container_tags_codecs_and_length() {
        let lines = "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from '/dev/fd/0':\n\
            \u{20} Metadata:\n\
            \u{20}   major_brand     : 3gp4\n\
            \u{20}   creation_time   : 2024-01-31T05:25:30.000000Z\n\
            \u{20} Duration: 00:01:08.30, start: 0.000000, bitrate: 13 kb/s\n\
            \u{20} Stream #0:0[0x1](und): Video: h263 (s263 / 0x33363273), yuv420p\n\
            \u{20} Stream #0:1[0x2](und): Audio: amr_nb (samr / 0x726D6173), 8000 Hz, mono, fltp, 12 kb/s (default)\n\
            \u{20}   Metadata:\n\
            \u{20}     handler_name    : SoundHandler\n\
            \u{20} Stream #0:2: Audio: none, 8000 Hz\n\
            Output #0, framecrc, to 'pipe:1':\n\
            \u{20} Stream #0:0: Audio: other\n";
        let lines: Vec<String> = lines.lines().map(ToOwned::to_owned).collect();
        let header = Header::read(&lines).unwrap();
        assert_eq!(
            (header.container.as_str(), &header.codecs[..]),
            ("isomp4", &["amr_nb", "none"].map(str::to_owned)[..])
        );
        assert_eq!(header.duration_s, Some(68.3));
        assert_eq!(header.tags.len(), 2);
        assert_eq!(header.tags["creation_time"], "2024-01-31T05:25:30.000000Z");
        let matroska = ["Input #0, matroska,webm, from '/dev/fd/0':".to_owned(), "  Duration: N/A".to_owned()];
        let header = Header::read(&matroska).unwrap();
        assert_eq!((header.container.as_str(), header.duration_s), ("matroska", None));
        assert_eq!(Header::read(&[]), None);
    }

    #[test]
    fn list_of_packets_is_read_in_pieces_of_any_size() {
        let list = "#software: Lavf59\n#tb 0: 1/8000\n#tb 1: 1/1000\n#media_type 0: audio\n#codec_id 0: amr_nb\n\
            #sample_rate 0: 8000\n#codec_id 1: wmav2\n#sample_rate 1: 44100\n\
            0,          0,          0,      160,       32, 0xdcee0d61\n\
            1,        500,        500,       64,     1024, 0xdcee0d61, F=0x1\n\
            0,        160,        160,      160,       30, 0xf6920f23\n\
            0,        320,        320,      160,        6, 0xf6920f23\n\
            0,        480,        480,      160,        1, 0x007c007c\n\
            0,        640,        640,      160,        1, 0x00740074\n\
            2000,       0,          0,      160,       32, 0xf6920f23\nnot a line\n";
        for size in [1, 7, 4_096] {
            let mut reader = ListReader::default();
            list.as_bytes().chunks(size).for_each(|piece| reader.push(piece));
            let [first, second] = <[TrackPackets; 2]>::try_from(reader.finish()).unwrap();
            assert_eq!((first.codec.as_str(), first.rate_hz, first.packets, first.bytes), ("amr_nb", 8_000, 5, 70));
            assert!((first.length_s - 0.1).abs() < 1e-9);
            assert_eq!(first.dtx_packets(), 2, "noise, and no data");
            assert_eq!((second.codec.as_str(), second.rate_hz, second.dtx_packets()), ("wmav2", 44_100, 0));
        }
    }
}
