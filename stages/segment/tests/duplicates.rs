//! Mono calls in several channels, as lossy codecs store them, and calls that are not mono.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use segment::VadChoice;
use stage_core::{Pcm, SpeechSegments};
use support::calls::{LEAKS, call};
use support::{Recordings, segment};
use testkit::{Ffmpeg, Random, Wav, f32_samples};

const RATE: usize = 16_000;
const LENGTH: usize = 12 * RATE;

/// Codecs of call recorders with their bit rates for stereo: (encoder arguments, extension).
const CODECS: [(&[&str], &str); 7] = [
    (&["-c:a", "libmp3lame", "-b:a", "32k", "-ar", "44100"], "mp3"),
    (&["-c:a", "libmp3lame", "-b:a", "128k", "-joint_stereo", "1", "-ar", "44100"], "mp3"),
    (&["-c:a", "libopus", "-b:a", "32k", "-ar", "48000"], "opus"),
    (&["-c:a", "libopus", "-b:a", "64k", "-ar", "48000"], "opus"),
    (&["-c:a", "aac", "-b:a", "64k", "-ar", "44100"], "m4a"),
    (&["-c:a", "aac", "-b:a", "96k", "-ar", "44100"], "m4a"),
    (&["-c:a", "libvorbis", "-q:a", "3", "-ar", "44100"], "ogg"),
];

fn reading() -> Vec<f32> {
    Recordings::fixtures().read("ko/azure_ko.wav")[..LENGTH].to_vec()
}

fn scaled(samples: &[f32], gain: f32) -> Vec<f32> {
    samples.iter().map(|sample| sample * gain).collect()
}

fn delayed(samples: &[f32], by: usize) -> Vec<f32> {
    [&vec![0.0; by], &samples[..samples.len() - by]].concat()
}

/// Encodes and decodes channels.
fn coded(ffmpeg: &Ffmpeg, channels: &[Vec<f32>], codec: &[&str], extension: &str) -> Pcm {
    let folder = tempfile::tempdir().unwrap();
    let (wav, coded) = (folder.path().join("call.wav"), folder.path().join(format!("coded.{extension}")));
    let samples = (0..channels[0].len()).flat_map(|at| channels.iter().map(move |channel| channel[at])).collect();
    Wav { rate_hz: RATE as u32, channels: channels.len() as u16, samples }.write(&wav);
    ffmpeg.write(&[&["-i", wav.to_str().unwrap()], codec, &[coded.to_str().unwrap()]].concat());
    let bytes = ffmpeg.output(&["-i", coded.to_str().unwrap(), "-ar", "16000", "-f", "f32le", "-"]);
    let mut decoded = vec![Vec::new(); channels.len()];
    f32_samples(&bytes).chunks_exact(channels.len()).for_each(|frame| {
        decoded.iter_mut().zip(frame).for_each(|(channel, sample)| channel.push(*sample));
    });
    Pcm::from_channels(decoded)
}

fn segmented(pcm: &Pcm) -> SpeechSegments {
    segment(VadChoice::Energy, 30.0, pcm)
}

fn of_channels(channels: Vec<Vec<f32>>) -> SpeechSegments {
    segmented(&Pcm::from_channels(channels))
}

/// Asserts that channel 1 is the only duplicate, with this gain in dB and this delay in ms.
fn assert_duplicate(found: &SpeechSegments, inverted: bool, gain_db: f64, delay_ms: f64, what: &str) {
    let [duplicate] = found.duplicates[..] else { panic!("{what}: {:?}", found.duplicates) };
    assert_eq!((duplicate.channel, duplicate.of), (1, 0), "{what}");
    assert!(duplicate.correlation.abs() > 0.7 && (duplicate.correlation < 0.0) == inverted, "{what}: {duplicate:?}");
    assert!((duplicate.gain_db - gain_db).abs() < 1.0, "{what}: {duplicate:?}");
    assert!((duplicate.delay_ms - delay_ms).abs() < 0.1, "{what}: {duplicate:?}");
    assert!(found.spans.iter().all(|span| span.channel != 1), "{what}");
    let listed = found.dropped.iter().find(|dropped| dropped.channel == 1).unwrap();
    assert_eq!(listed.reason, duplicate.to_string(), "{what}");
    assert_eq!(listed.start_s, 0.0);
}

