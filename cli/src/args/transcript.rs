//! The arguments of `transcript`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::store_help;
use crate::clip::Time;
use crate::export::ReportLanguage;

#[derive(Debug, Args)]
pub(crate) struct TranscriptArgs {
    /// The result folder of a run.
    #[arg(value_name = "DIR", required_unless_present = "write_templates")]
    pub(crate) folder: Option<PathBuf>,
    /// The recording: the name of its results (call, as in call.json), its path, or at least 8 hex digits of its SHA-256.
    #[arg(value_name = "RECORDING", required_unless_present = "write_templates")]
    pub(crate) recording: Option<OsString>,
    /// Start of an excerpt: seconds such as 83.5, or 1:23.5, or 1:02:03.250. The excerpt has the whole turns that touch the
    /// range, of all speakers.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<Time>,
    /// End of an excerpt. It must not be beyond the end of the recording.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<Time>,
    /// Language of the fixed texts; what was said is not translated. Default: `report_language` of the configuration file,
    /// or en.
    #[arg(long)]
    pub(crate) language: Option<ReportLanguage>,
    /// Write a DOCX file, which can be corrected, instead of the page (HTML).
    #[arg(long)]
    pub(crate) docx: bool,
    /// Folder with your own transcript.html, transcript.toml, or both. docs/transcript.md describes them.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) template: Option<PathBuf>,
    /// Write the built-in transcript.html and transcript.toml into a folder, to edit them for --template. Nothing else is
    /// written.
    #[arg(long, value_name = "FOLDER", exclusive = true)]
    pub(crate) write_templates: Option<PathBuf>,
    /// The file. It does not replace one. Default: a name made of recording, range and language, in the current folder.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[arg(long, value_name = "STORE", help = store_help())]
    pub(crate) store: Option<OsString>,
    /// Configuration file (TOML) with `run.name_patterns` and `export.report_language`. Default: earwitness.toml in the
    /// current folder, if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
