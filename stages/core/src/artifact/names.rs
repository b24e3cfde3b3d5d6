//! The names under which the shared artifacts are declared, stored and read.

use super::{AlignedWords, Recording, SpeechSegments, Transcript};
use crate::forensics::ForensicRecord;
use crate::{Artifact, ArtifactName, Pcm, StageName};

const DECODE: StageName = StageName::new("decode");

impl Artifact for Recording {
    const NAME: ArtifactName = DECODE.artifact();
}

/// The samples are not stored: decode computes them again for every stage that reads them.
impl Artifact for Pcm {
    const NAME: ArtifactName = DECODE.output("samples");
}

impl Artifact for SpeechSegments {
    const NAME: ArtifactName = StageName::new("segment").artifact();
}

impl Artifact for Transcript {
    const NAME: ArtifactName = StageName::new("transcribe").artifact();
}

impl Artifact for AlignedWords {
    const NAME: ArtifactName = StageName::new("align").artifact();
}

impl Artifact for ForensicRecord {
    const NAME: ArtifactName = StageName::new("forensics").artifact();
}
