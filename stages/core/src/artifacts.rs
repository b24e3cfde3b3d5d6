//! The artifacts of one recording while stages work on it: looked up by name, typed where they are read and written.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ArtifactName, ErrorClass, ErrorCode, PipelineError, StageName, StageSpec};

/// An output of a stage that other stages can read.
pub trait Artifact: Send + Sync + 'static {
    /// Name under which it is declared, stored and read.
    const NAME: ArtifactName;
}

/// The recording's file.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Path of the file.
    pub path: PathBuf,
    /// SHA-256 of its bytes at planning time, hex.
    pub file_sha256: String,
    /// Length in seconds according to the container; 0 if unknown.
    pub audio_s: f64,
}

/// A value of the type that belongs to its name.
type Value = Arc<dyn Any + Send + Sync>;

/// The artifacts of one recording: those from the store as JSON, and those computed or read in this process. Clones
/// share the values.
#[derive(Debug, Clone)]
pub struct Artifacts {
    source: Source,
    stored: BTreeMap<ArtifactName, String>,
    values: BTreeMap<ArtifactName, OnceLock<Value>>,
}

impl Artifacts {
    /// The artifacts of a recording before stages of these specs work on it. `stored` contains artifacts as JSON that
    /// are not computed again.
    #[must_use]
    pub fn new<'a>(
        source: Source,
        stored: impl IntoIterator<Item = (ArtifactName, String)>,
        specs: impl IntoIterator<Item = &'a StageSpec>,
    ) -> Self {
        let stored: BTreeMap<_, _> = stored.into_iter().collect();
        let made = specs.into_iter().flat_map(|spec| spec.artifacts().map(|(name, _)| name));
        let values = stored.keys().copied().chain(made).map(|name| (name, OnceLock::new())).collect();
        Self { source, stored, values }
    }

    /// The recording's file.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Names of the artifacts that came from the store.
    pub fn stored(&self) -> impl Iterator<Item = ArtifactName> {
        self.stored.keys().copied()
    }

    /// The artifacts that a stage may read.
    #[must_use]
    pub const fn inputs_of(&self, spec: &StageSpec) -> Inputs<'_> {
        Inputs { artifacts: self, stage: spec.name, declared: spec.inputs }
    }

    /// An artifact that was computed in this process, if any.
    #[must_use]
    pub fn made<T: Artifact>(&self) -> Option<&T> {
        self.values.get(&T::NAME)?.get()?.downcast_ref()
    }

    /// Keeps a stage's outputs for later stages, and returns the artifacts to store as JSON.
    ///
    /// # Errors
    /// Class `Bug`: an output is not declared, was computed before, or is missing.
    pub fn keep(&self, spec: &StageSpec, made: Made) -> Result<Vec<(ArtifactName, String)>, PipelineError> {
        for (name, value) in made.values {
            let slot = self.values.get(&name).filter(|_| spec.artifacts().any(|(declared, _)| declared == name));
            let slot = slot.ok_or_else(|| {
                PipelineError::bug(spec.name, ErrorCode::UndeclaredOutput, format!("{name} is not declared"))
            })?;
            slot.set(value)
                .map_err(|_| PipelineError::bug(spec.name, ErrorCode::MadeTwice, format!("{name} was made before")))?;
        }
        let is_made = |name| self.values.get(&name).is_some_and(|slot| slot.get().is_some());
        let is_serialized = |name| made.bodies.iter().any(|(other, _)| *other == name);
        match spec.artifacts().find(|&(name, stored)| !is_made(name) || stored && !is_serialized(name)) {
            Some((name, _)) => Err(PipelineError::bug(
                spec.name,
                ErrorCode::MissingOutput,
                format!("{name} is declared and was not made"),
            )),
            None => Ok(made.bodies),
        }
    }
}

/// The inputs that one stage may read: its declared artifacts and the file.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    artifacts: &'a Artifacts,
    stage: StageName,
    declared: &'static [ArtifactName],
}

