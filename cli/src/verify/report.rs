//! The result of a verification, as text and as JSON.

use serde::Serialize;
use stage_core::printable;

use crate::exit::Exit;

/// Incremented when a field of the JSON is removed or changes its meaning.
const VERSION: u32 = 1;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// The custody log: its chain, its file, and its agreement with the store.
    Log,
    /// The bytes of a recording.
    Recording,
    /// A stored artifact.
    Artifact,
    /// A written file.
    File,
    /// The folder: files that the store has no record of.
    Folder,
    /// The store itself.
    Store,
    /// A head that was written down.
    Head,
    /// The signed manifest.
    Signature,
    /// The time stamp of the manifest.
    TimeStamp,
}

/// With what a case was compared, besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strength {
    /// With a signed manifest: finds everything that was changed after it was signed.
    PublicKey,
    /// With a head that was written down: finds a log that was made anew.
    Head,
    /// With a time stamp of the manifest: finds a case that was made anew after it.
    TimeStamp,
}

/// A failed check, or something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    check: Check,
    message: String,
}

/// Number of comparisons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) recordings: usize,
    pub(crate) artifacts: usize,
    /// Written files.
    pub(crate) files: usize,
    /// Written files that were rendered again from their artifacts.
    pub(crate) rendered_again: usize,
    /// Lines of the custody log.
    pub(crate) log_lines: usize,
    /// Records of the store that were compared with the log.
    pub(crate) records: usize,
}

/// The result of a verification.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// ID of the case.
    pub(crate) case: Option<String>,
    /// The head of the custody log, if its chain is whole.
    pub(crate) head: Option<String>,
    pub(crate) counts: Counts,
    /// With what the case was compared, besides itself.
    pub(crate) compared_with: Vec<Strength>,
    /// Failed checks.
    faults: Vec<Finding>,
    /// What is not a failed check.
    notes: Vec<Finding>,
}

impl Report {
    /// Adds a failed check.
    pub(crate) fn fault(&mut self, check: Check, message: impl Into<String>) {
        self.faults.push(Finding { check, message: message.into() });
    }

    /// Adds something worth knowing.
    pub(crate) fn note(&mut self, check: Check, message: impl Into<String>) {
        self.notes.push(Finding { check, message: message.into() });
    }

    /// The messages of the failed checks.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(|fault| fault.message.as_str())
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> Exit {
        if self.faults.is_empty() { Exit::Done } else { Exit::NotVerified }
    }

    /// Prints notes, failed checks, what was compared, and what that cannot find.
    pub(crate) fn print(&self) {
        for note in &self.notes {
            println!("note        {}", printable(&note.message));
        }
        for fault in &self.faults {
            println!("BROKEN      {}", printable(&fault.message));
        }
        let Counts { recordings, artifacts, files, rendered_again, log_lines, .. } = self.counts;
        let checked = format!(
            "{recordings} recordings, {artifacts} artifacts, {files} written files ({rendered_again} rendered again), \
             {log_lines} log lines"
        );
        match self.faults.len() {
            0 => println!("Everything is valid: {checked}."),
            1 => println!("1 check failed ({checked})."),
            number => println!("{number} checks failed ({checked})."),
        }
        if let Some(head) = &self.head {
            println!("head of the custody log: {head}");
        }
        println!("{}", self.limits());
    }

    /// What the comparison cannot find.
    fn limits(&self) -> String {
        if self.compared_with.is_empty() {
            return "Compared with itself only: a case that somebody made consistent again is not found without a \
                    signature (--public-key) or a head that was written down (--head)."
                .to_owned();
        }
        let with: Vec<_> = self.compared_with.iter().map(|strength| strength.label()).collect();
        format!("Compared with itself and with {}.", with.join(" and "))
    }

    /// The report as a JSON object.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Versioned<'a> {
            version: u32,
            valid: bool,
            #[serde(flatten)]
            report: &'a Report,
        }
        serde_json::to_string_pretty(&Versioned { version: VERSION, valid: self.faults.is_empty(), report: self })
    }
}

impl Strength {
    const fn label(self) -> &'static str {
        match self {
            Self::PublicKey => "a signed manifest",
            Self::Head => "a head that was written down",
            Self::TimeStamp => "a time stamp",
        }
    }
}
