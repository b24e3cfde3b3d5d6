//! The queue that the runs of a case share.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use serde_json::json;

use super::sharing::expire;
use super::*;
use crate::store::conformance::samples::{error, other_recipe, recipe};
use crate::store::{NewWork, RunEnd, RunId, SharedPlan, WorkEnd, WorkQueue};

fn plan() -> SharedPlan {
    SharedPlan { tool_version: "1".to_owned(), recipe: recipe(), settings: json!({"a": 1}) }
}

fn work(names: &[&str]) -> Vec<NewWork> {
    let work = |(index, name): (usize, &&str)| NewWork {
        recording: (*name).to_owned(),
        priority: i32::from(*name == "urgent"),
        audio_s: index as f64,
    };
    names.iter().enumerate().map(work).collect()
}

/// A store whose run has offered these recordings.
fn offered(harness: &PostgresHarness, names: &[&str]) -> (PostgresStore, RunId) {
    let mut store = writer(harness, "");
    let run = begun(&mut store);
    store.offer(run, &plan(), &work(names)).unwrap();
    (store, run)
}

fn joined(harness: &PostgresHarness) -> (PostgresStore, RunId) {
    let mut store = writer(harness, "");
    let run = begun(&mut store);
    (store, run)
}

#[test]
fn queue_gives_each_recording_to_one_run_urgent_and_long_ones_first() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let (mut one, first) = offered(&harness, &["urgent", "short", "long"]);
    let (mut two, second) = joined(&harness);
    assert_eq!(two.plan().unwrap(), Some(plan()));
    assert_eq!(one.claim(first, 1, &[]).unwrap(), ["urgent"]);
    assert_eq!(two.claim(second, 1, &[]).unwrap(), ["long"]);
    assert_eq!(two.claim(second, 9, &["short".to_owned()]).unwrap(), [""; 0], "excluded, or claimed by the other");
    assert_eq!(two.claim(second, 9, &[]).unwrap(), ["short"]);
    two.settle(second, "long", &WorkEnd::Done).unwrap();
    two.settle(second, "urgent", &WorkEnd::Done).unwrap();
    two.settle(second, "short", &WorkEnd::Failed(error())).unwrap();
    assert_eq!(one.unfinished().unwrap(), ["urgent"], "it is claimed by the other run");
    let (ended, until_ms) = one.ended(0).unwrap();
    let expected = [("long".to_owned(), WorkEnd::Done), ("short".to_owned(), WorkEnd::Failed(error()))];
    assert_eq!((ended, until_ms > 0), (expected.into(), true));
    assert_eq!(one.ended(until_ms + 120_000).unwrap().0, []);
}

#[test]
fn queue_is_shared_without_giving_anything_twice() {
    const RECORDINGS: usize = 200;
    let Some(harness) = PostgresHarness::fresh() else { return };
    let names: Vec<_> = (0..RECORDINGS).map(|number| format!("{number:03}")).collect();
    let (_first, _) = offered(&harness, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let taken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (mut store, run) = joined(&harness);
                loop {
                    let claimed = store.claim(run, 3, &[]).unwrap();
                    if claimed.is_empty() {
                        break;
                    }
                    claimed.iter().for_each(|one| store.settle(run, one, &WorkEnd::Done).unwrap());
                    taken.lock().unwrap().extend(claimed);
                }
                store.end_run(run, RunEnd::Finished).unwrap();
            });
        }
    });
    let taken = taken.into_inner().unwrap();
    assert_eq!((taken.len(), taken.into_iter().collect::<BTreeSet<_>>().len()), (RECORDINGS, RECORDINGS));
}

#[test]
fn queue_reopens_the_claims_of_a_run_that_ended_or_expired() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let (mut stopped, run) = offered(&harness, &["a", "b"]);
    let (mut other, second) = joined(&harness);
    assert_eq!(stopped.claim(run, 9, &[]).unwrap().len(), 2);
    assert_eq!(other.claim(second, 9, &[]).unwrap(), [""; 0]);
    stopped.give_back(run, &["a".to_owned()]).unwrap();
    assert_eq!(other.claim(second, 9, &[]).unwrap(), ["a"]);
    harness.client().execute("UPDATE run SET expires_ms = 0, lease_ms = 0 WHERE id = $1", &[&run.0]).unwrap();
    assert_eq!(other.claim(second, 9, &[]).unwrap(), ["b"]);
    stopped.settle(run, "b", &WorkEnd::Done).unwrap();
    assert_eq!(other.unfinished().unwrap().len(), 2, "a run that was taken over settles nothing");
    let error = stopped.claim(run, 1, &[]).unwrap_err();
    assert!(matches!(error, StoreError::TakenOver { run: lost } if lost == run), "{error}");
    drop(other);
    let (mut third, third_run) = joined(&harness);
    assert_eq!(third.claim(third_run, 9, &[]).unwrap().len(), 2);
}

#[test]
fn queue_has_one_plan_while_runs_are_in_progress() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let (mut one, first) = offered(&harness, &["a"]);
    assert_eq!(one.claim(first, 1, &[]).unwrap(), ["a"]);
    let (mut two, second) = joined(&harness);
    let machine = SharedPlan { settings: json!({"a": 2}), ..plan() };
    two.offer(second, &machine, &work(&["a", "b"])).unwrap();
    assert_eq!(two.claim(second, 9, &[]).unwrap(), ["b"], "what is claimed stays so");
    assert_eq!(one.claim(first, 9, &[]).unwrap(), [""; 0]);
    for other in
        [SharedPlan { recipe: other_recipe(), ..plan() }, SharedPlan { tool_version: "2".to_owned(), ..plan() }]
    {
        let error = two.offer(second, &other, &work(&["c"])).unwrap_err();
        assert!(matches!(error, StoreError::OtherPlan { .. }), "{error}");
        assert!(error.to_string().contains("run --join"), "{error}");
    }
    one.end_run(first, RunEnd::Finished).unwrap();
    let other = SharedPlan { recipe: other_recipe(), ..plan() };
    two.offer(second, &other, &work(&["c"])).unwrap();
    assert_eq!((two.plan().unwrap(), two.unfinished().unwrap()), (Some(other), vec!["c".to_owned()]));
}

#[test]
fn queue_offers_what_has_ended_again_and_hides_it_from_earlier_runs() {
    let Some(harness) = PostgresHarness::fresh() else { return };
    let (mut one, first) = offered(&harness, &["a"]);
    one.claim(first, 1, &[]).unwrap();
    one.settle(first, "a", &WorkEnd::Failed(error())).unwrap();
    let (_two, _) = offered(&harness, &["a"]);
    assert_eq!(one.claim(first, 9, &[]).unwrap(), [""; 0], "the first run does not know it");
    expire(&harness);
    let (mut three, third) = joined(&harness);
    assert_eq!(three.claim(third, 9, &[]).unwrap(), ["a"]);
}
