//! `manifest`: writes and signs the manifest of a case. `timestamp`: requests and attaches a time stamp of it.

use stage_core::shown;

use crate::args::{ManifestArgs, TimestampCommand};
use crate::error::Error;
use crate::exit::Exit;
use crate::manifest::{Written, attach, request, write};
use crate::open_store;
use crate::signing::PrivateKey;

pub(crate) fn manifest(args: &ManifestArgs) -> Result<Exit, Error> {
    let key = args.sign.as_deref().map(PrivateKey::load).transpose().map_err(Error::usage)?;
    let (mut store, mut record) = open_store::with_record(&args.folder, args.overwrite)?;
    let url = open_store::url(args.folder.store.as_deref(), &args.folder.folder)?;
    print_manifest(&write(&mut *store, &url, &mut record, key.as_ref())?);
    Ok(Exit::Done)
}

/// States what was written.
pub(crate) fn print_manifest(written: &Written) {
    for path in &written.removed {
        println!("removed, because it belongs to an earlier manifest: {}", shown(path));
    }
    match &written.public_key {
        Some(key) => println!("manifest: {} (signed with the key {key})", shown(&written.path)),
        None => println!("manifest: {} (not signed: --sign KEY)", shown(&written.path)),
    }
}

pub(crate) fn timestamp(command: &TimestampCommand) -> Result<Exit, Error> {
    match command {
        TimestampCommand::Request(args) => {
            let (mut store, mut record) = open_store::with_record(args, false)?;
            let path = request(&mut *store, &mut record)?;
            println!("request: {}", shown(&path));
            println!(
                "Send it to a time stamp authority, and attach the reply: `earwitness timestamp attach DIR REPLY`."
            );
        }
        TimestampCommand::Attach(args) => {
            let (mut store, mut record) = open_store::with_record(&args.folder, false)?;
            let attached = attach(&mut *store, &mut record, &args.reply)?;
            let statement = attached.reply.statement();
            println!("time stamp: {}, {}", shown(&attached.path), statement.time);
            println!("Keep a copy of it elsewhere. `earwitness verify --tsa-certificate FILE` checks its signature.");
        }
    }
    Ok(Exit::Done)
}
