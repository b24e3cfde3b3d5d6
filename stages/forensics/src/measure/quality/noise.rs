//! Signal-to-noise ratio: the level of frames inside detected speech against that of frames outside.

use stage_core::{Measured, Span};

/// Length of a frame, in seconds.
const FRAME_S: f64 = 0.1;
/// Frames this near to speech are not noise, because speech fades in and out, in seconds.
const GUARD_S: f64 = 0.1;
/// Fewer frames of noise do not show its level: 0.5 s.
const FRAMES_MIN: usize = 5;

/// Mean squares of frames.
#[derive(Debug)]
pub(super) struct Noise {
    frame: usize,
    filled: usize,
    sum: f64,
    frames: Vec<f32>,
    spans: Vec<Span>,
}

impl Noise {
    pub(super) fn new(rate_hz: u32, spans: &[Span]) -> Self {
        let frame = ((FRAME_S * f64::from(rate_hz)) as usize).max(1);
        Self { frame, filled: 0, sum: 0.0, frames: Vec::new(), spans: spans.to_vec() }
    }

    pub(super) fn add(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (part, rest) = samples.split_at(samples.len().min(self.frame - self.filled));
            self.sum += part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
            self.filled += part.len();
            if self.filled == self.frame {
                self.frames.push((self.sum / self.frame as f64) as f32);
                (self.sum, self.filled) = (0.0, 0);
            }
            samples = rest;
        }
    }

    /// The ratio in dB, and the level of the noise in dBFS.
    pub(super) fn finish(self) -> (Measured, Measured) {
        let (mut speech, mut noise) = ((0.0, 0_u32), Vec::new());
        let mut spans = self.spans.iter().peekable();
        for (at, mean_square) in self.frames.iter().enumerate() {
            let (start_s, end_s) = (at as f64 * FRAME_S, (at + 1) as f64 * FRAME_S);
            while spans.next_if(|span| span.end_s + GUARD_S <= start_s).is_some() {}
            match spans.peek() {
                Some(span) if span.start_s <= start_s && end_s <= span.end_s => {
                    speech = (speech.0 + f64::from(*mean_square), speech.1 + 1);
                }
                Some(span) if span.start_s - GUARD_S < end_s => {}
                _ => noise.push(*mean_square),
            }
        }
        let mean_speech = (speech.1 > 0).then(|| speech.0 / f64::from(speech.1));
        let noise = level_of(noise);
        (ratio(mean_speech, &noise), noise.map_or_else(Measured::missing, |square| Measured::of(decibels(square))))
    }
}

/// Median of the mean squares, or why there is none.
fn level_of(mut frames: Vec<f32>) -> Result<f64, &'static str> {
    frames.sort_by(f32::total_cmp);
    match frames.get(frames.len() / 2) {
        Some(_) if frames.len() < FRAMES_MIN => Err("less than 0.5 s without speech"),
        None => Err("less than 0.5 s without speech"),
        Some(0.0) => Err("exact digital silence outside speech"),
        Some(median) => Ok(f64::from(*median)),
    }
}

fn ratio(speech: Option<f64>, noise: &Result<f64, &'static str>) -> Measured {
    match (speech, noise) {
        (None, _) => Measured::missing("no speech"),
        (_, Err(reason)) => Measured::missing(*reason),
        (Some(speech), Ok(noise)) if speech <= *noise => Measured::missing("the speech is not louder than the noise"),
        (Some(speech), Ok(noise)) => Measured::of(decibels((speech - noise) / noise)),
    }
}

fn decibels(power: f64) -> f64 {
    10.0 * power.log10()
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    fn of(samples: &[f32], spans: &[Span]) -> (Measured, Measured) {
        let mut noise = Noise::new(8_000, spans);
        samples.chunks(577).for_each(|block| noise.add(block));
        noise.finish()
    }

    /// Speech of a fixture between pauses, in noise.
    #[test]
    fn snr_of_known_mixes_is_within_a_decibel() {
        let clip = testkit::Wav::read_mono(&testkit::fixture("speech/fsdd/3_jackson_2.wav"), 8_000);
        let clip = testkit::sounding(&clip, 160, 30.0);
        let pause = vec![0.0; 8_000];
        let voice = [pause.as_slice(), clip, &pause, clip, &pause].concat();
        let len_s = clip.len() as f64 / 8_000.0;
        let spans = [Span::new(1.0, 1.0 + len_s), Span::new(2.0 + len_s, 2.0 + 2.0 * len_s)];
        let power: f64 = clip.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / clip.len() as f64;
        for known_db in [0.0, 5.0, 10.0, 20.0, 30.0] {
            let amplitude = (3.0 * power / 10.0_f64.powf(known_db / 10.0)).sqrt() as f32;
            let noise = Random(4).noise(voice.len(), amplitude);
            let mix: Vec<f32> = voice.iter().zip(&noise).map(|(x, noise)| x + noise).collect();
            let (snr, level) = of(&mix, &spans);
            assert!((snr.value.unwrap() - known_db).abs() < 1.0, "{snr:?} for {known_db} dB");
            let known_dbfs = decibels(f64::from(amplitude).powi(2) / 3.0);
            assert!((level.value.unwrap() - known_dbfs).abs() < 0.3, "{level:?}");
        }
    }

    #[test]
    fn snr_without_speech_or_without_pauses_is_missing() {
        let noise = Random(4).noise(16_000, 0.1);
        assert_eq!(of(&noise, &[]).0.reason.unwrap(), "no speech");
        assert!(of(&noise, &[Span::new(0.0, 2.0)]).0.reason.unwrap().contains("without speech"));
        let silent = [vec![0.0; 8_000], noise].concat();
        assert!(of(&silent, &[Span::new(1.0, 3.0)]).0.reason.unwrap().contains("digital silence"));
    }
}
