//! Limits of a record: conclusions that it does not support.

use stage_core::Recording;
use stage_core::forensics::ChannelRecord;

const ALWAYS: [&str; 5] = [
    "The scores are an index over the evidence listed here. They are not validated against outcomes and are not a verdict \
     on any person.",
    "Nothing here shows whether somebody is truthful. Neither the voice nor the choice of words shows it reliably.",
    "Evidence is found in an automatic transcript by fixed rules: it misses what was not transcribed or is worded \
     otherwise, and does not understand irony, play or context. Listen to every item before relying on it.",
    "An authenticity cue is a place to examine, not a finding that the recording was altered: each names what else leaves \
     such a trace. Most cuts leave no trace that is found here, so that no cue does not mean that nothing was altered.",
    "Who speaks is known only as far as channels or speakers are given.",
];

const DECEPTION: &str = "Markers of deception are enabled. They are word counts without validation, for a reader's \
                         orientation alone.";

/// Sound up to here is that of a telephone, whose band ends at 3400 Hz. No filter is that steep.
const TELEPHONE_BAND_HZ: f64 = 4_000.0;

/// The statements that apply to one recording.
pub(crate) fn limits(recording: &Recording, channels: &[ChannelRecord], deception: bool) -> Vec<String> {
    let mut texts: Vec<String> = ALWAYS.iter().map(|&text| text.to_owned()).collect();
    if deception {
        texts.push(DECEPTION.to_owned());
    }
    texts.extend(telephone(recording, channels));
    if !recording.lossless {
        texts.push(format!(
            "The recording was encoded with a lossy codec ({}): clipping, digital silence and DC offset are those of the \
             decoded sound, which may differ from what was recorded.",
            recording.codec
        ));
    }
    texts
}

/// The note on the telephone band, if the sample rate or the sound of all channels ends there.
fn telephone(recording: &Recording, channels: &[ChannelRecord]) -> Option<String> {
    let effect = "at best the telephone band (300 to 3400 Hz). The fundamental of most voices is below it, and F0 is found \
                  from the harmonics.";
    if recording.sample_rate_hz <= 8_000 {
        return Some(format!("The recording has a sample rate of {} Hz: {effect}", recording.sample_rate_hz));
    }
    let bandwidth = |channel: &ChannelRecord| channel.measures.get("quality")?["bandwidth_hz"]["value"].as_f64();
    let highest_hz = channels.iter().filter_map(bandwidth).reduce(f64::max)?;
    (highest_hz <= TELEPHONE_BAND_HZ).then(|| {
        format!(
            "The recording has a sample rate of {} Hz, but its sound ends at {highest_hz:.0} Hz: {effect}",
            recording.sample_rate_hz
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stage_core::PcmSource;

    use super::*;

    fn notes(sample_rate_hz: u32, lossless: bool, bandwidth_hz: f64) -> [bool; 2] {
        let recording = Recording {
            container: "m4a".into(),
            codec: "aac".into(),
            lossless,
            sample_rate_hz,
            channels: 1,
            duration_s: 1.0,
            pcm_sha256: String::new(),
            pcm: PcmSource { source_frames: 0, frames: 0, trimmed_start_frames: 0, trimmed_end_frames: 0 },
            tags: Default::default(),
            external_decoder: None,
            account: None,
            warnings: vec![],
        };
        let quality = json!({"channel": 0, "quality": {"bandwidth_hz": {"value": bandwidth_hz}}});
        let channels = [serde_json::from_value(quality).unwrap()];
        let texts = limits(&recording, &channels, false);
        ["telephone band", "lossy codec"].map(|note| texts.iter().any(|text| text.contains(note)))
    }

    #[test]
    fn telephone_and_lossy_notes_apply_independently() {
        assert_eq!(notes(8_000, false, 3_400.0), [true, true]);
        assert_eq!(notes(44_100, false, 3_450.0), [true, true], "telephone sound at a high rate");
        assert_eq!(notes(44_100, true, 7_000.0), [false, false]);
        assert_eq!(notes(16_000, false, 7_000.0), [false, true]);
        assert_eq!(notes(8_000, true, 4_000.0), [true, false]);
    }
}
