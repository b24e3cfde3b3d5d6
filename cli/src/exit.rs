//! Exit codes, on which scripts rely. `--help` and `docs/errors.md` list them from here.

macro_rules! exits {
    ($($exit:ident = $code:literal $meaning:literal;)+) => {
        /// How the program ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Exit {
            $(#[doc = $meaning] $exit = $code,)+
        }

        impl Exit {
            /// All exit codes with their meanings.
            pub(crate) const TABLE: &[(Self, &str)] = &[$((Self::$exit, $meaning)),+];
        }
    };
}

exits! {
    Done = 0 "all done";
    Failed = 1 "an unexpected failure, or output that cannot be written";
    Usage = 2 "the command line or a file that it names is invalid, or a file would be replaced; nothing was run";
    SomeFilesFailed = 3 "some recordings failed, or their pages lack requested sound; the others are complete";
    NoDevice = 4 "no device is usable";
    NotVerified = 5 "verify, store check: a check failed";
    Store = 6 "the store cannot be used (missing, held by another process, of another version, replaced during a run)";
    SoundLost = 7 "all done, but sound of some recordings was left out, is damaged, or is missing in the file: see the warnings";
    Interrupted = 130 "interrupted (SIGINT); finished work is kept";
    ReaderGone = 141 "the reader of the output closed it (SIGPIPE)";
    Terminated = 143 "terminated (SIGTERM); finished work is kept";
}

/// The table of exit codes in `--help`.
pub(crate) fn help() -> String {
    let lines = Exit::TABLE.iter().map(|(exit, meaning)| format!("\n  {:<4} {meaning}", *exit as u8));
    std::iter::once("Exit codes:".to_owned()).chain(lines).collect()
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
