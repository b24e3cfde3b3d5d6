//! Compares decoding with ffmpeg and resampling with soxr, for every format. The comparison does not hide time shifts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::Path;

use support::{channels, decode, error_db, ffmpeg_16k};
use testkit::{Ffmpeg, f32_samples, shared};

/// Allowed difference between our length and ffmpeg's, in frames at 16 kHz.
enum Length {
    Same,
    /// Our length in seconds, exactly; ffmpeg 5.1 keeps some of the last packet's padding in MP4.
    Seconds(f64),
    /// Number of frames by which our output is longer: a broken packet at the end, which ffmpeg drops.
    Longer(usize),
}

/// Decodes the file and compares each channel. Panics if the error is above -50 dB.
fn check(ffmpeg: &Ffmpeg, path: &Path, length: &Length) {
    let decoded = decode(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let recording = &decoded.recording;
    let ours = channels(&decoded);
    let theirs = ffmpeg_16k(ffmpeg, path, &recording.codec, ours.len());
    let name = path.file_name().unwrap().to_string_lossy();
    for (a, b) in ours.iter().zip(&theirs) {
        match length {
            Length::Same => assert!(a.len().abs_diff(b.len()) <= 2, "{name}: {} and {} frames", a.len(), b.len()),
            Length::Seconds(seconds) => {
                assert!(a.len().abs_diff((seconds * 16e3) as usize) <= 2, "{name}: {}", a.len())
            }
            Length::Longer(frames) => assert_eq!(a.len() - b.len(), *frames, "{name}"),
        }
        let error = error_db(a, b, recording.sample_rate_hz);
        assert!(error < -50.0, "{name}: {error:.1} dB from ffmpeg and soxr");
    }
}

#[test]
#[ignore = "needs ../shared"]
fn formats_of_other_encoders_agree_with_ffmpeg() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let mut checked = 0;
    for entry in fs::read_dir(shared("formats")).unwrap() {
        let path = entry.unwrap().path();
        match path.file_name().unwrap().to_str().unwrap() {
            // The first frame of this file contains only the encoder's name. It lasts 1024 samples like any other, but
            // ffmpeg drops it and so begins 1024 samples late: see the next test.
            "p001.aac" => {}
            "p001.mp4" => check(&ffmpeg, &path, &Length::Seconds(8.995)),
            "p001.flac" => check(&ffmpeg, &path, &Length::Longer(142)),
            "mono.zero.wav" => assert_eq!(decode(&path).unwrap().pcm.frames(), 0),
            _ => check(&ffmpeg, &path, &Length::Same),
        }
        checked += 1;
    }
    assert!(checked >= 27, "only {checked} files");
}

#[test]
#[ignore = "needs ../shared"]
fn adts_frame_without_audio_keeps_its_duration() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let path = shared("formats/p001.aac");
    let decoded = decode(&path).unwrap();
    assert_eq!(decoded.recording.pcm.source_frames, 389 * 1_024);
    // Here ffmpeg applies the time stamps of its packets before the resampler.
    let filter = "aresample=44100:first_pts=0,aresample=resampler=soxr:precision=28";
    let input = ["-i", path.to_str().unwrap(), "-af", filter, "-ar", "16000", "-ac", "2", "-f", "f32le", "-"];
    let left: Vec<f32> = f32_samples(&ffmpeg.output(&input)).into_iter().step_by(2).collect();
    let error = error_db(&channels(&decoded)[0], &left, 44_100);
    assert!(error < -50.0, "{error:.1} dB");
}

/// Speech on the left, noise on the right, 3.21 s.
const SOURCE: [&str; 8] = [
    "-f",
    "lavfi",
    "-i",
    "aevalsrc=0.4*sin(2*PI*(180+40*sin(9*t))*t)*sin(3*t)+0.1*sin(2*PI*2900*t)*sin(7*t):s=44100",
    "-f",
    "lavfi",
    "-i",
    "anoisesrc=a=0.2:c=pink:seed=7:r=44100",
];
const SOURCE_S: f64 = 3.21;

/// Makes a file of two channels with ffmpeg.
fn make(ffmpeg: &Ffmpeg, folder: &Path, name: &str, arguments: &[&str]) -> std::path::PathBuf {
    let path = folder.join(name);
    let join = ["-filter_complex", "[0:a][1:a]join=inputs=2:channel_layout=stereo", "-t", "3.21"];
    ffmpeg.write(&[&SOURCE[..], &join, arguments, &[path.to_str().unwrap()]].concat());
    path
}

/// Makes each file, compares it with ffmpeg, and compares its length with the source's or ffmpeg's.
fn check_made(files: &[(&str, &[&str], bool)]) {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments, exact) in files {
        let path = make(&ffmpeg, folder.path(), name, arguments);
        check(&ffmpeg, &path, if *exact { &Length::Seconds(SOURCE_S) } else { &Length::Same });
    }
}

