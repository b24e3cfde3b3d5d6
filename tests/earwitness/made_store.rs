//! A store of one recording whose artifacts are made by hand, so that its exports are the same on every machine.

use std::sync::Arc;

use scheduler::store::{
    Access, Commit, Committed, NewArtifact, NewBatch, NewRecord, NewRun, RecordingEntry, StoreUrl, open,
};
use serde_json::{Value, json};
use stage_core::{
    AlignedWords, ArtifactName, Dropped, Identity, Overlap, Recipe, RecipeStep, Segment, Speaker, Speakers, StageKey,
    StageName, Timing, TimingMethod, TokenTiming, Tool, Transcript, Turn, Word, sha256_hex,
};
use tempfile::TempDir;

/// Name of the recording.
pub(crate) const NAME: &str = "민수_261107_213000";

/// A result folder with the store.
pub(crate) fn folder() -> TempDir {
    folder_with(|_, body| body)
}

/// A result folder with a store whose artifacts were changed, by stage, before they were stored.
pub(crate) fn folder_with(change: impl Fn(&str, Value) -> Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&StoreUrl::file(folder.path().join("earwitness.db")), Access::Create).unwrap();
    let (path, sha256) = (format!("/calls/{NAME}.m4a"), sha256_hex(b"the bytes of the recording"));
    let entry = RecordingEntry::new(path, sha256, 7.5, Arc::new(Recipe::new(steps()).unwrap()));
    let run = NewRun { command: "made by hand".to_owned(), tool_version: "0.0.0".to_owned(), ..NewRun::default() };
    let run = store.begin_run(&run).unwrap();
    store.put_recordings(run, std::slice::from_ref(&entry)).unwrap();
    let batch = NewBatch { worker: "cpu:0".to_owned(), priority: 0, recordings: 1, audio_s: entry.audio_s };
    let lease = store.grant(run, &batch).unwrap();
    let commit = |key: StageKey| Commit {
        lease,
        what: NewRecord::Artifact { artifact: artifact(key, &change), replace: false },
    };
    let commits: Vec<_> = entry.keys().into_iter().map(commit).collect();
    assert_eq!(store.commit(&commits).unwrap(), [Committed::Written; 6]);
    folder
}

fn steps() -> Vec<RecipeStep> {
    let step = |stage: &'static str, inputs: &[&str], transient: Vec<ArtifactName>| RecipeStep {
        stage: StageName::new(stage),
        version: 1,
        inputs: inputs.iter().map(|name| name.parse().unwrap()).collect(),
        stored: Vec::new(),
        transient,
        identity: Identity::without_model(json!({"made_by_hand": true})),
    };
    vec![
        step("decode", &[], vec![StageName::new("decode").output("samples")]),
        step("segment", &["decode.samples"], Vec::new()),
        step("diarize", &["decode.samples", "segment"], Vec::new()),
        step("transcribe", &["decode.samples", "segment"], Vec::new()),
        step("align", &["decode.samples", "segment", "diarize", "transcribe"], Vec::new()),
        step("forensics", &["decode", "decode.samples", "segment", "transcribe", "align"], Vec::new()),
    ]
}

fn artifact(key: StageKey, change: &impl Fn(&str, Value) -> Value) -> NewArtifact {
    let stage = key.stage.to_string();
    let body = match stage.as_str() {
        "decode" => recording(),
        "segment" => segments(),
        "diarize" => serde_json::to_value(speakers()).unwrap(),
        "transcribe" => serde_json::to_value(transcript()).unwrap(),
        "align" => serde_json::to_value(AlignedWords { method: "ctc+energy".to_owned(), words: words() }).unwrap(),
        _ => forensics(),
    };
    NewArtifact {
        key,
        body: change(&stage, body).to_string(),
        started_at_ms: 1_763_900_000_123,
        duration_s: 0.25,
        tool: Tool {
            version: "0.0.0".to_owned(),
            instruction_set: Some("avx2".to_owned()),
            libraries: [("symphonia".to_owned(), "0.0.0".to_owned())].into(),
        },
        device: "cpu:0".to_owned(),
    }
}

fn recording() -> Value {
    json!({
        "container": "isomp4", "codec": "aac", "lossless": false, "sample_rate_hz": 8000, "channels": 2,
        "duration_s": 7.5, "pcm_sha256": sha256_hex(b"the samples"),
        "pcm": {"source_frames": 60000, "frames": 120_000, "trimmed_start_frames": 1024, "trimmed_end_frames": 0},
        "tags": {"encoder": "a telephone"}, "warnings": [{"kind": "damaged", "message": "1 of 59 packets could not be decoded and is silence"}],
    })
}

