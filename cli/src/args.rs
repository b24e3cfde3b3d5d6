//! The command line. Only its syntax is checked here; [`crate::settings`] checks the values.

use std::path::PathBuf;

use align::AlignModel;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use scheduler::store::StoreUrl;
use stage_core::StageName;
use transcribe::{ModelSource, ParseModelSourceError, Task, architectures};

use crate::export::{ExportFormat, Formats};
use crate::precision::PrecisionChoice;
use crate::stages;

/// Turns folders of recorded calls into timed, checkable evidence.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, after_help = crate::exit::TABLE)]
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
    /// Describe the model that a run would use: files, window and hash.
    Models(ModelsArgs),
    /// The worker process of a device. Started by `run` and `stage`.
    #[command(hide = true)]
    Worker(WorkerArgs),
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
    #[arg(long, value_delimiter = ',', default_value = Formats::ALWAYS, value_parser = format_names())]
    pub(crate) format: Vec<String>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
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
    pub(crate) device_batch_size: Vec<usize>,
    /// Devices to compare: cpu,cpu:2,cuda:0 is three entries; cuda:0,1 is one entry with two GPUs. See `run`.
    #[arg(long, value_name = "LIST", default_value = "auto")]
    pub(crate) devices: String,
    /// Timed runs of each combination, after one warm-up run.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = positive)]
    pub(crate) repeat: usize,
    /// Print a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
}

/// Options for decoding speech into text.
#[derive(Debug, Args)]
pub(crate) struct DecodingArgs {
    /// transcribe (the default), or translate (into English; multilingual models).
    #[arg(long)]
    pub(crate) task: Option<Task>,
    /// Beam size; 1 is greedy decoding: faster, less accurate. Default: 5.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) beam_size: Option<usize>,
    /// Decode timestamp tokens and split the text of a window at them.
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Text that precedes each window, to suggest names and spellings.
    #[arg(long, value_name = "TEXT")]
    pub(crate) initial_prompt: Option<String>,
    /// Words to expect in every window.
    #[arg(long, value_name = "WORDS")]
    pub(crate) hotwords: Option<String>,
    /// Condition each window on the text of the previous windows of its channel.
    #[arg(long)]
    pub(crate) condition_on_previous_text: bool,
    /// Additional decoding options (TOML): temperatures, thresholds of the fallback criteria, suppressed tokens.
    #[arg(long, value_name = "FILE")]
    pub(crate) decoding: Option<PathBuf>,
}

impl DecodingArgs {
    /// The options that were given, as pairs of option and setting. The model checks the file of `--decoding`.
    pub(crate) fn given(&self, language: &str) -> Vec<(String, String)> {
        [
            ("--language", "languages", language != "auto"),
            ("--task", "task", self.task.is_some()),
            ("--beam-size", "beam_size", self.beam_size.is_some()),
            ("--timestamps", "timestamps", self.timestamps),
            ("--initial-prompt", "initial_prompt", self.initial_prompt.is_some()),
            ("--hotwords", "hotwords", self.hotwords.is_some()),
            ("--condition-on-previous-text", "condition_on_previous_text", self.condition_on_previous_text),
        ]
        .into_iter()
        .filter(|(.., is_given)| *is_given)
        .map(|(option, setting, _)| (option.to_owned(), setting.to_owned()))
        .collect()
    }
}

/// Arguments that select the model.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    #[arg(long, default_value = "embedded", help = model_help())]
    pub(crate) model: String,
    /// Use only the local cache for hub models; never use the network.
    #[arg(long)]
    pub(crate) offline: bool,
}

impl ModelArgs {
    /// The source of the model.
    pub(crate) fn source(&self) -> Result<ModelSource, ParseModelSourceError> {
        let source: ModelSource = self.model.parse()?;
        Ok(if self.offline { source.offline() } else { source })
    }
}

