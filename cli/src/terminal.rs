//! Everything that this crate prints. `print!`, `println!` and `eprintln!` are redefined here for all of its modules.
//!
//! No text of others (names of files, tags, transcripts, messages) can control a terminal or reorder a line:
//! [`stage_core::is_unprintable`] characters are escaped. Line ends pass, because texts have several lines; names and
//! messages on one line go through [`stage_core::printable`] or [`stage_core::shown`] first, and JSON through [`json`].
//!
//! Printing never panics, as the macros of the standard library do on a full disk or a closed pipe. Where the reader of a
//! pipe is gone, nothing more is printed and the command continues. Any other error of standard output is remembered, and
//! the program reports it at its end.

use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use serde::Serialize;
use stage_core::{printable_json, printable_lines};

macro_rules! print {
    ($($arg:tt)*) => { $crate::terminal::to_stdout(&::std::format!($($arg)*), "") };
}

macro_rules! println {
    () => { $crate::terminal::to_stdout("", "\n") };
    ($($arg:tt)*) => { $crate::terminal::to_stdout(&::std::format!($($arg)*), "\n") };
}

macro_rules! eprintln {
    ($($arg:tt)*) => { $crate::terminal::to_stderr(&::std::format!($($arg)*)) };
}

/// A value as JSON on one line, with JSON escapes for what must not be printed.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|text| printable_json(&text).into_owned())
}

/// The first error of standard output.
static FAILED: OnceLock<io::Error> = OnceLock::new();

pub(crate) fn to_stdout(text: &str, end: &str) {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(printable_lines(text).as_bytes());
    remember(written.and_then(|()| stdout.write_all(end.as_bytes())));
}

/// Nothing can report that standard error cannot be written.
pub(crate) fn to_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    let written = stderr.write_all(printable_lines(text).as_bytes());
    let _ = written.and_then(|()| stderr.write_all(b"\n"));
}

/// Writes what is buffered. Returns the first error of standard output in this process.
pub(crate) fn finish() -> Option<&'static io::Error> {
    remember(io::stdout().flush());
    FAILED.get()
}

fn remember(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = FAILED.set(error);
    }
}

/// Writes log lines to standard error, escaped.
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(printable_lines(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
