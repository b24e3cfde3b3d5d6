//! The whole file as one stream of frames: its recordings one after the other, and the tracks of each side by side.
//!
//! Both readers of a recording use it: the stage, which resamples, and [`crate::native`], which does not. So they share
//! all rules about delay, padding, edits, gaps, damage and joins. All frames have one rate and one number of channels:
//! the highest rate of any track, and the most channels of any recording in the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use stage_core::container::ContainerFacts;
use stage_core::{DecodeWarning, FileAccount, Sha256Stream, TrackAccount, WarningKind, sha256_hex};

use crate::account::Ledger;
use crate::codec::Spec;
use crate::config::DecodeLimits;
use crate::container::Layout;
use crate::error::DecodeError;
use crate::feed::Feed;
use crate::input::InputFile;
use crate::source::Source;
use crate::stream::Stream;

/// Maximum number of frames in a block.
const BLOCK_FRAMES: usize = 1 << 14;

/// Consecutive frames of the recording.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) spec: Spec,
    /// Offset of the first frame in the recording.
    pub(crate) first_frame: u64,
    /// Interleaved, finite samples.
    pub(crate) samples: &'a [f32],
}

/// Facts from the headers.
pub(crate) struct Facts {
    pub(crate) container: &'static str,
    pub(crate) codec: String,
    pub(crate) lossless: bool,
    pub(crate) tags: BTreeMap<String, String>,
    /// What the container states about its own making.
    pub(crate) container_facts: ContainerFacts,
    /// Length that the headers state, in seconds.
    pub(crate) duration_s: Option<f64>,
}

/// Facts that are known at the end.
pub(crate) struct Ended {
    pub(crate) facts: Facts,
    /// What the scan found, for another pass.
    pub(crate) layout: Arc<Layout>,
    pub(crate) spec: Spec,
    /// Frames removed at the start and at the end.
    pub(crate) trimmed: (u64, u64),
    pub(crate) pcm_sha256: String,
    pub(crate) account: FileAccount,
    /// Problems that did not stop the decoder.
    pub(crate) warnings: Vec<DecodeWarning>,
}

/// A file that is being decoded.
pub(crate) struct Program {
    file: Arc<InputFile>,
    layout: Arc<Layout>,
    sources: Vec<Source>,
    limits: DecodeLimits,
    /// Rate and channels of the blocks, if they are known before the first packet.
    spec: Option<Spec>,
    /// The recording that is being decoded, and its tracks.
    part: usize,
    feeds: Vec<Feed>,
    given: u64,
    samples: Vec<f32>,
    /// Frame where each recording begins.
    starts: Vec<u64>,
    /// Hashes of the output of each track.
    hashes: Vec<Sha256Stream>,
    trimmed: (u64, u64),
    ledger: Ledger,
}

impl Program {
    /// Scans and opens the file.
    ///
    /// # Errors
    /// The headers show that the file cannot be decoded.
    pub(crate) fn open(file: &Arc<InputFile>, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let layout = file.unless_changed(Layout::scan(file))?;
        Self::open_scanned(file, &Arc::new(layout), limits)
    }

    /// Opens a file that was scanned.
    ///
    /// # Errors
    /// The headers show that the file cannot be decoded.
    pub(crate) fn open_scanned(
        file: &Arc<InputFile>,
        layout: &Arc<Layout>,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let (mut sources, mut ledger) = (Vec::new(), Ledger::new(layout));
        for (index, part) in layout.parts.iter().enumerate() {
            match file.unless_changed(Source::open(file, part, limits)) {
                Ok(source) => sources.push(source),
                Err(error) if index == 0 => return Err(error),
                Err(error) => {
                    ledger.unusable_part(part, &error);
                    break;
                }
            }
        }
        let mut program = Self {
            file: Arc::clone(file),
            layout: Arc::clone(layout),
            sources,
            limits: limits.clone(),
            spec: None,
            part: 0,
            feeds: Vec::new(),
            given: 0,
            samples: Vec::new(),
            starts: Vec::new(),
            hashes: Vec::new(),
            trimmed: (0, 0),
            ledger,
        };
        program.spec = program.common_spec()?;
        program.open_part()?;
        Ok(program)
    }

    /// Facts from the headers.
    pub(crate) fn facts(&self) -> Facts {
        let first = &self.sources[0];
        let tracks = || self.sources.iter().flat_map(|source| &source.tracks);
        let main = &first.tracks[0];
        let longest = |source: &Source| source.tracks.iter().filter_map(|track| track.duration_s()).reduce(f64::max);
        Facts {
            container: self.layout.parts[0].container,
            codec: main.codec.name(&main.params),
            lossless: tracks().all(|track| track.codec.is_lossless(&track.params)),
            tags: first.tags.clone(),
            container_facts: self.layout.parts[0].facts.clone(),
            duration_s: self.sources.iter().map(longest).sum(),
        }
    }

