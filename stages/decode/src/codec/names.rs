//! Names of codecs for people, by their identifiers in containers.

/// The codec of a format tag of WAV and ASF files.
pub(crate) fn wave_tag(tag: u16) -> String {
    let name = match tag {
        0x0001 => "PCM",
        0x0002 => "Microsoft ADPCM",
        0x0003 => "float PCM",
        0x0006 => "A-law",
        0x0007 => "mu-law",
        0x000a => "WMA Voice",
        0x0010 => "OKI ADPCM",
        0x0011 => "IMA ADPCM",
        0x0014 | 0x0040 => "G.721 (G.723 ADPCM)",
        0x0022 => "TrueSpeech",
        0x0031 | 0x1500 => "GSM 06.10",
        0x0042 | 0x0111 | 0x0123 | 0xa100 => "G.723.1",
        0x0045 | 0x0064 | 0x0085 | 0xa107 => "G.726",
        0x0050 => "MPEG audio",
        0x0055 => "MP3",
        0x0057 | 0x7361 => "AMR-NB",
        0x0058 | 0x7362 => "AMR-WB",
        0x0065 | 0x028f | 0x28f0 => "G.722",
        0x0069..=0x0079 => "Voxware",
        0x0083 | 0x0133 | 0x1001 => "G.729",
        0x00ff | 0x1600 | 0x1601 | 0x706d | 0xa106 => "AAC",
        0x0130 => "ACELP.net",
        0x0160 => "WMA 1",
        0x0161 => "WMA",
        0x0162 => "WMA Pro",
        0x0163 => "WMA Lossless",
        0x0166 => "xWMA",
        0x0270 => "ATRAC3",
        0x1602 => "AAC in LATM",
        0x1610 => "HE-AAC",
        0x2000 => "AC-3",
        0x2001 => "DTS",
        0x566f | 0x6771 => "Vorbis",
        0x674f..=0x6751 | 0x676f..=0x6770 => "Vorbis",
        0x704f => "Opus",
        0xa109 => "Speex",
        0xf1ac => "FLAC",
        _ => return format!("the codec with the format tag 0x{tag:04x}"),
    };
    name.to_owned()
}

/// The codec of a four-character code of MP4, CAF and AIFF-C files.
pub(crate) fn four_characters(code: &[u8]) -> String {
    let name = match code {
        b"samr" => "AMR-NB",
        b"sawb" => "AMR-WB",
        b"sawp" => "AMR-WB+",
        b"sqcp" | b"Qclp" | b"QLCM" => "QCELP",
        b"sevc" => "EVRC",
        b"secb" => "EVRC-B",
        b"secw" => "EVRC-WB",
        b"sevs" => "EVS",
        b"ssmv" => "SMV",
        b"ac-3" | b"sac3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"ac-4" => "AC-4",
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" => "DTS",
        b"agsm" | b"GSM " => "GSM 06.10",
        b"G722" => "G.722",
        b"G726" => "G.726",
        b"G728" => "G.728",
        b"G729" => "G.729",
        b"mp4a" | b"aac " => "AAC",
        b"aach" | b"aacp" => "HE-AAC",
        b".mp3" | b"ms\0\x55" => "MP3",
        b"mhm1" | b"mha1" => "MPEG-H Audio",
        b"mlpa" => "Dolby TrueHD",
        b"MAC3" | b"MAC6" => "MACE",
        b"QDM2" | b"QDMC" => "QDesign",
        b"spex" => "Speex",
        b"ilbc" => "iLBC",
        b"ima4" => "IMA ADPCM",
        b"alac" => "ALAC",
        b"Opus" => "Opus",
        b"fLaC" => "FLAC",
        [b'm', b's', high, low] => return wave_tag(u16::from_be_bytes([*high, *low])),
        _ => {
            let text = String::from_utf8_lossy(code);
            return format!("the codec {}", text.trim().escape_debug());
        }
    };
    name.to_owned()
}

/// The codec of an encoding of AU files.
pub(crate) fn au_encoding(encoding: u32) -> Option<String> {
    let name = match encoding {
        23 => "G.721 (4-bit G.726)",
        24 => "G.722",
        25 => "G.723 (3-bit G.726)",
        26 => "G.723 (5-bit G.726)",
        _ => return None,
    };
    Some(name.to_owned())
}

/// The codec of an id of Matroska files.
pub(crate) fn matroska_codec(id: &str) -> String {
    let name = match id {
        "A_AC3" | "A_AC3/BSID9" | "A_AC3/BSID10" => "AC-3",
        "A_EAC3" => "E-AC-3",
        "A_TRUEHD" => "Dolby TrueHD",
        "A_MLP" => "MLP",
        "A_OPUS" => "Opus",
        "A_VORBIS" => "Vorbis",
        "A_FLAC" => "FLAC",
        "A_TTA1" => "True Audio (TTA)",
        "A_WAVPACK4" => "WavPack",
        "A_MPC" => "Musepack",
        "A_AMR/NB" | "A_QUICKTIME/AMR" => "AMR-NB",
        _ if id.starts_with("A_DTS") => "DTS",
        _ if id.starts_with("A_REAL/") => "RealAudio",
        _ if id.starts_with("A_AAC") => "AAC",
        _ => return format!("the codec {}", id.escape_debug()),
    };
    name.to_owned()
}
