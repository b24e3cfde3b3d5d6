//! Configuration files of a run: limits and timeouts (`--config`), priorities (`--priority-rules`), and, for tests and
//! measurements, simulated service times (`--sim`) and faults (`--faults`).

use std::path::{Path, PathBuf};

use scheduler::coordinator::TimeLimits;
use scheduler::devices::{DeviceLimits, LimitsError};
use scheduler::protocol::Fault;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{0}: cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error("{0}: {1}")]
    Malformed(PathBuf, Box<toml::de::Error>),
    #[error("{0}: {1}")]
    Limits(PathBuf, LimitsError),
    #[error("{0}: heartbeat_ms must be at least 20")]
    Heartbeat(PathBuf),
    #[error("{0}: the pattern `{1}` is not a glob: {2}")]
    Pattern(PathBuf, String, glob::PatternError),
}

/// The content of a `--config` file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Limits for the use of devices.
    pub(crate) devices: DeviceLimits,
    /// Timeouts.
    pub(crate) timing: TimeLimits,
}

/// With shorter intervals, heartbeats would make up most of the traffic.
const LEAST_HEARTBEAT_MS: u64 = 20;

impl Config {
    /// Reads a file, or returns the defaults if none is given.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let config: Self = parse(path)?;
        config.devices.validate().map_err(|error| ConfigError::Limits(path.to_owned(), error))?;
        if config.timing.heartbeat_ms < LEAST_HEARTBEAT_MS {
            return Err(ConfigError::Heartbeat(path.to_owned()));
        }
        Ok(config)
    }
}

/// Parses a TOML file.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.to_owned(), error))?;
    toml::from_str(&text).map_err(|error| ConfigError::Malformed(path.to_owned(), Box::new(error)))
}

/// Reads the faults of a file (`[[fault]]`).
pub(crate) fn faults(path: Option<&Path>) -> Result<Vec<Fault>, ConfigError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Faults {
        fault: Vec<Fault>,
    }
    path.map_or_else(|| Ok(Vec::new()), |path| parse(path).map(|faults: Faults| faults.fault))
}
