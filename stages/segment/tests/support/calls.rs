//! Stereo calls of two real speakers in which one side leaks into the other, at known times.

use segment::{CrosstalkConfig, SegmentConfig, Segmenter, VadChoice};
use stage_core::{Pcm, SpeechSegments, Stage};

use super::Recordings;
use super::mixes::{Chance, digit};

const RATE: usize = 16_000;
const TURNS: usize = 12;

/// How one side leaks into the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leak {
    /// Level of the crosstalk relative to its source, in dB.
    pub(crate) gain_db: f32,
    /// Delay in milliseconds.
    pub(crate) delay_ms: f32,
    /// Whether reflections of a room are added.
    pub(crate) room: bool,
}

/// Levels, delays and reflections as they occur on telephones.
pub(crate) const LEAKS: [Leak; 6] = [
    Leak { gain_db: -10.0, delay_ms: 0.0, room: false },
    Leak { gain_db: -20.0, delay_ms: 0.0, room: false },
    Leak { gain_db: -20.0, delay_ms: 40.0, room: false },
    Leak { gain_db: -30.0, delay_ms: 5.0, room: false },
    Leak { gain_db: -15.0, delay_ms: 12.0, room: true },
    Leak { gain_db: -25.0, delay_ms: 60.0, room: true },
];

/// A call in which channel 1 contains a weaker copy of channel 0.
pub(crate) struct Call {
    pcm: Pcm,
    /// Whether channel 0 and channel 1 contain speech, in frames of 10 ms.
    speaks: [Vec<bool>; 2],
}

/// Makes turns of two to four digits, of which a third overlap the other side, in noise at -70 dBFS.
pub(crate) fn call(data: &Recordings, leak: Option<Leak>, seed: u64) -> Call {
    let mut chance = Chance(seed);
    let mut channels = [Vec::new(), Vec::new()];
    let mut speaks = [Vec::new(), Vec::new()];
    let mut at = RATE / 2;
    for turn in 0..TURNS {
        let side = turn % 2;
        let mut end = at;
        for _ in 0..2 + (chance.next() * 3.0) as usize {
            let clip = digit(data, ["george", "lucas"][side], &mut chance);
            add(&mut channels[side], end, &clip, 1.0);
            mark(&mut speaks[side], end, end + clip.len());
            end += clip.len() + RATE / 10;
        }
        at = if turn % 3 == 2 { at + (end - at) / 2 } else { end + RATE / 2 };
    }
    let length = channels.iter().map(Vec::len).max().unwrap_or(0) + RATE;
    channels.iter_mut().for_each(|channel| channel.resize(length, 0.0));
    speaks.iter_mut().for_each(|frames| frames.resize(length / 160, false));
    let [a, mut b] = channels;
    if let Some(leak) = leak {
        leak_into(&a, &mut b, leak, &mut chance);
    }
    let mut noise = |samples: Vec<f32>| samples.into_iter().map(|x| x + (chance.next() - 0.5) * 1e-3).collect();
    let channels = vec![noise(a), noise(b)];
    Call { pcm: Pcm::from_channels(channels), speaks }
}

fn leak_into(source: &[f32], into: &mut Vec<f32>, leak: Leak, chance: &mut Chance) {
    let gain = 10f32.powf(leak.gain_db / 20.0);
    let delay = (leak.delay_ms * 16.0) as usize;
    add(into, delay, source, gain);
    for reflection in 1..=if leak.room { 8 } else { 0 } {
        let later = delay + reflection * 60 + (chance.next() * 60.0) as usize;
        add(
            into,
            later,
            source,
            gain * 0.5f32.powi(1 + reflection as i32 / 2) * if reflection % 2 == 0 { 1.0 } else { -1.0 },
        );
    }
    into.truncate(source.len());
}

fn add(channel: &mut Vec<f32>, at: usize, samples: &[f32], gain: f32) {
    channel.resize(channel.len().max(at + samples.len()), 0.0);
    channel[at..].iter_mut().zip(samples).for_each(|(x, sample)| *x += gain * sample);
}

fn mark(frames: &mut Vec<bool>, from: usize, to: usize) {
    frames.resize(frames.len().max(to / 160), false);
    frames[from / 160..to / 160].fill(true);
}

/// Effect of the crosstalk search on channel 1, in frames of 10 ms.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Separation {
    /// Frames detected as speech while only channel 0 spoke, and how many of them were dropped.
    pub(crate) crosstalk: usize,
    pub(crate) dropped: usize,
    /// Frames of channel 1's own speech, and how many of them were lost.
    pub(crate) own: usize,
    pub(crate) lost: usize,
}

impl Call {
    /// Segments the call with hardly any padding.
    pub(crate) fn segments(&self, crosstalk: Option<CrosstalkConfig>) -> SpeechSegments {
        let config = SegmentConfig { pad_s: 0.05, crosstalk, ..SegmentConfig::new(VadChoice::Silero, 30.0) };
        Segmenter::new(config).unwrap().run(&self.pcm).unwrap()
    }

    pub(crate) fn separation(&self) -> Separation {
        let [without, with] = [None, Some(CrosstalkConfig::default())].map(|crosstalk| self.segments(crosstalk));
        let mut separation = Separation::default();
        for (frame, (a, b)) in self.speaks[0].iter().zip(&self.speaks[1]).enumerate() {
            let [before, after] = [&without, &with].map(|segments| is_speech(segments, 1, frame));
            if *b {
                separation.own += usize::from(before);
                separation.lost += usize::from(before && !after);
            } else if *a {
                separation.crosstalk += usize::from(before);
                separation.dropped += usize::from(before && !after);
            }
        }
        separation
    }

    /// Number of frames lost in channel 0, into which nothing leaks.
    pub(crate) fn lost_of_source(&self) -> usize {
        let [without, with] = [None, Some(CrosstalkConfig::default())].map(|crosstalk| self.segments(crosstalk));
        let lost = |frame: &usize| is_speech(&without, 0, *frame) && !is_speech(&with, 0, *frame);
        (0..self.speaks[0].len()).filter(lost).count()
    }
}

fn is_speech(segments: &SpeechSegments, channel: u16, frame: usize) -> bool {
    let at = (frame as f64 + 0.5) / 100.0;
    segments.spans.iter().any(|span| span.channel == channel && (span.start_s..span.end_s).contains(&at))
}
