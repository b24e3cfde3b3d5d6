//! The output of a running program, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::PATIENCE;

/// Lines that a thread reads from a pipe, so that waiting for one can end.
#[derive(Debug)]
pub struct Lines(Receiver<String>);

impl Lines {
    /// Starts to read.
    pub fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// The next line, if it arrives within the limit.
    #[must_use]
    pub fn next_within(&self, limit: Duration) -> Option<String> {
        self.0.recv_timeout(limit).ok()
    }
}

impl Iterator for Lines {
    type Item = String;

    /// The next line; `None` after the pipe was closed.
    ///
    /// # Panics
    /// If neither happens within [`PATIENCE`].
    fn next(&mut self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no further output within {PATIENCE:?}"),
        }
    }
}
