//! The HTTP server of Earwitness: a case for browsers, and transcription as OpenAI's API defines it.
//!
//! ```text
//! socket -> TLS -> HTTP/1.1 -> checks (host, origin, access) -> route -> CaseSource | Transcriber
//! ```
//!
//! The crate knows HTTP alone. What it serves comes through two traits: [`CaseSource`], a case with its pages, audio,
//! text and reviews, and [`Transcriber`], which turns uploaded files into events. Both may block. [`serve`] runs a
//! server until it is stopped, and [`Server`] does the same inside a runtime of tokio.
//!
//! A server listens on a loopback address or a Unix socket, or needs a token or a reverse proxy, and TLS
//! ([`ServerConfig::check`]). Its log and metrics have no contents: no names of files, no text, no tokens.

mod app;
mod blocking;
mod body;
mod case;
mod checks;
mod config;
mod connection;
mod error;
mod headers;
mod health;
mod listen;
mod metrics;
mod observe;
mod range;
mod server;
mod tls;
mod token;
mod transcribe;

pub use self::case::{
    Caller, CaseError, CaseSource, Content, FileName, NameError, RecordingId, RecordingSummary, SearchHit, SearchQuery,
    SearchResults, open_in_folder,
};
pub use self::config::{Access, ConfigError, Limits, Listen, ServerConfig, TlsFiles};
pub use self::server::{ServeError, Server, Services, Stop, Stopped, serve};
pub use self::tls::TlsError;
pub use self::token::{SHORTEST_TOKEN, Token, TokenError};
pub use self::transcribe::{
    Cancel, Event, Events, Failure, Model, Segment, SubmitError, Task, Transcriber, Transcript, TranscriptionRequest,
    UploadedFile, Word,
};
