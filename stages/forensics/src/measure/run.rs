//! Runs the measures: one pass over the recording at its own rate for all measures of all channels.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::OnceLock;

use authenticity::{AuthenticityRecord, Examiner, Plane};
use serde_json::{Map, Value};
use stage_core::forensics::ChannelRecord;
use stage_core::{ErrorCode, Pcm, PipelineError, Span};

use super::{Channel, F0Track, Measure, Measures};
use crate::ForensicInput;
use crate::error::NAME;
use crate::spans::spans_of;

/// A measure with its settings.
pub(super) trait Configured: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    fn settings(&self) -> Value;

    fn begin<'a>(&'a self, channel: &Channel<'_>) -> Box<dyn Running + 'a>;
}

/// A measurement of one channel in progress.
pub(super) trait Running {
    fn add(&mut self, samples: &[f32]);

    fn finish(self: Box<Self>, channel: &Channel<'_>) -> Result<Value, PipelineError>;
}

/// Settings of measure `M`.
pub(super) struct WithSettings<M: Measure> {
    pub(super) settings: M::Settings,
    /// The settings as JSON, with all defaults: part of the fingerprint.
    pub(super) json: Value,
}

impl<M: Measure> fmt::Debug for WithSettings<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", M::NAME, self.settings)
    }
}

impl<M: Measure> Configured for WithSettings<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn settings(&self) -> Value {
        self.json.clone()
    }

    fn begin<'a>(&'a self, channel: &Channel<'_>) -> Box<dyn Running + 'a> {
        Box::new(AtWork { measure: M::begin(&self.settings, channel), settings: &self.settings })
    }
}

struct AtWork<'a, M: Measure> {
    measure: M,
    settings: &'a M::Settings,
}

impl<M: Measure> Running for AtWork<'_, M> {
    fn add(&mut self, samples: &[f32]) {
        self.measure.add(samples);
    }

    fn finish(self: Box<Self>, channel: &Channel<'_>) -> Result<Value, PipelineError> {
        let value = self.measure.finish(self.settings, channel)?;
        serde_json::to_value(value).map_err(|error| {
            let message = format!("the value of {} cannot be written", M::NAME);
            PipelineError::bug(NAME, ErrorCode::UnwritableArtifact, message).caused_by(&error)
        })
    }
}

/// What was measured in all channels.
#[derive(Debug)]
pub(crate) struct MeasuredChannels {
    /// The values of each channel.
    pub(crate) records: Vec<ChannelRecord>,
    /// The F0 track of each channel, for drawings.
    pub(crate) f0: Vec<F0Track>,
    /// Traces of editing.
    pub(crate) authenticity: AuthenticityRecord,
}

/// The samples of a channel at 16 kHz.
struct ChannelPlane<'a> {
    pcm: &'a Pcm,
    channel: u16,
}

impl Plane for ChannelPlane<'_> {
    fn read(&self, start: u64, len: usize) -> io::Result<Vec<f32>> {
        self.pcm.read(self.channel.into(), start, len)
    }
}

/// The time that each measure takes, by a clock of the caller.
#[derive(Default)]
pub(crate) struct Stopwatch<'a> {
    /// Returns seconds; `None` if nobody asks for times.
    clock: Option<&'a dyn Fn() -> f64>,
    seconds: BTreeMap<&'static str, f64>,
}

impl<'a> Stopwatch<'a> {
    pub(crate) fn new(clock: &'a dyn Fn() -> f64) -> Self {
        Self { clock: Some(clock), seconds: BTreeMap::new() }
    }

    /// Time of each measure over all channels, in seconds.
    pub(crate) fn seconds(self) -> BTreeMap<&'static str, f64> {
        self.seconds
    }

    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let Some(clock) = self.clock else { return work() };
        let begin_s = clock();
        let done = work();
        *self.seconds.entry(name).or_default() += clock() - begin_s;
        done
    }
}

/// Name of the examination for traces of editing, for benchmarks.
const AUTHENTICITY: &str = "authenticity";

/// Measures all channels of a recording, and examines them for traces of editing.
///
/// # Errors
/// The error of decode, if the samples cannot be read again or the file has changed since it was decoded
/// (`file-changed`).
pub(crate) fn measure_channels(
    measures: &Measures,
    input: &ForensicInput<'_>,
    stopwatch: &mut Stopwatch<'_>,
) -> Result<MeasuredChannels, PipelineError> {
    let reader = input.pcm.native()?;
    let numbers = 0..input.pcm.channels() as u16;
    let speech: Vec<Vec<Span>> = numbers.clone().map(|number| spans_of(input.segments, number)).collect();
    let native_rate_hz = reader.sample_rate_hz();
    let f0: Vec<_> = numbers.clone().map(|_| OnceLock::new()).collect();
    let channel = |(number, f0)| Channel { number, input: *input, native_rate_hz, speech: &speech, f0 };
    let channels: Vec<_> = numbers.zip(&f0).map(channel).collect();
    let names: Vec<&'static str> = measures.0.iter().map(|measure| measure.name()).collect();
    let mut running: Vec<Vec<_>> =
        channels.iter().map(|channel| measures.0.iter().map(|measure| measure.begin(channel)).collect()).collect();
    let mut examiners: Vec<Examiner> =
        channels.iter().map(|_| Examiner::new(native_rate_hz, &input.recording.codec)).collect();
    let mut samples = Vec::new();
    for packet in reader {
        let packet = packet?;
        for ((channel, measures), examiner) in channels.iter().zip(&mut running).zip(&mut examiners) {
            samples.clear();
            samples.extend(packet.channel(channel.number.into()));
            for (name, measure) in names.iter().zip(measures) {
                stopwatch.time(name, || measure.add(&samples));
            }
            stopwatch.time(AUTHENTICITY, || examiner.add(&samples));
        }
    }
    let mut finish = |(channel, running): (&Channel<'_>, Vec<Box<dyn Running + '_>>)| {
        let finish = |(name, measure): (&&'static str, Box<dyn Running + '_>)| {
            Ok(((*name).to_owned(), stopwatch.time(name, || measure.finish(channel))?))
        };
        let measures = names.iter().zip(running).map(finish).collect::<Result<Map<_, _>, PipelineError>>()?;
        Ok(ChannelRecord { channel: channel.number, measures })
    };
    let records = channels.iter().zip(running).map(&mut finish).collect::<Result<_, PipelineError>>()?;
    let examine = |(channel, examiner): (&Channel<'_>, Examiner)| {
        let plane = ChannelPlane { pcm: input.pcm, channel: channel.number };
        stopwatch.time(AUTHENTICITY, || examiner.finish(&plane))
    };
    let cues = channels.iter().zip(examiners).map(examine).collect::<Result<Vec<_>, _>>();
    let cues = cues.map_err(|error| PipelineError::samples_unreadable(NAME, &error))?;
    Ok(MeasuredChannels {
        records,
        f0: f0.into_iter().filter_map(OnceLock::into_inner).collect(),
        authenticity: authenticity::record(native_rate_hz, &input.recording.codec, input.recording.duration_s, &cues),
    })
}