fn segments() -> Value {
    json!({
        "vad": {"name": "energy", "model_sha256": null},
        "spans": [
            {"channel": 0, "start_s": 0.5, "end_s": 3.0, "probability": 0.9},
            {"channel": 1, "start_s": 4.0, "end_s": 6.5, "probability": 0.75},
        ],
        "windows": [
            {"channel": 0, "start_s": 0.25, "end_s": 3.25, "first_span": 0, "spans": 1},
            {"channel": 1, "start_s": 3.75, "end_s": 6.75, "first_span": 1, "spans": 1},
        ],
        "dropped": [{"channel": 1, "start_s": 1.0, "end_s": 2.0, "reason": "crosstalk from channel 0"}],
    })
}

/// The texts contain characters that formats quote or escape.
fn transcript() -> Transcript {
    let reliable = Segment {
        language_probability: Some(0.5),
        confidence: 0.75,
        token_timing: Some(TokenTiming::CrossAttention),
        ..Segment::of_text(0, (0.25, 3.25), "돈 안 갚으면, \"가만\" 안 둬", "ko")
    };
    let unreliable = Segment {
        confidence: 0.25,
        low_confidence: Some("mean log-probability -1.40 is below -1.00".to_owned()),
        ..Segment::of_text(1, (3.75, 6.75), "A & B --> <C>", "en")
    };
    let dropped = Dropped { channel: 1, start_s: 6.75, end_s: 7.5, reason: "no text".to_owned() };
    Transcript { model: "made".to_owned(), segments: vec![reliable, unreliable], dropped: vec![dropped] }
}

/// A voice in each channel, and a moment whose voice is not clear.
fn speakers() -> Speakers {
    let speaker = |id: &str, channel, speech_s| Speaker { id: id.to_owned(), channel, speech_s };
    let turn = |channel, speaker: &str, start_s, end_s| Turn {
        channel,
        speaker: speaker.to_owned(),
        start_s,
        end_s,
        confidence: 0.75,
    };
    Speakers {
        skipped: None,
        speakers: vec![speaker("S1", 0, 2.25), speaker("S2", 1, 2.25)],
        turns: vec![turn(0, "S1", 0.5, 2.75), turn(1, "S2", 4.0, 6.25), turn(1, "unknown", 6.5, 6.75)],
        overlaps: vec![Overlap { channel: 1, start_s: 5.5, end_s: 5.75, confidence: 0.625 }],
    }
}

fn words() -> Vec<Word> {
    let word = |segment: u32, start_s: f64, text: &str| Word {
        confidence: 0.75,
        speaker: Some(format!("S{}", segment + 1)),
        speaker_confidence: Some(0.75),
        segment,
        timing: Timing { method: TimingMethod::CtcEnergy, score: Some(0.5), ..Timing::default() },
        ..Word::of_text(segment as u16, (start_s, start_s + 0.25), text)
    };
    let korean = ["돈", "안", "갚으면,", "\"가만\"", "안", "둬"].into_iter().zip([0.5, 0.8, 1.1, 1.6, 2.0, 2.5]);
    let english = ["A", "&", "B", "-->", "<C>"].into_iter().zip([4.0, 4.4, 4.8, 5.2, 6.0]);
    let korean = korean.map(|(text, start_s)| word(0, start_s, text));
    korean.chain(english.map(|(text, start_s)| word(1, start_s, text))).collect()
}

/// Measurements of one channel; some are missing.
fn channel(channel: u16) -> Value {
    let (of, missing) = (|value: f64| json!({"value": value}), json!({"value": null, "reason": "made by hand"}));
    json!({
        "channel": channel,
        "level": {
            "rms_dbfs": of(-24.5), "peak_dbfs": of(-6.0), "speech_rms_dbfs": of(-20.25), "dc_offset": of(0.0),
            "clipping_ratio": {"value": 0.0, "reason": "a lower bound: lossy codec (aac)"}, "digital_silence_s": of(0.0),
        },
        "quality": {
            "loudness_lufs": of(-23.5), "true_peak_dbtp": of(-5.5), "snr_db": of(24.5), "noise_dbfs": of(-48.0),
            "bandwidth_hz": of(3400.0), "cutoff_hz": missing, "dropout_count": 1,
            "dropouts": [{"start_s": 3.5, "end_s": 3.625}],
        },
        "speech": {
            "speech_s": of(2.5), "speech_ratio": of(0.5), "pause_count": {"value": 1}, "pause_mean_s": of(0.75),
            "pause_longest_s": of(0.75), "words_per_minute": of(120.0), "syllables_per_minute": missing,
            "articulation_rate_per_s": missing, "overlap_s": of(0.0), "speakers": [], "spans": [{"start_s": 0.5, "end_s": 3.0}],
        },
        "f0": {
            "floor_hz": 75.0, "ceiling_hz": 500.0, "speech_frames": 250, "voiced_frames": 125,
            "f0_mean_hz": of(118.5), "f0_median_hz": of(116.0), "f0_sd_hz": of(12.25), "f0_p05_hz": of(100.0),
            "f0_p95_hz": of(140.0), "f0_range_semitones": of(5.5), "at_floor_ratio": of(0.0),
            "at_ceiling_ratio": of(0.0), "octave_error_ratio": of(0.0),
        },
        "voice": {
            "band_hz": of(3400.0), "formant_ceiling_hz": 5500.0, "whole": acoustics(), "ltas_band_hz": 100.0,
            "ltas_dbfs_per_hz": [-60.0, -50.5], "speakers": [{"speaker": "S1", "acoustics": acoustics(), "prosody": prosody()}],
            "segments": [{"segment": channel, "acoustics": acoustics()}],
            "prosody": prosody(),
            "words": [{"word": 0, "f0_hz": 118.5, "level_dbfs": -20.25}, {"word": 1, "f0_hz": null, "level_dbfs": null}],
        },
    })
}

