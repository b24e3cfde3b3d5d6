//! The codes of errors. This table is their only list: the enum, the names, `docs/errors.md` and the tests follow it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ErrorClass;

/// What is known about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    /// The stable name, in kebab-case.
    pub name: &'static str,
    /// The usual classes.
    pub classes: &'static [ErrorClass],
    /// The origins that use it: names of stages, [`super::Origin::RESERVED`], or `stages` for every stage.
    pub origins: &'static [&'static str],
    /// What happened: one sentence.
    pub meaning: &'static str,
    /// What the user can do.
    pub remedy: &'static str,
}

/// A code that this program does not know: of another version, or of a stage that others wrote. Only
/// [`ErrorCode::named`] creates it, so it never holds the name of a known code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnknownCode(Box<str>);

macro_rules! codes {
    ($($code:ident $name:literal [$($class:ident)+] [$($origin:literal)+] $meaning:literal $remedy:literal;)+) => {
        /// What happened, for scripts. Each code has one stable name and one meaning.
        ///
        /// Stages that are not part of Earwitness use these codes where they fit, and define others with
        /// [`ErrorCode::named`].
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $code,)+
            /// A code that this program does not know.
            Other(UnknownCode),
        }

        impl ErrorCode {
            /// All known codes.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// What is known about the code. `None` for an unknown one.
            #[must_use]
            pub const fn info(&self) -> Option<CodeInfo> {
                match self {
                    $(Self::$code => Some(CodeInfo {
                        name: $name,
                        classes: &[$(ErrorClass::$class),+],
                        origins: &[$($origin),+],
                        meaning: $meaning,
                        remedy: $remedy,
                    }),)+
                    Self::Other(_) => None,
                }
            }
        }
    };
}

