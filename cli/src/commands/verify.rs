//! `verify`: checks a case.

use scheduler::store::{self, Access};
use stage_core::printable_json;

use crate::args::VerifyArgs;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::open_store;
use crate::signing::PublicKey;
use crate::signing::timestamp::Certificates;
use crate::verify::{Request, verify as check};

pub(crate) fn verify(args: &VerifyArgs) -> Result<Exit, Error> {
    let url = open_store::url(args.folder.store.as_deref(), &args.folder.folder)?;
    let store = store::open(&url, Access::Read).map_err(Error::store)?;
    let public_key = args.public_key.as_deref().map(PublicKey::load).transpose().map_err(Error::usage)?;
    let authorities = args.tsa_certificate.as_deref().map(Certificates::load).transpose().map_err(Error::usage)?;
    let request = Request {
        recordings: &args.recordings,
        recordings_may_be_missing: false,
        heads: &args.head,
        public_key: public_key.as_ref(),
        time_stamp: args.time_stamp.as_deref(),
        authorities: authorities.as_ref(),
        ..Request::alone(&url, &args.folder.folder)
    };
    let report = check(&*store, &request)?;
    if args.json {
        println!("{}", printable_json(&report.json().context("the report cannot be written as JSON")?));
    } else {
        report.print();
    }
    Ok(report.exit())
}
