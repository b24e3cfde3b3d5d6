//! `store check` and `store compact`: care of the store itself.

use scheduler::store::{SqliteStore, Store};

use crate::args::{FolderArgs, StoreCommand};
use crate::exit::{Exit, Failure};
use crate::open_store;

pub(crate) fn store(command: &StoreCommand) -> Result<Exit, Failure> {
    match command {
        StoreCommand::Check(args) => check(args),
        StoreCommand::Compact(args) => compact(args),
    }
}

fn check(args: &FolderArgs) -> Result<Exit, Failure> {
    let check = open_store::to_read(args)?.check().map_err(Failure::store)?;
    for fault in &check.faults {
        println!("BROKEN      {fault}");
    }
    if check.abandoned_leases > 0 {
        println!("unfinished  {} batches of a killed run: the next run takes them up", check.abandoned_leases);
    }
    let checked = format!("{} artifacts, {} parts of unfinished ones", check.artifacts, check.parts);
    if check.faults.is_empty() {
        println!("The store holds: {checked}.");
        Ok(Exit::Done)
    } else {
        println!("{} of what was checked does not hold ({checked}).", check.faults.len());
        Ok(Exit::NotVerified)
    }
}

fn compact(args: &FolderArgs) -> Result<Exit, Failure> {
    let mut store = SqliteStore::open(&open_store::existing(args)?).map_err(Failure::store)?;
    let done = store.compact().map_err(Failure::store)?;
    println!("{} before, {} now", megabytes(done.bytes_before), megabytes(done.bytes_after));
    println!(
        "dropped: {} parts of finished artifacts, {} files that are gone, {} recipes of no recording",
        done.parts, done.inputs, done.recipes
    );
    Ok(Exit::Done)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
