//! What is committed comes back; what a dead lease brings does not; what is computed for nothing is counted.

use super::*;

fn altered_by(sql: &str) -> Lookup {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(store.db.execute(sql, []).unwrap(), 1);
    store.artifact(&name()).unwrap()
}

#[test]
fn an_artifact_comes_back_as_it_was_written() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    assert_eq!(store.commit(&[commit(lease, r#"{"text":"안녕"}"#, false)]).unwrap(), [Committed::Written]);
    drop(store);
    let stored = sound(&SqliteStore::open_read_only(&path).unwrap());
    assert_eq!((stored.artifact, stored.computations), (artifact(r#"{"text":"안녕"}"#), 1));
}

#[test]
fn a_stale_lease_writes_nothing() {
    let (_folder, _path, mut store) = new();
    let run = begun(&mut store);
    let (revoked, live) = (grant(&mut store, run), grant(&mut store, run));
    store.release(revoked, LeaseEnd::Revoked).unwrap();
    let forged = Lease { number: live.number + 1, ..live };
    let late = [commit(revoked, "late", false), commit(forged, "forged", false), part(revoked, 0, "late")];
    assert_eq!(store.commit(&late).unwrap(), [Committed::StaleLease; 3]);
    assert_eq!(store.artifact(&name()).unwrap(), Lookup::Missing);
    assert_eq!((bodies(&store), store.recomputations().unwrap()), (vec![], 0));
    assert_eq!(store.commit(&[commit(live, "{}", false)]).unwrap(), [Committed::Written]);
}

#[test]
fn a_new_run_ends_the_leases_of_a_killed_one() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    let newer = granted(&mut store);
    assert!(newer.number > lease.number);
    assert_eq!(store.commit(&[commit(lease, "{}", false)]).unwrap(), [Committed::StaleLease]);
}

#[test]
fn the_same_artifact_is_written_again_only_on_demand_and_counted() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    let group = [commit(lease, "1", false), commit(lease, "2", false)];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written, Committed::AlreadyThere]);
    assert_eq!((sound(&store).artifact.body.as_str(), sound(&store).computations), ("1", 2));
    assert_eq!(store.commit(&[commit(lease, "3", true)]).unwrap(), [Committed::Written]);
    assert_eq!((sound(&store).artifact.body.as_str(), sound(&store).computations), ("3", 3));
    assert_eq!(store.recomputations().unwrap(), 1);
}

#[test]
fn an_altered_body_and_an_altered_key_are_told_apart() {
    let body = |lookup| matches!(lookup, Lookup::Altered(Alteration::Body { .. }));
    assert!(body(altered_by("UPDATE artifact SET body = '[]'")));
    assert!(body(altered_by("UPDATE artifact SET body = CAST(x'ff' AS TEXT)")));
    assert!(body(altered_by("UPDATE artifact SET body_sha256 = 'x'")));
    let key = altered_by("UPDATE artifact SET key = replace(key, '\"version\":1', '\"version\":2')");
    assert!(matches!(key, Lookup::Altered(Alteration::Key { found: Some(_), .. })));
    let no_key = altered_by("UPDATE artifact SET key = 'x'");
    assert!(matches!(no_key, Lookup::Altered(Alteration::Key { found: None, .. })));
}

#[test]
fn parts_come_back_by_index_until_their_artifact_is_on_record() {
    let (_folder, path, mut store) = new();
    let lease = granted(&mut store);
    let group = [part(lease, 10, "ten"), part(lease, 2, "안녕")];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written; 2]);
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(bodies(&store), [(2, "안녕".to_owned()), (10, "ten".to_owned())]);
    let lease = granted(&mut store);
    let group = [part(lease, 0, "zero"), commit(lease, "{}", false), part(lease, 1, "one")];
    let outcomes = [Committed::Written, Committed::Written, Committed::AlreadyThere];
    assert_eq!(store.commit(&group).unwrap(), outcomes);
    assert_eq!((bodies(&store), store.recomputations().unwrap()), (vec![], 1));
}

#[test]
fn a_part_is_written_once_and_counted_when_it_comes_again() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    let group = [part(lease, 0, "first"), part(lease, 0, "second")];
    assert_eq!(store.commit(&group).unwrap(), [Committed::Written, Committed::AlreadyThere]);
    let counted: i64 = store.db.query_row("SELECT computations FROM part", [], |row| row.get(0)).unwrap();
    assert_eq!((counted, store.recomputations().unwrap()), (2, 1));
    assert_eq!(bodies(&store), [(0, "first".to_owned())]);
}

#[test]
fn an_altered_part_is_left_out_and_made_again() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    store.commit(&[part(lease, 0, "a"), part(lease, 1, "b")]).unwrap();
    store.db.execute("UPDATE part SET body = CAST(x'ff' AS TEXT) WHERE part = 1", []).unwrap();
    assert_eq!(bodies(&store), [(0, "a".to_owned())]);
    let faults = store.check().unwrap().faults;
    assert_eq!(faults, [StoreFault::Part { fingerprint: name().to_string(), index: 1 }]);
    assert_eq!(store.commit(&[part(lease, 1, "b")]).unwrap(), [Committed::Written]);
    assert_eq!(bodies(&store), [(0, "a".to_owned()), (1, "b".to_owned())]);
    assert_eq!((store.check().unwrap().faults, store.recomputations().unwrap()), (vec![], 0));
}

#[test]
fn forgotten_parts_are_gone_and_only_those() {
    let (_folder, _path, mut store) = new();
    let lease = granted(&mut store);
    let mut other = part(lease, 0, "other");
    let NewRecord::Part(of_other) = &mut other.what else { panic!("a part") };
    of_other.fingerprint = "cd".repeat(32).parse().unwrap();
    store.commit(&[part(lease, 0, "a"), other]).unwrap();
    store.forget_parts(&name()).unwrap();
    assert_eq!(bodies(&store), []);
    assert_eq!(store.check().unwrap().parts, 1);
}
