//! Opening: which access may create, read and write.

use super::Harness;
use super::samples::{commit, fingerprint, granted, sound};
use crate::store::{Access, StoreError, Writer, open};

pub(crate) fn store_is_created_only_on_demand(harness: &dyn Harness) {
    for access in [Access::Read, Access::Write] {
        assert!(matches!(open(&harness.url(), access), Err(StoreError::Missing { .. })), "{access:?}");
    }
    drop(harness.open());
    for access in [Access::Read, Access::Write, Access::Create] {
        assert!(open(&harness.url(), access).unwrap().runs(1).unwrap().is_empty(), "{access:?}");
    }
}

pub(crate) fn store_opened_for_reading_sees_commits_and_refuses_writes(harness: &dyn Harness) {
    let mut store = harness.open();
    let lease = granted(&mut *store);
    let mut reader = harness.open_to_read();
    store.commit(&[commit(lease, "{}", false)]).unwrap();
    assert_eq!(sound(&*reader).computations, 1);
    assert!(matches!(reader.forget_checkpoints(&fingerprint()), Err(StoreError::ReadOnly)));
    assert!(matches!(reader.commit(&[commit(lease, "{}", true)]), Err(StoreError::ReadOnly)));
    assert_eq!(sound(&*store).computations, 1);
}

pub(crate) fn store_has_one_writer_at_a_time_who_is_known(harness: &dyn Harness) {
    let store = harness.open();
    let error = open(&harness.url(), Access::Write).unwrap_err();
    let StoreError::Locked { holder: Some(holder), .. } = &error else { panic!("{error:?}") };
    assert_eq!(holder.pid, std::process::id());
    let message = error.to_string();
    assert!(message.contains(&format!("is in use by process {} (", holder.pid)), "{message}");
    assert!(message.contains(" UTC: wait until"), "{message}");
    let reader = harness.open_to_read();
    for asked in [&store, &reader] {
        assert_eq!(asked.writer().unwrap(), Writer::Process(holder.clone()));
    }
    drop(store);
    assert_eq!(reader.writer().unwrap(), Writer::None);
    drop(harness.open());
}
