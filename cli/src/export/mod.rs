//! Results as files: a pure function of the artifacts in the store and the recording's path.

mod cues;
mod document;
mod names;
mod subtitles;
mod tables;

pub(crate) use document::{Document, Provenance};
pub(crate) use names::assign as assign_names;
