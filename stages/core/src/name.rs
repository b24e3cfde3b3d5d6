//! Names of stages and of their artifacts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum length of a name, in bytes.
const MAX_BYTES: usize = 40;

/// The name of a stage (`decode`), as the command line, the store and the exports use it. Any valid name is accepted,
/// even if this program has no such stage: another version may have written the store.
///
/// Names are ordered alphabetically; a [`Recipe`](crate::Recipe) defines the order in which stages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct StageName(&'static str);

/// The name of an output of a stage besides its main artifact (`samples`), without the stage's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct OutputName(&'static str);

/// The name of an artifact. The main artifact has the name of its stage; other outputs append their own name after a
/// dot (`decode.samples`).
///
/// ```
/// use stage_core::{ArtifactName, StageName};
///
/// const DECODE: StageName = StageName::new("decode");
/// let samples: ArtifactName = "decode.samples".parse()?;
/// assert_eq!(samples, DECODE.output("samples"));
/// assert_eq!(samples.stage(), DECODE);
/// assert_eq!(DECODE.artifact().to_string(), "decode");
/// # Ok::<(), stage_core::InvalidName>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct ArtifactName {
    stage: StageName,
    output: Option<OutputName>,
}

/// The text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: lowercase letters, digits and hyphens are expected, {MAX_BYTES} at most")]
pub struct InvalidName(String);

impl StageName {
    /// A name that is known at compile time.
    ///
    /// # Panics
    /// If it is not 1 to 40 lowercase letters, digits and hyphens.
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
    /// The name of a stage's output; that of its main artifact if `output` is `None`.
    #[must_use]
    pub const fn new(stage: StageName, output: Option<OutputName>) -> Self {
        Self { stage, output }
    }

    /// The stage that computes the artifact.
    #[must_use]
    pub const fn stage(self) -> StageName {
        self.stage
    }

    /// The name among the stage's outputs; `None` for the main artifact.
    #[must_use]
    pub const fn output(self) -> Option<OutputName> {
        self.output
    }
}

/// Whether a name has a valid length and only valid characters.
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

/// Checks a name and gives it a static lifetime. There are few distinct names, so each is leaked once.
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

/// Names are serialized as text. (Derived code would require the deserializer's input to live as long as the name.)
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

/// Names that consist of one part; each is interned once.
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
