//! A run, from planned recordings to its outcome.

use super::event::Event;
use super::interrupt::Interrupt;
use super::ledger::{Ledger, Observer};
use super::options::{Recompute, RunOptions};
use super::outcome::{Outcome, RunError};
use super::plan::{self, Chain};
use super::router::Router;
use crate::store::{NewRun, RecordingEntry, RunEnd, Store};

/// Brings every item up to date: reuses what is stored, computes the rest in worker processes and commits it to the
/// store. Without work no worker is started. `observe` gets every event on the calling thread, with the store at hand
/// for data of its own (exports, say); it must be quick.
///
/// Workers end with the calling thread: call this on a thread that outlives the run (the main thread does). None
/// survives the return.
///
/// # Errors
/// [`RunError`] if the run cannot continue: report it; what is committed stays, and the next run resumes there.
/// Failures of single recordings are in the [`Outcome`].
pub fn run(
    items: &[RecordingEntry],
    store: &mut dyn Store,
    options: &RunOptions,
    interrupt: &Interrupt,
    observe: &mut dyn FnMut(Event, &mut dyn Store),
) -> Result<Outcome, RunError> {
    let chains = plan::chains(items, options.recompute, store)?;
    forget_checkpoints(&chains, options.recompute, store)?;
    let RunOptions { command, tool_version, priority, .. } = options;
    let (command, tool_version) = (command.clone(), tool_version.clone());
    let run = store.begin_run(&NewRun { command, tool_version, priority: *priority })?;
    store.put_recordings(run, items)?;
    let ledger = Ledger::new(run, store, observe as Observer<'_>);
    let mut router = Router::new(items, chains, ledger, options);
    let driven = router.drive(interrupt);
    let outcome = router.into_outcome(driven.as_ref().is_ok_and(|interrupted| *interrupted));
    let end = match &driven {
        Ok(false) => RunEnd::Finished,
        Ok(true) => RunEnd::Interrupted,
        Err(_) => RunEnd::Broken,
    };
    let ended = store.end_run(run, end);
    driven?;
    ended?;
    Ok(outcome)
}

/// Deletes the checkpoints of stages that are to be computed again.
fn forget_checkpoints(chains: &[Chain], recompute: Recompute, store: &mut dyn Store) -> Result<(), RunError> {
    for chain in chains {
        for fingerprint in chain.recomputed(recompute) {
            if !store.checkpoints(&fingerprint)?.is_empty() {
                store.forget_checkpoints(&fingerprint)?;
            }
        }
    }
    Ok(())
}
