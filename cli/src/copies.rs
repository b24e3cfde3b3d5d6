//! Records copies that leave a case in its custody log, if the case can be written.

use scheduler::store::{self, Access, Entry, StoreUrl};
use stage_core::full_message;

/// Adds entries about copies. A case on read-only media, of another user or in use by a run cannot be written: then the
/// copies are not in its log, and the reason is printed.
pub(crate) fn record(url: &StoreUrl, copies: &[Entry]) {
    if copies.is_empty() {
        return;
    }
    let recorded = store::open(url, Access::Write).and_then(|mut store| store.log(copies));
    match recorded {
        Ok(()) => eprintln!("recorded in the custody log: {} copies", copies.len()),
        Err(error) => eprintln!("not recorded in the custody log: {}", full_message(&error)),
    }
}
