//! Runs a plan: from a list of recordings to the outcome.

use super::event::Event;
use super::interrupt::Interrupt;
use super::ledger::{Ledger, Observer};
use super::options::{Recompute, RunOptions};
use super::outcome::{Outcome, RunError};
use super::plan::{self, Chain};
use super::router::Router;
use crate::store::{RecordingEntry, RunEnd, Store};

/// Brings every item up to date: reuses stored artifacts, computes the others in worker processes and commits them to
/// the store. Starts no worker if there is nothing to compute. `observe` gets every event on the calling thread, and
/// may write further records, such as exports, to the store. It must return quickly.
///
/// The system kills the workers when the calling thread ends, so call this on a thread that outlives the run, such as
/// the main thread. No worker survives the return of this function,
/// except that workers on a cluster whose driver was killed end a moment later.
///
/// # Errors
/// [`RunError`] if the run cannot continue. Committed artifacts stay, and the next run resumes from them.
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
    let run = store.begin_run(&options.new_run(items))?;
    let incidents = store.put_recordings(run, items)?;
    let mut ledger = Ledger::new(run, store, observe as Observer<'_>);
    incidents.into_iter().for_each(|incident| ledger.emit(Event::Incident(incident)));
    let outcome = Router::new(items, chains, ledger, options).and_then(|mut router| {
        let interrupted = router.drive(interrupt)?;
        Ok(router.into_outcome(interrupted))
    });
    let end = match &outcome {
        Ok(Outcome { interrupted: false, .. }) => RunEnd::Finished,
        Ok(Outcome { interrupted: true, .. }) => RunEnd::Interrupted,
        Err(_) => RunEnd::Broken,
    };
    let ended = store.end_run(run, end);
    let outcome = outcome?;
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
