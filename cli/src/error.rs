//! The error of the library and of its command line.

use std::error::Error as StdError;
use std::fmt;

use scheduler::store::StoreError;
use stage_core::{ErrorCode, PipelineError, full_message};

use crate::exit::Exit;
use crate::outputs::TakenFiles;
use crate::signals;
use crate::stages::BuildError;

/// Any error, to be wrapped.
type Cause = Box<dyn StdError + Send + Sync>;

/// Why the library or a command failed as a whole. Recordings fail one by one, each with a [`PipelineError`].
///
/// The text of the error says what failed; [`Error::source`](StdError::source) leads to the causes, and
/// [`Error::report`] states all of them in one line.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    /// What failed, if `cause` does not say it.
    message: Option<String>,
    cause: Cause,
}

/// The kind of an [`Error`]. It determines the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option, a setting or a file that it names is invalid, and nothing was run: correct what the message names.
    Usage,
    /// A recording failed: see its code.
    Recording,
    /// No device is usable: choose another one, or see why its workers do not start.
    NoDevice,
    /// The store cannot be used: see its code.
    Store,
    /// A check of the case failed, so that it was not signed: `earwitness verify` names what is wrong.
    NotVerified,
    /// The run was interrupted before any recording was processed. Hashes that were computed are kept.
    Interrupted,
    /// Anything else, such as a file that cannot be written.
    Unexpected,
}

impl ErrorKind {
    /// The exit code of the program.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self.exit() as u8
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Usage => Exit::Usage,
            Self::Recording => Exit::SomeFilesFailed,
            Self::NoDevice => Exit::NoDevice,
            Self::Store => Exit::Store,
            Self::NotVerified => Exit::NotVerified,
            Self::Interrupted => signals::exit(),
            Self::Unexpected => Exit::Failed,
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<Cause>) -> Self {
        Self { kind, message: None, cause: cause.into() }
    }

    pub(crate) fn usage(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::Usage, cause)
    }

    pub(crate) fn store(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::Store, cause)
    }

    pub(crate) fn unexpected(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::Unexpected, cause)
    }

    /// The kind of the error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, for scripts: the code that a part of the pipeline reported, if there is one. `docs/errors.md`
    /// lists all codes.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        let first: &(dyn StdError + 'static) = &*self.cause;
        std::iter::successors(Some(first), |error| (*error).source()).find_map(code_of)
    }

    /// The message, the causes and the code in one line.
    #[must_use]
    pub fn report(&self) -> String {
        let text = full_message(self);
        match self.code().map(|code| format!("[{code}]")) {
            Some(code) if !text.contains(&code) => format!("{text} {code}"),
            _ => text,
        }
    }
}

fn code_of(error: &(dyn StdError + 'static)) -> Option<ErrorCode> {
    let boxed = || error.downcast_ref::<Box<PipelineError>>().map(AsRef::as_ref);
    let of_pipeline = || error.downcast_ref().or_else(boxed).map(|error: &PipelineError| error.code.clone());
    let of_store = || error.downcast_ref::<StoreError>().map(|error| error.class_and_code().1);
    let of_stages = || error.downcast_ref::<BuildError>().map(|error| error.class_and_code().1);
    let of_outputs = || error.downcast_ref::<TakenFiles>().map(|_| ErrorCode::OutputTaken);
    let nested = || error.downcast_ref::<Error>().and_then(Error::code);
    of_pipeline().or_else(of_store).or_else(of_stages).or_else(of_outputs).or_else(nested)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => message.fmt(f),
            None => self.cause.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.message {
            Some(_) => Some(&*self.cause),
            None => self.cause.source(),
        }
    }
}

impl From<PipelineError> for Error {
    fn from(error: PipelineError) -> Self {
        Self::new(ErrorKind::Recording, error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::store(error)
    }
}

/// Adds what failed to any error. The kind of an [`Error`] is kept; other errors are unexpected.
pub(crate) trait ErrorContext<T> {
    fn context(self, message: impl Into<String>) -> Result<T, Error>;
}

impl<T, E: Into<Cause>> ErrorContext<T> for Result<T, E> {
    fn context(self, message: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| {
            let cause = error.into();
            let kind = cause.downcast_ref::<Error>().map_or(ErrorKind::Unexpected, Error::kind);
            Error { kind, message: Some(message.into()), cause }
        })
    }
}

#[cfg(test)]
mod tests {
    use stage_core::{ErrorClass, Origin};

    use super::*;

    fn missing() -> StoreError {
        StoreError::Missing { store: "calls/earwitness.db".to_owned() }
    }

    #[test]
    fn error_with_context_keeps_kind_and_code_and_reports_its_causes() {
        let error = Err::<(), _>(Error::store(missing())).context("nothing to export").unwrap_err();
        assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Store, 6));
        assert_eq!(error.to_string(), "nothing to export");
        assert_eq!(error.report(), "nothing to export: no store at calls/earwitness.db [store-missing]");
        let error = Error::usage(error);
        assert_eq!((error.kind().exit_code(), error.code()), (2, Some(ErrorCode::StoreMissing)));
    }

    #[test]
    fn error_of_a_recording_states_its_code_once() {
        let failed = PipelineError::new(Origin::Export, ErrorClass::BadInput, ErrorCode::ResultsNotWritten, "a.json");
        let error = Error::from(failed);
        assert_eq!((error.kind().exit_code(), error.report().as_str()), (3, "export: a.json [results-not-written]"));
        assert_eq!(Error::unexpected("no codes here").report(), "no codes here");
    }
}
