//! Dropouts: short intervals in which the sound vanishes and returns abruptly, as when a packet of a call is lost.

use std::collections::VecDeque;

use super::Place;

/// Length of a frame, in seconds.
const FRAME_S: f64 = 0.005;
/// Shortest and longest dropout, in frames. Longer ones are silence.
const SHORTEST: usize = 2;
const LONGEST: usize = 200;
/// Frames on each side that are compared.
const AROUND: usize = 4;
/// A dropout is quieter than this, in mean square: -70 dBFS.
const SILENT: f32 = 1e-7;
/// Sound around a dropout is louder than this: -45 dBFS.
const LOUD: f32 = 3e-5;
/// Most places that are kept.
const PLACES_MAX: usize = 1_000;

/// The dropouts of a stream.
#[derive(Debug)]
pub(super) struct Dropouts {
    frame: usize,
    frame_s: f64,
    filled: usize,
    sum: f32,
    /// Mean squares of the last frames.
    last: VecDeque<f32>,
    /// Number of frames so far.
    frames: u64,
    count: u64,
    places: Vec<Place>,
}

impl Dropouts {
    pub(super) fn new(rate_hz: u32) -> Self {
        let frame = ((FRAME_S * f64::from(rate_hz)) as usize).max(1);
        let frame_s = frame as f64 / f64::from(rate_hz);
        Self {
            frame,
            frame_s,
            filled: 0,
            sum: 0.0,
            last: VecDeque::with_capacity(LONGEST + 2 * AROUND + 1),
            frames: 0,
            count: 0,
            places: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (part, rest) = samples.split_at(samples.len().min(self.frame - self.filled));
            self.sum += part.iter().map(|x| x * x).sum::<f32>();
            self.filled += part.len();
            if self.filled == self.frame {
                self.add_frame();
            }
            samples = rest;
        }
    }

    fn add_frame(&mut self) {
        self.last.push_back(self.sum / self.frame as f32);
        (self.sum, self.filled) = (0.0, 0);
        self.frames += 1;
        if self.last.len() > LONGEST + 2 * AROUND {
            self.last.pop_front();
        }
        self.check();
    }

    /// Adds a dropout that ends [`AROUND`] frames before the last one.
    fn check(&mut self) {
        let Some(end) = self.last.len().checked_sub(AROUND) else { return };
        let level = |at: usize| self.last[at];
        // Cheap: nearly all frames are decided by these two.
        if end == 0 || level(end - 1) > SILENT || level(end) <= SILENT {
            return;
        }
        let start = (0..end).rev().take_while(|at| level(*at) <= SILENT).last().unwrap_or(end);
        let is_loud = |from: usize, to: usize| (from..to).any(|at| level(at) > LOUD);
        if !(SHORTEST..=LONGEST).contains(&(end - start)) || start < AROUND {
            return;
        }
        // Abrupt: a frame that sounds is next to the silence, at most with one frame of transition.
        let abrupt = is_loud(start - 2, start) && is_loud(end, end + 2);
        if abrupt && is_loud(start - AROUND, start) && is_loud(end, end + AROUND) {
            self.count += 1;
            let first = self.frames - self.last.len() as u64;
            let place = |at: usize| (first + at as u64) as f64 * self.frame_s;
            if self.places.len() < PLACES_MAX {
                self.places.push(Place { start_s: place(start), end_s: place(end) });
            }
        }
    }

    /// Number and places.
    pub(super) fn finish(self) -> (u64, Vec<Place>) {
        (self.count, self.places)
    }
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    fn of(samples: &[f32]) -> (u64, Vec<Place>) {
        let mut dropouts = Dropouts::new(8_000);
        samples.chunks(333).for_each(|block| dropouts.add(block));
        dropouts.finish()
    }

    #[test]
    fn dropouts_are_found_with_their_places() {
        let mut samples = Random(6).noise(80_000, 0.1);
        for (start, len) in [(8_000, 160), (24_000, 800), (40_000, 4_000)] {
            samples[start..start + len].fill(0.0);
        }
        let (count, places) = of(&samples);
        assert_eq!(count, 3);
        for (place, (start_s, len_s)) in places.iter().zip([(1.0, 0.02), (3.0, 0.1), (5.0, 0.5)]) {
            assert!((place.start_s - start_s).abs() <= 0.0051, "{place:?}");
            assert!((place.end_s - place.start_s - len_s).abs() <= 0.0051, "{place:?}");
        }
    }

    #[test]
    fn pauses_fades_and_silence_are_not_dropouts() {
        let noise = Random(6).noise(40_000, 0.1);
        let fade = |n: usize| ((n as f32 - 20_000.0).abs() / 8_000.0 - 0.1).clamp(0.0, 1.0).powi(3);
        let faded: Vec<f32> = noise.iter().enumerate().map(|(n, x)| x * fade(n)).collect();
        assert_eq!(of(&faded).0, 0, "{:?}", of(&faded).1);
        let mut long = noise.clone();
        long[8_000..24_000].fill(0.0);
        assert_eq!(of(&long).0, 0, "two seconds are a silence");
        assert_eq!((of(&noise).0, of(&[0.0; 8_000]).0, of(&[]).0), (0, 0, 0));
    }
}
