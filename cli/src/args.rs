//! The command line as it is typed. Nothing here is checked beyond its form: see [`crate::settings`].

use std::path::PathBuf;

use align::AlignModel;
use clap::{Args, Parser, Subcommand, ValueEnum};
use stage_core::StageKind;
use transcribe::{ModelSource, ParseModelSourceError, Task};

use crate::precision::PrecisionChoice;

/// Folders of recorded calls into timed, checkable evidence.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, after_help = crate::exit::TABLE)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole pipeline over files, folders or globs. Run again, it reuses every artifact.
    Run(RunArgs),
    /// Run one stage, commit its artifact and print it as JSON; what lies before comes from the store or is run.
    Stage(StageArgs),
    /// Measure one stage alone on your recordings, for each combination of the settings listed. Keeps no results.
    Bench(BenchStageArgs),
    /// Hash everything again: recordings, store, artifacts, exported files. Exit code 5 if one link does not hold.
    Verify(FolderArgs),
    /// What is in a result folder: recordings and stages done, what happened in the last runs, what is set aside.
    Status(FolderArgs),
    /// Check the store of a result folder, or make it smaller.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Write the results of a folder again, in the formats asked for.
    Export(ExportArgs),
    /// The devices of this machine and how they are.
    Devices(DevicesArgs),
    /// The JSON Schema of the result files.
    Schema,
    /// The model that would be used: its files, window and hash.
    Models(ModelsArgs),
    /// The worker process of one device. Started by `run` and `stage`, never by hand.
    #[command(hide = true)]
    Worker(WorkerArgs),
    /// The process in which one combination is measured. Started by `bench`, never by hand.
    #[command(hide = true)]
    BenchWorker,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Files, folders (searched for recordings, with their subfolders) or globs.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// The folder for results and, unless --store says otherwise, the store.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Compute this stage and all after it again.
    #[arg(long, value_name = "STAGE")]
    pub(crate) from: Option<StageKind>,
    /// Compute every stage again.
    #[arg(long)]
    pub(crate) force: bool,
    /// What to write for each recording, beside the store; json is always written.
    #[arg(long, value_delimiter = ',', default_value = "json")]
    pub(crate) format: Vec<Format>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// Files that tell about the run itself.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The report of the run, one HTML file. Default: DIR/report.html, where the run computed something.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// What every thread did when, in the Chrome trace event format: open it in ui.perfetto.dev.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Counters in the Prometheus text format, replaced every two seconds.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    /// decode, segment, transcribe, align or forensics.
    #[arg(value_name = "STAGE")]
    pub(crate) stage: StageKind,
    /// Files, folders or globs.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// The folder of the store.
    #[arg(short, long, value_name = "DIR", default_value = "earwitness-out")]
    pub(crate) out: PathBuf,
    /// Compute this stage again.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BenchStageArgs {
    /// decode, segment, transcribe, align or forensics.
    #[arg(value_name = "STAGE")]
    pub(crate) stage: StageKind,
    /// Files, folders or globs.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// Precisions to compare (f32,bf16,int8; f16 on GPUs); auto: what a new case would be transcribed in.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "auto")]
    pub(crate) precision: Vec<PrecisionChoice>,
    /// Numbers of windows at a time on a device to compare (1,8,16).
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "8", value_parser = positive)]
    pub(crate) device_batch_size: Vec<usize>,
    /// Devices to compare: cpu,cpu:2,cuda:0 has three entries, cuda:0,1 one (two GPUs); see `run`.
    #[arg(long, value_name = "LIST", default_value = "auto")]
    pub(crate) devices: String,
    /// Timed runs of each combination, after one that is not timed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = positive)]
    pub(crate) repeat: usize,
    /// As a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
}

/// How the model turns speech into text.
#[derive(Debug, Args)]
pub(crate) struct DecodingArgs {
    /// transcribe (the default), or translate (into English; multilingual models).
    #[arg(long)]
    pub(crate) task: Option<Task>,
    /// Hypotheses that are followed at once; 1 is greedy: faster, less accurate. Default: 5.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) beam_size: Option<usize>,
    /// Decode timestamps, and split the text of a window at them.
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Text that each window is taken to follow: names and spellings.
    #[arg(long, value_name = "TEXT")]
    pub(crate) initial_prompt: Option<String>,
    /// Words that are likely in every window.
    #[arg(long, value_name = "WORDS")]
    pub(crate) hotwords: Option<String>,
    /// Decode each window after the text of those before it in its channel.
    #[arg(long)]
    pub(crate) condition_on_previous_text: bool,
    /// What has no argument of its own (TOML): temperatures, thresholds of the fallback criteria, suppressed tokens.
    #[arg(long, value_name = "FILE")]
    pub(crate) decoding: Option<PathBuf>,
}

impl DecodingArgs {
    /// The options that were given, each with the setting that it is; the file of `--decoding` is checked by the model.
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

/// Which model.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// embedded, a folder in the Hugging Face layout, or a hub id (openai/whisper-large-v3-turbo): a Whisper or a
    /// Wav2Vec2ForCTC.
    #[arg(long, default_value = "embedded")]
    pub(crate) model: String,
    /// Take a hub id's files from the hub's cache alone; never touch the network.
    #[arg(long)]
    pub(crate) offline: bool,
}

impl ModelArgs {
    /// Where the model comes from.
    pub(crate) fn source(&self) -> Result<ModelSource, ParseModelSourceError> {
        let source: ModelSource = self.model.parse()?;
        Ok(if self.offline { source.offline() } else { source })
    }
}

