//! The frames of one utterance: what the phone head recognized, and where the audio has sound.

use std::ops::Range;

use stage_core::{PhoneEmissions, PhoneSet, SAMPLE_RATE_HZ, TimedEmissions};

use crate::emissions::Symbol;
use crate::sound::{Interval, Sound};
use crate::trellis::{Scores, State};
use crate::utterance::samples;

/// The name of the letter that stands for speech in another script.
const OTHER: &str = "<other>";
/// Lower limit of log-probabilities: a phone that the head does not recognize costs no more. Words also sound otherwise
/// than they are written.
const FLOOR: f32 = -6.0;
/// Penalty per frame of sound that belongs to no word, below the most likely phone.
const UNSPOKEN: f32 = 6.0;
/// Penalty per frame of a word where the audio has no sound.
const SILENT: f32 = 2.0;
/// A word may deviate by this much from the recognizer's times without a penalty, in seconds; beyond, each frame costs
/// this much per second.
const FREE_S: f32 = 0.1;
const PER_SECOND: f32 = 20.0;

/// The scores of a text's states at the frames of an utterance.
#[derive(Debug)]
pub(crate) struct Frames {
    /// First sample of the first frame.
    origin: i64,
    /// Samples per frame.
    step: i64,
    symbols: usize,
    /// `[frames, symbols]`.
    logprobs: Vec<f32>,
    /// The most likely symbol other than silence, for each frame.
    best: Vec<f32>,
    /// Whether each frame has sound.
    sounding: Vec<bool>,
    /// Level of each frame above the noise, in dB.
    contrast_db: Vec<f32>,
    /// The recognizer's time of each word, in samples.
    expected: Vec<Interval>,
}

impl Frames {
    /// The frames of an utterance on a channel. `None` if no window of the emissions contains it, or if they are
    /// damaged.
    pub(crate) fn new(
        emissions: &PhoneEmissions,
        channel: u16,
        utterance: Interval,
        sound: &Sound,
        expected: Vec<Interval>,
    ) -> Option<Self> {
        let set = emissions.symbols.as_ref()?;
        let step = Some(samples(emissions.step_s)).filter(|step| *step > 0)?;
        let of_window = |window: &TimedEmissions| {
            let decoded = window.emissions.decode()?;
            let start = samples(window.start_s);
            let holds = window.channel == channel && start <= utterance.start + step;
            (holds && start + decoded.len() as i64 * step >= utterance.end - step).then_some((start, decoded))
        };
        let may_hold =
            |window: &&TimedEmissions| window.channel == channel && samples(window.start_s) <= utterance.start + step;
        let (start, decoded) = of_window(emissions.windows.iter().rfind(may_hold)?)?;
        let first = ((utterance.start - start) / step).max(0) as usize;
        let last = (((utterance.end - start) / step) as usize).min(decoded.len());
        let own = decoded.get(first..last).filter(|own| !own.is_empty())?;
        let origin = start + first as i64 * step;
        let time = |frame: usize| {
            let start = origin + frame as i64 * step;
            Interval { start, end: start + step }
        };
        let sounding = (0..own.len()).map(|frame| sound.is_sounding(time(frame))).collect();
        let contrast_db =
            (0..own.len()).map(|frame| sound.peak(time(frame)) - sound.floor(time(frame).start)).collect();
        let logprobs: Vec<f32> = own.iter().flat_map(|frame| dense(frame, set)).collect();
        let symbols = set.phones.len() + set.letters.len();
        let best = logprobs.chunks_exact(symbols).map(|row| most_likely(row, set)).collect();
        Some(Self { origin, step, symbols, best, sounding, contrast_db, logprobs, expected })
    }

    /// First sample of a frame.
    pub(crate) const fn sample(&self, frame: usize) -> i64 {
        self.origin + frame as i64 * self.step
    }

    /// Log-probability of a symbol at a frame.
    pub(crate) fn logprob(&self, frame: usize, symbol: Symbol) -> f32 {
        match symbol {
            Symbol::Id(id) => self.logprobs[frame * self.symbols + id],
            Symbol::Wildcard => self.best[frame],
            Symbol::Blank if self.sounding[frame] => self.best[frame] - UNSPOKEN,
            Symbol::Blank => 0.0,
        }
    }

    /// Whether a frame has sound.
    pub(crate) fn is_sounding(&self, frame: usize) -> bool {
        self.sounding[frame]
    }

    /// Duration of a frame, in seconds.
    pub(crate) fn step_s(&self) -> f32 {
        self.step as f32 / SAMPLE_RATE_HZ as f32
    }

    /// Median level of frames above the noise, in dB.
    pub(crate) fn contrast_db(&self, own: Range<usize>) -> f32 {
        let mut levels = self.contrast_db[own].to_vec();
        levels.sort_by(f32::total_cmp);
        levels.get(levels.len() / 2).copied().unwrap_or_default()
    }

    /// The penalty of a word at a frame for its distance from the recognizer's time.
    fn distance_penalty(&self, frame: usize, word: usize) -> f32 {
        let at = self.sample(frame);
        let outside = Interval { start: at, end: at + self.step }.distance(&self.expected[word]).max(0);
        (outside as f32 / 16_000.0 - FREE_S).max(0.0) * PER_SECOND
    }
}

impl Scores for Frames {
    fn frames(&self) -> usize {
        self.best.len()
    }

    fn at(&self, frame: usize, state: &State) -> f32 {
        let logprob = self.logprob(frame, state.symbol);
        let Some(word) = state.word else { return logprob };
        let silent = if self.sounding[frame] { 0.0 } else { SILENT };
        logprob - silent - self.distance_penalty(frame, word)
    }
}

/// Log-probabilities of all symbols. Those that were not stored have [`FLOOR`].
fn dense(frame: &[(usize, f32)], set: &PhoneSet) -> Vec<f32> {
    let mut row = vec![FLOOR; set.phones.len() + set.letters.len()];
    for (symbol, logprob) in frame {
        if let Some(value) = row.get_mut(*symbol) {
            *value = logprob.max(FLOOR);
        }
    }
    row
}

/// The highest log-probability of a phone or letter.
fn most_likely(row: &[f32], set: &PhoneSet) -> f32 {
    let (phones, letters) = row.split_at(set.phones.len());
    let script = set.letters.iter().zip(letters).filter(|(name, _)| *name != OTHER).map(|(_, value)| value);
    phones.iter().chain(script).copied().fold(FLOOR, f32::max)
}
