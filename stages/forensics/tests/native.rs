//! Tests that levels are measured at the file's own rate, not after resampling.

use std::sync::Arc;

use forensics::{ForensicInput, Forensics, ForensicsConfig};
use stage_core::forensics::ForensicRecord;
use stage_core::{
    AlignedWords, ErrorClass, ErrorCode, NativePacket, NativePackets, NativeSource, Pcm, PcmSource, PipelineError,
    Recording, Speakers, SpeechSegments, SpeechSpan, Stage, StageName, Transcript, VadIdentity,
};

const RATE_HZ: u32 = 8_000;
const SECONDS: u64 = 4;

/// Stereo at 8 kHz in packets of 100 frames: full-scale squares on the left, a tenth of that on the right. If `fails`
/// is set, the file changes after half of it.
#[derive(Debug)]
struct Squares {
    fails: bool,
}

impl NativeSource for Squares {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn channels(&self) -> usize {
        2
    }

    fn packets(&self) -> Result<NativePackets, PipelineError> {
        let (fails, packets) = (self.fails, u64::from(RATE_HZ) * SECONDS / 100);
        let sample = |frame: u64| if (frame / 20).is_multiple_of(2) { [1.0, 0.1] } else { [-1.0, -0.1] };
        let packet = move |n: u64| match n {
            n if fails && n == packets / 2 => Err(PipelineError::new(
                StageName::new("decode"),
                ErrorClass::BadInput,
                ErrorCode::FileChanged,
                "the file changed",
            )),
            n => Ok(NativePacket {
                first_frame: n * 100,
                channels: 2,
                samples: (n * 100..n * 100 + 100).flat_map(sample).collect(),
            }),
        };
        Ok(Box::new((0..packets).map(packet)))
    }
}

/// Record of the squares, whose planes at 16 kHz are almost silent.
fn record(fails: bool) -> Result<ForensicRecord, PipelineError> {
    let frames = 16_000 * SECONDS;
    let recording = Recording {
        container: "wav".into(),
        codec: "pcm_s16le".into(),
        lossless: true,
        sample_rate_hz: RATE_HZ,
        channels: 2,
        duration_s: SECONDS as f64,
        pcm_sha256: String::new(),
        pcm: PcmSource { source_frames: frames / 2, frames, trimmed_start_frames: 0, trimmed_end_frames: 0 },
        tags: Default::default(),
        external_decoder: None,
        account: None,
        warnings: vec![],
    };
    let planes = vec![vec![0.001; frames as usize]; 2];
    let pcm = Pcm::from_channels(planes).with_native(Arc::new(Squares { fails }));
    let segments = SpeechSegments {
        vad: VadIdentity { name: "given".into(), model_sha256: None },
        spans: vec![SpeechSpan { channel: 1, start_s: 1.0, end_s: 2.0, probability: 0.9 }],
        windows: vec![],
        dropped: vec![],
        duplicates: Vec::new(),
    };
    let transcript = Transcript { model: "given".into(), segments: vec![], dropped: vec![] };
    let words = AlignedWords { method: "given".into(), words: vec![] };
    let input = ForensicInput {
        recording: &recording,
        pcm: &pcm,
        segments: &segments,
        speakers: &Speakers::default(),
        transcript: &transcript,
        words: &words,
    };
    Forensics::new(ForensicsConfig::default(), &[]).expect("the defaults").run(input).map(|examined| examined.record)
}

#[test]
fn level_is_measured_at_the_native_rate_of_each_channel() {
    let record = record(false).expect("a record");
    let value = |channel: usize, name: &str| record.channels[channel].measures["level"][name]["value"].as_f64();
    let near = |value: Option<f64>, expected: f64| value.is_some_and(|value| (value - expected).abs() < 1e-5);
    for (channel, level_dbfs) in [(0, 0.0), (1, -20.0)] {
        assert!(near(value(channel, "rms_dbfs"), level_dbfs) && near(value(channel, "peak_dbfs"), level_dbfs));
        assert!(near(value(channel, "dc_offset"), 0.0));
    }
    assert_eq!((value(0, "clipping_ratio"), value(1, "clipping_ratio")), (Some(1.0), Some(0.0)));
    assert_eq!(value(0, "speech_rms_dbfs"), None);
    assert!(near(value(1, "speech_rms_dbfs"), -20.0));
}

#[test]
fn native_reader_that_fails_fails_the_stage_with_the_error_of_decode() {
    let error = record(true).expect_err("the file changed");
    assert_eq!(
        (error.origin, error.class, error.code),
        (StageName::new("decode").into(), ErrorClass::BadInput, ErrorCode::FileChanged)
    );
}

#[test]
fn record_of_an_earlier_version_is_still_read() {
    let old = r#"{"channels":[{"channel":0,"level":{"rms_dbfs":{"value":-20.5}},"speech":{},"f0":{"floor_hz":75.0}}],
        "evidence":[],"scores":{"overall":{"value":null,"reason":"no speech was detected"},"level":null,"categories":{},
        "coverage":{"speech_s":0.0,"transcribed_s":0.0,"low_confidence_s":0.0,"ratio":{"value":null,"reason":"none"},
        "mean_confidence":{"value":null,"reason":"none"},"languages_without_lexicon":[]}},"limits":[]}"#;
    let record: ForensicRecord = serde_json::from_str(old).expect("the same fields");
    assert_eq!(record.channels[0].measures["level"]["rms_dbfs"]["value"], -20.5);
    let again = serde_json::to_value(&record).expect("plain data");
    let mut expected: serde_json::Value = serde_json::from_str(old).expect("valid JSON");
    expected["scores"]["speakers"] = serde_json::json!([]);
    expected["turn_taking"] = serde_json::json!({"speakers": [], "pairs": [], "overlap_s": 0.0});
    expected["authenticity"] = serde_json::json!({"cues": [], "without_cue": []});
    assert_eq!(again, expected);
}
