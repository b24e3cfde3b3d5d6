use std::path::Path;

use testkit::{Ffmpeg, Random, fixture};

use super::*;

/// Decodes all frames of `data`.
fn decoded(id: AudioCodecId, data: &[u8]) -> Vec<f32> {
    let mut params = AudioCodecParameters::new();
    params.for_codec(id);
    let mut decoder = Gsm.open(&Track::new(0), &params).unwrap();
    let (mut samples, mut all) = (Vec::new(), Vec::new());
    // Packets of five frames or blocks, so that the state passes from packet to packet.
    let bytes = 5 * if id == CODEC_ID_GSM { FRAME_BYTES } else { BLOCK_BYTES };
    for data in data.chunks(bytes) {
        let packet = Packet::new(0, Default::default(), Default::default(), data);
        let spec = decoder.decode(&packet, &mut samples).unwrap();
        assert_eq!(spec, Spec { rate_hz: 8_000, channels: 1 });
        all.append(&mut samples);
    }
    all
}

/// Frames with random parameters: every range of every table, lags that no coder sends, and saturation.
fn random_frames(count: usize, frame_bytes: usize) -> Vec<u8> {
    let mut random = Random(7);
    let mut bytes: Vec<u8> = (0..count * frame_bytes).map(|_| random.below(256) as u8).collect();
    if frame_bytes == FRAME_BYTES {
        bytes.iter_mut().step_by(FRAME_BYTES).for_each(|byte| *byte = SIGNATURE << 4 | *byte & 15);
    }
    bytes
}

fn write_wav49(path: &Path, blocks: &[u8]) {
    let mut wav =
        b"RIFF\0\0\0\0WAVEfmt \x14\0\0\0\x31\0\x01\0\x40\x1f\0\0\x59\x06\0\0\x41\0\0\0\x02\0\x40\x01data".to_vec();
    wav.extend((blocks.len() as u32).to_le_bytes());
    wav.extend(blocks);
    let riff = wav.len() as u32 - 8;
    wav[4..8].copy_from_slice(&riff.to_le_bytes());
    std::fs::write(path, wav).unwrap();
}

/// What a decoder of ffmpeg makes of the file.
fn theirs(ffmpeg: &Ffmpeg, decoder: &str, path: &Path) -> Vec<f32> {
    let input = ["-c:a", decoder, "-i", path.to_str().unwrap()];
    testkit::f32_samples(&ffmpeg.output(&[&input[..], &["-f", "f32le", "-"]].concat()))
}

/// Encodes a call with libgsm.
fn speech(ffmpeg: &Ffmpeg, encoder: &str, path: &Path) -> Vec<u8> {
    let call = fixture("calls/reading.wav");
    ffmpeg.write(&["-i", call.to_str().unwrap(), "-c:a", encoder, path.to_str().unwrap()]);
    std::fs::read(path).unwrap()
}

#[test]
fn gsm_equals_other_decoders_sample_by_sample() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.gsm");
    let frames = speech(&ffmpeg, "libgsm", &path);
    assert!(frames.len() > 400 * FRAME_BYTES);
    assert!(decoded(CODEC_ID_GSM, &frames) == theirs(&ffmpeg, "gsm", &path));
    assert!(decoded(CODEC_ID_GSM, &frames) == theirs(&ffmpeg, "libgsm", &path));
    // ffmpeg's own decoder has other rules for lags that no coder sends.
    let frames = random_frames(3_000, FRAME_BYTES);
    std::fs::write(&path, &frames).unwrap();
    assert!(decoded(CODEC_ID_GSM, &frames) == theirs(&ffmpeg, "libgsm", &path));
}

#[test]
fn gsm_of_wav_files_equals_other_decoders_sample_by_sample() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let wav = speech(&ffmpeg, "libgsm_ms", &path);
    let data = wav.windows(4).position(|name| name == b"data").unwrap() + 8;
    // ffmpeg writes a byte of padding after an odd number of bytes.
    let blocks = &wav[data..wav.len() - (wav.len() - data) % BLOCK_BYTES];
    assert!(blocks.len() > 200 * BLOCK_BYTES);
    assert!(decoded(CODEC_ID_GSM_MS, blocks) == theirs(&ffmpeg, "gsm_ms", &path));
    assert!(decoded(CODEC_ID_GSM_MS, blocks) == theirs(&ffmpeg, "libgsm_ms", &path));
    let blocks = random_frames(2_000, BLOCK_BYTES);
    write_wav49(&path, &blocks);
    let ours = decoded(CODEC_ID_GSM_MS, &blocks);
    assert_eq!(ours.len(), 2_000 * 2 * FRAME_SAMPLES);
    assert!(ours == theirs(&ffmpeg, "libgsm_ms", &path));
}

#[test]
fn gsm_frame_without_signature_is_damaged() {
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_GSM);
    let mut decoder = Gsm.open(&Track::new(0), &params).unwrap();
    let mut decode = |data: &[u8]| {
        let packet = Packet::new(0, Default::default(), Default::default(), data);
        decoder.decode(&packet, &mut Vec::new()).is_ok()
    };
    assert!(decode(&random_frames(1, FRAME_BYTES)));
    assert!(!decode(&[0; FRAME_BYTES]) && !decode(&random_frames(1, FRAME_BYTES)[..32]) && !decode(&[]));
}

#[test]
fn gsm_raw_stream_is_recognized_and_nothing_else() {
    let frames = random_frames(100, FRAME_BYTES);
    assert!(is_raw_stream(&frames) && is_raw_stream(&frames[..1_000]));
    assert!(!is_raw_stream(&frames[1..]), "not at its start");
    assert!(!is_raw_stream(&frames[..15 * FRAME_BYTES]), "too short to be sure");
    let mut damaged = frames;
    damaged[50 * FRAME_BYTES] = 0x12;
    assert!(!is_raw_stream(&damaged));
    assert!(!is_raw_stream(&[0xd5; 4_000]), "silence of raw A-law");
    assert!(!is_raw_stream(&[0; 4_000]) && !is_raw_stream(b""));
}
