//! What a run would reuse and compute, from the store alone.

use std::collections::BTreeSet;

use stage_core::StageName;

use super::options::Recompute;
use super::outcome::RunError;
use super::plan::chains;
use crate::store::{Quarantine, RecordingEntry, Store};

/// What a run would do for one recording and its copies: recordings with the same bytes and recipe are computed once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// The indices of the recordings in the list.
    pub indices: Vec<usize>,
    /// Every stage of the recipe, in order.
    pub stages: Vec<StageOutlook>,
    /// Windows of unfinished stages that are stored, so that they are not computed again.
    pub checkpoints: usize,
    /// Set if the recording is quarantined: the run skips it unless quarantined recordings are retried.
    pub quarantine: Option<Quarantine>,
}

/// What a run would do in one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageOutlook {
    /// The stage.
    pub stage: StageName,
    /// The state of its artifacts.
    pub state: StageState,
    /// Whether the stage runs: because its artifacts are outstanding, or because a stage that runs reads an output of
    /// it that is not stored.
    pub runs: bool,
}

/// The state of a stage's artifacts in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageState {
    /// All are stored and will be reused.
    Stored,
    /// At least one is not stored.
    Missing,
    /// At least one was altered after it was stored, so it is computed again.
    Altered,
    /// They are stored, but the run was asked to compute them again.
    Again,
}

/// Looks up what a run of these recordings would do. Nothing is written.
///
/// # Errors
/// The store cannot be read.
pub fn outlook(items: &[RecordingEntry], recompute: Recompute, store: &dyn Store) -> Result<Vec<Outlook>, RunError> {
    let mut outlooks = Vec::new();
    for chain in chains(items, recompute, Some(store))? {
        let again = recompute.stages(chain.recipe());
        let running: BTreeSet<StageName> = chain.steps().iter().map(|step| step.stage).collect();
        let stage = |stage: StageName| {
            let state = match chain.outstanding_of(stage) {
                (false, _) => StageState::Stored,
                (true, true) if again.contains(&stage) => StageState::Again,
                (true, true) => StageState::Altered,
                (true, false) => StageState::Missing,
            };
            StageOutlook { stage, state, runs: running.contains(&stage) }
        };
        outlooks.push(Outlook {
            stages: chain.recipe().steps().iter().map(|step| stage(step.stage)).collect(),
            checkpoints: chain.checkpoints(store)?.len(),
            quarantine: chain.next_fingerprint().map(|next| store.quarantined(&next)).transpose()?.flatten(),
            indices: chain.indices,
        });
    }
    Ok(outlooks)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;
    use stage_core::{Identity, Recipe, RecipeStep, Tool};

    use super::*;
    use crate::store::{Access, Commit, NewArtifact, NewBatch, NewRecord, NewRun, open};
    use crate::worker::sim;

    fn recipe() -> Arc<Recipe> {
        let steps = sim::SPECS.iter().map(|spec| RecipeStep::new(spec, Identity::without_model(Value::Null)));
        Arc::new(Recipe::new(steps.collect()).unwrap())
    }

    fn entry(path: &str, file_sha256: &str) -> RecordingEntry {
        let name = path.to_owned();
        RecordingEntry { name, ..RecordingEntry::new(path, file_sha256, 1.0, recipe()) }
    }

    /// Stores all artifacts of the file `ab` except those of the last stage.
    fn store_without_measure(name: &str) -> Box<dyn Store> {
        let mut store = open(&format!("memory:{name}").parse().unwrap(), Access::Create).unwrap();
        let run = NewRun::default();
        let run = store.begin_run(&run).unwrap();
        let batch = NewBatch { worker: "cpu:0".into(), priority: 0, recordings: 1, audio_s: 1.0 };
        let lease = store.grant(run, &batch).unwrap();
        for key in recipe().keys("ab").into_iter().filter(|key| key.stage.as_str() != "measure") {
            let (tool, device) = (Tool::of_version("0"), "cpu:0".to_owned());
            let artifact = NewArtifact { key, body: "{}".into(), started_at_ms: 0, duration_s: 0.0, tool, device };
            store.commit(&[Commit { lease, what: NewRecord::Artifact { artifact, replace: false } }]).unwrap();
        }
        store
    }

    fn states(outlook: &Outlook) -> Vec<(&'static str, StageState, bool)> {
        outlook.stages.iter().map(|stage| (stage.stage.as_str(), stage.state, stage.runs)).collect()
    }

    #[test]
    fn outlook_counts_copies_once_and_names_the_stages_that_run() {
        let store = store_without_measure("outlook");
        let items = [entry("a", "ab"), entry("b", "cd"), entry("copy-of-a", "ab")];
        let outlooks = outlook(&items, Recompute::Nothing, &*store).unwrap();
        assert_eq!(outlooks.iter().map(|of| of.indices.clone()).collect::<Vec<_>>(), [vec![0, 2], vec![1]]);
        use StageState::{Missing, Stored};
        // `measure` reads the samples, which are not stored, so `read` runs again.
        let expected = [
            ("read", Stored, true),
            ("split", Stored, false),
            ("model", Stored, false),
            ("refine", Stored, false),
            ("measure", Missing, true),
        ];
        assert_eq!(states(&outlooks[0]), expected);
        assert!(states(&outlooks[1]).iter().all(|(_, state, runs)| *state == Missing && *runs));
    }

    #[test]
    fn outlook_with_a_request_to_recompute_says_so() {
        let store = store_without_measure("outlook-again");
        let outlooks = outlook(&[entry("a", "ab")], Recompute::Only(StageName::new("refine")), &*store).unwrap();
        let refine = outlooks[0].stages.iter().find(|stage| stage.stage.as_str() == "refine").unwrap();
        assert_eq!((refine.state, refine.runs), (StageState::Again, true));
    }
}
