//! The command line of the bench: positional values and `--name value` flags.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;

use transcribe::DeviceChoice;

use crate::engine::Result;

/// Flags without a value.
const SWITCHES: [&str; 1] = ["token-times"];

/// The arguments after the subcommand.
pub(crate) struct Arguments {
    positional: Vec<String>,
    flags: HashMap<String, String>,
}

impl Arguments {
    /// Separates values and flags.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let (mut positional, mut flags) = (Vec::new(), HashMap::new());
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                None => positional.push(word),
                Some(name) if SWITCHES.contains(&name) => drop(flags.insert(name.to_owned(), String::new())),
                Some(name) => {
                    let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
                    flags.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Self { positional, flags })
    }

    /// The only positional value: the model's folder.
    pub(crate) fn model(&self) -> Result<PathBuf> {
        match self.positional.as_slice() {
            [model] => Ok(model.into()),
            _ => Err("exactly one model folder is expected".into()),
        }
    }

    /// `--device`.
    pub(crate) fn device(&self) -> Result<DeviceChoice> {
        match self.required::<String>("device")?.as_str() {
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda),
            other => Err(format!("--device is {other}: cpu or cuda is expected").into()),
        }
    }

    /// Whether a switch was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }

    /// A required flag.
    pub(crate) fn required<T: FromStr>(&self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| format!("--{name} is missing").into())
    }

    /// An optional flag.
    pub(crate) fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.flags.get(name) else { return Ok(None) };
        let parsed = value.parse().map_err(|_| format!("--{name} cannot be {value}"))?;
        Ok(Some(parsed))
    }
}
