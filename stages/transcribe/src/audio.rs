//! Reads the audio of a window for the recognizer.

use std::io;

use dsp::{QUIET_SPEECH_DBFS, amplify};
use models::WindowAudio;
use stage_core::{Pcm, SAMPLE_RATE_HZ, SpeechSegments, SpeechSpan, Window};

use crate::sounding::{POSITION, sounding_positions};

/// Number of samples per level: 20 ms.
const LEVEL_SAMPLES: usize = 320;
/// Level of digital silence, in dBFS.
const NO_LEVEL_DBFS: f32 = -200.0;
/// Level to which the loudest 20 ms of quiet speech are raised, in dBFS.
const SPEECH_DBFS: f32 = -20.0;

/// Reads a window and measures its levels and, if token times are needed, its speech activity.
///
/// # Errors
/// The samples could not be read back.
pub fn read(pcm: &Pcm, segments: &SpeechSegments, window: &Window, token_times: bool) -> io::Result<WindowAudio> {
    let mut samples = pcm.read_span(window.channel.into(), window.start_s, window.end_s)?;
    raise_quiet_speech(&mut samples, segments, window);
    let positions = (samples.len() / POSITION as usize).max(1);
    let sounding = if token_times { sounding_positions(pcm, &segments.spans, window, positions)? } else { Vec::new() };
    let (loudest_dbfs, contrast_db) = levels(&samples);
    Ok(WindowAudio { samples, sounding, loudest_dbfs, contrast_db })
}

/// Raises the window if a detector found speech in it and all of that speech is quiet. Sound that no detector called
/// speech keeps its level, so that silence is not transcribed.
fn raise_quiet_speech(samples: &mut [f32], segments: &SpeechSegments, window: &Window) {
    let first = window.first_span as usize;
    let Some(spans) = segments.spans.get(first..first + window.spans as usize) else { return };
    if !segments.vad.detects_speech() {
        return;
    }
    let sample = |time_s: f64| ((time_s - window.start_s) * f64::from(SAMPLE_RATE_HZ)).round().max(0.0) as usize;
    let loudest = |span: &SpeechSpan| {
        let end = sample(span.end_s).min(samples.len());
        levels(&samples[sample(span.start_s).min(end)..end]).0
    };
    let speech_dbfs = spans.iter().map(loudest).fold(NO_LEVEL_DBFS, f32::max);
    if speech_dbfs > NO_LEVEL_DBFS && speech_dbfs < QUIET_SPEECH_DBFS {
        amplify(samples, SPEECH_DBFS - speech_dbfs);
    }
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
    fn quiet_speech_is_raised_and_other_sound_is_not() {
        let at = |amplitude: f32| -> Vec<f32> { (0..16_000).map(|n| amplitude * (n as f32 * 0.3).sin()).collect() };
        let read_at = |amplitude: f32, vad: &str, spans: u32| {
            let mut segments = SpeechSegments::of_windows(vec![Window { spans, ..Window::without_spans(0, 0.0, 1.0) }]);
            segments.vad.name = vad.to_owned();
            segments.spans = vec![SpeechSpan { channel: 0, start_s: 0.2, end_s: 0.8, probability: 1.0 }];
            let pcm = Pcm::from_channels(vec![at(amplitude)]);
            read(&pcm, &segments, &segments.windows[0], false).unwrap().loudest_dbfs
        };
        assert!((read_at(1e-4, "silero", 1) - SPEECH_DBFS).abs() < 0.1, "{}", read_at(1e-4, "silero", 1));
        for (vad, spans) in [("off", 1), ("silero", 0)] {
            assert!((read_at(1e-4, vad, spans) + 83.0).abs() < 0.1, "{vad}: {}", read_at(1e-4, vad, spans));
        }
        assert!((read_at(0.1, "silero", 1) + 23.0).abs() < 0.1, "ordinary speech keeps its level");
    }

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