/// Arguments shared by `run` and `stage`: devices, model, settings of the stages, progress.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// auto, cpu, cpu:N (N workers), or cuda:0,1 (GPU numbers or UUIDs).
    #[arg(long, default_value = "auto")]
    pub(crate) devices: String,
    /// Use this many GPUs; fail if there are fewer.
    #[arg(short = 'g', long, value_name = "N")]
    pub(crate) num_gpus: Option<usize>,
    /// Worker processes on each device.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) workers_per_device: usize,
    /// Priority of the recordings; higher values run first.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,
    /// Priorities by path and length (TOML): `[[rule]]` with `path` (a glob), `longer_than_s`, `shorter_than_s` and
    /// `priority`; the first matching rule applies.
    #[arg(long, value_name = "FILE")]
    pub(crate) priority_rules: Option<PathBuf>,
    /// Device limits and timeouts (TOML): `[devices]` and `[timing]`; see the README.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Retry recordings that were quarantined because they killed workers.
    #[arg(long)]
    pub(crate) retry_quarantined: bool,
    /// Recordings per worker batch.
    #[arg(short = 'b', long, value_name = "N", default_value_t = 10, value_parser = positive)]
    pub(crate) worker_batch_size: usize,
    /// Windows per device batch.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = positive)]
    pub(crate) device_batch_size: usize,
    /// Numeric type of the matrix products: f32 (matches the reference), bf16, f16 (GPUs) or int8 (CPUs; fastest, less
    /// exact). auto: the precision that this case started with; in a new case int8 for the embedded model and f32 for
    /// other models on a CPU, f16 on a GPU.
    #[arg(long, value_name = "TYPE", default_value_t = PrecisionChoice::Auto)]
    pub(crate) precision: PrecisionChoice,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<String>,
    /// How to show progress.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
    #[command(flatten)]
    pub(crate) bench: BenchArgs,
}

/// Settings of the stages without the precision, because `bench` takes a list of precisions.
#[derive(Debug, Args)]
pub(crate) struct StageSettingArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// auto (detected in each window), a language code such as ko, or several, such as ko,en (detected among these).
    #[arg(long, value_name = "CODES", default_value = "auto")]
    pub(crate) language: String,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    /// Voice activity detector: silero (Silero VAD), silero:FILE (other weights for 16 kHz, in safetensors), energy (a
    /// threshold above the noise), or off (all audio is treated as speech).
    #[arg(long, default_value = "silero")]
    pub(crate) vad: String,
    /// Also transcribe crosstalk (speech of one channel that leaks into another). By default it is only listed.
    #[arg(long, alias = "keep-bleed")]
    pub(crate) keep_crosstalk: bool,
    /// Source of the word times: attention (from the speech model, refined by speech activity), embedded (a small CTC
    /// model), or the folder or hub id of a Wav2Vec2ForCTC (with its vocab.json).
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_ALIGNER)]
    pub(crate) aligner: String,
    /// Additional lexicon (TOML) for the language evidence; can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) lexicon: Vec<PathBuf>,
    /// Also list linguistic markers that the literature associates with deception. Unvalidated; off by default.
    #[arg(long)]
    pub(crate) deception: bool,
}

/// The default source of word times.
const DEFAULT_ALIGNER: &str = "attention";

impl StageSettingArgs {
    /// The source of word times.
    pub(crate) fn aligner(&self) -> Result<AlignModel, ParseModelSourceError> {
        let aligner: AlignModel = self.aligner.parse()?;
        Ok(if self.model.offline { aligner.offline() } else { aligner })
    }
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
pub(crate) struct WorkerArgs {
    /// Simulate the stages: they take time and compute nothing.
    #[arg(long)]
    pub(crate) sim: bool,
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
    /// Limits that determine the states (TOML): `[devices]`; see the README.
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

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1".to_owned()),
        Ok(n) => Ok(n),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds from 0.1 to 3600".to_owned())
}