impl<'a> Inputs<'a> {
    /// The recording's file.
    #[must_use]
    pub const fn source(&self) -> &'a Source {
        &self.artifacts.source
    }

    /// A declared input that is stored: computed earlier in this process, or read from the store.
    ///
    /// # Errors
    /// Class `Bug`: it is not declared, is missing, or has the format of another version.
    pub fn get<T: Artifact + DeserializeOwned>(&self) -> Result<&'a T, PipelineError> {
        let slot = self.slot(T::NAME)?;
        if slot.get().is_none() {
            let stored = self.parsed::<T>()?.ok_or_else(|| self.missing(T::NAME))?;
            // Another thread may have set it first; both values are equal.
            let _ = slot.set(Arc::new(stored));
        }
        self.value(slot, T::NAME)
    }

    /// A declared input that is not stored: computed earlier in this process.
    ///
    /// # Errors
    /// Class `Bug`: it is not declared or is missing.
    pub fn transient<T: Artifact>(&self) -> Result<&'a T, PipelineError> {
        self.value(self.slot(T::NAME)?, T::NAME)
    }

    /// The stage's own artifact from an earlier run, if this run computes it again without storing it.
    ///
    /// # Errors
    /// Class `Bug`: it has the format of another version.
    pub fn earlier<T: Artifact + DeserializeOwned>(&self) -> Result<Option<T>, PipelineError> {
        if T::NAME.stage() == self.stage { self.parsed() } else { Err(self.undeclared(T::NAME)) }
    }

    fn slot(&self, name: ArtifactName) -> Result<&'a OnceLock<Value>, PipelineError> {
        if !self.declared.contains(&name) {
            return Err(self.undeclared(name));
        }
        self.artifacts.values.get(&name).ok_or_else(|| self.missing(name))
    }

    fn value<T: Artifact>(&self, slot: &'a OnceLock<Value>, name: ArtifactName) -> Result<&'a T, PipelineError> {
        let value = slot.get().ok_or_else(|| self.missing(name))?;
        value.downcast_ref().ok_or_else(|| {
            PipelineError::bug(self.stage, ErrorCode::ArtifactType, format!("{name} is of another type"))
        })
    }

    fn parsed<T: Artifact + DeserializeOwned>(&self) -> Result<Option<T>, PipelineError> {
        let Some(body) = self.artifacts.stored.get(&T::NAME) else { return Ok(None) };
        let message = || format!("the stored {} has the format of another version", T::NAME);
        let unreadable = |error| {
            let (class, code) = (ErrorClass::BadInput, ErrorCode::UnreadableArtifact);
            PipelineError::new(self.stage, class, code, message()).caused_by(&error)
        };
        serde_json::from_str(body).map(Some).map_err(unreadable)
    }

    fn missing(&self, name: ArtifactName) -> PipelineError {
        PipelineError::bug(self.stage, ErrorCode::MissingArtifact, format!("{name} was neither made nor stored"))
    }

    fn undeclared(&self, name: ArtifactName) -> PipelineError {
        PipelineError::bug(self.stage, ErrorCode::UndeclaredInput, format!("{name} is read and not declared"))
    }
}

/// The outputs of a stage for one recording.
#[derive(Debug, Default)]
pub struct Made {
    values: Vec<(ArtifactName, Value)>,
    bodies: Vec<(ArtifactName, String)>,
}

impl Made {
    /// Adds an artifact that is stored.
    ///
    /// # Errors
    /// Class `Bug`: it cannot be serialized to JSON.
    pub fn artifact<T: Artifact + Serialize>(mut self, artifact: T) -> Result<Self, PipelineError> {
        let unwritable = |error: serde_json::Error| {
            let message = format!("{} cannot be serialized", T::NAME);
            PipelineError::bug(T::NAME.stage(), ErrorCode::UnwritableArtifact, message).caused_by(&error)
        };
        self.bodies.push((T::NAME, serde_json::to_string(&artifact).map_err(unwritable)?));
        Ok(self.transient(artifact))
    }

    /// Adds an artifact that is not stored.
    #[must_use]
    pub fn transient<T: Artifact>(mut self, artifact: T) -> Self {
        self.values.push((T::NAME, Arc::new(artifact)));
        self
    }

    /// Adds an artifact that no stage reads by type: a stored one with its JSON, or a transient one without.
    #[must_use]
    pub fn untyped(mut self, name: ArtifactName, json: Option<String>) -> Self {
        self.bodies.extend(json.map(|body| (name, body)));
        self.values.push((name, Arc::new(())));
        self
    }
}

/// Conversion of a stage's output to artifacts.
pub trait IntoArtifacts {
    /// The artifacts of one recording.
    ///
    /// # Errors
    /// Class `Bug`: an artifact cannot be serialized to JSON.
    fn into_artifacts(self) -> Result<Made, PipelineError>;
}

