//! The recipe of a run: its stages with their versions, inputs, settings and models. Together with a recording's hash
//! it determines the keys of all artifacts, so all recordings of a run share one recipe.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::order::OrderCheck;
use crate::{ArtifactName, Fingerprint, Identity, OrderError, StageKey, StageName, StageSpec};

/// Stages in the order of the data flow, each with everything that enters the fingerprints of its artifacts. A recipe
/// is plain data: it can contain stages that this program does not have.
///
/// ```
/// use serde_json::json;
/// use stage_core::{Identity, Recipe, RecipeStep, sha256_hex};
///
/// let step = |stage: &str, inputs: &[&str], settings| {
///     Ok::<_, stage_core::InvalidName>(RecipeStep {
///         stage: stage.parse()?,
///         version: 1,
///         inputs: inputs.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
///         stored: Vec::new(),
///         transient: Vec::new(),
///         identity: Identity::without_model(settings),
///     })
/// };
/// let recipe = |level: i32| -> Result<Recipe, Box<dyn std::error::Error>> {
///     Ok(Recipe::new(vec![step("decode", &[], json!({}))?, step("segment", &["decode"], json!({"level_db": level}))?])?)
/// };
///
/// // All fingerprints are known before anything runs; a setting changes those of its stage and of later stages.
/// let file = sha256_hex(b"the bytes of the file");
/// let (before, after) = (recipe(6)?.fingerprints(&file), recipe(9)?.fingerprints(&file));
/// assert_eq!(before[0], after[0], "decode does not read the setting");
/// assert_ne!(before[1], after[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<RecipeStep>", into = "Vec<RecipeStep>")]
pub struct Recipe(Vec<RecipeStep>);

/// A stage of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipeStep {
    /// Name of the stage.
    pub stage: StageName,
    /// Version of its method.
    pub version: u32,
    /// The artifacts that it reads.
    pub inputs: Vec<ArtifactName>,
    /// Its stored outputs besides the main artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<ArtifactName>,
    /// Its outputs that are not stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transient: Vec<ArtifactName>,
    /// Its settings and model.
    #[serde(flatten)]
    pub identity: Identity,
}

/// Why a list of stages is not a valid recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// The list is empty: name at least one stage.
    #[error("a recipe without stages")]
    Empty,
    /// The stages cannot run in this order.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// An output has the name of another stage: name it after its own stage.
    #[error("{output} is not an output of {stage}")]
    ForeignOutput {
        /// The stage that declares it.
        stage: StageName,
        /// The name that it declares.
        output: ArtifactName,
    },
}

impl RecipeStep {
    /// A stage with these settings and this model.
    #[must_use]
    pub fn new(spec: &StageSpec, identity: Identity) -> Self {
        let further = |stored| {
            let outputs = spec.outputs.iter().filter(move |output| output.stored == stored);
            outputs.map(|output| spec.name.output(output.name)).collect()
        };
        Self {
            stage: spec.name,
            version: spec.version,
            inputs: spec.inputs.to_vec(),
            stored: further(true),
            transient: further(false),
            identity,
        }
    }

    /// Names of its stored outputs: the main artifact, then the others.
    pub fn artifacts(&self) -> impl Iterator<Item = ArtifactName> {
        std::iter::once(self.stage.artifact()).chain(self.stored.iter().copied())
    }

    fn key(&self, file_sha256: &str, name: ArtifactName, inputs: Vec<Fingerprint>) -> StageKey {
        let Identity { settings, model_sha256, numeric, model_files: _ } = self.identity.clone();
        StageKey {
            file_sha256: file_sha256.to_owned(),
            stage: self.stage,
            version: self.version,
            settings,
            model_sha256,
            numeric,
            inputs,
            output: name.output(),
        }
    }
}

impl Recipe {
    /// A recipe of these stages.
    ///
    /// # Errors
    /// [`RecipeError`] unless each stage occurs once, after all stages that it reads from.
    pub fn new(steps: Vec<RecipeStep>) -> Result<Self, RecipeError> {
        if steps.is_empty() {
            return Err(RecipeError::Empty);
        }
        let mut order = OrderCheck::default();
        for step in &steps {
            let stage = step.stage;
            let outputs = || step.artifacts().chain(step.transient.iter().copied());
            order.next(stage, &step.inputs, outputs())?;
            if let Some(output) = outputs().find(|output| output.stage() != stage) {
                return Err(RecipeError::ForeignOutput { stage, output });
            }
        }
        Ok(Self(steps))
    }

