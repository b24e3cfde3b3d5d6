//! Exit codes, on which scripts rely.

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    SomeFilesFailed = 3,
    NoDevice = 4,
    NotVerified = 5,
    Store = 6,
    Interrupted = 130,
    Terminated = 143,
}

/// The table of exit codes in `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    all done
  1    an unexpected failure
  2    the command line or a file that it names (model, lexicon) is invalid; nothing was run
  3    some recordings failed; the others are complete
  4    no device is usable
  5    verify, store check: a check failed
  6    the store cannot be used (missing, held by another process, or of another version)
  130  interrupted (SIGINT)    143  terminated (SIGTERM); finished work is kept";

/// An error and its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Usage, error)
    }

    pub(crate) fn store(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Store, error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
