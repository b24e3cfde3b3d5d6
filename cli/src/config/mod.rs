//! The configuration: all settings of a run, as in the file `earwitness.toml`. Flags override it.

mod listing;
mod load;
mod memory;
mod priorities;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use align::{AlignConfig, AlignModel, ParseAlignModelError};
use decode::DecodeSettings;
use diarize::DiarizeConfig;
use forensics::ForensicsConfig;
use scheduler::coordinator::TimeLimits;
use scheduler::devices::{DeviceLimits, DeviceRequest};
use scheduler::protocol::TaskTime;
use schemars::JsonSchema;
use segment::{SegmentConfig, VadChoice};
use serde::{Deserialize, Serialize};
use stage_core::{as_text, lossless_path};
use transcribe::{ModelSource, ParseModelSourceError, TranscribeConfig};

pub use self::listing::config_template;
pub(crate) use self::listing::effective;
pub use self::load::ConfigError;
pub(crate) use self::load::{DEFAULT_FILE, Loaded, parse_file};
pub(crate) use self::priorities::Priorities;
pub use self::priorities::PriorityRule;
use crate::export::ExportConfig;
use crate::file_name::NameParser;
pub use crate::precision::PrecisionChoice;

/// The settings of a run. [`Config::default`] is what a run without options uses.
///
/// Each of `segment`, `diarize`, `transcribe`, `align` and `forensics` is passed to its stage as it is and enters the fingerprints
/// of the stage's artifacts, as do `decoder = 'ffmpeg'` and
/// `limits.max_gap_s` in `decode`. The other settings do not affect any result, except
/// for the files that `lexicons` and `models` name: their hashes enter the fingerprints.
///
/// # Examples
/// ```
/// use earwitness::Config;
///
/// let config: Config = "[transcribe]\nlanguages = ['ko']\nbeam_size = 1".parse()?;
/// assert_eq!((config.transcribe.beam_size, config.transcribe.best_of), (1, 5));
///
/// let error = "[transcribe]\nbeam = 1".parse::<Config>().unwrap_err();
/// assert!(error.to_string().contains("unknown field `beam`"));
/// # Ok::<(), earwitness::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Files of additional lexicons for the language evidence.
    #[serde(with = "lossless_path::list")]
    #[schemars(with = "Vec<PathBuf>")]
    pub lexicons: Vec<PathBuf>,
    /// Priorities by path and length; the first rule that matches applies. A rule has `path` (a glob over the whole
    /// path), `longer_than_s`, `shorter_than_s` (seconds) and `priority`; higher priorities run first.
    #[schemars(example = priorities::example())]
    pub priority: Vec<PriorityRule>,
    /// What runs where.
    pub run: RunConfig,
    /// The models.
    pub models: ModelsConfig,
    /// Reading audio files.
    pub decode: DecodeSettings,
    /// Finding speech.
    pub segment: SegmentConfig,
    /// Finding who speaks when.
    pub diarize: DiarizeConfig,
    /// Turning speech into text. Names and defaults are those of openai-whisper and faster-whisper where both have them.
    pub transcribe: TranscribeConfig,
    /// Timing the words.
    pub align: AlignConfig,
    /// Measurements, evidence in language, and scores.
    pub forensics: ForensicsConfig,
    /// Result files.
    pub export: ExportConfig,
    /// When a GPU may get work.
    pub devices: DeviceLimits,
    /// Intervals and time limits of the workers.
    pub timing: TimeLimits,
    /// Batch sizes, and limits for time and memory.
    pub limits: Limits,
}

/// What runs where, and what is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// auto, cpu, cpu:N (N workers), cuda, or cuda:0,1 (GPU numbers or UUIDs).
    #[serde(with = "as_text")]
    #[schemars(with = "String")]
    pub devices: DeviceRequest,
    /// Use this many GPUs; fail if there are fewer.
    #[schemars(example = 2)]
    pub num_gpus: Option<usize>,
    /// Worker processes on each device.
    pub workers_per_device: NonZeroUsize,
    /// Priority of recordings that no rule matches.
    pub default_priority: i32,
    /// Formats of the results; json is always written.
    pub formats: Vec<String>,
    /// Patterns for the names of recordings, before those of known recorders. The first one that matches the whole name
    /// without its extension applies. Fields: {contact}, {number}, {direction} (in, out, 수신, 발신...), {YYYY} or {YY},
    /// {MM}, {DD}, {hh}, {mm}, {ss}, {ms}, and {*} for any text.
    #[schemars(example = ["{number} {contact} {YYYY}.{MM}.{DD} {hh}{mm}{ss}"])]
    pub name_patterns: Vec<String>,
}

