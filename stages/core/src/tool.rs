//! What program made an artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The program that makes artifacts and what it computes with: stored with each artifact as provenance, never part of
/// its key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// The program's version.
    pub version: String,
    /// The CPU's instruction set that the kernels use, as `EARWITNESS_CPU` names it; none where that was not recorded.
    pub instruction_set: Option<String>,
    /// Versions of the libraries that decode and compute, by name; empty where they were not recorded.
    pub libraries: BTreeMap<String, String>,
}

impl Tool {
    /// A program of which nothing but the version is known.
    #[must_use]
    pub fn of_version(version: impl Into<String>) -> Self {
        Self { version: version.into(), ..Self::default() }
    }
}
