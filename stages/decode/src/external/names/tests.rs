use std::fs;
use std::path::PathBuf;

use super::*;

/// What is recognized in a file with this name and these bytes.
fn recognized(name: &str, bytes: &[u8]) -> (Option<Foreign>, Option<Codec>) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let file = InputFile::open(&path).unwrap();
    (foreign(&path, &file).unwrap(), codec(&file))
}

fn foreign_codec(name: &str, bytes: &[u8]) -> Option<String> {
    recognized(name, bytes).0.map(|foreign| foreign.codec)
}

fn named(bytes: &[u8]) -> Option<Codec> {
    let (foreign, codec) = recognized("call", bytes);
    assert_eq!(foreign, None);
    codec
}

fn mp4_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

fn mp4(handler: &[u8; 4], entry: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let entry = mp4_box(entry, &[&[0; 28][..], inside].concat());
    let stsd = mp4_box(b"stsd", &[b"\0\0\0\0\0\0\0\x01".as_slice(), &entry].concat());
    let hdlr = mp4_box(b"hdlr", &[b"\0\0\0\0\0\0\0\0".as_slice(), handler, &[0; 13]].concat());
    let minf = mp4_box(b"minf", &mp4_box(b"stbl", &stsd));
    let track = mp4_box(b"trak", &mp4_box(b"mdia", &[hdlr, minf].concat()));
    [mp4_box(b"ftyp", b"3gp4"), mp4_box(b"mdat", &[7; 999]), mp4_box(b"moov", &track)].concat()
}

#[test]
fn names_of_raw_files_come_from_their_first_bytes() {
    for (bytes, name) in [
        (b"#!AMR\n\x3c\x08".as_slice(), "AMR-NB"),
        (b"#!AMR-WB\n\x14", "AMR-WB"),
        (b"wvpk\0\0", "WavPack"),
        (b"MAC \x96\x0f", "Monkey's Audio"),
        (b"\x0b\x77\x12\x34", "AC-3"),
        (b"RIFF\0\0\0\0AVI LIST", "the audio of AVI files"),
        (b"RIFF\0\0\0\0QLCMfmt \x96\0\0\0\x01\0\x8d\xd4\x89\xe6", "EVRC"),
    ] {
        assert_eq!(foreign_codec("call.bin", bytes).as_deref(), Some(name));
    }
    let speex = [b"OggS".as_slice(), &[0; 22], b"\x01\x50Speex   1.2"].concat();
    assert_eq!(foreign_codec("call.ogg", &speex).as_deref(), Some("Speex"));
    let transport: Vec<u8> = (0..188 * 8).map(|n| if n % 188 == 0 { 0x47 } else { 0xff }).collect();
    assert!(foreign_codec("call.ts", &transport).unwrap().contains("transport"));
}

#[test]
fn names_of_files_without_header_come_from_their_extension() {
    let (foreign, _) = recognized("call.G722", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(foreign, Some(Foreign { codec: "G.722".to_owned(), format: Some("g722") }));
    assert_eq!(foreign_codec("call.g722", b"RIFF\0\0\0\0WAVEfmt "), None, "the header counts more than the name");
    assert_eq!(foreign_codec("call.raw", &[1; 99]), None);
}

#[test]
fn names_of_codecs_come_from_wav_headers() {
    let wav = |tag: u16| [b"RIFF\0\0\0\0WAVEJUNK\x03\0\0\0abc\0fmt \x10\0\0\0".as_slice(), &tag.to_le_bytes()].concat();
    for (tag, name) in [(0x31, "GSM 06.10"), (0x45, "G.726"), (0x28f, "G.722"), (0x161, "WMA"), (0xa109, "Speex")] {
        assert_eq!(named(&wav(tag)), Some(Codec::Named(name.to_owned())));
    }
    assert_eq!(named(&wav(0x9999)), Some(Codec::Named("the codec with the format tag 0x9999".to_owned())));
    let extensible = [wav(0xfffe), vec![0; 22], b"\x65\0".to_vec()].concat();
    assert_eq!(named(&extensible), Some(Codec::Named("G.722".to_owned())));
    assert_eq!(named(b"RIFF\0\0\0\0WAVE"), None);
}

#[test]
fn names_of_codecs_come_from_mp4_tables_wherever_they_are() {
    let name = |name: &str| Some(Codec::Named(name.to_owned()));
    assert_eq!(named(&mp4(b"soun", b"samr", b"")), name("AMR-NB"));
    assert_eq!(named(&mp4(b"soun", b"sawb", b"")), name("AMR-WB"));
    assert_eq!(named(&mp4(b"soun", b"xyz1", b"")), name("the codec xyz1"));
    assert_eq!(named(&mp4(b"soun", b"ms\0\x31", b"")), name("GSM 06.10"));
    assert_eq!(named(&mp4(b"vide", b"avc1", b"")), None);
    let esds = mp4_box(b"esds", b"\0\0\0\0\x03\x80\x80\x80\x22\0\x01\0\x04\x11\xe1\x15");
    assert_eq!(named(&mp4(b"soun", b"mp4a", &esds)), name("QCELP"));
    assert_eq!(named(&mp4(b"soun", b"mp4a", b"")), name("AAC"));
    assert_eq!(named(&mp4(b"soun", b"drms", b"")), Some(Codec::Encrypted("FairPlay".to_owned())));
}

#[test]
fn names_of_codecs_come_from_matroska_caf_aiff_and_au() {
    let name = |name: &str| Some(Codec::Named(name.to_owned()));
    assert_eq!(named(b"\x1aE\xdf\xa3....\x86\x85A_AC3....."), name("AC-3"));
    assert_eq!(named(b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20\x40\xbf\x40\0\0\0\0\0ilbc"), name("iLBC"));
    let aiff = [b"FORM\0\0\0\0AIFCCOMM\0\0\0\x18".as_slice(), &[0; 18], b"G722"].concat();
    assert_eq!(named(&aiff), name("G.722"));
    assert_eq!(named(b".snd\0\0\0\x18\0\0\0\0\0\0\0\x18\0\0\x3e\x80"), name("G.722"));
}