    /// The stages, in order.
    #[must_use]
    pub fn steps(&self) -> &[RecipeStep] {
        &self.0
    }

    /// The stage of this name.
    #[must_use]
    pub fn step(&self, stage: StageName) -> Option<&RecipeStep> {
        self.0.iter().find(|step| step.stage == stage)
    }

    /// Names of all stored artifacts, in the order in which they are computed.
    pub fn artifacts(&self) -> impl Iterator<Item = ArtifactName> {
        self.0.iter().flat_map(RecipeStep::artifacts)
    }

    /// The keys of a recording's stored artifacts, in the order of [`Recipe::artifacts`]. `file_sha256` is the hash of
    /// its bytes, hex.
    #[must_use]
    pub fn keys(&self, file_sha256: &str) -> Vec<StageKey> {
        // A transient output has the fingerprint of its stage's main artifact, because it is computed again with that
        // stage.
        let mut fingerprints: BTreeMap<ArtifactName, Fingerprint> = BTreeMap::new();
        let mut keys = Vec::with_capacity(self.0.len());
        for step in &self.0 {
            let mut inputs: Vec<Fingerprint> = Vec::with_capacity(step.inputs.len());
            for input in step.inputs.iter().filter_map(|input| fingerprints.get(input)) {
                if !inputs.contains(input) {
                    inputs.push(*input);
                }
            }
            let of_step: Vec<_> = step.artifacts().map(|name| step.key(file_sha256, name, inputs.clone())).collect();
            fingerprints.extend(step.artifacts().zip(of_step.iter().map(StageKey::fingerprint)));
            let main = of_step[0].fingerprint();
            fingerprints.extend(step.transient.iter().map(|name| (*name, main)));
            keys.extend(of_step);
        }
        keys
    }

    /// The fingerprints of a recording's stored artifacts, in the order of [`Recipe::artifacts`].
    #[must_use]
    pub fn fingerprints(&self, file_sha256: &str) -> Vec<Fingerprint> {
        self.keys(file_sha256).iter().map(StageKey::fingerprint).collect()
    }

    /// The part of this recipe that computes the artifacts of `last`: that stage and all stages that it reads from,
    /// directly or indirectly. The whole recipe if it has no such stage.
    #[must_use]
    pub fn upto(&self, last: StageName) -> Self {
        let mut needed = BTreeSet::from([last]);
        let mut steps: Vec<_> = Vec::new();
        for step in self.0.iter().rev().filter(|_| self.step(last).is_some()) {
            if needed.contains(&step.stage) {
                needed.extend(step.inputs.iter().map(|input| input.stage()));
                steps.push(step.clone());
            }
        }
        steps.reverse();
        if steps.is_empty() { self.clone() } else { Self(steps) }
    }

    /// A stage and all stages that read its artifacts, directly or indirectly.
    #[must_use]
    pub fn dependents(&self, first: StageName) -> BTreeSet<StageName> {
        let mut dependents = BTreeSet::from([first]);
        for step in &self.0 {
            if step.inputs.iter().any(|input| dependents.contains(&input.stage())) {
                dependents.insert(step.stage);
            }
        }
        dependents
    }

    /// Whether this recipe contains every stage of `other` with the same version, inputs, settings and model.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|step| self.0.contains(step))
    }
}

impl TryFrom<Vec<RecipeStep>> for Recipe {
    type Error = RecipeError;

    fn try_from(steps: Vec<RecipeStep>) -> Result<Self, RecipeError> {
        Self::new(steps)
    }
}

