//! Renews the registration of a run on a connection of its own, so that no long operation of the coordinator delays it.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;

use super::location::Location;
use super::runs::RENEW;
use super::session::Session;
use crate::store::{RunId, StoreError};

/// Renewals per registration time, so that a few may fail.
const RENEWALS: u32 = 4;

/// Renews a registration until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Dropping it ends the thread, which is not awaited: it may be waiting for the server.
    _until_dropped: Sender<()>,
}

impl Heartbeat {
    /// Connects, so that a run that begins can be renewed.
    pub(super) fn connect(mut location: Location) -> Result<Session, StoreError> {
        // An outage is waited for by the next renewals, so that the end is noticed.
        location.patience = location.lease / RENEWALS;
        let mut session = Session::new(location, false);
        session.connect()?;
        Ok(session)
    }

    pub(super) fn start(run: RunId, mut session: Session) -> Self {
        let (until_dropped, ended) = mpsc::channel();
        let pause = session.location().patience;
        thread::spawn(move || {
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                match session.write(|db| db.execute(RENEW, &[&run.0])) {
                    // The coordinator notices it when it asks for the next lease.
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(run = run.0, %error, "the registration of the run was not renewed"),
                }
            }
        });
        Self { _until_dropped: until_dropped }
    }
}
