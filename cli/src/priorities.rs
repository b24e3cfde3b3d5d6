//! Priorities of recordings: `--priority` for the whole run, or rules by path and length.

use std::path::{Path, PathBuf};

use glob::Pattern;
use serde::Deserialize;

use crate::config::{self, ConfigError};

/// The rules of a run; the first matching rule applies.
#[derive(Debug, Default)]
pub(crate) struct Priorities {
    rules: Vec<Rule>,
    otherwise: i32,
}

#[derive(Debug)]
struct Rule {
    path: Pattern,
    priority: i32,
    longer_than_s: f64,
    shorter_than_s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    rule: Vec<RuleText>,
}

/// `[[rule]]`: conditions (a glob on the whole path, lengths in seconds) and the priority.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    #[serde(default = "anything")]
    path: String,
    longer_than_s: Option<f64>,
    shorter_than_s: Option<f64>,
    priority: i32,
}

fn anything() -> String {
    "*".to_owned()
}

impl Priorities {
    /// Reads the rules of a file, if given. A recording without a matching rule gets the priority `otherwise`.
    pub(crate) fn read(rules: Option<&Path>, otherwise: i32) -> Result<Self, ConfigError> {
        let Some(file) = rules else { return Ok(Self { rules: Vec::new(), otherwise }) };
        let texts: RulesFile = config::parse(file)?;
        let rules = texts.rule.into_iter().map(|text| Rule::new(text, file)).collect::<Result<_, _>>()?;
        Ok(Self { rules, otherwise })
    }

    /// The priority of a recording; higher values run first.
    pub(crate) fn of(&self, path: &Path, audio_s: f64) -> i32 {
        self.rules.iter().find(|rule| rule.fits(path, audio_s)).map_or(self.otherwise, |rule| rule.priority)
    }
}

impl Rule {
    fn new(text: RuleText, file: &Path) -> Result<Self, ConfigError> {
        let pattern = Pattern::new(&text.path);
        let path = pattern.map_err(|error| ConfigError::Pattern(PathBuf::from(file), text.path.clone(), error))?;
        let (longer_than_s, shorter_than_s) =
            (text.longer_than_s.unwrap_or(f64::NEG_INFINITY), text.shorter_than_s.unwrap_or(f64::INFINITY));
        Ok(Self { path, priority: text.priority, longer_than_s, shorter_than_s })
    }

    fn fits(&self, path: &Path, audio_s: f64) -> bool {
        self.path.matches_path(path) && audio_s > self.longer_than_s && audio_s < self.shorter_than_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Priorities, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Priorities::read(Some(file.path()), 1)
    }

    #[test]
    fn priority_is_that_of_the_first_matching_rule_or_of_the_run() {
        let rules = read(
            "[[rule]]\npath = '*/mother/*'\nlonger_than_s = 60\npriority = 9\n\
             [[rule]]\nshorter_than_s = 10\npriority = -3\n",
        )
        .unwrap();
        let of = |path: &str, audio_s| rules.of(Path::new(path), audio_s);
        assert_eq!(of("/calls/mother/a.wav", 61.0), 9);
        assert_eq!(of("/calls/mother/a.wav", 9.0), -3);
        assert_eq!(of("/calls/bank/a.wav", 61.0), 1);
    }

    #[test]
    fn rules_file_errors_name_the_file_and_the_reason() {
        for text in ["[[rule]]\npath = '*'\n", "[[rule]]\npriority = 1\nspeaker = 'x'\n", "rule", ""] {
            assert!(matches!(read(text), Err(ConfigError::Malformed(..))), "{text}");
        }
        assert!(matches!(read("[[rule]]\npath = '***'\npriority = 1\n"), Err(ConfigError::Pattern(..))));
        assert!(matches!(Priorities::read(Some(Path::new("/no/rules")), 0), Err(ConfigError::Unreadable(..))));
    }
}
