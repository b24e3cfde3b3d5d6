//! The stage: turns channels into the artifact.

use stage_core::{
    Artifact, Dropped, DuplicateChannel, Identity, Inputs, Pcm, Phases, PipelineError, SAMPLE_RATE_HZ, SpeechSegments,
    SpeechSpan, Stage, StageSpec, Window,
};

use crate::channel::{self, ChannelAnalysis};
use crate::config::{SegmentConfig, VadChoice};
use crate::crosstalk::CrosstalkFinder;
use crate::duplicate::DuplicateFinder;
use crate::error::{NAME, SegmentError};
use crate::quiet;
use crate::similar::Envelopes;
use crate::spans::{self, Found, Run};
use crate::vad::{EnergyVad, NoVad, SileroVad, Vad};
use crate::windows;

/// Finds speech and packs it into windows. One instance can process any number of recordings.
#[derive(Debug)]
pub struct Segmenter {
    config: SegmentConfig,
    vad: Box<dyn Vad>,
}

impl Segmenter {
    /// Checks the settings and loads the detector.
    ///
    /// # Errors
    /// [`ErrorCode::BadSetting`](stage_core::ErrorCode::BadSetting) for a setting outside its range,
    /// [`ModelUnreadable`](stage_core::ErrorCode::ModelUnreadable) or
    /// [`ModelMalformed`](stage_core::ErrorCode::ModelMalformed) if the weights are missing or are not those of Silero
    /// VAD. The error names the setting or the file.
    pub fn new(config: SegmentConfig) -> Result<Self, PipelineError> {
        config.validate()?;
        let vad: Box<dyn Vad> = match &config.vad {
            VadChoice::Off => Box::new(NoVad),
            VadChoice::Energy => Box::new(EnergyVad),
            VadChoice::Silero => Box::new(SileroVad::embedded()?),
            VadChoice::SileroAt(path) => Box::new(SileroVad::load(path)?),
        };
        Ok(Self { config, vad })
    }

    /// Analyzes every channel that is not a duplicate of an earlier one; duplicates are dropped.
    fn analyze(&self, pcm: &Pcm, artifact: &mut SpeechSegments) -> Result<(Vec<Channel>, Envelopes), SegmentError> {
        let levels: Vec<Vec<f32>> =
            (0..pcm.channels()).map(|channel| channel::levels(pcm, channel)).collect::<Result<_, _>>()?;
        let envelopes = Envelopes::of(&levels);
        let finder = DuplicateFinder::new(pcm, &levels, &envelopes);
        let mut kept = Vec::new();
        for index in 0..pcm.channels() {
            match finder.find(index, &kept)? {
                Some(duplicate) => artifact.duplicates.push(duplicate),
                None => kept.push(index),
            }
        }
        let whole = |duplicate: &DuplicateChannel| Dropped {
            channel: duplicate.channel,
            start_s: 0.0,
            end_s: pcm.duration_s(),
            reason: duplicate.to_string(),
        };
        artifact.dropped.extend(artifact.duplicates.iter().map(whole));
        let mut channels = Vec::new();
        for (index, levels) in levels.into_iter().enumerate().filter(|(index, _)| kept.contains(index)) {
            let mut analysis = ChannelAnalysis::detect(self.vad.as_ref(), pcm, index, levels)?;
            let possible = quiet::search(self.vad.as_ref(), pcm, index, &mut analysis, &self.config)?;
            let mut found = spans::find(&analysis, &self.config);
            found.list(possible);
            channels.push(Channel { index, analysis, found, crosstalk: Vec::new() });
        }
        Ok((channels, envelopes))
    }

