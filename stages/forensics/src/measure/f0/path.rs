//! Finds the best path through the candidates of successive frames (Boersma 1993, eq. 24 to 27) by Viterbi's algorithm.

use super::config::PitchConfig;
use super::frame::Frame;

/// Returns F0 of each frame in Hz, or `None` if the path goes through the unvoiced candidate.
pub(super) fn best_path(frames: &[Frame], config: &PitchConfig) -> Vec<Option<f64>> {
    let costs = Costs::new(config);
    let mut states: Vec<Vec<State>> = Vec::with_capacity(frames.len());
    for frame in frames {
        let mut column = costs.states(frame);
        if let Some(previous) = states.last() {
            for state in &mut column {
                costs.connect(previous, state);
            }
        }
        states.push(column);
    }
    trace_back(&states)
}

/// One candidate of a frame, with the value of the best path that ends in it.
#[derive(Debug, Clone, Copy)]
struct State {
    /// log2 of the frequency in Hz; `None` if unvoiced.
    octave: Option<f64>,
    value: f64,
    /// Index of its predecessor on that path.
    from: usize,
}

struct Costs<'a> {
    config: &'a PitchConfig,
    ceiling_octave: f64,
    octave_jump: f64,
    voicing_change: f64,
}

impl<'a> Costs<'a> {
    /// The settings state the costs of transitions for frames 10 ms apart. Costs are larger for closer frames.
    fn new(config: &'a PitchConfig) -> Self {
        let per_step = 0.01 / config.time_step_s;
        Self {
            config,
            ceiling_octave: config.ceiling_hz.log2(),
            octave_jump: config.octave_jump_cost * per_step,
            voicing_change: config.voiced_unvoiced_cost * per_step,
        }
    }

    /// Returns the unvoiced candidate first, then the voiced ones below the ceiling.
    fn states(&self, frame: &Frame) -> Vec<State> {
        let config = self.config;
        let silence = if config.silence_threshold > 0.0 {
            2.0 - frame.intensity * (1.0 + config.voicing_threshold) / config.silence_threshold
        } else {
            0.0
        };
        let unvoiced = State { octave: None, value: config.voicing_threshold + silence.max(0.0), from: 0 };
        let voiced = frame.candidates.iter().filter(|c| c.frequency_hz < config.ceiling_hz).map(|candidate| {
            let octave = candidate.frequency_hz.log2();
            let value = candidate.strength - config.octave_cost * (self.ceiling_octave - octave);
            State { octave: Some(octave), value, from: 0 }
        });
        std::iter::once(unvoiced).chain(voiced).collect()
    }

    fn connect(&self, previous: &[State], state: &mut State) {
        let mut best = f64::NEG_INFINITY;
        for (index, from) in previous.iter().enumerate() {
            let cost = match (from.octave, state.octave) {
                (None, None) => 0.0,
                (Some(a), Some(b)) => self.octave_jump * (a - b).abs(),
                _ => self.voicing_change,
            };
            if from.value - cost > best {
                best = from.value - cost;
                state.from = index;
            }
        }
        state.value += best;
    }
}

fn trace_back(states: &[Vec<State>]) -> Vec<Option<f64>> {
    let Some(last) = states.last() else { return Vec::new() };
    let mut index = (0..last.len()).fold(0, |best, i| if last[i].value > last[best].value { i } else { best });
    let mut path = Vec::with_capacity(states.len());
    for column in states.iter().rev() {
        let state = column[index];
        path.push(state.octave.map(f64::exp2));
        index = state.from;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::super::frame::Candidate;
    use super::*;

    fn frame(candidates: &[(f64, f64)]) -> Frame {
        let candidate = |&(frequency_hz, strength)| Candidate { frequency_hz, strength };
        Frame { intensity: 1.0, candidates: candidates.iter().map(candidate).collect() }
    }

    #[test]
    fn path_smooths_a_single_octave_error_away() {
        let steady = frame(&[(100.0, 0.9), (200.0, 0.8)]);
        let slip = frame(&[(100.0, 0.85), (200.0, 0.95)]);
        let frames = [steady.clone(), steady.clone(), slip, steady.clone(), steady];
        for f0 in best_path(&frames, &PitchConfig::default()) {
            assert!((f0.unwrap() - 100.0).abs() < 1e-9);
        }
    }

    #[test]
    fn path_keeps_unvoiced_frames_unvoiced() {
        let frames = [frame(&[(100.0, 0.3)]), frame(&[]), frame(&[(600.0, 0.99)])];
        assert_eq!(best_path(&frames, &PitchConfig::default()), [None; 3]);
        assert!(best_path(&[], &PitchConfig::default()).is_empty());
    }

    #[test]
    fn path_takes_frames_too_quiet_for_the_channel_as_unvoiced() {
        let quiet = Frame { intensity: 0.005, ..frame(&[(100.0, 0.9)]) };
        assert_eq!(best_path(&[quiet.clone(), quiet], &PitchConfig::default()), [None; 2]);
    }
}
