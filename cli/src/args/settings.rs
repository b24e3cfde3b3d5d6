//! The flags that are settings: each overrides the configuration file.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use decode::DecoderChoice;
use diarize::SpeakerCount;
use scheduler::devices::DeviceRequest;
use segment::VadChoice;
use transcribe::{Task, architectures};

use super::positive;
use crate::config::{Config, ConfigError, Loaded, PrecisionChoice};
use crate::export::{CopyFormat, ExportConfig, ReportLanguage};

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
    /// Pattern for names of recordings, such as '{contact} {YYYY}-{MM}-{DD} {hh}.{mm}'; can be given several times. See
    /// `run.name_patterns` in the file of `config init`.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) name_pattern: Vec<String>,
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
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
}

/// How files are written, by every command that exports.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// Begin CSV files with a byte order mark, which Excel needs. Default: true.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) csv_bom: Option<bool>,
    /// Language of the fixed texts of pages (html). Default: en.
    #[arg(long, value_name = "LANGUAGE", value_enum)]
    pub(crate) report_language: Option<ReportLanguage>,
    /// Write a copy of each recording beside its page (html) that Chromium plays and seeks in exactly, with the time axis of
    /// the results: flac (smaller; the output of lossy codecs is rounded to 16 bits) or wav (every sample exactly).
    /// For AMR, GSM, ADPCM, mp3 and others; docs/codecs.md lists what Chromium plays.
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) listening_copy: Option<CopyFormat>,
    /// Put the audio into each page (html), up to 64 MiB: the listening copy if one is written, otherwise the recording if
    /// Chromium plays it. Default: false.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) embed_audio: Option<bool>,
}

impl FormatArgs {
    /// Overrides the settings of the configuration file.
    pub(crate) fn apply(&self, config: &mut ExportConfig) {
        set(&mut config.csv_bom, self.csv_bom.as_ref());
        set(&mut config.report_language, self.report_language.as_ref());
        set(&mut config.listening_copy, self.listening_copy.map(Some).as_ref());
        set(&mut config.embed_audio, self.embed_audio.as_ref());
    }

    /// Refuses flags that would have no effect without pages.
    ///
    /// # Errors
    /// A flag about the sound of pages is given, and none are written.
    pub(crate) fn check(&self, formats: &[String]) -> Result<(), NoPages> {
        let flag = match self {
            Self { listening_copy: Some(_), .. } => "--listening-copy",
            Self { embed_audio: Some(true), .. } => "--embed-audio",
            _ => return Ok(()),
        };
        if formats.iter().any(|format| format == "html") { Ok(()) } else { Err(NoPages(flag)) }
    }
}

/// A flag about pages that are not written.
#[derive(Debug, thiserror::Error)]
#[error("{0} is about the pages of recordings: add html to --format")]
pub(crate) struct NoPages(&'static str);

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
    /// Decoder of the audio files: auto (ffmpeg where there is no built-in decoder, if it is installed; the default),
    /// native (never ffmpeg), or ffmpeg (always).
    #[arg(long)]
    pub(crate) decoder: Option<DecoderChoice>,
    /// Voice activity detector: silero (Silero VAD; the default), silero:FILE (other weights for 16 kHz, in
    /// safetensors), energy (a threshold above the noise), or off (all audio is treated as speech).
    #[arg(long)]
    pub(crate) vad: Option<VadChoice>,
    /// Number of people who speak in each channel: auto (as many as there are different voices; the default), 1 to 20,
    /// or off.
    #[arg(long, value_name = "N")]
    pub(crate) speakers: Option<SpeakerCount>,
    /// Also transcribe crosstalk (speech of one channel that leaks into another). By default it is only listed.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) keep_crosstalk: Option<bool>,
    /// Source of the word times: phones (the sounds that the speech model recognizes, if its folder has a phone head;
    /// otherwise attention; the default), attention (of the speech model, refined by speech activity), or the folder or
    /// hub id of a Wav2Vec2ForCTC (with its vocab.json).
    #[arg(long, value_name = "MODEL")]
    pub(crate) aligner: Option<String>,
    /// Lexicon (TOML) for the language evidence, in addition to those of the configuration file; can be given several
    /// times.
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
pub(super) fn set<T: Clone>(setting: &mut T, flag: Option<&T>) {
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
        let Self { language, decoding, decoder, vad, speakers, aligner, deception, .. } = self;
        set(&mut config.decode.decoder, decoder.as_ref());
        set(&mut config.transcribe.languages, language.as_ref().map(|languages| &languages.0));
        set(&mut config.transcribe.task, decoding.task.as_ref());
        set(&mut config.transcribe.beam_size, decoding.beam_size.as_ref());
        set(&mut config.transcribe.timestamps, decoding.timestamps.as_ref());
        set(&mut config.transcribe.initial_prompt, decoding.initial_prompt.clone().map(Some).as_ref());
        set(&mut config.transcribe.hotwords, decoding.hotwords.clone().map(Some).as_ref());
        set(&mut config.transcribe.condition_on_previous_text, decoding.condition_on_previous_text.as_ref());
        set(&mut config.segment.vad, vad.as_ref());
        set(&mut config.diarize.speakers, speakers.as_ref());
        set(&mut config.models.aligner, aligner.as_ref());
        set(&mut config.forensics.deception, deception.as_ref());
        config.lexicons.extend(self.lexicon.iter().cloned());
        match self.keep_crosstalk {
            Some(true) => config.segment.crosstalk = None,
            Some(false) => drop(config.segment.crosstalk.get_or_insert_default()),
            None => {}
        }
    }
}

impl SettingArgs {
    /// Whether `--model` was given.
    pub(crate) const fn names_model(&self) -> bool {
        self.stages.model.model.is_some()
    }

    /// The first flag that was given of those that determine results, except `--model`.
    pub(crate) fn of_results(&self) -> Option<&'static str> {
        let Self { stages, precision, .. } = self;
        let StageSettingArgs { language, decoding, decoder, vad, speakers, keep_crosstalk, .. } = stages;
        let StageSettingArgs { aligner, lexicon, deception, .. } = stages;
        let flags = [
            ("--precision", precision.is_some()),
            ("--language", language.is_some()),
            ("--task", decoding.task.is_some()),
            ("--beam-size", decoding.beam_size.is_some()),
            ("--timestamps", decoding.timestamps.is_some()),
            ("--initial-prompt", decoding.initial_prompt.is_some()),
            ("--hotwords", decoding.hotwords.is_some()),
            ("--condition-on-previous-text", decoding.condition_on_previous_text.is_some()),
            ("--decoder", decoder.is_some()),
            ("--vad", vad.is_some()),
            ("--speakers", speakers.is_some()),
            ("--keep-crosstalk", keep_crosstalk.is_some()),
            ("--aligner", aligner.is_some()),
            ("--lexicon", !lexicon.is_empty()),
            ("--deception", deception.is_some()),
            ("--name-pattern", !self.name_pattern.is_empty()),
            ("--csv-bom", self.formats.csv_bom.is_some()),
            ("--report-language", self.formats.report_language.is_some()),
            ("--listening-copy", self.formats.listening_copy.is_some()),
            ("--embed-audio", self.formats.embed_audio.is_some()),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

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
        config.run.name_patterns.splice(0..0, self.name_pattern.iter().cloned());
        self.formats.apply(&mut config.export);
        Ok(loaded)
    }
}

fn model_help() -> String {
    format!(
        "embedded, a folder in the Hugging Face layout, or a hub id (openai/whisper-large-v3-turbo); its architecture \
         is one of {}",
        architectures().join(", ")
    )
}
