//! Turns recordings into chains of artifacts, using the store: which artifacts are reused, which stages run, and which
//! stored artifacts they read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use stage_core::{ArtifactName, Fingerprint, Recipe, RecipeStep, StageKey, StageName};

use super::options::Recompute;
use super::outcome::RunError;
use crate::protocol::{Checkpoint, Step, Stored};
use crate::store::{Lookup, RecordingEntry, Store, StoreError};

/// A chain of artifacts, shared by all recordings with equal bytes and recipe.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// Indices of its recordings in the list.
    pub(super) indices: Vec<usize>,
    recipe: Arc<Recipe>,
    /// The fingerprints of all artifacts by name.
    fingerprints: BTreeMap<ArtifactName, Fingerprint>,
    /// The artifacts that are not stored or must be computed again.
    outstanding: BTreeSet<ArtifactName>,
    /// The outstanding artifacts that replace a stored one.
    replace: BTreeSet<ArtifactName>,
}

/// Groups equal recordings into chains and looks up their artifacts. A stored artifact that was altered is computed
/// again. Without a store everything counts as outstanding, until [`Chain::refresh`] looks it up.
pub(super) fn chains(
    items: &[RecordingEntry],
    recompute: Recompute,
    store: Option<&dyn Store>,
) -> Result<Vec<Chain>, RunError> {
    let mut by_keys: HashMap<Vec<Fingerprint>, usize> = HashMap::new();
    let mut chains: Vec<Chain> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let fingerprints = item.fingerprints();
        match by_keys.get(&fingerprints) {
            Some(known) => chains[*known].indices.push(index),
            None => {
                by_keys.insert(fingerprints.clone(), chains.len());
                let fingerprints = item.recipe.artifacts().zip(fingerprints).collect();
                chains.push(chain(index, &item.recipe, fingerprints, recompute, store)?);
            }
        }
    }
    Ok(chains)
}

fn chain(
    index: usize,
    recipe: &Arc<Recipe>,
    fingerprints: BTreeMap<ArtifactName, Fingerprint>,
    recompute: Recompute,
    store: Option<&dyn Store>,
) -> Result<Chain, RunError> {
    let (outstanding, replace) = (fingerprints.keys().copied().collect(), BTreeSet::new());
    let mut chain = Chain { indices: vec![index], recipe: Arc::clone(recipe), fingerprints, outstanding, replace };
    if let Some(store) = store {
        chain.look_up(store, &recompute.stages(recipe))?;
    }
    Ok(chain)
}

