//! The arguments of `voices`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FolderArgs;
use crate::voices::THRESHOLD;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct VoicesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<VoicesCommand>,
    /// The result folder of a run.
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folder: Option<PathBuf>,
    #[arg(long, value_name = "STORE", help = super::store_help())]
    pub(crate) store: Option<OsString>,
    /// Similarity (cosine) from which two speakers are in one group, 0 to 1.
    #[arg(long, value_name = "COSINE", default_value_t = THRESHOLD, value_parser = similarity)]
    pub(crate) threshold: f64,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with the voices of a case.
#[derive(Debug, Subcommand)]
pub(crate) enum VoicesCommand {
    /// Give a group a name: a statement of a person, which the custody log records. An empty name takes it away.
    Name(VoicesNameArgs),
    /// Delete the file with all embeddings of voices.
    Forget(FolderArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VoicesNameArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// The group, such as V1.
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// The name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Who states it. Default: the user of the system.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

fn similarity(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number from 0 to 1 is expected".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("a number from 0 to 1 is expected".to_owned()) }
}
