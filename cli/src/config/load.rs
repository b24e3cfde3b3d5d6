//! Reads configuration files.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use glob::PatternError;
use scheduler::devices::LimitsError;
use serde::de::DeserializeOwned;

use super::{Config, LEAST_HEARTBEAT_MS};

/// The configuration file that is used if there is one in the current folder and no other is named.
pub(crate) const DEFAULT_FILE: &str = "earwitness.toml";

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A file is invalid; the reason names the line or the setting.
    #[error("{}: {reason}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Box<Self>,
    },
    /// The text is not TOML, or has a setting that does not exist or has another type.
    #[error(transparent)]
    Malformed(#[from] Box<toml::de::Error>),
    /// The limits of devices contradict each other.
    #[error("devices: {0}")]
    Limits(#[from] LimitsError),
    /// The interval between heartbeats is too short.
    #[error("timing: heartbeat_ms must be at least {LEAST_HEARTBEAT_MS}")]
    Heartbeat,
    /// A rule's path is not a glob.
    #[error("priority: the pattern `{pattern}` is not a glob: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        reason: PatternError,
    },
}

/// A configuration and the file that it was read from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) file: Option<PathBuf>,
}

impl Loaded {
    /// Reads `file`, or [`DEFAULT_FILE`] in the current folder if it exists, or returns the defaults.
    pub(crate) fn find(file: Option<&Path>) -> Result<Self, ConfigError> {
        let here = Path::new(DEFAULT_FILE);
        match file.or_else(|| here.is_file().then_some(here)) {
            Some(file) => Ok(Self { config: Config::read(file)?, file: Some(file.to_owned()) }),
            None => Ok(Self::default()),
        }
    }
}

impl Config {
    /// Reads a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has an unknown or invalid setting; the message names the line.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let config = text.parse().map_err(|reason| in_file(path, reason))?;
        Ok(Self::relative_to(config, path.parent().unwrap_or_else(|| Path::new(""))))
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(text)?;
        config.validate()?;
        Ok(config)
    }
}

/// Parses a TOML file of another type.
pub(crate) fn parse_file<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    parse(&read(path)?).map_err(|reason| in_file(path, reason))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Malformed(Box::new(error)))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })
}

fn in_file(path: &Path, reason: ConfigError) -> ConfigError {
    ConfigError::InFile { path: path.to_owned(), reason: Box::new(reason) }
}