impl From<Recipe> for Vec<RecipeStep> {
    fn from(recipe: Recipe) -> Self {
        recipe.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "ab";

    fn name(text: &str) -> ArtifactName {
        text.parse().unwrap()
    }

    fn step(stage: &str, inputs: &[&str], stored: &[&str], transient: &[&str]) -> RecipeStep {
        RecipeStep {
            stage: stage.parse().unwrap(),
            version: 1,
            inputs: inputs.iter().copied().map(name).collect(),
            stored: stored.iter().copied().map(name).collect(),
            transient: transient.iter().copied().map(name).collect(),
            identity: Identity { numeric: Some("f32".into()), ..Identity::without_model(json!({"third": 1.0 / 3.0})) },
        }
    }

    /// Two branches from one root. The second reads a further stored output.
    fn whole() -> Recipe {
        Recipe::new(vec![
            step("read", &[], &[], &["read.samples"]),
            step("cut", &["read.samples"], &["cut.levels"], &[]),
            step("words", &["read.samples", "read", "cut"], &[], &[]),
            step("noise", &["cut.levels"], &[], &[]),
        ])
        .unwrap()
    }

    fn stages(recipe: &Recipe) -> Vec<&'static str> {
        recipe.steps().iter().map(|step| step.stage.as_str()).collect()
    }

    #[test]
    fn keys_name_each_input_once_and_transient_ones_by_their_stage() {
        let keys = whole().keys(FILE);
        let names: Vec<_> = whole().artifacts().map(|name| name.to_string()).collect();
        assert_eq!(names, ["read", "cut", "cut.levels", "words", "noise"]);
        let [read, cut, levels] = [0, 1, 2].map(|index| keys[index].fingerprint());
        assert_eq!(keys[1].inputs, [read]);
        assert_eq!(keys[3].inputs, [read, cut], "the samples and the artifact of `read` have one fingerprint");
        assert_eq!(keys[4].inputs, [levels]);
        assert_ne!(cut, levels, "a further output has a fingerprint of its own");
        assert_eq!(whole().fingerprints(FILE), keys.iter().map(StageKey::fingerprint).collect::<Vec<_>>());
    }

    #[test]
    fn recipes_with_gaps_repeats_or_nothing_are_refused() {
        let unknown = |stage: &str, input: &str| {
            Err(OrderError::UnknownInput { stage: stage.parse().unwrap(), input: name(input) }.into())
        };
        assert_eq!(Recipe::new(vec![]), Err(RecipeError::Empty));
        let read = || step("read", &[], &[], &[]);
        assert_eq!(Recipe::new(vec![read(), read()]), Err(OrderError::Duplicate("read".parse().unwrap()).into()));
        assert_eq!(Recipe::new(vec![step("cut", &["read"], &[], &[]), read()]), unknown("cut", "read"));
        let samples = vec![read(), step("cut", &["read.samples"], &[], &[])];
        assert_eq!(Recipe::new(samples), unknown("cut", "read.samples"));
        let foreign = Recipe::new(vec![step("read", &[], &["cut.levels"], &[])]);
        assert!(matches!(foreign, Err(RecipeError::ForeignOutput { .. })));
    }

    #[test]
    fn recipes_upto_a_stage_hold_what_it_needs_and_give_the_same_keys() {
        let short = whole().upto("noise".parse().unwrap());
        assert_eq!(stages(&short), ["read", "cut", "noise"]);
        assert!(whole().includes(&short) && !short.includes(&whole()));
        assert!(short.keys(FILE).iter().all(|key| whole().keys(FILE).contains(key)));
        assert_eq!(whole().upto("other".parse().unwrap()), whole());
    }

    #[test]
    fn dependents_of_a_stage_are_those_that_read_it_through_others_too() {
        let dependents = |stage: &str| -> Vec<_> {
            whole().dependents(stage.parse().unwrap()).iter().map(|stage| stage.as_str()).collect()
        };
        assert_eq!(dependents("cut"), ["cut", "noise", "words"]);
        assert_eq!(dependents("words"), ["words"]);
    }

    #[test]
    fn recipes_survive_json_which_is_checked() {
        let text = serde_json::to_string(&whole()).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), whole());
        let gap = serde_json::to_string(&[step("cut", &["read"], &[], &[])]).unwrap();
        assert!(serde_json::from_str::<Recipe>(&gap).unwrap_err().to_string().contains("cut reads read"));
    }
}
