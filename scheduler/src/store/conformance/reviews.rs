//! What people state about results.

use super::Harness;
use crate::store::{Entry, ReviewEntry, ReviewOutcome, audit, read_chain};

/// A statement with an ID of this digit.
pub(super) fn review(id: &str, at_ms: u64) -> ReviewEntry {
    ReviewEntry {
        id: id.repeat(16),
        recording: "ab".repeat(32),
        author: "kim".to_owned(),
        at_ms,
        body: "{\"note\":\"secret\"}".to_owned(),
    }
}

pub(crate) fn reviews_are_added_once_and_never_changed(harness: &dyn Harness) {
    let mut store = harness.open();
    let (later, earlier) = (review("a", 2), review("b", 1));
    let of_another = ReviewEntry { recording: "cd".repeat(32), ..review("c", 3) };
    let all = [later.clone(), earlier.clone(), of_another.clone()];
    assert_eq!(store.put_reviews(&all).unwrap(), [ReviewOutcome::Written; 3]);
    let changed = ReviewEntry { body: "{}".to_owned(), ..later.clone() };
    assert_eq!(store.put_reviews(&[later.clone(), changed]).unwrap(), [ReviewOutcome::Known, ReviewOutcome::Conflict]);
    assert_eq!(store.reviews(Some(&later.recording)).unwrap(), [earlier.clone(), later.clone()], "by time");
    drop(store);
    assert_eq!(harness.open_to_read().reviews(None).unwrap(), [earlier, later, of_another]);
}

pub(crate) fn reviews_are_in_the_custody_log_without_their_text(harness: &dyn Harness) {
    let mut store = harness.open();
    store.put_reviews(&[review("a", 2)]).unwrap();
    store.put_reviews(&[review("a", 2)]).unwrap();
    let custody = store.custody().unwrap();
    let (lines, fault) = read_chain(custody.lines.iter().map(String::as_str));
    assert_eq!((fault, audit(&*store, &lines).unwrap().disagreements), (None, vec![]));
    assert_eq!(lines.iter().filter(|line| matches!(line.entry, Entry::Review { .. })).count(), 1);
    assert!(custody.lines.iter().all(|line| !line.contains("secret")));
}
