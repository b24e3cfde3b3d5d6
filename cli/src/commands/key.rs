//! `key new` and `key show`: keys that sign the manifest of a case.

use stage_core::shown;

use crate::args::KeyCommand;
use crate::error::Error;
use crate::exit::Exit;
use crate::signing::{KeyKind, PrivateKey, PublicKey, public_key_file};

pub(crate) fn key(command: &KeyCommand) -> Result<Exit, Error> {
    match command {
        KeyCommand::New(args) => {
            let key = PrivateKey::create(&args.file).map_err(Error::usage)?;
            println!("private key  {}: keep it secret, and away from the cases that it signs", shown(&args.file));
            let public = public_key_file(&args.file);
            println!("public key   {}: keep a copy outside the cases; hand it to those who verify", shown(&public));
            println!("fingerprint  {}", key.public().fingerprint());
        }
        KeyCommand::Show(args) => {
            let (kind, key) = PublicKey::of_any(&args.file).map_err(Error::usage)?;
            let kind = match kind {
                KeyKind::Private => "private key",
                KeyKind::Public => "public key",
            };
            println!("{kind}  {}", shown(&args.file));
            println!("fingerprint  {}", key.fingerprint());
        }
    }
    Ok(Exit::Done)
}