    /// Returns the next frames, or `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, has changed, or cannot be decoded.
    pub(crate) fn next(&mut self) -> Result<Option<Block<'_>>, DecodeError> {
        self.samples.clear();
        while self.samples.is_empty() {
            if self.feeds.is_empty() {
                return Ok(None);
            }
            self.fill_block()?;
            if self.samples.is_empty() {
                self.close_part()?;
            }
        }
        let Some(spec) = self.spec else { return Ok(None) };
        let first_frame = self.given;
        self.given += (self.samples.len() / spec.channels) as u64;
        self.limits.check_length(self.given, spec.rate_hz, spec.channels)?;
        Ok(Some(Block { spec, first_frame, samples: &self.samples }))
    }

    /// Closes the file, after [`Program::next`] has returned `None`.
    ///
    /// # Errors
    /// More than half of the packets could not be decoded, or there is damage and not one packet with sound.
    pub(crate) fn end(mut self) -> Result<Ended, DecodeError> {
        let facts = self.facts();
        self.ledger.check_decodable()?;
        let spec = self.spec.ok_or(DecodeError::DamagedContainer("it states neither rate nor channels"))?;
        self.warn_of_joins(spec);
        let pcm_sha256 = match &self.hashes[..] {
            [only] => only.clone().finish_hex(),
            all => sha256_hex(&all.iter().flat_map(|hash| hash.clone().finish()).collect::<Vec<u8>>()),
        };
        let (account, warnings) = self.ledger.close(self.sources.len());
        Ok(Ended { facts, layout: self.layout, spec, trimmed: self.trimmed, pcm_sha256, account, warnings })
    }

    /// The highest rate, and the most channels of any recording. `None` if there is only one track, whose first packet
    /// states them.
    fn common_spec(&self) -> Result<Option<Spec>, DecodeError> {
        if let [source] = &self.sources[..]
            && source.tracks.len() == 1
        {
            return Ok(None);
        }
        let (mut rate_hz, mut channels) = (0, 0);
        for index in 0..self.sources.len() {
            let mut sum = 0;
            for track in 0..self.sources[index].tracks.len() {
                let mut stream = self.stream(index, track)?;
                self.file.unless_changed(stream.next().map(|_| ()))?;
                if let Some(spec) = stream.spec() {
                    rate_hz = rate_hz.max(spec.rate_hz);
                    sum += spec.channels;
                }
            }
            channels = channels.max(sum);
        }
        self.limits.check_channels(channels)?;
        Ok((channels > 0).then_some(Spec { rate_hz, channels }))
    }

    fn stream(&self, part: usize, track: usize) -> Result<Stream, DecodeError> {
        let source = &self.sources[part];
        Stream::open(&self.file, &self.layout.parts[part], &source.tracks[track], &source.tags, &self.limits)
    }

    /// Opens the tracks of the current recording.
    fn open_part(&mut self) -> Result<(), DecodeError> {
        self.starts.push(self.given);
        let tracks = self.sources[self.part].tracks.len();
        self.feeds = (0..tracks)
            .map(|track| Ok(Feed::new(self.stream(self.part, track)?, self.spec)))
            .collect::<Result<_, DecodeError>>()?;
        Ok(())
    }

    /// Interleaves the next frames of all tracks. A track that has ended is silent; none are left at the end.
    fn fill_block(&mut self) -> Result<(), DecodeError> {
        for feed in &mut self.feeds {
            feed.fill()?;
        }
        if let [only] = &self.feeds[..] {
            self.spec = self.spec.or(only.spec());
        }
        let Some(spec) = self.spec else { return Ok(()) };
        let running = self.feeds.iter().filter(|feed| !feed.has_ended()).map(Feed::frames);
        let frames = running.min().or_else(|| self.feeds.iter().map(Feed::frames).max()).unwrap_or(0);
        let frames = frames.min(BLOCK_FRAMES);
        self.samples.resize(frames * spec.channels, 0.0);
        let mut first_channel = 0;
        for feed in &mut self.feeds {
            feed.take(frames, &mut self.samples, first_channel, spec.channels);
            first_channel += feed.channels();
        }
        Ok(())
    }

    /// Counts what was read from the current recording, and opens the next one.
    fn close_part(&mut self) -> Result<(), DecodeError> {
        let (part, source) = (&self.layout.parts[self.part], &self.sources[self.part]);
        let (mut ends, mut tracks, mut first_channel) = (Vec::new(), Vec::new(), 0);
        for (feed, audio) in std::mem::take(&mut self.feeds).into_iter().zip(&source.tracks) {
            let channels = feed.channels() as u16;
            if let (None, Some(spec)) = (self.spec, feed.spec()) {
                self.spec = Some(spec);
            }
            let (ended, hash, duration_s) = feed.end();
            tracks.push(TrackAccount {
                codec: audio.codec.name(&audio.params),
                channels: (first_channel..first_channel + channels).collect(),
                duration_s: Some(duration_s),
            });
            first_channel += channels;
            self.hashes.push(hash);
            if ends.is_empty() {
                self.trimmed = (self.trimmed.0 + ended.trimmed.0, self.trimmed.1 + ended.trimmed.1);
            }
            ends.push(ended);
        }
        self.ledger.close_part(part, &source.refused, tracks, &ends);
        self.part += 1;
        if self.part < self.sources.len() { self.open_part() } else { Ok(()) }
    }

    fn warn_of_joins(&mut self, spec: Spec) {
        let parts = self.starts.len();
        if parts > 1 {
            let at = |frame: &u64| format!("{:.3}", *frame as f64 / f64::from(spec.rate_hz));
            let starts: Vec<String> = self.starts[1..].iter().take(20).map(at).collect();
            let more = if parts > 21 { ", ..." } else { "" };
            let message = format!(
                "the file holds {parts} recordings, one after the other; the others begin at {} s{more}",
                starts.join(", ")
            );
            self.ledger.warn(DecodeWarning::new(WarningKind::Header, message));
        }
    }
}
