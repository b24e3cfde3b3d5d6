//! Provenance: the program that computed an artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The program that computes artifacts and the libraries that it uses. Stored with each artifact as provenance; not
/// part of its key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// The program's version.
    pub version: String,
    /// Instruction set of the CPU kernels, as `EARWITNESS_CPU` names it; `None` if it was not recorded.
    pub instruction_set: Option<String>,
    /// Versions of the libraries that decode and compute, by name; empty if they were not recorded.
    pub libraries: BTreeMap<String, String>,
}

impl Tool {
    /// A program of which only the version is known.
    #[must_use]
    pub fn of_version(version: impl Into<String>) -> Self {
        Self { version: version.into(), ..Self::default() }
    }
}