codes! {
    // The recording.
    UnreadableFile "unreadable-file" [BadInput Transient] ["planner" "decode"]
        "The file of the recording cannot be opened or read."
        "Check that the file exists, that you may read it, and that its disk or network folder works.";
    UnreadableFolder "unreadable-folder" [BadInput] ["planner"]
        "A folder below an input cannot be searched. It may contain recordings that are missing from the results."
        "Make the folder readable for you (`chmod u+rx`), and run again: finished work is reused.";
    EmptyFile "empty-file" [BadInput] ["decode"]
        "The file has no bytes."
        "Copy the recording again.";
    FileChanged "file-changed" [BadInput] ["decode"]
        "The file changed after it was hashed."
        "Run again when no program writes to the file any more.";
    UnknownContainer "unknown-container" [BadInput] ["decode"]
        "The file is not in a supported container format."
        "Check that it is an audio file; install ffmpeg, which --decoder auto then uses, or convert it to wav or flac.";
    TruncatedHeader "truncated-header" [BadInput] ["decode"]
        "The file ends inside the header of its container."
        "Copy the recording again; the rest of it is missing.";
    DamagedContainer "damaged-container" [BadInput] ["decode"]
        "The structure of the container is damaged."
        "Copy the recording again, or repair it with another program.";
    NoAudioTrack "no-audio-track" [BadInput] ["decode"]
        "The container has no audio track."
        "Check that it is the right file.";
    UnsupportedCodec "unsupported-codec" [BadInput] ["decode"]
        "There is no built-in decoder for the codec of the file."
        "Install ffmpeg, which --decoder auto then uses, or convert the file to wav or flac.";
    UnsupportedProfile "unsupported-profile" [BadInput] ["decode"]
        "The codec is supported, but the file uses a part of it that the built-in decoder cannot decode in full."
        "Install ffmpeg, which --decoder auto then uses, or convert the file to wav or flac.";
    UnsupportedEditList "unsupported-edit-list" [BadInput] ["decode"]
        "The edit list of the file cannot be followed."
        "Install ffmpeg, which --decoder auto then uses, or convert the file to wav or flac.";
    ExternalDecoder "external-decoder" [BadInput Transient] ["decode"]
        "ffmpeg, which decodes the file, failed or is not installed."
        "See the message; convert the file to wav or flac, or install ffmpeg.";
    Undecodable "undecodable" [BadInput] ["decode"]
        "Too many packets of the file could not be decoded."
        "Copy the recording again; it is damaged.";
    LimitExceeded "limit-exceeded" [BadInput] ["decode"]
        "The recording is beyond a limit for hostile or damaged files."
        "If the recording is sound, raise the limit that the message names.";
    SamplesChanged "samples-changed" [Bug] ["decode"]
        "Decoding the file again gave other samples than before."
        "Run with --force to compute everything again; if it happens again, report it.";
    SpillFailed "spill-failed" [Transient] ["decode"]
        "Decoded samples could not be written to a temporary file."
        "Free space in the folder for temporary files (TMPDIR).";
    SamplesUnreadable "samples-unreadable" [Transient] ["decode" "segment" "transcribe" "align" "forensics"]
        "Decoded samples could not be read back from their temporary file."
        "Check the disk of the folder for temporary files (TMPDIR).";
    ResamplerFailed "resampler-failed" [Bug] ["decode"]
        "The resampler rejected the samples."
        "Report it with the format of the file.";
    // Models, settings and devices.
    BadSetting "bad-setting" [BadInput] ["stages" "worker"]
        "A setting, a lexicon or an option has an invalid value."
        "Correct the value that the message names.";
    UnknownLanguage "unknown-language" [BadInput] ["transcribe" "align" "worker"]
        "The model does not support the requested language."
        "Choose a language that the message lists, or another model.";
    ModelUnavailable "model-unavailable" [Transient] ["transcribe" "align" "segment" "worker"]
        "A file of the model could not be downloaded."
        "Check the network and the name of the model, or pass a folder.";
    ModelUnreadable "model-unreadable" [BadInput] ["transcribe" "align" "segment" "worker"]
        "A file of the model is missing or cannot be read."
        "Complete the folder of the model.";
    ModelMalformed "model-malformed" [BadInput] ["transcribe" "align" "segment" "worker"]
        "A file of the model is damaged, of an unknown kind, or does not fit the other files."
        "Download the model again, or choose another one.";
    ModelDiffers "model-differs" [BadInput] ["worker"]
        "The model on the machine of a worker is not the one that the run started with."
        "Copy the model of the machine where the run started to that machine, under the same path.";
    ModelNotEmbedded "model-not-embedded" [BadInput] ["transcribe" "align" "worker"]
        "This build of the program contains no model."
        "Pass a folder or a hub id with --model.";
    ModelNotLoaded "model-not-loaded" [Bug] ["transcribe" "align" "segment"]
        "The model was used before its weights were loaded."
        "Report it.";
    DeviceUnusable "device-unusable" [Device] ["transcribe" "align" "segment" "worker"]
        "The device cannot be opened."
        "Check the device with `earwitness devices`, or choose another one with --devices.";
    DeviceMemory "device-memory" [Memory] ["transcribe" "align" "segment"]
        "The memory of the device is too small for the inputs in flight."
        "Choose a smaller --device-batch-size, model or --precision, or free memory on the device.";
    DeviceFailed "device-failed" [Device] ["transcribe" "align" "segment"]
        "A computation failed because of the device."
        "Check the device with `earwitness devices` and the log of its driver.";
    InferenceFailed "inference-failed" [Bug] ["transcribe" "align" "segment"]
        "The computation of the model failed for a reason other than the device."
        "Report it with the name of the model.";
    InferenceIncomplete "inference-incomplete" [Bug Device] ["transcribe" "align"]
        "The model returned no output for some of its inputs."
        "Report it.";
    ForeignOutput "foreign-output" [Bug] ["stages"]
        "An input or output of another model or stage was passed to a model."
        "Report it.";
    WindowTooLong "window-too-long" [Bug] ["transcribe"]
        "A window is longer than the model can take."
        "Report it.";
    NoSuchChannel "no-such-channel" [Bug] ["align" "forensics"]
        "An artifact names a channel that the recording does not have."
        "Run with --force to compute everything again; if it happens again, report it.";
    // Stages and their artifacts.
    Panic "panic" [Bug] ["stages" "worker"]
        "The code panicked; other recordings are not affected."
        "Report it with the message.";
    MissingArtifact "missing-artifact" [Bug BadInput] ["stages" "export"]
        "An artifact that is needed is neither computed nor stored."
        "Run the same command again, which computes what is missing.";
    AlteredArtifact "altered-artifact" [BadInput] ["export"]
        "A stored artifact was altered after it was written."
        "Run `earwitness verify`, then run with --force, or restore the store from a copy.";
    UnreadableArtifact "unreadable-artifact" [Bug BadInput] ["stages" "export"]
        "A stored artifact or checkpoint does not have the form that this version reads."
        "Use the version that wrote it, or run with --force.";
    UnwritableArtifact "unwritable-artifact" [Bug] ["stages" "export" "store"]
        "A value cannot be written in the requested format."
        "Report it with the message.";
    ArtifactType "artifact-type" [Bug] ["stages"]
        "An artifact has another type than the stage reads."
        "Correct the stage: two stages use one name for different types.";
    UndeclaredInput "undeclared-input" [Bug] ["stages"]
        "A stage reads an artifact that its spec does not list."
        "Correct the spec of the stage.";
    UndeclaredOutput "undeclared-output" [Bug] ["stages"]
        "A stage returned an artifact that its spec does not list."
        "Correct the spec of the stage.";
    MissingOutput "missing-output" [Bug] ["stages"]
        "A stage did not return an artifact that its spec lists."
        "Correct the stage or its spec.";
    MadeTwice "made-twice" [Bug] ["stages"]
        "A stage returned an artifact that exists already."
        "Correct the stage.";
    OutputKey "output-key" [Bug] ["stages"]
        "A model completed an input twice, or one that it did not take."
        "Report it.";
    FollowUpInputs "follow-up-inputs" [Bug] ["stages"]
        "A stage announced another number of further inputs than it sent."
        "Correct the stage.";
    // Workers.
    WorkerDied "worker-died" [Bug] ["worker"]
        "The recording ended its worker process twice while it ran alone, so it is quarantined."
        "Report it with the message; --retry-quarantined tries it again.";
    TimeLimit "time-limit" [BadInput] ["worker"]
        "A stage worked longer on the recording than limits.task_s and limits.task_per_audio_s allow, also while it ran alone."
        "Raise the limits in earwitness.toml, then run with --retry-quarantined.";
    MemoryLimit "memory-limit" [BadInput] ["worker"]
        "A worker used more memory than limits.worker_memory_mib for the recording, also while it ran alone."
        "Raise the limit in earwitness.toml, then run with --retry-quarantined.";
    WorkerSettings "worker-settings" [BadInput] ["worker"]
        "The worker cannot start with the settings that it received."
        "See the message; workers must be of the same version as the command.";
    WorkerSlots "worker-slots" [Bug] ["worker"]
        "The worker was configured with another number of devices than one."
        "Report it.";
    WorkerThreads "worker-threads" [Transient] ["worker"]
        "The worker cannot start its threads."
        "Raise the limit of processes and threads of the user (ulimit -u).";
    InvalidStages "invalid-stages" [Bug] ["worker"]
        "The stages cannot run in the order in which the worker received them."
        "List each stage after the stages whose artifacts it reads.";
    MisplacedTask "misplaced-task" [Bug] ["worker"]
        "A task reached the wrong lane of the worker."
        "Report it.";
    Injected "injected" [BadInput Transient Device Memory Bug] ["stages" "worker"]
        "A test injected a fault."
        "Run without --faults.";
    // Results.
    ResultsNotWritten "results-not-written" [BadInput] ["export"]
        "The artifacts are complete in the store, but a result file cannot be written."
        "Check the permissions and the free space of the output folder, then run `earwitness export`.";
    OutputTaken "output-taken" [BadInput] ["export"]
        "A file of the same name exists that this store did not write, or that was changed since."
        "Move that file or choose another folder; --overwrite replaces it.";
    // The store.
    InvalidStoreUrl "invalid-store-url" [BadInput] ["store"]
        "The URL of the store has no known scheme, no location, an invalid parameter or a password."
        "Correct --store.";
    StoreMissing "store-missing" [BadInput] ["store"]
        "There is no store in the folder."
        "Check the folder, or start a run first.";
    StoreLocked "store-locked" [Transient] ["store"]
        "Another process uses the store."
        "Wait until it has ended, or stop it.";
    RunTakenOver "run-taken-over" [Transient] ["store"]
        "The run did not renew its registration in a shared store in time, and another run took over its work."
        "Run again; see `earwitness status` for the other runs.";
    StoreUnavailable "store-unavailable" [Transient] ["store"]
        "The folder or file of the store cannot be opened, or its server does not answer or refuses the connection."
        "Check its permissions and its disk, or the server and the password.";
    StoreReadOnly "store-read-only" [BadInput] ["store"]
        "The store can only be read."
        "Make its file and folder writable.";
    NewerStore "newer-store" [BadInput] ["store"]
        "A newer version of Earwitness wrote the store."
        "Use that version.";
    OlderStore "older-store" [BadInput] ["store"]
        "An older version of Earwitness wrote the store, and a command that only reads cannot migrate it."
        "Run `earwitness store compact DIR` once, or start a run.";
    NotAStore "not-a-store" [BadInput] ["store"]
        "The file is not a store of Earwitness."
        "Choose another folder or --store.";
    StoreFull "store-full" [Transient] ["store"]
        "The disk of the store is full."
        "Free some space, then run the same command again.";
    StoreDamaged "store-damaged" [BadInput] ["store"]
        "The store is damaged or was altered."
        "Keep the file as it is; restore the store from a copy, or run into a new folder.";
    StoreReplaced "store-replaced" [BadInput] ["store"]
        "The store was deleted, or another file took its place, while a run used it; nothing more was written."
        "Put the store back and run again; do not move or restore a folder while a run uses it.";
    CustodyBroken "custody-broken" [BadInput] ["store"]
        "The custody log beside the store is not the one that the store wrote; nothing was written."
        "Keep both as they are; see `earwitness verify`; put the right store back, or run into a new folder.";
    StoreFailed "store-failed" [Bug] ["store"]
        "The store failed for another reason."
        "See the message; report it if it happens again.";
}

