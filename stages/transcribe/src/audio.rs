//! Reads the audio of a window for the recognizer.

use std::io;

use models::WindowAudio;
use stage_core::{Pcm, SpeechSegments, Window};

use crate::sounding::{POSITION, sounding_positions};

/// Number of samples per level: 20 ms.
const LEVEL_SAMPLES: usize = 320;
/// Level of digital silence, in dBFS.
const NO_LEVEL_DBFS: f32 = -200.0;

/// Reads a window and measures its levels and, if token times are needed, its speech activity.
///
/// # Errors
/// The samples could not be read back.
pub(crate) fn read(
    pcm: &Pcm,
    segments: &SpeechSegments,
    window: &Window,
    token_times: bool,
) -> io::Result<WindowAudio> {
    let samples = pcm.read_span(window.channel.into(), window.start_s, window.end_s)?;
    let positions = (samples.len() / POSITION as usize).max(1);
    let sounding = if token_times { sounding_positions(pcm, &segments.spans, window, positions)? } else { Vec::new() };
    let (loudest_dbfs, contrast_db) = levels(&samples);
    Ok(WindowAudio { samples, sounding, loudest_dbfs, contrast_db })
}

/// Level of the loudest 20 ms in dBFS, and the difference between the 95th and the 10th percentile of all levels in dB.
/// That difference is about 10 if noise is 5 dB below the speech, and over 20 in an ordinary call.
fn levels(samples: &[f32]) -> (f32, f32) {
    let level = |frame: &[f32]| {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32;
        (10.0 * power.log10()).max(NO_LEVEL_DBFS)
    };
    let mut levels: Vec<f32> = samples.chunks(LEVEL_SAMPLES).map(level).collect();
    levels.sort_by(f32::total_cmp);
    let Some(last) = levels.len().checked_sub(1) else { return (NO_LEVEL_DBFS, f32::INFINITY) };
    (levels[last], levels[last * 95 / 100] - levels[last / 10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_loudest_and_of_the_contrast() {
        let quiet = vec![0.01; 15 * LEVEL_SAMPLES];
        let loud = vec![0.1; 5 * LEVEL_SAMPLES];
        let (loudest_dbfs, contrast_db) = levels(&[quiet.clone(), loud].concat());
        assert!(
            (loudest_dbfs + 20.0).abs() < 0.01 && (contrast_db - 20.0).abs() < 0.01,
            "{loudest_dbfs} {contrast_db}"
        );
        assert!(levels(&quiet).1.abs() < 0.01);
        assert_eq!(levels(&[]), (NO_LEVEL_DBFS, f32::INFINITY));
    }
}
