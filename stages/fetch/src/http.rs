//! HTTP and HTTPS.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::LazyLock;
use std::time::Duration;

use ureq::{Agent, Error};

use crate::Failure;

const USER_AGENT: &str = concat!("earwitness/", env!("CARGO_PKG_VERSION"));
/// How long a server may take to accept a connection, and then to begin its answer.
const CONNECT: Duration = Duration::from_secs(20);
const BEGIN: Duration = Duration::from_secs(60);
const BLOCK_BYTES: usize = 1 << 16;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder().user_agent(USER_AGENT).timeout_connect(Some(CONNECT));
    config.timeout_recv_response(Some(BEGIN)).build().into()
});

pub(crate) fn copy(url: &str, file: &mut File, left: Duration) -> Result<(), Failure> {
    let request = AGENT.get(url).config().timeout_global(Some(left)).build();
    let response = request.call().map_err(failure)?;
    let mut body = response.into_body().into_reader();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match body.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => file.write_all(&block[..read]).map_err(Failure::Copy)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Interrupted(error.to_string())),
        }
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::StatusCode(status @ (408 | 429 | 500..)) => Failure::Interrupted(answered(status)),
        Error::StatusCode(status) => Failure::Refused(answered(status)),
        Error::Io(_) | Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed | Error::Protocol(_) => {
            Failure::Interrupted(error.to_string())
        }
        other => Failure::Refused(other.to_string()),
    }
}

fn answered(status: u16) -> String {
    format!("the server answered with status {status}")
}
