//! The part of the program in which an error happened.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{InvalidName, StageName};

/// The part of the program in which an error happened. As text: the name of the stage, or one of
/// [`Origin::RESERVED`], which no stage may have as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A stage.
    Stage(StageName),
    /// A worker process: it could not start, or it died.
    Worker,
    /// The planner, which reads the recordings before any stage runs.
    Planner,
    /// The export of results that are complete in the store.
    Export,
    /// The store.
    Store,
}

impl Origin {
    /// The origins that are not stages.
    pub const RESERVED: [Self; 4] = [Self::Worker, Self::Planner, Self::Export, Self::Store];

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stage(stage) => stage.as_str(),
            Self::Worker => "worker",
            Self::Planner => "planner",
            Self::Export => "export",
            Self::Store => "store",
        }
    }
}

impl From<StageName> for Origin {
    fn from(stage: StageName) -> Self {
        Self::Stage(stage)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Origin {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let reserved = Self::RESERVED.into_iter().find(|origin| origin.as_str() == text);
        reserved.map_or_else(|| text.parse().map(Self::Stage), Ok)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_read_from_its_text() {
        for origin in Origin::RESERVED.into_iter().chain([StageName::new("speaker-2").into()]) {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        assert!("A stage".parse::<Origin>().is_err());
    }
}