#[test]
fn pcm_codecs_agree_with_ffmpeg_at_every_rate() {
    check_made(&[
        ("u8.wav", &["-c:a", "pcm_u8"], true),
        ("s24.wav", &["-c:a", "pcm_s24le"], true),
        ("s32.wav", &["-c:a", "pcm_s32le"], true),
        ("f32.wav", &["-c:a", "pcm_f32le"], true),
        ("f64.wav", &["-c:a", "pcm_f64le"], true),
        ("alaw.wav", &["-c:a", "pcm_alaw", "-ar", "8000"], true),
        ("mulaw.wav", &["-c:a", "pcm_mulaw", "-ar", "8000"], true),
        ("adpcm.wav", &["-c:a", "adpcm_ima_wav", "-ar", "8000"], false),
        ("r8.wav", &["-ar", "8000"], true),
        ("r11.wav", &["-ar", "11025"], true),
        ("r22.wav", &["-ar", "22050"], true),
        ("r48.wav", &["-ar", "48000"], true),
        ("r96.wav", &["-ar", "96000"], true),
        ("s16.aiff", &["-c:a", "pcm_s16be"], true),
        ("s16.caf", &["-c:a", "pcm_s16le"], true),
        ("a.flac", &["-c:a", "flac"], true),
        ("alac.m4a", &["-c:a", "alac"], true),
        ("six.wav", &["-ac", "6"], true),
    ]);
}

#[test]
fn delay_and_padding_of_lossy_codecs_are_removed() {
    check_made(&[
        ("a.opus", &["-c:a", "libopus", "-b:a", "48k"], true),
        ("voip.opus", &["-c:a", "libopus", "-b:a", "12k", "-ac", "1", "-application", "voip"], true),
        ("a.webm", &["-c:a", "libopus"], true),
        ("opus.mp4", &["-c:a", "libopus", "-strict", "-2"], true),
        ("a.ogg", &["-c:a", "libvorbis"], true),
        ("a16.ogg", &["-c:a", "libvorbis", "-ar", "16000"], true),
        ("a.mp3", &["-c:a", "libmp3lame", "-b:a", "64k"], true),
        ("vbr8.mp3", &["-c:a", "libmp3lame", "-q:a", "5", "-ar", "8000"], true),
        ("mp3.mp4", &["-c:a", "libmp3lame"], true),
        ("a.m4a", &["-c:a", "aac"], true),
        ("a16.m4a", &["-c:a", "aac", "-ar", "16000", "-ac", "1"], true),
        // Vorbis in WebM without DiscardPadding: its last block is audible, also in ffmpeg.
        ("vorbis.webm", &["-c:a", "libvorbis"], false),
    ]);
}

/// A delay that the container does not state cannot be removed: the 1024 samples of ffmpeg's AAC encoder stay, also in
/// ffmpeg. Guessing the delay would cut speech from files of other encoders (2112 samples for Apple's).
#[test]
fn delay_that_is_not_stated_is_kept() {
    check_made(&[
        ("a.aac", &["-c:a", "aac"], false),
        ("no_edits.m4a", &["-c:a", "aac", "-use_editlist", "0"], false),
        ("aac.mkv", &["-c:a", "aac"], false),
        ("no_xing.mp3", &["-c:a", "libmp3lame", "-write_xing", "0"], false),
        ("fragmented.mp4", &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"], false),
    ]);
}

#[test]
fn opus_with_six_channels_has_the_order_of_wav() {
    let six =
        "[0:a][1:a]join=inputs=2:channel_layout=stereo,pan=5.1|c0=c0|c1=c1|c2=0.5*c0|c3=0.3*c1|c4=0.2*c0|c5=0.7*c1";
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("six.opus");
    let encode = ["-filter_complex", six, "-t", "2", "-c:a", "libopus", "-b:a", "384k", path.to_str().unwrap()];
    ffmpeg.write(&[&SOURCE[..], &encode].concat());
    check(&ffmpeg, &path, &Length::Same);
}

#[test]
fn edits_move_the_media_and_empty_ones_are_silence() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = make(&ffmpeg, folder.path(), "whole.m4a", &["-c:a", "aac", "-ar", "16000", "-ac", "1"]);
    let late = folder.path().join("late.m4a");
    ffmpeg.write(&["-itsoffset", "0.5", "-i", whole.to_str().unwrap(), "-c", "copy", late.to_str().unwrap()]);
    let (whole, late) = (decode(&whole).unwrap(), decode(&late).unwrap());
    let (whole, late) = (channels(&whole).remove(0), channels(&late).remove(0));
    let shift = late.len() - whole.len();
    assert!(shift.abs_diff(8_000) <= 16, "{shift} frames later");
    let error = error_db(&late[shift..], &whole, 16_000);
    assert!(error < -50.0, "{error:.1} dB");
    // The encoder's delay of 64 ms, which the copy made audible, precedes the sound.
    assert!(late[..8_000 - 1_024 - 16].iter().all(|&x| x == 0.0));
}
