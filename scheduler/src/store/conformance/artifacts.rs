//! Artifacts are returned as they were written, or reported as altered.

use super::samples::{artifact, commit, fingerprint, granted, sound};
use super::{Harness, Tampering};
use crate::store::{Alteration, Committed, Lookup, NewRecord};

pub(crate) fn artifact_comes_back_as_it_was_written(harness: &dyn Harness) {
    let mut store = harness.open();
    assert_eq!(store.artifact(&fingerprint()).unwrap(), Lookup::Missing);
    let lease = granted(&mut *store);
    assert_eq!(store.commit(&[commit(lease, r#"{"text":"안녕"}"#, false)]).unwrap(), [Committed::Written]);
    drop(store);
    let stored = sound(&*harness.open_to_read());
    assert_eq!((stored.artifact, stored.computations), (artifact(r#"{"text":"안녕"}"#), 1));
    assert_eq!(stored.body_sha256, stage_core::sha256_hex(r#"{"text":"안녕"}"#.as_bytes()));
}

pub(crate) fn artifact_is_replaced_only_on_demand_and_counted(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    let group = [commit(lease, "1", false), commit(lease, "2", false)];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written, Committed::AlreadyThere]);
    assert_eq!((sound(&*store).artifact.body.as_str(), sound(&*store).computations), ("1", 2));
    let mut third = commit(lease, "3", true);
    let NewRecord::Artifact { artifact, .. } = &mut third.what else { panic!("an artifact") };
    (artifact.device, artifact.duration_s) = ("cuda:0".to_owned(), 9.0);
    let expected = artifact.clone();
    assert_eq!(store.commit(&[third]).unwrap(), [Committed::Written]);
    assert_eq!((sound(&*store).artifact, sound(&*store).computations), (expected, 3));
    assert_eq!(store.recomputations().unwrap(), 1);
}

pub(crate) fn artifact_altered_in_body_hash_or_key_is_detected(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    let mut altered_by = |how: Tampering| {
        store.commit(&[commit(lease, "{}", true)]).unwrap();
        assert_eq!(sound(&*store).artifact, artifact("{}"), "a replaced artifact is sound again");
        harness.tamper(&how);
        store.artifact(&fingerprint()).unwrap()
    };
    let is_body = |lookup| matches!(lookup, Lookup::Altered(Alteration::Body { .. }));
    assert!(is_body(altered_by(Tampering::ArtifactBody(b"[]"))));
    assert!(is_body(altered_by(Tampering::ArtifactBody(b"\xff"))));
    assert!(is_body(altered_by(Tampering::ArtifactHash("x"))));
    let key = altered_by(Tampering::ArtifactKey { from: "\"version\":1", to: "\"version\":2" });
    assert!(matches!(key, Lookup::Altered(Alteration::Key { found: Some(_), .. })));
    let unreadable = altered_by(Tampering::ArtifactKey { from: "{", to: "x" });
    assert!(matches!(unreadable, Lookup::Altered(Alteration::Key { found: None, .. })));
}
