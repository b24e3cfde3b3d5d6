//! `stage`: runs one stage and prints its artifact.

use scheduler::coordinator::{Event, ItemEnd, Recompute};
use scheduler::store::{Lookup, RecordingEntry, Store};
use serde_json::{Value, json};
use stage_core::StageName;

use crate::args::StageArgs;
use crate::engine::Engine;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;

pub(crate) fn stage(args: &StageArgs) -> Result<Exit, Error> {
    let mut engine = Engine::prepare(&args.engine, &args.inputs, &args.out, Some(args.stage))?;
    let recompute = if args.force { Recompute::Only(args.stage) } else { Recompute::Nothing };
    let paths: Vec<_> = engine.plan.items.iter().map(|item| item.path.clone()).collect();
    let outcome = engine.run(&args.engine, recompute, &mut |event, _| {
        if let Event::ItemFailed { index, error } = event {
            eprintln!("{}: {error}", paths[index].display());
        }
    })?;
    for failure in &engine.plan.unreadable {
        eprintln!("{}: {}", failure.path.display(), failure.error);
    }
    let mut failed = engine.plan.unreadable.len();
    for (item, end) in engine.plan.items.iter().zip(&outcome.items) {
        match end {
            ItemEnd::Done => println!("{}", artifact(&*engine.store, item, args.stage)?),
            ItemEnd::Failed(_) => failed += 1,
            ItemEnd::Unfinished => {}
        }
    }
    Ok(engine.exit(&outcome, failed))
}

/// One JSON object per line: recording, stage, fingerprint and artifact.
fn artifact(store: &dyn Store, item: &RecordingEntry, stage: StageName) -> Result<Value, Error> {
    let fingerprint =
        item.fingerprint(stage.artifact()).ok_or_else(|| Error::unexpected("the stage is not in the recipe"))?;
    let Lookup::Sound(stored) = store.artifact(&fingerprint).map_err(Error::store)? else {
        return Err(Error::unexpected(format!("{}: the artifact of {stage} is missing", item.path.display())));
    };
    let body: Value = serde_json::from_str(&stored.artifact.body).context("the artifact cannot be read")?;
    Ok(json!({"path": item.path, "stage": stage, "fingerprint": fingerprint, "artifact": body}))
}
