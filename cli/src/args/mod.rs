//! The command line.

mod case;
mod cluster;
mod evidence;
mod review;
#[cfg(feature = "serve")]
mod serve;
mod settings;
mod transcript;
mod voices;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use decode::DecoderChoice;
use scheduler::coordinator::Recompute;
use scheduler::store::StoreUrl;
use stage_core::StageName;

pub(crate) use self::case::{CaseCommand, CaseSetArgs, CaseShowArgs, Channel, PersonArgs, SpeakerKey};
pub(crate) use self::cluster::ClusterArgs;
pub(crate) use self::evidence::{EvidenceArgs, LexiconCheckArgs, LexiconCommand};
pub(crate) use self::review::{ReviewArgs, ReviewCommand, ReviewFileArgs, ReviewItemArgs, ReviewListArgs};
#[cfg(feature = "serve")]
pub(crate) use self::serve::ServeArgs;
pub(crate) use self::settings::{FormatArgs, ModelArgs, SettingArgs, StageSettingArgs};
pub(crate) use self::transcript::TranscriptArgs;
pub(crate) use self::voices::{VoicesArgs, VoicesCommand, VoicesNameArgs};
use crate::clip::Time;
use crate::config::{DEFAULT_FILE, PrecisionChoice};
use crate::export::{ExportFormat, Formats};
use crate::outputs::{Output, RunFile};
use crate::places::RecordingsAt;
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
    /// Check a case: recordings, custody log, store and written files against each other. Exits with code 5 if a check
    /// fails.
    Verify(VerifyArgs),
    /// State something about results: confirm or reject an item, note, correct words and speakers. The results stay.
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Compare the voices of the speakers in different recordings, and group similar ones. Never an identification. The
    /// embeddings are biometric data, in a file of their own; nothing is computed unless you run this.
    Voices(VoicesArgs),
    /// Delete the content of recordings from a case: results, names and texts. Their hashes and the custody log stay.
    Forget(ForgetArgs),
    /// Make or show a key that signs the manifest of a case.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Write the manifest of a case: the head of its custody log, its recordings and files, with their hashes.
    Manifest(ManifestArgs),
    /// Request a time stamp of the manifest (RFC 3161), or attach the one that an authority sent.
    #[command(subcommand)]
    Timestamp(TimestampCommand),
    /// Show a result folder: recordings, finished stages, the incident log of the last runs, quarantined recordings.
    Status(FolderArgs),
    /// Check or compact the store of a result folder.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Export the results of a folder again, in the given formats.
    Export(ExportArgs),
    /// Serve a case to browsers, or transcription to programs that speak OpenAI's API, or both. Only this machine can connect
    /// unless --listen says otherwise.
    #[cfg(feature = "serve")]
    Serve(Box<ServeArgs>),
    /// Cut a range out of a recording: a WAV file with exactly the decoder's samples, and a JSON file with their hashes, the
    /// transcript and its context.
    Clip(ClipArgs),
    /// Write a draft of a transcript (녹취록 초안) of a recording, for courts: a page to print, or DOCX to correct.
    Transcript(TranscriptArgs),
    /// Show or change what `case.toml` states: title, people and exhibits of a case.
    #[command(subcommand)]
    Case(CaseCommand),
    /// List available devices and their health.
    Devices(DevicesArgs),
    /// Find evidence in plain text, and score it: one JSON line per conversation.
    Evidence(EvidenceArgs),
    /// Check lexicons.
    #[command(subcommand)]
    Lexicon(LexiconCommand),
    /// Print the JSON Schema of the result files.
    Schema(SchemaArgs),
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
    #[arg(required_unless_present = "join", value_name = "INPUT")]
    pub(crate) inputs: Vec<OsString>,
    /// Folder for the results, and for the store unless --store is given.
    #[arg(short, long, value_name = "DIR", required_unless_present = "join")]
    out: Option<PathBuf>,
    /// Process recordings that another run has put into a shared store (postgres://...), with the settings of that run. It
    /// may run on another host that finds the recordings at the same paths. Writes no results: `export` does.
    #[arg(long, value_name = "STORE", conflicts_with_all = ["inputs", "out", "store", "from", "force", "format", "sign"])]
    pub(crate) join: Option<OsString>,
    /// Recompute this stage and all later stages.
    #[arg(long, value_name = "STAGE", value_parser = stages::value_parser())]
    pub(crate) from: Option<StageName>,
    /// Recompute every stage.
    #[arg(long)]
    pub(crate) force: bool,
    /// Formats to write for each recording; json is always written.
    #[arg(long, value_delimiter = ',', value_parser = format_names())]
    pub(crate) format: Option<Vec<String>>,
    /// Replace files that the store has no record of, or that were changed since. Inputs are never replaced.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// At the end, write the manifest of the case and sign it with this private key, which `earwitness key new` makes.
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

impl RunArgs {
    /// The folder for the results. A run that joins others has none.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.out.as_deref()
    }

    /// The folder for the results, or the current one.
    pub(crate) fn out(&self) -> &Path {
        self.out.as_deref().unwrap_or(Path::new("."))
    }

    /// The files about the run that it may write.
    pub(crate) fn run_files(&self) -> Vec<RunFile> {
        let WatchArgs { report, trace, metrics } = &self.watch;
        let report = report.clone().or_else(|| Some(self.out.as_ref()?.join("report.html")));
        let files = [("report", "--report", report), ("trace", "--trace", trace.clone())];
        let files = files.into_iter().chain([("metrics", "--metrics", metrics.clone())]);
        let file = |(format, what, path)| Some(RunFile { format, output: Output { what, path: path? } });
        files.filter_map(file).collect()
    }

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
    pub(crate) inputs: Vec<OsString>,
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
    pub(crate) inputs: Vec<OsString>,
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

