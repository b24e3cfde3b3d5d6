//! The arguments of `case show` and `case set`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FolderArgs;
use crate::case_file::is_voice;

/// The `case` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// Show the people and exhibits of a case, and what is missing: exhibit numbers, and contacts that are nobody's.
    Show(CaseShowArgs),
    /// Change DIR/case.toml, or create it. Comments and order of a file that was written by hand stay. An empty text
    /// ("") removes what the file states.
    Set(Box<CaseSetArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct CaseShowArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Print a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Configuration file (TOML) with `run.name_patterns`. Default: earwitness.toml in the current folder, if there is
    /// one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CaseSetArgs {
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Title of the case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// Reference number of the case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    /// Remove a person.
    #[arg(long, value_name = "ID", conflicts_with = "person")]
    pub(crate) remove_person: Option<String>,
    #[command(flatten)]
    pub(crate) recording: RecordingArgs,
}

/// Changes of a person.
#[derive(Debug, Args)]
pub(crate) struct PersonArgs {
    /// The person to change or to add: a short name of your choice, such as kim.
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    /// The person's name.
    #[arg(long, value_name = "TEXT", requires = "person")]
    pub(crate) name: Option<String>,
    /// The person's role in the case.
    #[arg(long, value_name = "TEXT", requires = "person")]
    pub(crate) role: Option<String>,
    /// A phone number of the person, in addition to those that the file has; can be given several times. "" removes
    /// those that the file has.
    #[arg(long, value_name = "NUMBER", requires = "person")]
    pub(crate) number: Vec<String>,
    /// Another name of the person, such as that of a contact in a phone; as --number.
    #[arg(long, value_name = "TEXT", requires = "person")]
    pub(crate) alias: Vec<String>,
    /// The channel on which the person is recorded in calls with several channels, from 0.
    #[arg(long, value_name = "N", requires = "person", value_parser = channel)]
    pub(crate) channel: Option<Channel>,
}

/// Changes of what is stated about a recording.
#[derive(Debug, Args)]
pub(crate) struct RecordingArgs {
    /// The recording: the name of its results (call, as in call.json), its path, or at least 8 hex digits of its SHA-256.
    #[arg(long, value_name = "NAME_OR_HASH")]
    pub(crate) recording: Option<OsString>,
    /// The recording's exhibit number.
    #[arg(long, value_name = "TEXT", requires = "recording")]
    pub(crate) exhibit: Option<String>,
    /// Who speaks on a channel of the recording, such as 1=kim, or who one of its voices is, such as S1=kim; can be given
    /// several times. With a channel, the default channels of people do not apply to the recording. 1= or S1= removes what
    /// is stated.
    #[arg(long, value_name = "SPEAKER=ID", requires = "recording", value_parser = speaker)]
    pub(crate) speaker: Vec<(SpeakerKey, String)>,
    /// A note about the recording. It is part of exported JSON.
    #[arg(long, value_name = "TEXT", requires = "recording")]
    pub(crate) note: Option<String>,
}

/// A channel of a recording, or the label of a voice in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SpeakerKey {
    Channel(u16),
    Voice(String),
}

/// A default channel; none for an empty text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel(pub(crate) Option<u16>);

fn channel(text: &str) -> Result<Channel, String> {
    if text.is_empty() {
        return Ok(Channel(None));
    }
    text.parse()
        .map(|channel| Channel(Some(channel)))
        .map_err(|_| format!("a number from 0 to {} is expected", u16::MAX))
}

fn speaker(text: &str) -> Result<(SpeakerKey, String), String> {
    let key = |key: &str| {
        let channel = || key.parse().ok().map(SpeakerKey::Channel);
        is_voice(key).then(|| SpeakerKey::Voice(key.to_owned())).or_else(channel)
    };
    let parsed = text.split_once('=').and_then(|(speaker, id)| Some((key(speaker)?, id.to_owned())));
    parsed.ok_or_else(|| "a channel or voice and the id of a person are expected, such as 1=kim or S1=kim".to_owned())
}
