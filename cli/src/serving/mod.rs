//! What the server offers: a case from its store, and transcription with resident models.

mod answer;
mod case;
mod lane;
mod open;
mod request;
mod snapshot;
mod transcription;
mod verified;

pub(crate) use self::case::ServedCase;
pub(crate) use self::open::transcriber;
