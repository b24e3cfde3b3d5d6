//! The custody log in memory. It has no file.

use crate::clock::now_ms;
use crate::store::custody::{FORMAT, Last, random_hex, seal};
use crate::store::{Custody, Entry, Salt, StoreError, StoredLine};

/// The chain, which begins with the database.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) custody: Custody,
    last: Option<Last>,
    group: u64,
}

impl Default for Log {
    fn default() -> Self {
        let (case, chain, salt) = (random_hex::<16>(), random_hex::<8>(), Salt::new(random_hex::<32>()));
        let (salt_sha256, heads) = (salt.sha256(), [].into());
        let entry = Entry::Case { format: FORMAT, case: case.clone(), chain: chain.clone(), salt_sha256, heads };
        let custody = Custody { case, chain, salt, lines: Vec::new(), file: None };
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
            for (line, text) in seal(self.last.as_ref(), now_ms(), entry)? {
                self.last = Some(Last::of(&line, &text));
                self.custody.lines.push(StoredLine { text, group: self.group });
            }
        }
        Ok(())
    }
}
