//! Runs the measures: one pass over the recording at its own rate for all measures of all channels.

use std::fmt;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use stage_core::forensics::ChannelRecord;
use stage_core::{ErrorCode, PipelineError, Span};

use super::{Channel, Measure, Measures};
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

/// Measures all channels of a recording.
///
/// # Errors
/// The error of decode, if the samples cannot be read again or the file has changed since it was decoded
/// (`file-changed`).
pub(crate) fn measure_channels(
    measures: &Measures,
    input: &ForensicInput<'_>,
) -> Result<Vec<ChannelRecord>, PipelineError> {
    let reader = input.pcm.native()?;
    let numbers = 0..input.pcm.channels() as u16;
    let speech: Vec<Vec<Span>> = numbers.clone().map(|number| spans_of(input.segments, number)).collect();
    let native_rate_hz = reader.sample_rate_hz();
    let f0: Vec<_> = numbers.clone().map(|_| OnceLock::new()).collect();
    let channel = |(number, f0)| Channel { number, input: *input, native_rate_hz, speech: &speech, f0 };
    let channels: Vec<_> = numbers.zip(&f0).map(channel).collect();
    let mut running: Vec<Vec<_>> =
        channels.iter().map(|channel| measures.0.iter().map(|measure| measure.begin(channel)).collect()).collect();
    let mut samples = Vec::new();
    for packet in reader {
        let packet = packet?;
        for (channel, measures) in channels.iter().zip(&mut running) {
            samples.clear();
            samples.extend(packet.channel(channel.number.into()));
            measures.iter_mut().for_each(|measure| measure.add(&samples));
        }
    }
    let finish = |(channel, running): (&Channel<'_>, Vec<Box<dyn Running + '_>>)| {
        let names = measures.0.iter().map(|measure| measure.name().to_owned());
        let values = names.zip(running).map(|(name, measure)| Ok((name, measure.finish(channel)?)));
        Ok(ChannelRecord { channel: channel.number, measures: values.collect::<Result<Map<_, _>, PipelineError>>()? })
    };
    channels.iter().zip(running).map(finish).collect()
}
