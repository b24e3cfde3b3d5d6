//! Descriptor 1 belongs to the protocol: a private copy is kept, and stdout becomes stderr, so that no library's
//! print can break a message.

use std::fs::File;
use std::io;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Signal, set_parent_process_death_signal};

/// The lowest number that the private copy may get: beyond the standard three.
const FIRST_PRIVATE_FD: i32 = 3;

/// Takes stdout for the protocol. To be called once, before anything is printed.
pub(super) fn claim_stdout() -> io::Result<File> {
    let private = fcntl_dupfd_cloexec(io::stdout(), FIRST_PRIVATE_FD)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(private.into())
}

/// Has the system end this process when its parent dies. A parent that died before the call closed stdin.
pub(super) fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}
