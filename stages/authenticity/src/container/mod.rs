//! Statements of the container and of the file's name that disagree with each other. A file that a recorder wrote once
//! has one time, one encoder, and one plain layout; conversion, joining and cutting leave others.

mod names;
mod structure;
#[cfg(test)]
mod tests;
mod times;

use std::collections::BTreeMap;

use stage_core::authenticity::{AuthenticityCue, CueKind};
use stage_core::container::ContainerFacts;
use stage_core::{FileAccount, Measured};

use crate::kind::alternatives;

/// What the name of a file claims.
#[derive(Debug, Clone, Copy, Default)]
pub struct NameClaims<'a> {
    /// The name without its folder, with its extension.
    pub file_name: &'a str,
    /// ISO 8601 without a time zone: the recorder's local time, as the name has it; `None` without a time of day.
    pub recorded_at: Option<&'a str>,
}

/// What a file states of itself, and what decode found in it.
#[derive(Debug, Clone, Copy)]
pub struct Statements<'a> {
    /// Container format, as in [`stage_core::Recording::container`].
    pub container: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Length of the decoded sound, in seconds.
    pub sound_s: f64,
    /// What became of the bytes of the file; `None` if they were not counted.
    pub account: Option<&'a FileAccount>,
    /// The other statements of the container.
    pub facts: &'a ContainerFacts,
}

/// The cues of a container: statements that disagree. Without statements there is none; that a file has no cue does not
/// tell that it is unaltered, since all of these can be written at will.
///
/// ```
/// use authenticity::{CueKind, NameClaims, Statements, container_cues};
/// use stage_core::container::{ContainerFacts, HeaderTimes};
///
/// // 2024-03-01 09:30:00 UTC is 18:30 in Korea, and no whole quarter of an hour from 14:07.
/// let movie = HeaderTimes { created_s: Some(1_709_285_400), ..HeaderTimes::default() };
/// let facts = ContainerFacts { movie: Some(movie), ..ContainerFacts::default() };
/// let tags = Default::default();
/// let file = Statements { container: "isomp4", tags: &tags, sound_s: 60.0, account: None, facts: &facts };
/// let name = |recorded_at| NameClaims { file_name: "call.m4a", recorded_at: Some(recorded_at) };
/// assert!(container_cues(&file, &name("2024-03-01T18:30:00")).is_empty());
/// assert_eq!(container_cues(&file, &name("2024-03-01T14:07:00"))[0].kind, CueKind::TimesDisagree);
/// ```
#[must_use]
pub fn container_cues(file: &Statements<'_>, name: &NameClaims<'_>) -> Vec<AuthenticityCue> {
    let cues = |kind, details: Vec<String>| details.into_iter().map(move |detail| cue(kind, detail));
    let times = cues(CueKind::TimesDisagree, times::disagreements(file, name));
    let encoders = cues(CueKind::EncoderDisagrees, names::disagreements(file, name));
    let structure = cues(CueKind::ContainerStructure, structure::deviations(file));
    times.chain(encoders).chain(structure).collect()
}

/// The kinds that the statements of a file allow to examine: those of a format whose headers are not read are not.
pub(crate) fn examined(file: &Statements<'_>) -> Vec<CueKind> {
    let has_headers = file.facts.movie.is_some();
    let names_encoder = has_headers || file.facts.mp3_header.is_some() || !file.tags.is_empty();
    let has_structure = has_headers || file.facts.mp3_header.is_some();
    let has_time = has_headers || times::has_time(file);
    let all = [
        (CueKind::TimesDisagree, has_time),
        (CueKind::EncoderDisagrees, names_encoder),
        (CueKind::ContainerStructure, has_structure),
    ];
    all.into_iter().filter(|(_, is_examined)| *is_examined).map(|(kind, _)| kind).collect()
}

fn cue(kind: CueKind, detail: String) -> AuthenticityCue {
    AuthenticityCue {
        kind,
        channel: None,
        start_s: None,
        end_s: None,
        other_start_s: None,
        strength: Measured::missing("a statement of the file, not a measurement"),
        unit: String::new(),
        threshold: Measured::missing("not measured: it depends on recorders and apps"),
        detail: Some(detail),
        alternatives: alternatives(kind).iter().map(|text| (*text).to_owned()).collect(),
    }
}
