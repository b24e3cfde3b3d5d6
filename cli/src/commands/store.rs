//! `store check` and `store compact`.

use scheduler::store::Access;
use stage_core::printable;

use crate::args::{FolderArgs, StoreCommand};
use crate::error::Error;
use crate::exit::Exit;
use crate::open_store;

pub(crate) fn store(command: &StoreCommand) -> Result<Exit, Error> {
    match command {
        StoreCommand::Check(args) => check(args),
        StoreCommand::Compact(args) => compact(args),
    }
}

fn check(args: &FolderArgs) -> Result<Exit, Error> {
    let check = open_store::open(args, Access::Read)?.check().map_err(Error::store)?;
    for fault in &check.faults {
        println!("BROKEN      {}", printable(&fault.to_string()));
    }
    if check.abandoned_leases > 0 {
        println!("unfinished  {} batches of a killed run: the next run resumes them", check.abandoned_leases);
    }
    let checked = format!("{} artifacts, {} checkpoints of unfinished ones", check.artifacts, check.checkpoints);
    if check.faults.is_empty() {
        println!("The store is sound: {checked}.");
        Ok(Exit::Done)
    } else {
        println!("{} checks failed ({checked}).", check.faults.len());
        Ok(Exit::NotVerified)
    }
}

fn compact(args: &FolderArgs) -> Result<Exit, Error> {
    let done = open_store::open(args, Access::Write)?.compact().map_err(Error::store)?;
    println!("{} before, {} now", megabytes(done.bytes_before), megabytes(done.bytes_after));
    println!(
        "removed: {} checkpoints of finished artifacts, {} cached hashes of missing files, {} unused recipes",
        done.checkpoints, done.inputs, done.recipes
    );
    Ok(Exit::Done)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