#[test]
fn duplicate_of_any_sign_level_and_delay_is_found_after_every_codec() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let mono = reading();
    let copies: [(&str, Vec<f32>, bool, f64, f64); 5] = [
        ("equal", mono.clone(), false, 0.0, 0.0),
        ("inverted", scaled(&mono, -1.0), true, 0.0, 0.0),
        ("6 dB down", scaled(&mono, 0.5), false, -6.0, 0.0),
        ("inverted, 20 dB down", scaled(&mono, -0.1), true, -20.0, 0.0),
        ("8 ms late", scaled(&delayed(&mono, 128), 0.7), false, -3.1, 8.0),
    ];
    for (codec, extension) in CODECS {
        for (name, copy, inverted, gain_db, delay_ms) in &copies {
            let found = segmented(&coded(&ffmpeg, &[mono.clone(), copy.clone()], codec, extension));
            assert_duplicate(&found, *inverted, *gain_db, *delay_ms, &format!("{name}, {codec:?}"));
        }
    }
}

#[test]
fn duplicate_is_found_among_several_channels_and_ahead_of_its_source() {
    let (mono, other) = (reading(), Recordings::fixtures().read("en/azure_en.wav")[..LENGTH].to_vec());
    let channels = vec![delayed(&mono, 50), other.clone(), scaled(&mono, -0.3), vec![0.0; mono.len()], other];
    let found = of_channels(channels);
    let pairs: Vec<(u16, u16, bool)> =
        found.duplicates.iter().map(|duplicate| (duplicate.channel, duplicate.of, duplicate.identical)).collect();
    assert_eq!(pairs, [(2, 0, false), (4, 1, true)], "silence is not a duplicate");
    assert!((found.duplicates[0].delay_ms + 3.1).abs() < 0.1, "{:?}", found.duplicates);
    let reasons: Vec<&str> = found.dropped.iter().map(|dropped| dropped.reason.as_str()).take(2).collect();
    assert_eq!(
        reasons,
        ["duplicate of channel 0: correlation -1.00, level -10.5 dB, delay -3.1 ms", "identical to channel 1"]
    );
}

#[test]
fn silent_channels_are_no_duplicates() {
    let silence = vec![0.0; 3 * RATE];
    let found = of_channels(vec![silence.clone(), silence.clone(), silence]);
    assert_eq!((found.duplicates, found.dropped, found.spans), (vec![], vec![], vec![]));
}

/// Speakers in turns of three seconds, with the crosstalk of each in the other's channel at this level.
fn conversation(crosstalk_db: f32) -> Vec<Vec<f32>> {
    let (a, b) = (reading(), Recordings::fixtures().read("en/azure_en.wav"));
    let leak = 10f32.powf(crosstalk_db / 20.0);
    let mut noise = Random(5);
    let mut channels = vec![Vec::new(), Vec::new()];
    for (at, (a, b)) in a.iter().zip(&b).enumerate() {
        let (a, b) = if (at / (3 * RATE)).is_multiple_of(2) { (*a, 0.0) } else { (0.0, *b) };
        channels[0].push(a + leak * b + 1e-4 * noise.signed());
        channels[1].push(b + leak * a + 1e-4 * noise.signed());
    }
    channels
}

#[test]
fn speakers_with_crosstalk_are_not_duplicates() {
    let ffmpeg = Ffmpeg::find();
    for crosstalk_db in [-3.0, -6.0, -10.0, -20.0, -40.0] {
        let channels = conversation(crosstalk_db);
        assert_eq!(of_channels(channels.clone()).duplicates, [], "{crosstalk_db} dB");
        for (codec, extension) in ffmpeg.iter().flat_map(|_| [CODECS[0], CODECS[2], CODECS[4]]) {
            let found = segmented(&coded(ffmpeg.as_ref().unwrap(), &channels, codec, extension));
            assert_eq!(found.duplicates, [], "{crosstalk_db} dB, {codec:?}");
        }
    }
    for (seed, leak) in LEAKS.into_iter().enumerate() {
        let found = call(&Recordings::fixtures(), Some(leak), 5 + seed as u64).segments(None);
        assert_eq!(found.duplicates, [], "{leak:?}");
    }
}

#[test]
fn channel_that_is_a_duplicate_for_a_part_is_kept() {
    let mono = reading();
    let own = &Recordings::fixtures().read("en/azure_en.wav")[..RATE];
    for gain in [1.0, 0.1, 0.02] {
        let mut later_stereo = mono.clone();
        let pause = 10 * RATE;
        later_stereo[pause..pause + RATE].fill(0.0);
        let mut source = later_stereo.clone();
        source[pause..pause + RATE].fill(0.0);
        later_stereo[pause..pause + RATE].iter_mut().zip(own).for_each(|(x, own)| *x = gain * own);
        let found = of_channels(vec![source, later_stereo]);
        assert_eq!(found.duplicates, [], "a second of own speech, times {gain}");
    }
    let half = [&mono[..LENGTH / 2], &Recordings::fixtures().read("en/azure_en.wav")[..LENGTH / 2]].concat();
    assert_eq!(of_channels(vec![mono, half]).duplicates, []);
}
