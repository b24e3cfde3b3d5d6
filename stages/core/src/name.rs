//! Names of stages and of the artifacts that they make.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name in bytes.
const MAX_BYTES: usize = 40;

/// The name of a stage (`decode`), as the command line, the store and the exports use it. Any name is possible, also
/// one that this program has no stage for: a store may have been written by another version.
///
/// The order of names is that of the alphabet; the order in which stages run is that of a [`Recipe`](crate::Recipe).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct StageName(&'static str);

/// The name of an output of a stage beside its main artifact (`samples`), without the stage's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct OutputName(&'static str);

/// The name of an artifact: that of its stage, and for a stage's further outputs their own behind a dot
/// (`decode.samples`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct ArtifactName {
    stage: StageName,
    output: Option<OutputName>,
}

/// The text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: lowercase letters, digits and hyphens are expected, {MAX_BYTES} at most")]
pub struct InvalidName(String);

impl StageName {
    /// A name known when the program is compiled.
    ///
    /// # Panics
    /// If it is not lowercase letters, digits and hyphens, 1 to 40 of them.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(is_valid(name.as_bytes()), "lowercase letters, digits and hyphens are expected, 40 at most");
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The name of the stage's main artifact.
    #[must_use]
    pub const fn artifact(self) -> ArtifactName {
        ArtifactName { stage: self, output: None }
    }

    /// The name of one of the stage's further outputs.
    ///
    /// # Panics
    /// As [`StageName::new`].
    #[must_use]
    pub const fn output(self, output: &'static str) -> ArtifactName {
        ArtifactName { stage: self, output: Some(OutputName(Self::new(output).0)) }
    }
}

impl ArtifactName {
    /// The name of a stage's output; of its main artifact where `output` is none.
    #[must_use]
    pub const fn new(stage: StageName, output: Option<OutputName>) -> Self {
        Self { stage, output }
    }

    /// The stage that makes it.
    #[must_use]
    pub const fn stage(self) -> StageName {
        self.stage
    }

    /// Its name among the stage's outputs; none for the main artifact.
    #[must_use]
    pub const fn output(self) -> Option<OutputName> {
        self.output
    }
}

/// Whether a name has the right length and characters.
const fn is_valid(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        if !matches!(name[at], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        at += 1;
    }
    0 < at && at <= MAX_BYTES
}

/// A checked name that lives as long as the program. There are few distinct ones, so that each is kept once.
fn intern(name: &str) -> Result<&'static str, InvalidName> {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if !is_valid(name.as_bytes()) {
        return Err(InvalidName(name.to_owned()));
    }
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return Ok(known);
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(name);
    Ok(name)
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.output {
            None => self.stage.fmt(f),
            Some(OutputName(output)) => write!(f, "{}.{output}", self.stage),
        }
    }
}

impl FromStr for ArtifactName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.split_once('.') {
            None => Ok(text.parse::<StageName>()?.artifact()),
            Some((stage, output)) => Ok(Self { stage: stage.parse()?, output: Some(output.parse()?) }),
        }
    }
}

/// Names are serialized as text. (Derived code would ask that what a name is read from lives as long as the name.)
macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )+};
}

/// Names of one part are kept once each.
macro_rules! interned {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                intern(name).map(Self)
            }
        }
    )+};
}

interned!(StageName, OutputName);
as_text!(StageName, OutputName, ArtifactName);

#[cfg(test)]
mod tests {
    use super::*;

    const DECODE: StageName = StageName::new("decode");

    #[test]
    fn names_of_unknown_stages_are_read_and_equal_those_of_the_program() {
        assert_eq!("decode".parse(), Ok(DECODE));
        let unknown: StageName = "speaker-2".parse().unwrap();
        assert_eq!((unknown.as_str(), "speaker-2".parse()), ("speaker-2", Ok(unknown)));
        assert_eq!(serde_json::to_string(&unknown).unwrap(), r#""speaker-2""#);
    }

    #[test]
    fn names_with_other_characters_are_refused() {
        for text in ["", "Decode", "de code", "decode.x.y", "dé", &"x".repeat(41)] {
            assert!(text.parse::<ArtifactName>().is_err(), "{text}");
        }
        assert!("decode.samples".parse::<StageName>().is_err());
    }

    #[test]
    fn names_of_further_outputs_follow_a_dot() {
        let samples = DECODE.output("samples");
        assert_eq!((samples.to_string().parse(), samples.stage()), (Ok(samples), DECODE));
        assert_eq!("decode".parse(), Ok(DECODE.artifact()));
        assert_eq!(DECODE.artifact().output(), None);
    }
}
