//! Transcription of uploaded files, as OpenAI's API defines it.
//!
//! ```text
//! request -> place -> form (file to disk) -> parameters -> slot -> Transcriber -> events -> answer or stream
//! ```
//!
//! A request without a place is answered with 429. Dropping the answer, as when the client leaves, cancels the request.

mod form;
mod format;
mod parameters;
mod queue;
mod routes;
mod run;
mod stream;
mod transcriber;
mod upload_folder;

pub(crate) use self::routes::{TranscribeState, is_ready, routes};
pub use self::transcriber::{
    Cancel, Event, Events, Failure, Model, Segment, SubmitError, Task, Transcriber, Transcript, TranscriptionRequest,
    Word,
};
pub(crate) use self::upload_folder::UploadFolder;
pub use self::upload_folder::UploadedFile;
