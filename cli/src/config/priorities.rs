//! Priorities of recordings by path and length.

use std::path::Path;

use glob::Pattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::path_text;

use super::{Config, ConfigError};

/// The priority of the recordings that fulfill all conditions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityRule {
    /// A glob over the whole path, such as `*/mother/*`. `None`: any path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only recordings that are longer than this, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer_than_s: Option<f64>,
    /// Only recordings that are shorter than this, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter_than_s: Option<f64>,
    /// The priority; higher values run first.
    pub priority: i32,
}

/// An example for the configuration file.
pub(super) fn example() -> Vec<PriorityRule> {
    let rule = PriorityRule { path: Some("*/mother/*".to_owned()), priority: 9, ..PriorityRule::default() };
    vec![rule, PriorityRule { shorter_than_s: Some(10.0), priority: -1, ..PriorityRule::default() }]
}

/// The rules of a run with their globs.
#[derive(Debug)]
pub(crate) struct Priorities<'a> {
    rules: Vec<(Option<Pattern>, &'a PriorityRule)>,
    otherwise: i32,
}

impl<'a> Priorities<'a> {
    /// The rules of a configuration.
    ///
    /// # Errors
    /// A path is not a glob.
    pub(crate) fn new(config: &'a Config) -> Result<Self, ConfigError> {
        let compile = |rule: &'a PriorityRule| {
            let pattern = rule.path.as_deref().map(Pattern::new).transpose();
            let error = |reason| ConfigError::Pattern { pattern: rule.path.clone().unwrap_or_default(), reason };
            Ok((pattern.map_err(error)?, rule))
        };
        let rules = config.priority.iter().map(compile).collect::<Result<_, ConfigError>>()?;
        Ok(Self { rules, otherwise: config.run.default_priority })
    }

    /// The priority of a recording; higher values run first.
    pub(crate) fn of(&self, path: &Path, audio_s: f64) -> i32 {
        let fits = |(pattern, rule): &&(Option<Pattern>, &PriorityRule)| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(&path_text(path)))
                && rule.longer_than_s.is_none_or(|limit| audio_s > limit)
                && rule.shorter_than_s.is_none_or(|limit| audio_s < limit)
        };
        self.rules.iter().find(fits).map_or(self.otherwise, |(_, rule)| rule.priority)
    }
}