impl<T: Artifact + Serialize> IntoArtifacts for T {
    fn into_artifacts(self) -> Result<Made, PipelineError> {
        Made::default().artifact(self)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{OutputSpec, Phases};

    const COUNT: StageName = StageName::new("count");
    const SUM: StageName = StageName::new("sum");

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Count(u32);
    #[derive(Debug, PartialEq)]
    struct Scratch(&'static str);

    impl Artifact for Count {
        const NAME: ArtifactName = COUNT.artifact();
    }
    impl Artifact for Scratch {
        const NAME: ArtifactName = COUNT.output("scratch");
    }

    /// Cannot be serialized.
    struct Unwritable;

    impl Artifact for Unwritable {
        const NAME: ArtifactName = COUNT.artifact();
    }

    impl Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no form in JSON"))
        }
    }

    const COUNTER: StageSpec = StageSpec {
        name: COUNT,
        version: 1,
        inputs: &[],
        outputs: &[OutputSpec { name: "scratch", stored: false }],
        phases: Phases::Cpu,
        weight: 1.0,
    };
    const SUMMER: StageSpec = StageSpec { name: SUM, inputs: &[Count::NAME, Scratch::NAME], outputs: &[], ..COUNTER };

    fn artifacts(stored: &[(ArtifactName, &str)]) -> Artifacts {
        let source = Source { path: "a.wav".into(), file_sha256: "ab".into(), audio_s: 1.0 };
        Artifacts::new(source, stored.iter().map(|(name, body)| (*name, (*body).to_owned())), [&COUNTER, &SUMMER])
    }

    fn code<T: std::fmt::Debug>(result: Result<T, PipelineError>) -> ErrorCode {
        result.unwrap_err().code
    }

    #[test]
    fn artifacts_made_here_are_read_by_declared_readers_alone() {
        let artifacts = artifacts(&[]);
        let made = Count(3).into_artifacts().unwrap().transient(Scratch("x"));
        assert_eq!(artifacts.keep(&COUNTER, made).unwrap(), [(COUNT.artifact(), "3".to_owned())]);
        let inputs = artifacts.inputs_of(&SUMMER);
        assert_eq!(
            (inputs.get::<Count>().unwrap(), inputs.transient::<Scratch>().unwrap()),
            (&Count(3), &Scratch("x"))
        );
        assert_eq!(code(artifacts.inputs_of(&COUNTER).get::<Count>()), ErrorCode::UndeclaredInput);
        assert_eq!(artifacts.made::<Count>(), Some(&Count(3)));
    }

    #[test]
    fn artifacts_from_the_store_are_parsed_and_those_not_stored_are_missing() {
        let stored = artifacts(&[(COUNT.artifact(), "7")]);
        let inputs = stored.inputs_of(&SUMMER);
        assert_eq!(inputs.get::<Count>().unwrap(), &Count(7));
        assert_eq!(code(inputs.transient::<Scratch>()), ErrorCode::MissingArtifact);
        assert_eq!(stored.inputs_of(&COUNTER).earlier::<Count>().unwrap(), Some(Count(7)));
        let unreadable =
            artifacts(&[(COUNT.artifact(), "{")]).inputs_of(&SUMMER).get::<Count>().map(|_| ()).unwrap_err();
        assert_eq!((unreadable.class, unreadable.code), (ErrorClass::BadInput, ErrorCode::UnreadableArtifact));
        assert_eq!(code(artifacts(&[]).inputs_of(&SUMMER).get::<Count>()), ErrorCode::MissingArtifact);
    }

    #[test]
    fn artifacts_that_cannot_be_serialized_are_a_bug_and_not_of_another_version() {
        let error = Unwritable.into_artifacts().map(drop).unwrap_err();
        assert_eq!((error.class, &error.code), (ErrorClass::Bug, &ErrorCode::UnwritableArtifact));
        assert!(error.to_string().contains("cannot be serialized: no form in JSON"), "{error}");
    }

    #[test]
    fn artifacts_that_differ_from_the_declared_ones_are_a_bug_of_the_stage() {
        let made = || Count(3).into_artifacts().unwrap();
        assert_eq!(code(artifacts(&[]).keep(&COUNTER, made())), ErrorCode::MissingOutput);
        assert_eq!(code(artifacts(&[]).keep(&SUMMER, made())), ErrorCode::UndeclaredOutput);
        let twice = artifacts(&[]);
        twice.keep(&COUNTER, made().transient(Scratch("x"))).unwrap();
        assert_eq!(code(twice.keep(&COUNTER, made())), ErrorCode::MadeTwice);
        let unstored = Made::default().transient(Count(3)).transient(Scratch("x"));
        assert_eq!(code(artifacts(&[]).keep(&COUNTER, unstored)), ErrorCode::MissingOutput);
    }
}
