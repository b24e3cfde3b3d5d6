//! Runs a plan: from a list of recordings to the outcome.

use super::event::Event;
use super::interrupt::Interrupt;
use super::ledger::{Ledger, Observer};
use super::options::{Recompute, RunOptions};
use super::outcome::{Outcome, RunError};
use super::plan::{self, Chain};
use super::router::Router;
use super::sharing::Sharing;
use crate::store::{NewWork, RecordingEntry, RunEnd, RunId, SharedPlan, Store};

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
    // A run that joins looks up what it claims.
    let chains = plan::chains(items, options.recompute, (!options.joins).then_some(&*store))?;
    forget_checkpoints(&chains, options.recompute, store)?;
    let run = store.begin_run(&options.new_run(items))?;
    // A run that joins knows its recordings from the store.
    let incidents = if options.joins { Vec::new() } else { store.put_recordings(run, items)? };
    let sharing = match share(run, items, &chains, store, options) {
        Ok(sharing) => sharing,
        Err(error) => {
            store.end_run(run, RunEnd::Broken)?;
            return Err(error);
        }
    };
    let mut ledger = Ledger::new(run, store, observe as Observer<'_>);
    incidents.into_iter().for_each(|incident| ledger.emit(Event::Incident(incident)));
    let outcome = Router::new(items, chains, ledger, sharing, options).and_then(|mut router| {
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

/// Offers the incomplete recordings to other runs, if they can write to the store too.
fn share(
    run: RunId,
    items: &[RecordingEntry],
    chains: &[Chain],
    store: &mut dyn Store,
    options: &RunOptions,
) -> Result<Option<Sharing>, RunError> {
    // What is computed again is stored, so that the other runs would not compute it.
    let Some(queue) = store.queue().filter(|_| options.recompute == Recompute::Nothing) else { return Ok(None) };
    let item = |chain: &Chain| &items[chain.indices[0]];
    if let (false, Some(first)) = (options.joins, items.first()) {
        let plan = SharedPlan {
            tool_version: options.tool_version.clone(),
            recipe: (*first.recipe).clone(),
            settings: options.settings.clone(),
        };
        let work = |chain: &Chain| NewWork {
            recording: item(chain).file_sha256.clone(),
            priority: options.priority_of(chain.indices[0]),
            audio_s: item(chain).audio_s,
        };
        let work: Vec<_> = chains.iter().filter(|chain| !chain.is_complete()).map(work).collect();
        queue.offer(run, &plan, &work)?;
    }
    Ok(Some(Sharing::new(chains.iter().map(item))))
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
