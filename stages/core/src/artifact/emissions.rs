//! Transcribe's second artifact: the sounds that the model recognizes in every frame, for word times.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Log-probabilities per level of [`WindowEmissions`]: a sixteenth.
const LEVELS: f32 = 16.0;
/// Symbols below this log-probability are not stored: one in 150.
const LOWEST: f32 = -5.0;

/// The sounds of every window of speech. Empty if the model does not recognize sounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PhoneEmissions {
    /// The symbols; null if the model does not recognize sounds.
    pub symbols: Option<PhoneSet>,
    /// Duration of a frame, in seconds.
    pub step_s: f64,
    /// The windows, in the order of segment's artifact.
    pub windows: Vec<TimedEmissions>,
}

/// The symbols of the emissions, as two distributions: phones first, then letters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PhoneSet {
    /// Phones, named by Hangul letters; those that end a syllable have a dot (`ㄱ.`).
    pub phones: Vec<String>,
    /// Latin letters, and `<other>` for speech in another script.
    pub letters: Vec<String>,
}

/// The emissions of a window of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimedEmissions {
    /// Channel, from 0.
    pub channel: u16,
    /// Start of its first frame in the recording, in seconds.
    pub start_s: f64,
    /// Its frames.
    pub emissions: WindowEmissions,
}

/// Compact emissions: for every frame the likely symbols and their log-probabilities under the condition that it has
/// speech.
///
/// ```
/// use stage_core::WindowEmissions;
///
/// let logprobs = [0.9f32, 0.09, 0.001, 0.5, 0.5, 0.0001].map(f32::ln);
/// let emissions = WindowEmissions::encode(&logprobs, 3);
/// let frames = emissions.decode().ok_or("damaged")?;
/// assert_eq!(frames.len(), 2);
/// assert_eq!(frames[0].iter().map(|(symbol, _)| *symbol).collect::<Vec<_>>(), [0, 1], "the third is too unlikely");
/// assert!((frames[1][0].1 - 0.5f32.ln()).abs() < 1.0 / 32.0);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WindowEmissions {
    /// Base64 of the frames: for each a count, then as many pairs of a symbol and its negative log-probability in
    /// sixteenths, a byte each.
    data: String,
}

impl WindowEmissions {
    /// Encodes log-probabilities (natural; `[frames, symbols]`, at most 255 symbols).
    #[must_use]
    pub fn encode(logprobs: &[f32], symbols: usize) -> Self {
        let mut bytes = Vec::new();
        for frame in logprobs.chunks_exact(symbols.max(1)) {
            let at = bytes.len();
            bytes.push(0);
            for (symbol, logprob) in frame.iter().enumerate().filter(|(_, logprob)| **logprob >= LOWEST) {
                bytes.extend([symbol as u8, (-logprob * LEVELS).round().clamp(0.0, 255.0) as u8]);
            }
            bytes[at] = ((bytes.len() - at) / 2) as u8;
        }
        Self { data: STANDARD_NO_PAD.encode(bytes) }
    }

    /// The symbols of each frame and their log-probabilities. `None` if the text is damaged.
    #[must_use]
    pub fn decode(&self) -> Option<Vec<Vec<(usize, f32)>>> {
        let bytes = STANDARD_NO_PAD.decode(&self.data).ok()?;
        let (mut frames, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some((count, behind)) = rest.split_first() {
            let (pairs, behind) = behind.split_at_checked(2 * usize::from(*count))?;
            let pair = |pair: &[u8; 2]| (usize::from(pair[0]), -f32::from(pair[1]) / LEVELS);
            frames.push(pairs.as_chunks().0.iter().map(pair).collect());
            rest = behind;
        }
        Some(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emissions_that_are_damaged_are_not_decoded() {
        let damaged = |data: &str| WindowEmissions { data: data.to_owned() }.decode();
        assert_eq!(damaged(""), Some(Vec::new()));
        assert_eq!(damaged("?"), None);
        assert_eq!(damaged(&STANDARD_NO_PAD.encode([2, 1, 0])), None, "a pair is missing");
        assert_eq!(damaged(&STANDARD_NO_PAD.encode([0, 1, 3, 16])), Some(vec![vec![], vec![(3, -1.0)]]));
    }
}
