//! The custody log in memory. It has no file.

use crate::clock::now_ms;
use crate::store::custody::{Last, seal};
use crate::store::{Custody, Entry, StoreError, StoredLine};

/// The chain, which begins with the database.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) custody: Custody,
    last: Option<Last>,
    group: u64,
}

impl Default for Log {
    fn default() -> Self {
        let (custody, entry) = Custody::of_new_case();
        let mut log = Self { custody, last: None, group: 0 };
        // The first entry has no value that JSON cannot represent.
        let _ = log.append([entry]);
        log
    }
}

impl Log {
    /// Adds entries as one group.
    pub(super) fn append(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), StoreError> {
        self.group += 1;
        for entry in entries {
            for (line, text) in seal(self.last.as_ref(), now_ms(), None, entry)? {
                self.last = Some(Last::of(&line, &text));
                self.custody.lines.push(StoredLine { text, group: self.group });
            }
        }
        Ok(())
    }
}
