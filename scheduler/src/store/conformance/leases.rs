//! Leases fence commits.

use super::Harness;
use super::samples::{begun, bodies, checkpoint, commit, fingerprint, grant, granted};
use crate::store::{Committed, Lease, LeaseEnd, Lookup};

pub(crate) fn lease_revoked_or_forged_writes_nothing(harness: &dyn Harness) {
    let mut store = harness.open();
    let run = begun(&mut *store);
    let (revoked, live) = (grant(&mut *store, run), grant(&mut *store, run));
    store.release(revoked, LeaseEnd::Revoked).unwrap();
    let forged = Lease { number: live.number + 1, ..live };
    let late = [commit(revoked, "late", false), commit(forged, "forged", false), checkpoint(revoked, 0, "late")];
    assert_eq!(store.commit(&late).unwrap(), [Committed::StaleLease; 3]);
    assert_eq!(store.artifact(&fingerprint()).unwrap(), Lookup::Missing);
    assert_eq!((bodies(&*store), store.recomputations().unwrap()), (vec![], 0));
    store.release(forged, LeaseEnd::Finished).unwrap();
    assert_eq!(store.commit(&[commit(live, "{}", false)]).unwrap(), [Committed::Written]);
    store.release(live, LeaseEnd::Finished).unwrap();
    assert_eq!(store.commit(&[commit(live, "{}", true)]).unwrap(), [Committed::StaleLease]);
}

pub(crate) fn lease_of_a_killed_run_ends_with_the_next_run(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    store.commit(&[checkpoint(lease, 0, "kept")]).unwrap();
    drop(store);
    let mut store = harness.open();
    let newer = granted(&mut *store);
    assert!(newer.number > lease.number);
    assert_eq!(store.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::StaleLease]);
    assert_eq!(bodies(&*store), [(0, "kept".to_owned())], "committed checkpoints stay");
    assert_eq!(store.commit(&[commit(newer, "{}", false)]).unwrap(), [Committed::Written]);
}

pub(crate) fn lease_numbers_grow_over_the_life_of_a_store(harness: &dyn Harness) {
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let mut store = harness.open();
        let run = begun(&mut *store);
        let leases = [grant(&mut *store, run), grant(&mut *store, run)];
        for lease in leases {
            store.release(lease, LeaseEnd::Finished).unwrap();
        }
        store.compact().unwrap();
        numbers.extend(leases.map(|lease| lease.number));
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}
