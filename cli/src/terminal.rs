//! Everything that this crate prints. `print!`, `println!`, `eprint!` and `eprintln!` are redefined here for all of its
//! modules, so that no text of others (names of files, tags, transcripts, messages) can control a terminal or reorder a
//! line: [`stage_core::is_unprintable`] characters are escaped. Line ends pass, because texts have several lines; names
//! and messages on one line go through [`stage_core::printable`] or [`stage_core::shown`] first, and JSON through
//! [`json`].

use std::io::{self, Write};

use serde::Serialize;
use stage_core::{printable_json, printable_lines};

macro_rules! print {
    ($($text:tt)*) => { ::std::print!("{}", ::stage_core::printable_lines(&::std::format!($($text)*))) };
}

macro_rules! println {
    ($($text:tt)*) => { ::std::println!("{}", ::stage_core::printable_lines(&::std::format!($($text)*))) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { ::std::eprintln!("{}", ::stage_core::printable_lines(&::std::format!($($text)*))) };
}

/// A value as JSON on one line, with JSON escapes for what must not be printed.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|text| printable_json(&text).into_owned())
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
