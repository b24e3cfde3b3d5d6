//! The lines between coordinator and driver: `ADDRESS VERB PAYLOAD`.
//!
//! The address is `-` for the driver itself, or `SLOT.GENERATION`. The payload of `line` is a line of the worker's
//! protocol; that of other verbs is JSON. `scheduler/ray/src/earwitness_ray/wire.py` is the other side.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::protocol::Limits;

/// The version of these lines. Both sides must use the same one.
pub(super) const VERSION: u32 = 1;

/// Maximum length of a line in bytes: that of a worker, its address and verb.
pub(super) fn line_bytes() -> usize {
    Limits::default().line_bytes + 64
}

/// One of the successive workers of a slot. The coordinator numbers slots as workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) slot: usize,
    pub(super) generation: u64,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// The first line to the driver.
#[derive(Debug, Serialize)]
pub(super) struct Configure<'a> {
    pub(super) protocol: u32,
    pub(super) address: &'a str,
    pub(super) gpus: f64,
    pub(super) cpus: f64,
    pub(super) resources: &'a BTreeMap<String, f64>,
    pub(super) argv: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) silence_ms: u64,
}

/// `ready`: the driver has joined the cluster.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) protocol: u32,
    pub(super) engine: String,
}

/// `fatal`: the driver cannot work.
#[derive(Debug, Deserialize)]
pub(super) struct Fatal {
    pub(super) message: String,
    pub(super) remedy: String,
}

/// `up`: a worker was started.
#[derive(Debug, Deserialize)]
pub(super) struct Up {
    pub(super) node: String,
    pub(super) host: String,
    pub(super) gpus: Vec<String>,
}

/// `alive`: the actor of a worker answers.
#[derive(Debug, Deserialize)]
pub(super) struct Alive {
    /// The memory of the worker in bytes, if it is known.
    pub(super) memory: Option<u64>,
}

/// `pending`: the cluster has had no room for a worker.
#[derive(Debug, Deserialize)]
pub(super) struct Pending {
    pub(super) seconds: f64,
}

/// `down`: a worker is gone.
#[derive(Debug, Deserialize)]
pub(super) struct Down {
    pub(super) cause: Cause,
    pub(super) reason: String,
    pub(super) node: String,
    pub(super) host: String,
}

/// Why a worker is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cause {
    Exit,
    Actor,
    Node,
    Program,
}

/// A line is not an envelope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a malformed line: {problem}; it begins `{excerpt}`")]
pub(super) struct MalformedLine {
    problem: String,
    excerpt: String,
}

/// A line that was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    /// `None`: the line concerns the driver itself.
    pub(super) address: Option<Address>,
    pub(super) verb: &'a str,
    pub(super) payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Parses a line without its end.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, MalformedLine> {
        let mut fields = line.splitn(3, |byte| *byte == b' ');
        let mut text = || fields.next().and_then(|field| std::str::from_utf8(field).ok());
        let (Some(address), Some(verb)) = (text(), text()) else { return Err(malformed(line, "no address and verb")) };
        let payload = fields.next().ok_or_else(|| malformed(line, "no payload"))?;
        let address = match address {
            "-" => None,
            text => Some(address_of(text).ok_or_else(|| malformed(line, "not the address of a slot"))?),
        };
        Ok(Self { address, verb, payload })
    }

    /// The payload as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, MalformedLine> {
        serde_json::from_slice(self.payload)
            .map_err(|error| malformed(self.payload, &format!("`{}`: {error}", self.verb)))
    }

    /// The error for a verb that is not defined.
    pub(super) fn unknown(&self) -> MalformedLine {
        malformed(self.verb.as_bytes(), "an unknown verb")
    }
}

fn address_of(text: &str) -> Option<Address> {
    let (slot, generation) = text.split_once('.')?;
    Some(Address { slot: slot.parse().ok()?, generation: generation.parse().ok()? })
}

fn malformed(line: &[u8], problem: &str) -> MalformedLine {
    let excerpt = String::from_utf8_lossy(line).chars().take(80).collect();
    MalformedLine { problem: problem.to_owned(), excerpt }
}

/// Writes a line for the driver itself.
pub(super) fn write_own(output: &mut impl Write, verb: &str, payload: &impl Serialize) -> io::Result<()> {
    writeln!(output, "- {verb} {}", serde_json::to_string(payload)?)
}

/// Writes a line for a slot that has no content besides its verb.
pub(super) fn write_verb(output: &mut impl Write, address: Address, verb: &str) -> io::Result<()> {
    writeln!(output, "{address} {verb} {{}}")
}

/// Writes lines of the worker's protocol for a slot.
pub(super) fn write_lines(output: &mut impl Write, address: Address, lines: &[u8]) -> io::Result<()> {
    lines.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| {
        write!(output, "{address} line ")?;
        output.write_all(line)
    })
}

/// The text of an argument, which the driver gets as JSON.
pub(super) fn text(argument: &OsStr) -> io::Result<String> {
    let text = argument.to_str().map(ToOwned::to_owned);
    text.ok_or_else(|| io::Error::other(format!("{} is not UTF-8", argument.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_of_a_worker_keeps_its_line_as_it_is() {
        let envelope = Envelope::parse(b"3.12 line {\"v\":7, \"a b\":\xff}").unwrap();
        assert_eq!(envelope.address, Some(Address { slot: 3, generation: 12 }));
        assert_eq!((envelope.verb, envelope.payload), ("line", b"{\"v\":7, \"a b\":\xff}".as_slice()));
        let own = Envelope::parse(b"- capacity 4").unwrap();
        assert_eq!((own.address, own.json::<usize>()), (None, Ok(4)));
    }

    #[test]
    fn envelope_that_is_malformed_is_an_error_with_its_beginning() {
        for line in ["", "-", "3.1", "3.1 line", "3 line x", "a.b line x", "-1.0 line x", "3.1.1 line x"] {
            let error = Envelope::parse(line.as_bytes()).expect_err(line);
            assert!(error.to_string().contains(&format!("it begins `{line}`")), "{error}");
        }
        assert!(Envelope::parse(b"- capacity many").unwrap().json::<usize>().is_err());
    }

    #[test]
    fn lines_of_a_message_in_chunks_each_get_the_address() {
        let mut output = Vec::new();
        write_lines(&mut output, Address { slot: 0, generation: 2 }, b"one\ntwo\n").unwrap();
        write_verb(&mut output, Address { slot: 1, generation: 5 }, "kill").unwrap();
        assert_eq!(output, b"0.2 line one\n0.2 line two\n1.5 kill {}\n");
    }
}