/// The models and how they compute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// The speech model: embedded, a folder in the Hugging Face layout, or a hub id (openai/whisper-large-v3-turbo).
    pub speech: String,
    /// Source of the word times: phones (the sounds that the speech model recognizes, if its folder has a phone head;
    /// otherwise attention), attention (of the speech model, refined by speech activity), or the folder or hub id of a
    /// Wav2Vec2ForCTC (with its vocab.json).
    pub aligner: String,
    /// Numeric type of the matrix products: f32 (matches the reference), bf16, f16 (GPUs) or int8 (CPUs; fastest, less
    /// exact). auto: the precision that this case started with; in a new case int8 for the embedded model and f32 for
    /// other models on a CPU, f16 on a GPU.
    #[serde(with = "as_text")]
    #[schemars(with = "String")]
    pub precision: PrecisionChoice,
    /// Use only the local cache for hub models; never use the network.
    pub offline: bool,
}

/// Batch sizes, and limits for time and memory. They do not affect any result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Recordings per worker batch.
    pub worker_batch_size: NonZeroUsize,
    /// Windows per device batch, at most 1,024. Memory is taken only for windows that exist; on a CPU, more than 8
    /// windows are computed at once only while three eighths of the machine's memory are available.
    pub device_batch_size: NonZeroUsize,
    /// Memory for the samples of one recording, in MiB; the rest goes to a file. 256 hold an hour of mono.
    pub samples_memory_mib: u64,
    /// Folder for samples that exceed the memory. `None`: the system's folder for temporary files.
    #[serde(with = "lossless_path::option")]
    #[schemars(with = "Option<PathBuf>", example = "/var/tmp")]
    pub spill_folder: Option<PathBuf>,
    /// A stage may work this long on a recording, in seconds, without the work of devices. A recording that takes
    /// longer, also alone on a worker, fails with time-limit.
    pub task_s: u64,
    /// Additional time for each second of the recording, in seconds.
    pub task_per_audio_s: u64,
    /// Memory that a worker may use, in MiB, without mapped files. A recording that needs more, also alone on a worker,
    /// fails with memory-limit. `None`: three quarters of the memory of the machine or of the control group.
    #[schemars(example = 8192)]
    pub worker_memory_mib: Option<NonZeroUsize>,
}

/// The values of [`ModelsConfig::aligner`] that need no model of their own; the first is the default.
const ALIGNERS: [&str; 2] = ["phones", "attention"];
/// The name of the models inside the program.
const EMBEDDED: &str = "embedded";

const fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a number above 0")
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            devices: DeviceRequest::Auto,
            num_gpus: None,
            workers_per_device: count(1),
            default_priority: 0,
            formats: vec!["json".to_owned()],
            name_patterns: Vec::new(),
        }
    }
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            speech: EMBEDDED.to_owned(),
            aligner: ALIGNERS[0].to_owned(),
            precision: PrecisionChoice::Auto,
            offline: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            worker_batch_size: count(10),
            device_batch_size: count(8),
            samples_memory_mib: 256,
            spill_folder: None,
            task_s: 600,
            task_per_audio_s: 2,
            worker_memory_mib: None,
        }
    }
}

impl Limits {
    /// How long a task of a worker's CPU lane may take.
    pub(crate) const fn task_time(&self) -> TaskTime {
        TaskTime {
            least_ms: self.task_s.saturating_mul(1000),
            per_audio_s_ms: self.task_per_audio_s.saturating_mul(1000),
        }
    }

    /// Maximum number of windows in flight on a device. A larger setting is capped, and a warning says so.
    pub(crate) fn device_batch(&self) -> usize {
        let wanted = self.device_batch_size.get();
        if wanted > MOST_ON_DEVICE {
            tracing::warn!("device_batch_size is {wanted}: at most {MOST_ON_DEVICE} windows are computed at once");
        }
        wanted.min(MOST_ON_DEVICE)
    }