/// Acoustics of an interval in the telephone band.
fn acoustics() -> Value {
    let (of, missing) = (|value: f64| json!({"value": value}), json!({"value": null, "reason": "made by hand"}));
    json!({
        "voiced_s": 1.25, "f0_mean_hz": of(118.5), "f0_sd_hz": of(12.25), "level_mean_dbfs": of(-20.25),
        "level_sd_db": of(6.5), "periods": 140, "jitter_local": of(0.0125), "jitter_rap": of(0.005),
        "jitter_ppq5": of(0.0055), "jitter_ddp": of(0.015), "shimmer_local": of(0.08), "shimmer_apq3": of(0.03),
        "shimmer_apq5": of(0.04), "shimmer_apq11": of(0.07), "hnr_mean_db": of(12.5), "hnr_sd_db": of(3.5),
        "f1_mean_hz": of(520.0), "f2_mean_hz": of(1500.0), "f3_mean_hz": of(2500.0), "f4_mean_hz": missing,
        "cpp_mean_db": of(18.5), "spectral_tilt_db_per_octave": of(-8.5), "alpha_ratio_mean_db": missing,
        "hammarberg_mean_db": missing, "h1_h2_mean_db": missing, "h1_a3_mean_db": missing,
    })
}

/// Change of level and F0, with a zone in which both rise.
fn prosody() -> Value {
    let of = |value: f64| json!({"value": value});
    let missing = json!({"value": null, "reason": "made by hand"});
    json!({
        "seconds": 12, "baseline_level_dbfs": of(-20.25), "baseline_f0_hz": of(118.5), "level_change_db": of(1.5),
        "f0_change_semitones": of(0.75), "level_rise_db": of(6.5), "level_rise_at_s": of(2.0),
        "f0_rise_semitones": missing, "f0_rise_at_s": missing,
        "escalations": [{"start_s": 1.0, "end_s": 4.0, "level_rise_db": 7.5, "f0_rise_semitones": 3.25}],
    })
}

fn forensics() -> Value {
    let missing = json!({"value": null, "reason": "made by hand"});
    json!({
        "channels": [channel(0), channel(1)],
        "evidence": [{
            "category": "threat", "kind": "conditional", "rule": "made", "severity": 0.5,
            "text": "돈 안 갚으면, \"가만\" 안 둬", "channel": 0, "speaker": null, "start_s": 0.5, "end_s": 2.75,
            "words": [0, 1, 2, 3, 4, 5], "confidence": 0.75, "discounted": null,
        }],
        "scores": {
            "overall": {"value": 12.5}, "level": "minimal",
            "categories": {"threat": {"score": {"value": 25.0}, "level": "low", "weight": 0.5, "evidence": [0]}},
            "coverage": {
                "speech_s": 5.0, "transcribed_s": 2.5, "low_confidence_s": 2.5, "ratio": {"value": 0.5},
                "mean_confidence": missing, "languages_without_lexicon": ["fr"],
            },
        },
        "authenticity": {
            "cues": [{
                "kind": "copied-segment", "channel": 1, "start_s": 4.0, "end_s": 4.75, "other_start_s": 5.5,
                "strength": {"value": 2.5}, "unit": "made by hand", "threshold": {"value": 0.25},
                "alternatives": ["a recording that was played twice"],
            }],
            "without_cue": ["hum-phase-jump"],
        },
        "limits": ["A limit of the analysis."],
    })
}
