//! Limits of a record: conclusions that it does not support.

use stage_core::Recording;

const ALWAYS: [&str; 4] = [
    "The scores are an index over the evidence listed here. They are not validated against outcomes and are not a verdict \
     on any person.",
    "Nothing here shows whether somebody is truthful. Neither the voice nor the choice of words shows it reliably.",
    "Evidence is found in an automatic transcript by fixed rules: it misses what was not transcribed or is worded \
     otherwise, and does not understand irony, play or context. Listen to every item before relying on it.",
    "Who speaks is known only as far as channels or speakers are given.",
];

const DECEPTION: &str = "Markers of deception are enabled. They are word counts without validation, for a reader's \
                         orientation alone.";

/// The statements that apply to one recording.
pub(crate) fn limits(recording: &Recording, deception: bool) -> Vec<String> {
    let mut texts: Vec<String> = ALWAYS.iter().map(|&text| text.to_owned()).collect();
    if deception {
        texts.push(DECEPTION.to_owned());
    }
    if recording.sample_rate_hz <= 8_000 {
        texts.push(format!(
            "The recording has a sample rate of {} Hz: at best the telephone band (300 to 3400 Hz). The fundamental of \
             most voices is below it, and F0 is found from the harmonics.",
            recording.sample_rate_hz
        ));
    } else if !recording.lossless {
        texts.push(format!(
            "The recording was encoded with a lossy codec ({}): clipping, digital silence and DC offset are those of the \
             decoded sound, which may differ from what was recorded.",
            recording.codec
        ));
    }
    texts
}
