//! The arguments of `evidence` and `lexicon`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct EvidenceArgs {
    /// Tab-separated text: columns id, language, text and optionally speaker, in this order, or in any order under a header
    /// with these names. Consecutive lines with one id are a conversation. `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Additional lexicons. docs/evidence.md describes the format.
    #[arg(long, value_name = "FILE")]
    pub(crate) lexicon: Vec<PathBuf>,
    /// Also find markers of deception, which are not validated.
    #[arg(long)]
    pub(crate) deception: bool,
    /// Configuration file (TOML) with `[forensics]` and `lexicons`. Default: earwitness.toml in the current folder, if there
    /// is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What to do with lexicons.
#[derive(Debug, Subcommand)]
pub(crate) enum LexiconCommand {
    /// Check lexicon files: their syntax, every example, and which patterns no example needs. Lists their rules.
    Check(LexiconCheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LexiconCheckArgs {
    /// The lexicons, in the order in which a run would read them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Configuration file (TOML) with the scores of `[forensics]`. Default: earwitness.toml in the current folder, if there
    /// is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
