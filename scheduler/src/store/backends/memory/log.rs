//! The custody log in memory. It has no file.

use crate::clock::now_ms;
use crate::store::custody::{Last, Sealed, seal};
use crate::store::{Custody, Entry, StoreError};

/// The chain, which begins with the database.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) custody: Custody,
    last: Option<Last>,
}

impl Default for Log {
    fn default() -> Self {
        let (custody, entry) = Custody::of_new_case();
        let mut log = Self { custody, last: None };
        // The first entry has no value that JSON cannot represent.
        let _ = log.append([entry]);
        log
    }
}

impl Log {
    /// Adds entries as one group.
    pub(super) fn append(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), StoreError> {
        let Sealed { lines, last } = seal(self.last.clone(), now_ms(), None, entries)?;
        self.custody.lines.extend(lines.into_iter().map(|(_, text)| text));
        self.last = last;
        Ok(())
    }
}
