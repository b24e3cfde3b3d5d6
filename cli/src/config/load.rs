//! Reads configuration files.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use glob::PatternError;
use scheduler::devices::LimitsError;
use serde::de::DeserializeOwned;

use crate::file_name::NamePatternError;

use super::{Config, LEAST_HEARTBEAT_MS, MOST_IN_BATCH};

/// The configuration file that is used if there is one in the current folder and no other is named.
pub(crate) const DEFAULT_FILE: &str = "earwitness.toml";

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {reason}", stage_core::shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A file is invalid; the reason names the line or the setting.
    #[error("{}: {reason}", stage_core::shown(path))]
    InFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: Box<Self>,
    },
    /// The text is not TOML, or has a setting that does not exist or has another type.
    #[error("{}", stage_core::on_one_line(&.0.to_string()))]
    Malformed(#[from] Box<toml::de::Error>),
    /// The limits of devices contradict each other.
    #[error("devices: {0}")]
    Limits(#[from] LimitsError),
    /// A number is infinite or not a number.
    #[error("{setting} is {value}: a finite number is expected")]
    NotFinite {
        /// The setting with its sections.
        setting: String,
        /// Its value.
        value: f64,
    },
    /// A batch is too large.
    #[error("limits.{setting} is {value}: at most {MOST_IN_BATCH} is expected")]
    Batch {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: usize,
    },
    /// With a smaller value, no recording could be processed.
    #[error("{setting} is {value}: at least {least} is expected")]
    TooSmall {
        /// The setting with its sections.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// The smallest possible value.
        least: u64,
    },
    /// The folder for samples does not exist.
    #[error("limits.spill_folder: {} is not a folder", stage_core::shown(.0))]
    SpillFolder(PathBuf),
    /// The interval between heartbeats is too short.
    #[error("timing: heartbeat_ms must be at least {LEAST_HEARTBEAT_MS}")]
    Heartbeat,
    /// A pattern for file names is invalid.
    #[error("run.name_patterns: {0}")]
    NamePattern(#[from] NamePatternError),
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
        match file.or_else(|| here.symlink_metadata().is_ok().then_some(here)) {
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
        let config: Self = text.parse().map_err(|reason| in_file(path, reason))?;
        let config = config.relative_to(path.parent().unwrap_or_else(|| Path::new("")));
        config.validate().map_err(|reason| in_file(path, reason))?;
        Ok(config)
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(text)?;
        check_numbers("", &toml::Value::Table(parse(text)?))?;
        Ok(config)
    }
}

/// Rejects infinite numbers and NaN: no setting means anything with them, and JSON cannot pass them on.
fn check_numbers(setting: &str, value: &toml::Value) -> Result<(), ConfigError> {
    let inner = |name: &str| if setting.is_empty() { name.to_owned() } else { format!("{setting}.{name}") };
    match value {
        toml::Value::Float(value) if !value.is_finite() => {
            Err(ConfigError::NotFinite { setting: setting.to_owned(), value: *value })
        }
        toml::Value::Table(table) => table.iter().try_for_each(|(name, value)| check_numbers(&inner(name), value)),
        toml::Value::Array(items) => items.iter().try_for_each(|value| check_numbers(setting, value)),
        _ => Ok(()),
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
    let text = stage_core::require_file(path).and_then(|_| std::fs::read_to_string(path));
    text.map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })
}

fn in_file(path: &Path, reason: ConfigError) -> ConfigError {
    ConfigError::InFile { path: path.to_owned(), reason: Box::new(reason) }
}
