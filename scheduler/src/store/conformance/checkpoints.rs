//! Window checkpoints, until their artifact replaces them.

use super::samples::{bodies, checkpoint, checkpoint_of, commit, fingerprint, granted, other_fingerprint};
use super::{Harness, Tampering};
use crate::store::{Committed, StoreFault};

pub(crate) fn checkpoints_are_listed_by_index_until_their_artifact_is_stored(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    let group = [checkpoint(lease, 10, "ten"), checkpoint(lease, 2, "안녕")];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written; 2]);
    drop(store);
    let mut store = harness.open();
    assert_eq!(bodies(&*store), [(2, "안녕".to_owned()), (10, "ten".to_owned())]);
    let lease = granted(&mut *store);
    let group = [checkpoint(lease, 0, "zero"), commit(lease, "{}", false), checkpoint(lease, 1, "one")];
    let outcomes = [Committed::Written, Committed::Written, Committed::AlreadyThere];
    assert_eq!(store.commit(&group).unwrap(), outcomes);
    assert_eq!((bodies(&*store), store.recomputations().unwrap()), (vec![], 1));
}

pub(crate) fn checkpoint_is_written_once_and_counted(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    let group = [checkpoint(lease, 0, "first"), checkpoint(lease, 0, "second")];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written, Committed::AlreadyThere]);
    assert_eq!(store.recomputations().unwrap(), 1);
    assert_eq!(bodies(&*store), [(0, "first".to_owned())]);
}

pub(crate) fn checkpoint_altered_is_left_out_and_written_again(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    store.commit(&[checkpoint(lease, 0, "a"), checkpoint(lease, 1, "b")]).unwrap();
    harness.tamper(&Tampering::CheckpointBody { index: 1, body: b"\xff" });
    assert_eq!(bodies(&*store), [(0, "a".to_owned())]);
    let faults = store.check().unwrap().faults;
    assert_eq!(faults, [StoreFault::Checkpoint { fingerprint: fingerprint().to_string(), index: 1 }]);
    assert_eq!(store.commit(&[checkpoint(lease, 1, "b")]).unwrap(), [Committed::Written]);
    assert_eq!(bodies(&*store), [(0, "a".to_owned()), (1, "b".to_owned())]);
    assert_eq!((store.check().unwrap().faults, store.recomputations().unwrap()), (vec![], 0));
}

pub(crate) fn checkpoints_are_forgotten_of_one_artifact_alone(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    let other = checkpoint_of(other_fingerprint(), lease, 0, "other");
    store.commit(&[checkpoint(lease, 0, "a"), other]).unwrap();
    store.forget_checkpoints(&fingerprint()).unwrap();
    assert_eq!(bodies(&*store), []);
    assert_eq!(store.checkpoints(&other_fingerprint()).unwrap()[0].body, "other");
}
