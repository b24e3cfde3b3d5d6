//! Deserialization of segments in the current format and in that of version 0.1.0, when Whisper was the only family.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Diagnostics, Segment, TokenGroup, TokenTiming};

/// Both formats: fields that only one of them has are optional.
#[derive(Deserialize)]
struct StoredSegment {
    channel: u16,
    start_s: f64,
    end_s: f64,
    text: String,
    language: String,
    language_probability: Option<f32>,
    #[serde(alias = "pieces")]
    token_groups: Vec<TokenGroup>,
    cut_short: Option<String>,
    confidence: Option<f32>,
    low_confidence: Option<String>,
    token_timing: Option<TokenTiming>,
    diagnostics: Option<Diagnostics>,
    // Only in 0.1.0.
    avg_logprob: Option<Value>,
    no_speech_prob: Option<Value>,
    #[serde(default)]
    decoding: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut stored = StoredSegment::deserialize(deserializer)?;
        if stored.diagnostics.is_none() {
            stored = migrated(stored);
        }
        Ok(Self {
            channel: stored.channel,
            start_s: stored.start_s,
            end_s: stored.end_s,
            text: stored.text,
            language: stored.language,
            language_probability: stored.language_probability,
            confidence: stored.confidence.unwrap_or_default(),
            low_confidence: stored.low_confidence,
            cut_short: stored.cut_short,
            token_timing: stored.token_timing,
            diagnostics: stored.diagnostics.unwrap_or_default(),
            token_groups: stored.token_groups,
        })
    }
}

/// Converts the format of 0.1.0: `decoding` and both scores become Whisper's diagnostics.
fn migrated(mut stored: StoredSegment) -> StoredSegment {
    let avg_logprob = stored.avg_logprob.take();
    let has_times = stored.decoding.remove("token_times").is_none_or(|measured| measured == Value::Bool(true));
    let low_confidence = stored.decoding.remove("low_confidence");
    let scores = [("avg_logprob", avg_logprob.clone()), ("no_speech_prob", stored.no_speech_prob.take())];
    let mut values: Map<String, Value> =
        scores.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    values.append(&mut stored.decoding);
    StoredSegment {
        confidence: avg_logprob.and_then(|mean| mean.as_f64()).map(|mean| mean.exp() as f32),
        low_confidence: low_confidence.and_then(|reason| reason.as_str().map(ToOwned::to_owned)),
        token_timing: has_times.then_some(TokenTiming::CrossAttention),
        diagnostics: Some(Diagnostics { family: "whisper".to_owned(), values }),
        ..stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_of_version_0_1_0_reads_with_its_scores_as_diagnostics() {
        let old = r#"{"channel":1,"start_s":0.5,"end_s":2.0,"text":"one","language":"en","language_probability":0.9,
            "avg_logprob":-0.5,"no_speech_prob":0.1,"cut_short":null,
            "decoding":{"temperature":0.2,"compression_ratio":0.8,"rejected":[],"low_confidence":"noise",
                "overruled_language":null,"token_times":true},
            "pieces":[{"ids":[5],"text":" one","start_s":0.6,"end_s":0.9,"logprob":-0.1}]}"#;
        let segment: Segment = serde_json::from_str(old).unwrap();
        assert_eq!((segment.token_groups.len(), segment.low_confidence.as_deref()), (1, Some("noise")));
        assert!((segment.confidence - (-0.5f32).exp()).abs() < 1e-6);
        assert_eq!(segment.token_timing, Some(TokenTiming::CrossAttention));
        assert_eq!(segment.diagnostics.family, "whisper");
        let value = |name: &str| segment.diagnostics.values[name].to_string();
        assert_eq!(["avg_logprob", "no_speech_prob", "temperature"].map(value), ["-0.5", "0.1", "0.2"]);
    }

    #[test]
    fn segment_reads_as_it_was_written() {
        let segment = Segment {
            token_timing: Some(TokenTiming::Emissions),
            confidence: 0.25,
            low_confidence: Some("unlikely".to_owned()),
            ..Segment::of_text(2, (1.0, 3.5), "two", "ko")
        };
        let text = serde_json::to_string(&segment).unwrap();
        assert_eq!(serde_json::from_str::<Segment>(&text).unwrap(), segment);
    }
}