    /// Memory that a worker may use, in bytes.
    pub(crate) fn worker_memory(&self) -> u64 {
        let machine = || memory::available_to_this_process().map_or(u64::MAX, |bytes| bytes / 4 * 3);
        self.worker_memory_mib.map_or_else(machine, |mib| (mib.get() as u64).saturating_mul(1 << 20))
    }
}

impl ModelsConfig {
    /// The source of the speech model.
    ///
    /// # Errors
    /// The text is neither `embedded`, nor a folder, nor a hub id.
    pub fn speech_source(&self) -> Result<ModelSource, ParseModelSourceError> {
        let source: ModelSource = self.speech.parse()?;
        Ok(if self.offline { source.offline() } else { source })
    }

    /// The source of word times.
    ///
    /// # Errors
    /// The text is neither `phones`, nor `attention`, nor the source of a model.
    pub fn aligner_source(&self) -> Result<AlignModel, ParseAlignModelError> {
        let source: AlignModel = self.aligner.parse()?;
        Ok(if self.offline { source.offline() } else { source })
    }
}

impl Config {
    /// Makes relative paths relative to `folder`.
    fn relative_to(mut self, folder: &Path) -> Self {
        self.lexicons.iter_mut().for_each(|path| *path = folder.join(&*path));
        self.limits.spill_folder = self.limits.spill_folder.map(|path| folder.join(path));
        self.decode.ffmpeg = self.decode.ffmpeg.map(|path| folder.join(path));
        if let VadChoice::SileroAt(path) = &mut self.segment.vad {
            *path = folder.join(&*path);
        }
        for model in [&mut self.models.speech, &mut self.models.aligner] {
            let path = folder.join(&*model);
            let is_name = *model == EMBEDDED || ALIGNERS.contains(&model.as_str());
            if !is_name && path.is_dir() {
                *model = path.to_string_lossy().into_owned();
            }
        }
        self
    }

    /// Checks what can be checked without the models: limits, intervals, folders and globs.
    ///
    /// # Errors
    /// The first invalid setting, by its name.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Limits { worker_batch_size, device_batch_size, spill_folder, .. } = &self.limits;
        for (setting, value) in [("worker_batch_size", worker_batch_size), ("device_batch_size", device_batch_size)] {
            if value.get() > MOST_IN_BATCH {
                return Err(ConfigError::Batch { setting, value: value.get() });
            }
        }
        if let Some(folder) = spill_folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(ConfigError::SpillFolder(folder.clone()));
        }
        let decode::DecodeLimits { max_channels, max_channel_hours, .. } = self.decode.limits;
        let least = [
            ("decode.limits.max_channels", u64::from(max_channels), 1),
            ("decode.limits.max_channel_hours", u64::from(max_channel_hours), 1),
            ("limits.task_s", self.limits.task_s, 1),
            (
                "limits.worker_memory_mib",
                self.limits.worker_memory_mib.map_or(u64::MAX, |mib| mib.get() as u64),
                LEAST_MEMORY_MIB,
            ),
        ];
        if let Some((setting, value, least)) = least.into_iter().find(|(_, value, least)| value < least) {
            return Err(ConfigError::TooSmall { setting, value, least });
        }
        self.devices.validate()?;
        if self.timing.heartbeat_ms < LEAST_HEARTBEAT_MS {
            return Err(ConfigError::Heartbeat);
        }
        NameParser::new(&self.run.name_patterns)?;
        Priorities::new(self).map(drop)
    }
}

/// A worker needs this much memory for the smallest model.
const LEAST_MEMORY_MIB: u64 = 128;

/// No device is faster with more windows at once.
const MOST_ON_DEVICE: usize = 1024;

/// Queues have room for a batch, so that a larger number would only take memory.
const MOST_IN_BATCH: usize = 100_000;

/// With shorter intervals, heartbeats would make up most of the traffic.
const LEAST_HEARTBEAT_MS: u64 = 20;

#[cfg(test)]
mod tests;
