//! Printing that never panics. The macros of this module shadow those of the standard library in the whole crate: on a
//! full disk or a closed pipe, those panic.
//!
//! Where the reader of a pipe is gone, nothing more is printed and the command continues. Any other error of standard
//! output is remembered, and the program reports it at its end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

macro_rules! print {
    ($($arg:tt)*) => { $crate::print::to_stdout(::std::format_args!($($arg)*), "") };
}

macro_rules! println {
    () => { $crate::print::to_stdout(::std::format_args!(""), "\n") };
    ($($arg:tt)*) => { $crate::print::to_stdout(::std::format_args!($($arg)*), "\n") };
}

macro_rules! eprintln {
    ($($arg:tt)*) => { $crate::print::to_stderr(::std::format_args!($($arg)*)) };
}

/// The first error of standard output.
static FAILED: OnceLock<io::Error> = OnceLock::new();

pub(crate) fn to_stdout(text: Arguments<'_>, end: &str) {
    let mut stdout = io::stdout().lock();
    remember(stdout.write_fmt(text).and_then(|()| stdout.write_all(end.as_bytes())));
}

/// Nothing can report that standard error cannot be written.
pub(crate) fn to_stderr(text: Arguments<'_>) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_fmt(text).and_then(|()| stderr.write_all(b"\n"));
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
