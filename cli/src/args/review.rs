//! The arguments of `review`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FolderArgs;
use crate::review::Target;

/// Statements about results.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List the reviews of a case, and with --items what can be reviewed.
    List(ReviewListArgs),
    /// State that an item is right.
    Confirm(ReviewItemArgs),
    /// State that an item is wrong.
    Reject(ReviewItemArgs),
    /// Note something about an item (--note TEXT).
    Note(ReviewItemArgs),
    /// Correct the text of a word or segment.
    Text(ReviewCorrectionArgs),
    /// Correct the speaker of a word or segment: the id of a person in case.toml, or a name.
    Speaker(ReviewCorrectionArgs),
    /// Take a review back. Both stay in the record.
    Withdraw(ReviewWithdrawArgs),
    /// Write all reviews to a new file, for pages and other copies of the case.
    Export(ReviewFileArgs),
    /// Add the reviews of a file. Each is checked against the results.
    Import(ReviewFileArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReviewListArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Only this recording: the name of its results (call, as in call.json) or of its file, its path, or 8 hex digits of its SHA-256.
    #[arg(long)]
    pub(crate) recording: Option<OsString>,
    /// Also list evidence, segments and words with their numbers.
    #[arg(long)]
    pub(crate) items: bool,
    /// Print one JSON object per recording.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// The recording: the name of its results (call, as in call.json) or of its file, its path, or at least 8 hex digits of its SHA-256.
    #[arg(value_name = "RECORDING")]
    pub(crate) recording: OsString,
    /// Who states it. Default: the user of the system.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// A note.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewItemArgs {
    #[command(flatten)]
    pub(crate) review: ReviewArgs,
    /// The item: evidence:N, segment:N or word:N, counted from 0 as in the JSON result and in `review list --items`.
    #[arg(value_name = "ITEM")]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewCorrectionArgs {
    #[command(flatten)]
    pub(crate) item: ReviewItemArgs,
    /// What it should be.
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewWithdrawArgs {
    #[command(flatten)]
    pub(crate) review: ReviewArgs,
    /// The ID of the review.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewFileArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// The file (JSON).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