    /// Moves crosstalk from the kept runs to the dropped runs.
    fn drop_crosstalk(&self, pcm: &Pcm, channels: &mut [Channel], envelopes: &Envelopes) -> Result<(), SegmentError> {
        let Some(config) = self.config.crosstalk.filter(|_| channels.len() > 1) else { return Ok(()) };
        let finder = CrosstalkFinder::new(pcm, config);
        let indices: Vec<usize> = channels.iter().map(|channel| channel.index).collect();
        for Channel { index, found, crosstalk, .. } in channels {
            let others: Vec<usize> = indices.iter().copied().filter(|source| source != index).collect();
            let sources = envelopes.most_similar(*index, &others);
            let (kept, removed) = finder.separate(std::mem::take(&mut found.kept), *index, &sources)?;
            found.kept = kept;
            crosstalk.extend(removed.iter().map(|part| part.run));
            crosstalk.sort_by_key(|run| run.start);
            found.dropped.extend(removed.into_iter().map(|part| (part.run, part.reason)));
            found.dropped.sort_by_key(|(run, _)| run.start);
        }
        Ok(())
    }

    fn pack(&self, channel: Channel, artifact: &mut SpeechSegments) {
        let Channel { index, analysis, found, crosstalk } = channel;
        let channel = index as u16;
        let runs: Vec<Run> =
            found.kept.iter().flat_map(|run| windows::cut_at_quietest(*run, &analysis, &self.config)).collect();
        let first_span = artifact.spans.len() as u32;
        let packs = windows::pack(&runs, |run| analysis.is_quiet(run), &self.config);
        let extents = windows::with_context(&packs, &runs, &crosstalk, analysis.samples, &self.config);
        artifact.windows.extend(packs.into_iter().zip(extents).map(|(pack, extent)| Window {
            channel,
            start_s: seconds(extent.start),
            end_s: seconds(extent.end),
            first_span: first_span + pack.start as u32,
            spans: pack.len() as u32,
        }));
        artifact.spans.extend(runs.iter().map(|run| SpeechSpan {
            channel,
            start_s: seconds(run.start),
            end_s: seconds(run.end),
            probability: run.probability,
        }));
        artifact.dropped.extend(found.dropped.into_iter().map(|(run, reason)| Dropped {
            channel,
            start_s: seconds(run.start),
            end_s: seconds(run.end),
            reason,
        }));
    }
}

/// A channel and the runs found in it.
struct Channel {
    index: usize,
    analysis: ChannelAnalysis,
    found: Found,
    /// Dropped crosstalk, in order.
    crosstalk: Vec<Run>,
}

impl Stage for Segmenter {
    const SPEC: StageSpec =
        StageSpec { name: NAME, version: 6, inputs: &[Pcm::NAME], outputs: &[], phases: Phases::Cpu, weight: 0.05 };
    type Input<'a> = &'a Pcm;
    type Output = SpeechSegments;

    fn identity(&self) -> Identity {
        let model_sha256 = self.vad.identity().model_sha256;
        let numeric = model_sha256.is_some().then(|| "f32".to_owned());
        let model_files = self.vad.model_files();
        Identity { settings: self.config.settings(), model_sha256, numeric, model_files }
    }

    fn input<'a>(inputs: &Inputs<'a>) -> Result<&'a Pcm, PipelineError> {
        inputs.transient()
    }

    /// Computes spans and windows of every channel. A duplicate of an earlier channel (a mono call in a stereo file),
    /// of any sign and level, is dropped completely; crosstalk between channels is dropped too.
    ///
    /// # Errors
    /// `samples-unreadable` (Transient) if spilled samples cannot be read back, `inference-failed` (Bug) if the model
    /// fails on the samples.
    fn run(&self, pcm: &Pcm) -> Result<SpeechSegments, PipelineError> {
        let mut artifact = SpeechSegments { vad: self.vad.identity(), ..SpeechSegments::of_windows(Vec::new()) };
        let (mut channels, envelopes) = self.analyze(pcm, &mut artifact)?;
        self.drop_crosstalk(pcm, &mut channels, &envelopes)?;
        channels.into_iter().for_each(|channel| self.pack(channel, &mut artifact));
        Ok(artifact)
    }
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE_HZ)
}
