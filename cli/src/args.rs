//! The command line, and how its flags override the configuration.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use scheduler::coordinator::Recompute;
use scheduler::devices::DeviceRequest;
use scheduler::store::StoreUrl;
use segment::VadChoice;
use stage_core::StageName;
use transcribe::{Task, architectures};

use crate::config::{Config, ConfigError, DEFAULT_FILE, Loaded, PrecisionChoice};
use crate::export::{ExportFormat, Formats};
use crate::stages;

/// Turns folders of recorded calls into timed, checkable evidence.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, after_help = crate::exit::help())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole pipeline on files, folders or globs. A second run reuses every artifact.
    Run(RunArgs),
    /// Show what a run would do: files, stored results, expected time and disk, models, problems. Changes nothing.
    Plan(PlanArgs),
    /// Run one stage, commit its artifact and print it as JSON. Earlier stages come from the store or are run first.
    Stage(StageArgs),
    /// Measure one stage alone on your recordings, for each combination of the listed settings. Keeps no results.
    Bench(BenchStageArgs),
    /// Hash recordings, store, artifacts and exported files again. Exits with code 5 if a check fails.
    Verify(FolderArgs),
    /// Show a result folder: recordings, finished stages, the incident log of the last runs, quarantined recordings.
    Status(FolderArgs),
    /// Check or compact the store of a result folder.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Export the results of a folder again, in the given formats.
    Export(ExportArgs),
    /// List available devices and their health.
    Devices(DevicesArgs),
    /// Print the JSON Schema of the result files.
    Schema,
    /// Print the licenses of the program and of the models and code of others that it contains.
    Licenses,
    /// Describe the model that a run would use: files, window and hash.
    Models(ModelsArgs),
    /// Write, check or show the configuration file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The process that measures one combination. Started by `bench`.
    #[command(hide = true)]
    BenchWorker,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Files, folders (searched recursively for recordings) or glob patterns.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// Folder for the results, and for the store unless --store is given.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Recompute this stage and all later stages.
    #[arg(long, value_name = "STAGE", value_parser = stages::value_parser())]
    pub(crate) from: Option<StageName>,
    /// Recompute every stage.
    #[arg(long)]
    pub(crate) force: bool,
    /// Formats to write for each recording; json is always written.
    #[arg(long, value_delimiter = ',', value_parser = format_names())]
    pub(crate) format: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

impl RunArgs {
    /// What is computed again.
    pub(crate) const fn recompute(&self) -> Recompute {
        match (self.force, self.from) {
            (true, _) => Recompute::All,
            (false, Some(stage)) => Recompute::From(stage),
            (false, None) => Recompute::Nothing,
        }
    }
}

/// The options of a run.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Print a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Files that describe the run itself.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Write the report of the run, one HTML file. Default: DIR/report.html, if the run computed anything.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write a trace of every thread in the Chrome trace event format; open it in ui.perfetto.dev.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Write counters in the Prometheus text format, updated every two seconds.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    /// The stage.
    #[arg(value_name = "STAGE", value_parser = stages::value_parser())]
    pub(crate) stage: StageName,
    /// Files, folders or glob patterns.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// Folder of the store.
    #[arg(short, long, value_name = "DIR", default_value = "earwitness-out")]
    pub(crate) out: PathBuf,
    /// Recompute this stage.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BenchStageArgs {
    /// The stage.
    #[arg(value_name = "STAGE", value_parser = stages::value_parser())]
    pub(crate) stage: StageName,
    /// Files, folders or glob patterns.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// Precisions to compare (f32,bf16,int8; f16 on GPUs). auto: the default of a new case.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "auto")]
    pub(crate) precision: Vec<PrecisionChoice>,
    /// Device batch sizes to compare, in windows, such as 1,8,16.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "8", value_parser = positive)]
    pub(crate) device_batch_size: Vec<NonZeroUsize>,
    /// Devices to compare: cpu,cpu:2,cuda:0 is three entries; cuda:0,1 is one entry with two GPUs. See `run`.
    #[arg(long, value_name = "LIST", default_value = "auto")]
    pub(crate) devices: String,
    /// Timed runs of each combination, after one warm-up run.
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive)]
    pub(crate) repeat: NonZeroUsize,
    /// Print a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
}

/// Settings of transcription. The file of --config has more.
#[derive(Debug, Args)]
pub(crate) struct DecodingArgs {
    /// transcribe (the default), or translate (into English; multilingual models).
    #[arg(long)]
    pub(crate) task: Option<Task>,
    /// Beam size; 1 is greedy decoding: faster, less accurate. Default: 5.
    #[arg(long, value_name = "N")]
    pub(crate) beam_size: Option<usize>,
    /// Decode timestamp tokens and split the text of a window at them.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) timestamps: Option<bool>,
    /// Text that precedes each window, to suggest names and spellings.
    #[arg(long, value_name = "TEXT")]
    pub(crate) initial_prompt: Option<String>,
    /// Words to expect in every window.
    #[arg(long, value_name = "WORDS")]
    pub(crate) hotwords: Option<String>,
    /// Condition each window on the text of the previous windows of its channel.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) condition_on_previous_text: Option<bool>,
}

