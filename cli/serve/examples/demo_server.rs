//! A server with a made case and a made transcriber, to try clients by hand.
//!
//! ```text
//! cargo run --release -p serve --example demo_server -- 127.0.0.1:8080
//! curl -F file=@call.txt -F model=whisper-1 http://127.0.0.1:8080/v1/audio/transcriptions
//! ```
//!
//! `call.txt` states what happens: `fake segments=3 pause_ms=500`. A token is read from the environment variable
//! `EARWITNESS_TOKEN`.
#![expect(dead_code, reason = "the tests use more of it")]

use std::error::Error;
use std::sync::Arc;

use serve::{Access, Listen, ServerConfig, Services, Stop, Token, serve};
use tracing_subscriber::EnvFilter;

#[path = "../tests/server/support/fake_case.rs"]
mod fake_case;
#[path = "../tests/server/support/fake_transcriber.rs"]
mod fake_transcriber;

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("serve=info")).init();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut config = ServerConfig::new(Listen::Tcp(address.parse()?));
    if std::env::var_os("EARWITNESS_TOKEN").is_some() {
        config.access = Access::Token(Token::from_environment("EARWITNESS_TOKEN")?);
    }
    let services = Services {
        case: Some(Arc::new(fake_case::FakeCase::new())),
        transcriber: Some(Arc::new(fake_transcriber::FakeTranscriber::default())),
    };
    serve(&config, services, &Stop::new(), |address| {
        if let Some(address) = address {
            println!("http://{address}/");
        }
    })?;
    Ok(())
}
