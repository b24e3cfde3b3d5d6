//! Checking and compacting.

use std::path::Path;
use std::slice::from_ref;
use std::sync::Arc;

use super::samples::{begun, checkpoint_of, commit, entry, granted, other_fingerprint, other_recipe, recipe, sound};
use super::{Harness, Tampering};
use crate::store::{InputFacts, InputStat, RunId, StoreCheck, StoreFault};

pub(crate) fn check_counts_a_sound_store(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    store.put_recordings(RunId(1), &[entry(&Arc::new(recipe()))]).unwrap();
    let other = checkpoint_of(other_fingerprint(), lease, 0, "other");
    store.commit(&[commit(lease, "{}", false), other]).unwrap();
    let counted = StoreCheck { artifacts: 1, checkpoints: 1, abandoned_leases: 0, faults: vec![] };
    assert_eq!(store.check().unwrap(), counted);
    let reader = harness.open_to_read();
    assert_eq!(reader.check().unwrap(), counted);
    drop(store);
    assert_eq!(reader.check().unwrap(), StoreCheck { abandoned_leases: 1, ..counted });
}

pub(crate) fn check_finds_every_alteration(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    store.put_recordings(RunId(1), &[entry(&Arc::new(recipe()))]).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    let faults = |how| {
        harness.tamper(&how);
        store.check().unwrap().faults
    };
    assert!(matches!(&faults(Tampering::ArtifactBody(b"[]"))[..], [StoreFault::Artifact { .. }]));
    let renamed = StoreFault::Name { name: "x".to_owned() };
    assert_eq!(faults(Tampering::ArtifactName("x")), from_ref(&renamed));
    let altered = faults(Tampering::RecipeBody("[]"));
    assert!(altered.len() == 2 && altered.contains(&renamed), "{altered:?}");
    assert!(altered.iter().any(|fault| matches!(fault, StoreFault::Recipe { .. })), "{altered:?}");
    let orphans = faults(Tampering::NoRuns);
    let missing = |fault: &&StoreFault| matches!(fault, StoreFault::Reference { missing, .. } if missing == "run");
    assert_eq!(orphans.iter().filter(missing).count(), 2, "the batch and the recording: {orphans:?}");
}

pub(crate) fn compact_drops_what_is_not_needed(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    // The path of this program, which exists, and a path that does not exist.
    let (here, gone) = (std::env::current_exe().unwrap(), Path::new("/nowhere/gone.wav"));
    let stat = |path: &Path| InputStat { path: path.to_owned(), size: 0, mtime_ns: 0, inode: 1 };
    let facts = InputFacts { sha256: "ab".into(), audio_s: 1.0 };
    store.cache_inputs(&[(stat(&here), facts.clone()), (stat(gone), facts.clone())]).unwrap();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    store.commit(&[checkpoint_of(other_fingerprint(), lease, 0, "kept")]).unwrap();
    harness.tamper(&Tampering::CheckpointOfArtifact);
    let compaction = store.compact().unwrap();
    assert_eq!((compaction.checkpoints, compaction.inputs, compaction.recipes), (1, 1, 0));
    assert!(compaction.bytes_after <= compaction.bytes_before, "{compaction:?}");
    assert_eq!(store.cached_input(&stat(&here)).unwrap(), Some(facts));
    assert_eq!(store.cached_input(&stat(gone)).unwrap(), None);
    assert_eq!(sound(&*store).artifact.body, "{}");
    let check = store.check().unwrap();
    assert_eq!((check.checkpoints, check.faults), (1, vec![]));
}

pub(crate) fn compact_keeps_recipes_that_are_used(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let whole = Arc::new(recipe());
    let other = entry(&Arc::new(other_recipe()));
    store.put_recordings(run, &[entry(&whole)]).unwrap();
    assert_eq!(store.compact().unwrap().recipes, 0);
    store.put_recordings(run, from_ref(&other)).unwrap();
    assert_eq!(store.compact().unwrap().recipes, 1);
    assert_eq!(store.recordings().unwrap(), [other]);
}