/// Arguments that select the configuration file and the model.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Configuration file (TOML); `earwitness config init` writes one. Default: earwitness.toml in the current folder,
    /// if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[arg(long, help = model_help())]
    pub(crate) model: Option<String>,
    /// Use only the local cache for hub models; never use the network.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) offline: Option<bool>,
}

/// Arguments shared by `run` and `stage`: devices, model, settings of the stages, progress.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Retry recordings that were quarantined because they killed workers.
    #[arg(long)]
    pub(crate) retry_quarantined: bool,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<String>,
    /// How to show progress.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
    #[command(flatten)]
    pub(crate) bench: BenchArgs,
}

/// The settings of a run. Those that are given override the configuration file.
#[derive(Debug, Args)]
pub(crate) struct SettingArgs {
    /// auto, cpu, cpu:N (N workers), or cuda:0,1 (GPU numbers or UUIDs). Default: auto.
    #[arg(long)]
    pub(crate) devices: Option<DeviceRequest>,
    /// Use this many GPUs; fail if there are fewer.
    #[arg(short = 'g', long, value_name = "N")]
    pub(crate) num_gpus: Option<usize>,
    /// Worker processes on each device. Default: 1.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) workers_per_device: Option<NonZeroUsize>,
    /// Priority of the recordings that no rule of the configuration file matches; higher values run first. Default: 0.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i32>,
    /// Recordings per worker batch. Default: 10.
    #[arg(short = 'b', long, value_name = "N", value_parser = positive)]
    pub(crate) worker_batch_size: Option<NonZeroUsize>,
    /// Windows per device batch. Default: 8.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) device_batch_size: Option<NonZeroUsize>,
    /// Numeric type of the matrix products: f32 (matches the reference), bf16, f16 (GPUs) or int8 (CPUs; fastest, less
    /// exact). auto (the default): the precision that this case started with; in a new case int8 for the embedded model
    /// and f32 for other models on a CPU, f16 on a GPU.
    #[arg(long, value_name = "TYPE")]
    pub(crate) precision: Option<PrecisionChoice>,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
}

/// Settings of the stages without the precision, because `bench` takes a list of precisions.
#[derive(Debug, Args)]
pub(crate) struct StageSettingArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// auto (detected in each window; the default), a language code such as ko, or several, such as ko,en (detected
    /// among these).
    #[arg(long, value_name = "CODES")]
    pub(crate) language: Option<Languages>,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    /// Voice activity detector: silero (Silero VAD; the default), silero:FILE (other weights for 16 kHz, in
    /// safetensors), energy (a threshold above the noise), or off (all audio is treated as speech).
    #[arg(long)]
    pub(crate) vad: Option<VadChoice>,
    /// Also transcribe crosstalk (speech of one channel that leaks into another). By default it is only listed.
    #[arg(long)]
    pub(crate) keep_crosstalk: bool,
    /// Source of the word times: attention (from the speech model, refined by speech activity; the default), embedded (a
    /// small CTC model), or the folder or hub id of a Wav2Vec2ForCTC (with its vocab.json).
    #[arg(long, value_name = "MODEL")]
    pub(crate) aligner: Option<String>,
    /// Additional lexicon (TOML) for the language evidence; can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) lexicon: Vec<PathBuf>,
    /// Also list linguistic markers that the literature associates with deception. Unvalidated; off by default.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) deception: Option<bool>,
}

/// The languages of `--language`: none for `auto`; otherwise each code once, sorted, so that their order does not affect
/// any fingerprint.
#[derive(Debug, Clone)]
pub(crate) struct Languages(Vec<String>);

/// The text is not a list of language codes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}: auto is expected, or language codes such as ko or ko,en")]
pub(crate) struct ParseLanguagesError(String);

impl FromStr for Languages {
    type Err = ParseLanguagesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self(Vec::new()));
        }
        let is_code = |code: &&str| (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase());
        let codes: BTreeSet<&str> = text.split(',').map(str::trim).collect();
        if !codes.iter().all(is_code) {
            return Err(ParseLanguagesError(text.to_owned()));
        }
        Ok(Self(codes.into_iter().map(ToOwned::to_owned).collect()))
    }
}

/// Overrides a setting if the flag was given.
fn set<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(value) = flag {
        setting.clone_from(value);
    }
}

impl ModelArgs {
    /// The configuration file with these flags over it.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = Loaded::find(self.config.as_deref())?;
        self.apply(&mut loaded.config);
        Ok(loaded)
    }

    fn apply(&self, config: &mut Config) {
        set(&mut config.models.speech, self.model.as_ref());
        set(&mut config.models.offline, self.offline.as_ref());
    }
}

