//! First bytes and file names of recordings without a built-in decoder.

/// Extensions of files without any header: with ffmpeg's name of the format.
pub(super) const RAW: [(&str, &str, &str); 5] = [
    ("g722", "g722", "G.722"),
    ("g729", "g729", "G.729"),
    ("g723_1", "g723_1", "G.723.1"),
    ("tco", "g723_1", "G.723.1"),
    ("rco", "g723_1", "G.723.1"),
];

/// First bytes of files without a built-in demuxer, and their offset.
pub(super) const MAGICS: [(usize, &[u8], &str); 33] = [
    (0, b"#!AMR\n", "AMR-NB"),
    (0, b"#!AMR_MC1.0\n", "AMR-NB"),
    (0, b"#!AMR-WB\n", "AMR-WB"),
    (0, b"#!AMR-WB_MC1.0\n", "AMR-WB"),
    (0, b"#!EVRC\n", "EVRC"),
    (0, b"#!EVRC-B\n", "EVRC-B"),
    (0, b"#!SMV\n", "SMV"),
    (0, b"#!QCELP\n", "QCELP"),
    (0, b"#!iLBC20\n", "iLBC"),
    (0, b"#!iLBC30\n", "iLBC"),
    (0, b"#!SILK_V3", "SILK"),
    (0, b"\x02#!SILK_V3", "SILK"),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio (TTA)"),
    (0, b"tBaK", "TAK"),
    (0, b"MP+", "Musepack"),
    (0, b"MPCK", "Musepack"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"ajkg", "Shorten"),
    (0, b"\x02dss", "DSS"),
    (0, b"\x03dss", "DSS"),
    (0, b"\x03ds2", "DSS Pro (DS2)"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealAudio"),
    (0, b"DSD ", "DSD"),
    (0, b"FRM8", "DSD"),
    (0, b"FLV\x01", "the audio of FLV files"),
    (8, b"AVI LIST", "the audio of AVI files"),
    (0, b"riff\x2e\x91\xcf\x11", "WAVE64 (w64) files"),
    (0, b"\0\0\x01\xba", "the audio of MPEG program streams"),
];

/// The first bytes of an ASF file (`.wma`, `.asf`), and the type of its audio streams.
pub(super) const ASF_AUDIO: (&[u8], &[u8]) = (
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    b"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b",
);

/// The codec of a QCP file, from the identifier in its format chunk.
pub(super) fn qcp_codec(head: &[u8]) -> &'static str {
    match head.get(22..26) {
        Some(b"\x8d\xd4\x89\xe6") => "EVRC",
        Some(b"\x75\x2b\x7c\x8d") => "SMV",
        Some(b"\xca\x29\xfd\x3c") => "4GV (EVRC-B)",
        _ => "QCELP",
    }
}