/// Arguments shared by `run` and `stage`: devices, model, settings of the stages, progress.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Retry recordings that were quarantined because they killed workers.
    #[arg(long)]
    pub(crate) retry_quarantined: bool,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<OsString>,
    /// Where the workers read the recordings, if not at their paths: a path or URL (https, s3) with {path},
    /// {path:/FOLDER} (the path below a folder), {name} or {sha256}. Bytes with another hash are refused.
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) recordings_at: Option<RecordingsAt>,
    /// How to show progress.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) bench: BenchArgs,
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
pub(crate) struct SchemaArgs {
    /// What is described: the result file of a recording, or a line of `earwitness evidence`.
    #[arg(value_enum, default_value_t = SchemaOf::Results)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    Results,
    Evidence,
}

#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The result folder of a run.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Folder in which recordings are searched by their hash, if they are not where the case has seen them.
    #[arg(long, value_name = "DIR")]
    pub(crate) recordings: Vec<PathBuf>,
    /// A head of the custody log that was written down, as `run` prints it. Without one, a whole case that was made anew
    /// is not found.
    #[arg(long, value_name = "HASH", value_parser = sha256)]
    pub(crate) head: Vec<String>,
    /// The public key of whoever signed the manifest of the case: finds everything that was changed since. Keep it outside
    /// the case.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// A time stamp of the manifest that was kept elsewhere. Default: the one in the case.
    #[arg(long, value_name = "FILE", requires = "tsa_certificate")]
    pub(crate) time_stamp: Option<PathBuf>,
    /// Certificates (PEM) of the time stamp authority or of its issuers, which you trust: checks the time stamp.
    #[arg(long, value_name = "FILE")]
    pub(crate) tsa_certificate: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ManifestArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Sign the manifest with this private key, which `earwitness key new` makes.
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
    /// Replace a `manifest.json` that the store has no record of, or that was changed since.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Recordings: the name of their results (call, as in call.json), their path, or at least 8 hex digits of their SHA-256.
    #[arg(required = true, value_name = "RECORDING")]
    pub(crate) recordings: Vec<OsString>,
    /// Delete. Without it, what would be deleted is listed, and nothing is changed.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why. Kept in the store, not in the custody log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an ed25519 key: the private key in FILE, the public key in FILE.pub. No file is replaced.
    New(KeyArgs),
    /// Print the fingerprint of a private or public key.
    Show(KeyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The file of the key (PEM).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Time stamps.
#[derive(Debug, Subcommand)]
pub(crate) enum TimestampCommand {
    /// Write DIR/manifest.tsq, the request for a time stamp authority. Nobody is contacted.
    Request(FolderArgs),
    /// Check that a reply stamps the manifest, and copy it to DIR/manifest.tsr.
    Attach(AttachArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// The reply of the authority.
    #[arg(value_name = "REPLY")]
    pub(crate) reply: PathBuf,
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
    /// Folder for the files. Default: DIR. Another folder gets copies; DIR stays as it is, and only its custody log states
    /// them, if it can be written.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Formats to write for each recording; json is always written.
    #[arg(long, value_delimiter = ',', default_value = Formats::ALWAYS, value_parser = format_names())]
    pub(crate) format: Vec<String>,
    /// Pattern for names of recordings, before those of the configuration file; see `run`.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) name_pattern: Vec<String>,
    /// Configuration file (TOML) with `run.name_patterns`. Default: earwitness.toml in the current folder, if there is
    /// one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    /// Show texts and speakers as reviewers corrected them, and mark what they confirmed and rejected. The copies are named
    /// NAME.reviewed.*. Needs --out.
    #[arg(long)]
    pub(crate) reviewed: bool,
    /// Mask identity, card, account and phone numbers, and leave out names of files and contacts, for the other side. Needs
    /// --out.
    #[arg(long)]
    pub(crate) redact: bool,
    /// Replace files that the store has no record of, or that were changed since. Recordings are never replaced.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ClipArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Start of the clip in the recording: seconds such as 83.5, or 1:23.5, or 1:02:03.250.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Time,
    /// End of the clip in the recording. It must not be beyond the end of the recording.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Time,
    /// The WAV file. The JSON file has the same name with .json. Neither replaces a file. Default: a name made of recording
    /// and range, in the current folder.
    #[arg(short, long, value_name = "FILE.wav")]
    pub(crate) out: Option<PathBuf>,
    /// The result folder of a run, for transcript and context. The recording is found by its hash. Default: the current
    /// folder, if it has a store.
    #[arg(long, value_name = "DIR")]
    pub(crate) case: Option<PathBuf>,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<OsString>,
    /// Seconds before and after the clip whose words are listed as context.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = context_seconds)]
    pub(crate) context: f64,
    /// Decoder of the recording: auto (ffmpeg where there is no built-in decoder, if it is installed; the default), native
    /// (never ffmpeg), or ffmpeg (always).
    #[arg(long)]
    pub(crate) decoder: Option<DecoderChoice>,
    /// Configuration file (TOML) with settings of `decode` and `limits`. Default: earwitness.toml in the current folder, if
    /// there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the contents of the JSON file instead of a summary.
    #[arg(long)]
    pub(crate) json: bool,
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

fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1".to_owned())
}

fn sha256(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_lowercase()) } else { Err("expected the 64 hexadecimal digits of a SHA-256".to_owned()) }
}

fn context_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds from 0 to 86400".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds from 0.1 to 3600".to_owned())
}