impl Chain {
    /// The steps that compute the outstanding artifacts. A transient output is not stored: the stage that produces it
    /// runs again whenever a stage that reads it runs, and commits only its own outstanding artifacts.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.running().into_iter().map(|step| self.step(step)).collect()
    }

    fn step(&self, step: &RecipeStep) -> Step {
        let main = step.stage.artifact();
        let wanted = step.artifacts().filter(|name| self.outstanding.contains(name));
        Step {
            stage: step.stage,
            fingerprint: self.fingerprints[&main],
            commit: wanted.map(|name| (name, self.fingerprints[&name])).collect(),
            keep_checkpoints: self.outstanding.contains(&main) && !self.replace.contains(&main),
        }
    }

    /// The stages that run: those with outstanding artifacts, and those that produce transient outputs which they read,
    /// directly or through others.
    fn running(&self) -> Vec<&RecipeStep> {
        let mut needed: BTreeSet<ArtifactName> = BTreeSet::new();
        let mut running = Vec::new();
        for step in self.recipe.steps().iter().rev() {
            let is_needed = step.transient.iter().any(|output| needed.contains(output));
            if is_needed || step.artifacts().any(|name| self.outstanding.contains(&name)) {
                needed.extend(&step.inputs);
                running.push(step);
            }
        }
        running.reverse();
        running
    }

    /// The fingerprint of a stage's main artifact, if the recipe has the stage.
    pub(super) fn fingerprint(&self, stage: StageName) -> Option<Fingerprint> {
        self.fingerprints.get(&stage.artifact()).copied()
    }

    /// The key of an artifact that a worker computed under this fingerprint, and whether it replaces a stored one.
    /// `None` if the artifact is not part of this chain.
    pub(super) fn key(
        &self,
        file_sha256: &str,
        name: ArtifactName,
        fingerprint: Fingerprint,
    ) -> Option<(StageKey, bool)> {
        let is_ours = self.fingerprints.get(&name) == Some(&fingerprint);
        let key = self.recipe.keys(file_sha256).into_iter().find(|key| is_ours && key.artifact() == name)?;
        Some((key, self.replace.contains(&name)))
    }

    /// The stored artifacts that a worker needs: the inputs of the steps, and for a step that commits nothing its
    /// artifact, which the worker compares with its output. An artifact that was altered in the meantime is left out.
    /// The worker then reports it as missing, and the next run computes it again.
    pub(super) fn stored(&self, store: &dyn Store) -> Result<Vec<Stored>, StoreError> {
        let running = self.running();
        let own = running.iter().map(|step| step.stage.artifact());
        let read: BTreeSet<_> = running.iter().flat_map(|step| step.inputs.iter().copied()).chain(own).collect();
        let mut stored = Vec::new();
        for name in read.into_iter().filter(|name| !self.outstanding.contains(name)) {
            let Some(fingerprint) = self.fingerprints.get(&name) else { continue };
            if let Lookup::Sound(found) = store.artifact(fingerprint)? {
                stored.push(Stored { artifact: name, body: found.artifact.body });
            }
        }
        Ok(stored)
    }

    /// The checkpoints of interrupted steps.
    pub(super) fn checkpoints(&self, store: &dyn Store) -> Result<Vec<Checkpoint>, StoreError> {
        let mut checkpoints = Vec::new();
        for stage in self.outstanding_stages() {
            let Some(fingerprint) = self.fingerprint(stage) else { continue };
            let outputs = store.checkpoints(&fingerprint)?.into_iter();
            checkpoints.extend(outputs.map(|output| Checkpoint {
                stage,
                index: output.index as usize,
                body: output.body,
            }));
        }
        Ok(checkpoints)
    }

    /// Reads again which outstanding artifacts are stored: another run may have computed them.
    pub(super) fn refresh(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        self.look_up(store, &BTreeSet::new())
    }

    /// Looks up the outstanding artifacts, except those that replace others. Those of the stages `again` stay outstanding.
    fn look_up(&mut self, store: &dyn Store, again: &BTreeSet<StageName>) -> Result<(), StoreError> {
        for name in self.outstanding.difference(&self.replace).copied().collect::<Vec<_>>() {
            let fingerprint = &self.fingerprints[&name];
            match store.artifact(fingerprint)? {
                Lookup::Missing => {}
                Lookup::Sound(_) if again.contains(&name.stage()) => {
                    self.replace.insert(name);
                }
                Lookup::Sound(_) => {
                    self.outstanding.remove(&name);
                }
                Lookup::Altered(alteration) => {
                    tracing::warn!(artifact = %name, %fingerprint, %alteration, "a stored artifact was altered");
                    self.replace.insert(name);
                }
            }
        }
        Ok(())
    }

    /// Records that an artifact was committed. Returns true if it was the last outstanding one of its stage.
    pub(super) fn committed(&mut self, name: ArtifactName) -> bool {
        let was_outstanding = self.outstanding.remove(&name);
        was_outstanding && !self.outstanding.iter().any(|other| other.stage() == name.stage())
    }

    /// Its stages.
    pub(super) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Whether a stage has outstanding artifacts, and whether one of them replaces a stored one.
    pub(super) fn outstanding_of(&self, stage: StageName) -> (bool, bool) {
        let has = |names: &BTreeSet<ArtifactName>| names.iter().any(|name| name.stage() == stage);
        (has(&self.outstanding), has(&self.replace))
    }

    /// Whether every artifact is stored.
    pub(super) fn is_complete(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// The stages with outstanding artifacts, in order.
    pub(super) fn outstanding_stages(&self) -> impl Iterator<Item = StageName> {
        let outstanding = |step: &&RecipeStep| step.artifacts().any(|name| self.outstanding.contains(&name));
        self.recipe.steps().iter().filter(outstanding).map(|step| step.stage)
    }

    /// The fingerprint of the stage to run next.
    pub(super) fn next_fingerprint(&self) -> Option<Fingerprint> {
        self.outstanding_stages().next().and_then(|stage| self.fingerprint(stage))
    }

    /// The stage to run next, or the last stage if all artifacts are stored.
    pub(super) fn next_stage(&self) -> StageName {
        let last = self.recipe.steps().last().map(|step| step.stage);
        self.outstanding_stages().next().or(last).unwrap_or(StageName::new("unknown"))
    }

    /// The stages whose artifacts are all stored.
    pub(super) fn reused(&self) -> impl Iterator<Item = StageName> {
        let stored = |step: &&RecipeStep| !step.artifacts().any(|name| self.outstanding.contains(&name));
        self.recipe.steps().iter().filter(stored).map(|step| step.stage)
    }

    /// Fingerprints of the outstanding stages that are recomputed from the start, without their checkpoints.
    pub(super) fn recomputed(&self, recompute: Recompute) -> impl Iterator<Item = Fingerprint> {
        let again = recompute.stages(&self.recipe);
        self.outstanding_stages().filter(move |stage| again.contains(stage)).filter_map(|stage| self.fingerprint(stage))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;
    use stage_core::{Identity, Tool};

    use super::*;
    use crate::store::{Access, Commit, NewArtifact, NewBatch, NewRecord, NewRun, StoreUrl, open};
    use crate::worker::sim;

    /// A chain over the simulated stages (`read`, `split`, `model`, `refine`, `measure`) with these artifacts
    /// outstanding.
    pub(in crate::coordinator) fn chain(outstanding: &[&str]) -> Chain {
        let steps = sim::SPECS.iter().map(|spec| RecipeStep::new(spec, Identity::without_model(Value::Null)));
        let recipe = Arc::new(Recipe::new(steps.collect()).unwrap());
        let fingerprints = recipe.artifacts().zip(recipe.fingerprints("ab")).collect();
        let outstanding = outstanding.iter().map(|name| name.parse().unwrap()).collect();
        Chain { indices: vec![0], recipe, fingerprints, outstanding, replace: BTreeSet::new() }
    }

    fn steps(chain: &Chain) -> Vec<(&'static str, usize)> {
        chain.steps().iter().map(|step| (step.stage.as_str(), step.commit.len())).collect()
    }

    #[test]
    fn stages_with_transient_outputs_run_uncommitted_where_only_those_are_needed() {
        assert_eq!(steps(&chain(&["refine", "measure"])), [("read", 0), ("refine", 1), ("measure", 1)]);
        assert!(!chain(&["refine"]).steps()[0].keep_checkpoints);
    }

    #[test]
    fn chains_without_outstanding_artifacts_have_no_steps() {
        assert!(chain(&[]).steps().is_empty() && chain(&[]).is_complete());
        assert_eq!(chain(&[]).reused().count(), 5);
    }

    #[test]
    fn chains_of_new_recordings_commit_every_stage_in_order() {
        let all = ["read", "split", "model", "refine", "measure"];
        assert_eq!(steps(&chain(&all)), all.map(|stage| (stage, 1)));
        assert_eq!(chain(&all).next_stage(), StageName::new("read"));
    }

    #[test]
    fn artifacts_that_a_worker_needs_are_read_from_the_store() {
        let url: StoreUrl = "memory:plan".parse().unwrap();
        let mut store = open(&url, Access::Create).unwrap();
        let run = store.begin_run(&NewRun::default()).unwrap();
        let batch = NewBatch { worker: "cpu:0".into(), priority: 0, recordings: 1, audio_s: 1.0 };
        let lease = store.grant(run, &batch).unwrap();
        for key in chain(&[]).recipe.keys("ab") {
            let (tool, device) = (Tool::of_version("0"), "cpu:0".to_owned());
            let artifact = NewArtifact { key, body: "{}".into(), started_at_ms: 0, duration_s: 0.0, tool, device };
            let what = NewRecord::Artifact { artifact, replace: false };
            store.commit(&[Commit { lease, what }]).unwrap();
        }
        let names = |chain: &Chain| -> Vec<String> {
            chain.stored(&*store).unwrap().iter().map(|stored| stored.artifact.to_string()).collect()
        };
        assert_eq!(names(&chain(&["measure"])), ["model", "read", "refine"]);
        assert_eq!(names(&chain(&["split", "model"])), ["read"]);
    }

    #[test]
    fn stages_are_committed_with_their_last_artifact() {
        let mut chain = chain(&["refine", "measure"]);
        assert!(chain.committed("measure".parse().unwrap()));
        assert!(!chain.committed("measure".parse().unwrap()), "it is stored already");
        assert_eq!(chain.outstanding_stages().collect::<Vec<_>>(), [StageName::new("refine")]);
    }
}
