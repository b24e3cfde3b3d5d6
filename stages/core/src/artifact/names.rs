//! The names under which the shared artifacts are declared, stored and read.

use super::container::ContainerFacts;
use super::{AlignedWords, Overview, PhoneEmissions, Recording, Speakers, SpeechSegments, Transcript};
use crate::forensics::ForensicRecord;
use crate::{Artifact, ArtifactName, Pcm, StageName};

const DECODE: StageName = StageName::new("decode");
const FORENSICS: StageName = StageName::new("forensics");
const TRANSCRIBE: StageName = StageName::new("transcribe");

impl Artifact for Recording {
    const NAME: ArtifactName = DECODE.artifact();
}

impl Artifact for ContainerFacts {
    const NAME: ArtifactName = DECODE.output("container");
}

/// The samples are not stored: decode computes them again for every stage that reads them.
impl Artifact for Pcm {
    const NAME: ArtifactName = DECODE.output("samples");
}

impl Artifact for SpeechSegments {
    const NAME: ArtifactName = StageName::new("segment").artifact();
}

impl Artifact for Speakers {
    const NAME: ArtifactName = StageName::new("diarize").artifact();
}

impl Artifact for Transcript {
    const NAME: ArtifactName = TRANSCRIBE.artifact();
}

impl Artifact for PhoneEmissions {
    const NAME: ArtifactName = TRANSCRIBE.output("emissions");
}

impl Artifact for AlignedWords {
    const NAME: ArtifactName = StageName::new("align").artifact();
}

impl Artifact for ForensicRecord {
    const NAME: ArtifactName = FORENSICS.artifact();
}

impl Artifact for Overview {
    const NAME: ArtifactName = FORENSICS.output("overview");
}