impl StageSettingArgs {
    /// The configuration file with these flags over it.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = self.model.load()?;
        self.apply(&mut loaded.config);
        Ok(loaded)
    }

    fn apply(&self, config: &mut Config) {
        let Self { language, decoding, vad, aligner, deception, .. } = self;
        set(&mut config.transcribe.languages, language.as_ref().map(|languages| &languages.0));
        set(&mut config.transcribe.task, decoding.task.as_ref());
        set(&mut config.transcribe.beam_size, decoding.beam_size.as_ref());
        set(&mut config.transcribe.timestamps, decoding.timestamps.as_ref());
        set(&mut config.transcribe.initial_prompt, decoding.initial_prompt.clone().map(Some).as_ref());
        set(&mut config.transcribe.hotwords, decoding.hotwords.clone().map(Some).as_ref());
        set(&mut config.transcribe.condition_on_previous_text, decoding.condition_on_previous_text.as_ref());
        set(&mut config.segment.vad, vad.as_ref());
        set(&mut config.models.aligner, aligner.as_ref());
        set(&mut config.forensics.deception, deception.as_ref());
        config.lexicons.extend(self.lexicon.iter().cloned());
        if self.keep_crosstalk {
            config.segment.crosstalk = None;
        }
    }
}

impl SettingArgs {
    /// The configuration file with these flags over it.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = self.stages.load()?;
        let config = &mut loaded.config;
        set(&mut config.run.devices, self.devices.as_ref());
        set(&mut config.run.num_gpus, self.num_gpus.map(Some).as_ref());
        set(&mut config.run.workers_per_device, self.workers_per_device.as_ref());
        set(&mut config.run.default_priority, self.priority.as_ref());
        set(&mut config.limits.worker_batch_size, self.worker_batch_size.as_ref());
        set(&mut config.limits.device_batch_size, self.device_batch_size.as_ref());
        set(&mut config.models.precision, self.precision.as_ref());
        Ok(loaded)
    }
}

/// The `config` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write a configuration file with all settings, their descriptions and their defaults.
    Init(ConfigInitArgs),
    /// Check a configuration file, with the models, folders and lexicons that it names. Runs and downloads nothing.
    Check(SettingArgs),
    /// Print the settings that a run with the same flags would use, and where each comes from.
    Show(SettingArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigInitArgs {
    /// The new file. An existing file is not changed.
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
}

/// Options for tests and measurements only.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Service times of simulated devices (TOML), for --devices sim:N.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) sim: Option<PathBuf>,
    /// Faults to inject into workers (TOML).
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) faults: Option<PathBuf>,
    /// The NVML library to use instead of the driver's.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) nvml: Option<PathBuf>,
    /// Report every point of a commit and wait there for this many milliseconds.
    #[arg(long, value_name = "MS", hide = true)]
    pub(crate) pause_at_commits: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The result folder of a run.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<String>,
}

/// Maintenance of a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Check the whole store against its hashes. Prints one line per error; exits with code 5 if there are any.
    Check(FolderArgs),
    /// Remove unused data and return the space to the file system. Migrates a store of an older version.
    Compact(FolderArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Formats to write for each recording; json is always written.
    #[arg(long, value_delimiter = ',', default_value = Formats::ALWAYS, value_parser = format_names())]
    pub(crate) format: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Repeat every second, or every SECONDS, until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = seconds)]
    pub(crate) watch: Option<f64>,
    /// Print a JSON object; with --watch, one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Configuration file (TOML) whose `[devices]` determine the states. Default: earwitness.toml in the current folder,
    /// if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The NVML library to use instead of the driver's.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) nvml: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print a JSON object, with all languages.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Write a copy of a model with its matrices in int8: smaller files for --precision int8.
    Quantize(QuantizeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// The new folder; it must not exist.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// How to show progress on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, plain lines otherwise.
    Auto,
    /// A line every few seconds.
    Plain,
    /// One JSON object per line.
    Json,
    /// No progress.
    None,
}

/// Parses the name of an export format.
fn format_names() -> PossibleValuesParser {
    let value = |format: &dyn ExportFormat| PossibleValue::new(format.name()).help(format.about());
    PossibleValuesParser::new(Formats::built_in().iter().map(value).collect::<Vec<_>>())
}

fn store_help() -> String {
    format!("The store: {}. Default: DIR/earwitness.db", StoreUrl::forms())
}

fn model_help() -> String {
    format!(
        "embedded, a folder in the Hugging Face layout, or a hub id (openai/whisper-large-v3-turbo); its architecture \
         is one of {}",
        architectures().join(", ")
    )
}

fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds from 0.1 to 3600".to_owned())
}