/// What `run` and `stage` share: devices, model, settings of the stages, progress.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// auto, cpu, cpu:N (N workers), cuda:0,1 (numbers or UUIDs).
    #[arg(long, default_value = "auto")]
    pub(crate) devices: String,
    /// Use this many GPUs; an error where there are fewer.
    #[arg(short = 'g', long, value_name = "N")]
    pub(crate) num_gpus: Option<usize>,
    /// Worker processes on each device.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub(crate) workers_per_device: usize,
    /// The recordings' priority: the higher, the earlier.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,
    /// Priorities by path and length (TOML): `[[rule]]` with `path` (a glob), `longer_than_s`, `shorter_than_s` and
    /// `priority`; the first rule that fits counts.
    #[arg(long, value_name = "FILE")]
    pub(crate) priority_rules: Option<PathBuf>,
    /// Limits of devices and waits (TOML): `[devices]` and `[timing]`; see the README.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Try recordings again that were set aside because they killed workers.
    #[arg(long)]
    pub(crate) retry_quarantined: bool,
    /// Recordings in one batch of a worker.
    #[arg(short = 'b', long, value_name = "N", default_value_t = 10, value_parser = positive)]
    pub(crate) worker_batch_size: usize,
    /// Windows that a device works on at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = positive)]
    pub(crate) device_batch_size: usize,
    /// Numeric type of the model's products: f32 (the reference's numbers), bf16, f16 (GPUs) or int8 (CPUs; fastest,
    /// less exact). auto: what this case was begun with; in a new one int8 for the embedded model and f32 for others on
    /// a CPU, f16 on a GPU.
    #[arg(long, value_name = "TYPE", default_value_t = PrecisionChoice::Auto)]
    pub(crate) precision: PrecisionChoice,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
    /// The store: sqlite:PATH. Default: DIR/earwitness.db.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    #[command(flatten)]
    pub(crate) bench: BenchArgs,
}

/// What the stages read, but for the precision, which `bench` takes a list of.
#[derive(Debug, Args)]
pub(crate) struct StageSettingArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// auto (detected in each window), a language code such as ko, or several: ko,en (detected among these).
    #[arg(long, value_name = "CODES", default_value = "auto")]
    pub(crate) language: String,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    /// What counts as speech: silero (Silero VAD), silero:FILE (with other weights: 16 kHz, safetensors), energy (a
    /// threshold over the noise), or off (everything).
    #[arg(long, default_value = "silero")]
    pub(crate) vad: String,
    /// Transcribe crosstalk between channels (echo) too; by default it is left out and listed.
    #[arg(long, alias = "keep-bleed")]
    pub(crate) keep_crosstalk: bool,
    /// What times the words: attention (the speech model's own times, with speech activity), embedded (a small CTC
    /// model), or a folder or hub id of a Wav2Vec2ForCTC (with its vocab.json).
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_ALIGNER)]
    pub(crate) aligner: String,
    /// More lexicons (TOML) for the language evidence; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) lexicon: Vec<PathBuf>,
    /// Also list linguistic markers that the literature ties to deception. Unvalidated; off unless asked for.
    #[arg(long)]
    pub(crate) deception: bool,
}

/// What times words unless told otherwise.
const DEFAULT_ALIGNER: &str = "attention";

impl StageSettingArgs {
    /// What times the words.
    pub(crate) fn aligner(&self) -> Result<AlignModel, ParseModelSourceError> {
        let aligner: AlignModel = self.aligner.parse()?;
        Ok(if self.model.offline { aligner.offline() } else { aligner })
    }
}

/// For tests and measurements alone.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Service times of simulated devices (TOML), for --devices sim:N.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) sim: Option<PathBuf>,
    /// Faults that workers commit (TOML).
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) faults: Option<PathBuf>,
    /// The NVML library, in place of the driver's.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) nvml: Option<PathBuf>,
    /// Tell of every point of a commit and wait there, in milliseconds.
    #[arg(long, value_name = "MS", hide = true)]
    pub(crate) pause_at_commits: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Its stages take simulated times.
    #[arg(long)]
    pub(crate) sim: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The result folder of a run.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The store: sqlite:PATH. Default: DIR/earwitness.db.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
}

/// What is done to a store itself.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Hold the whole store against its hashes. Exit code 5 and a line for each fault if something does not hold.
    Check(FolderArgs),
    /// Drop what is not needed any more and give the space back; brings a store of an older version up to date.
    Compact(FolderArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// What to write for each recording; json is always written.
    #[arg(long, value_delimiter = ',', default_value = "json")]
    pub(crate) format: Vec<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Show them again and again, every second or every so many, until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = seconds)]
    pub(crate) watch: Option<f64>,
    /// As a JSON object; with --watch, one a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Limits that the states follow from (TOML): `[devices]`; see the README.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The NVML library, in place of the driver's.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) nvml: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// As a JSON object, with all languages.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Write a model into a new folder with its matrices in int8: smaller files for --precision int8.
    Quantize(QuantizeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// The folder, which must not exist yet.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// A file format of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Format {
    /// The whole record of a recording.
    Json,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// One line a word.
    Csv,
    /// Praat's annotation tiers.
    Textgrid,
}

/// How progress is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars on a terminal, plain lines elsewhere.
    Auto,
    /// A line each few seconds.
    Plain,
    /// A JSON object a line.
    Json,
    /// Nothing.
    None,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number from 1".to_owned()),
        Ok(n) => Ok(n),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "seconds from 0.1 to 3600".to_owned())
}
