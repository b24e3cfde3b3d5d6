//! A server with a made case and a made transcriber, and a client that can send anything.

mod fake_case;
mod fake_transcriber;
mod running;

pub(crate) use testkit::{Client, Reply, multipart};

pub(crate) use self::fake_case::FakeCase;
pub(crate) use self::fake_transcriber::FakeTranscriber;
pub(crate) use self::running::{Running, TOKEN, config};