impl ErrorCode {
    /// The code of this name. A name that is not known becomes [`ErrorCode::Other`].
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.iter().find(|code| code.as_str() == name);
        known.cloned().unwrap_or_else(|| Self::Other(UnknownCode(name.into())))
    }

    /// The stable name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match (self, self.info()) {
            (Self::Other(UnknownCode(name)), _) => name,
            (_, info) => info.map_or("", |info| info.name),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn code_is_read_from_its_name() {
        for code in ErrorCode::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<ErrorCode>(&text).unwrap(), *code);
            assert_eq!(ErrorCode::named(code.as_str()), *code);
        }
    }

    #[test]
    fn code_of_another_version_is_kept_as_text() {
        let code: ErrorCode = serde_json::from_str("\"pcm-unreadable\"").unwrap();
        assert!(matches!(code, ErrorCode::Other(_)));
        assert_eq!((code.to_string().as_str(), code.info()), ("pcm-unreadable", None));
    }

    #[test]
    fn codes_are_kebab_case_and_each_has_a_sentence_and_a_remedy() {
        let infos: Vec<_> = ErrorCode::ALL.iter().filter_map(ErrorCode::info).collect();
        for info in &infos {
            let is_kebab =
                info.name.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()));
            assert!(is_kebab, "{}", info.name);
            assert!(info.meaning.ends_with('.') && info.remedy.ends_with('.'), "{}", info.name);
        }
        let distinct = |of: fn(&CodeInfo) -> &'static str| infos.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!((distinct(|info| info.name), distinct(|info| info.meaning)), (infos.len(), infos.len()));
    }
}
