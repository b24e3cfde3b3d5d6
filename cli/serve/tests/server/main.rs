//! The server through real sockets, with a made case and a made transcriber.
#![expect(clippy::unwrap_used, reason = "a failed test must stop")]

mod case;
mod checks;
mod clients;
mod lifecycle;
mod load;
mod ranges;
mod support;
mod tls;
mod transcription;
mod uploads;
