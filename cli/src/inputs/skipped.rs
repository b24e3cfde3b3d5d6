//! Files in searched folders that are not recordings, each with its reason.

use std::fmt;
use std::fs::{File, FileType};
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use stage_core::{path_bytes, path_text, shown};

use crate::listening::is_copy_name;

/// A file or folder that a search has skipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SkippedFile {
    /// Its path.
    pub path: PathBuf,
    /// Why it was skipped.
    pub reason: SkipReason,
}

/// Why a search has skipped a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipReason {
    /// Its extension is not that of an audio file.
    NotAudioName,
    /// It has no audio file name, but its first bytes are those of an audio file.
    AudioContent,
    /// It has no audio file name and no bytes.
    Empty,
    /// A download or copy in progress.
    Unfinished,
    /// Metadata that macOS writes beside a file or into an archive.
    MacMetadata,
    /// A file of an operating system or an office program, such as `Thumbs.db`.
    SystemFile,
    /// A store of this program.
    OwnStore,
    /// A listening copy that this program wrote.
    ListeningCopy,
    /// A link to a folder: links may form loops.
    LinkedFolder,
    /// A link whose target does not exist.
    BrokenLink,
    /// A pipe: reading it may never end.
    Pipe,
    /// A socket.
    Socket,
    /// A device: reading it may never end.
    Device,
    /// A recording whose content was deleted from the case on request.
    Forgotten,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAudioName => "not an audio file name",
            Self::AudioContent => {
                "not an audio file name, but its content looks like audio: name the file itself as an input"
            }
            Self::Empty => "not an audio file name, and empty",
            Self::Unfinished => "an unfinished download or copy",
            Self::MacMetadata => "metadata of macOS",
            Self::SystemFile => "a file of the operating system or of an office program",
            Self::OwnStore => "a store of Earwitness",
            Self::ListeningCopy => {
                "a listening copy that Earwitness wrote: if it is a recording, name the file itself as an input"
            }
            Self::LinkedFolder => "a link to a folder, which is not followed: name it as an input to search it",
            Self::BrokenLink => "a broken link",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Forgotten => "a recording that was forgotten (earwitness forget)",
        })
    }
}

impl SkippedFile {
    /// The file as fields of a JSON object.
    pub(crate) fn json(&self) -> Value {
        let mut fields =
            json!({"path": path_text(&self.path), "reason": self.reason, "message": self.reason.to_string()});
        if let Some(bytes) = path_bytes(&self.path) {
            fields["path_bytes"] = bytes.into();
        }
        fields
    }
}

/// `PATH: REASON`.
impl fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.path), self.reason)
    }
}

impl Serialize for SkippedFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

/// Why a file of a searched folder is skipped, or `None` for a recording. A recording whose name looks like metadata is
/// recognized by its content.
pub(super) fn by_name(path: &Path) -> Option<SkipReason> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    let reason = match name.as_str() {
        _ if name.starts_with("._") => SkipReason::MacMetadata,
        ".ds_store" | ".localized" | "icon\r" => SkipReason::MacMetadata,
        _ if name.starts_with("~$") => SkipReason::SystemFile,
        "thumbs.db" | "ehthumbs.db" | "desktop.ini" => SkipReason::SystemFile,
        _ if name.starts_with("earwitness.db") => SkipReason::OwnStore,
        _ if is_copy_name(path) => return Some(SkipReason::ListeningCopy),
        _ if decode::audio_extensions().contains(&extension.as_str()) => return None,
        _ if UNFINISHED.contains(&extension.as_str()) => SkipReason::Unfinished,
        _ if path.metadata().is_ok_and(|metadata| metadata.len() == 0) => SkipReason::Empty,
        _ if has_audio_content(path) => SkipReason::AudioContent,
        _ => SkipReason::NotAudioName,
    };
    let is_recording = decode::audio_extensions().contains(&extension.as_str()) && has_audio_content(path);
    (!is_recording).then_some(reason)
}

/// Why something that is neither a file nor a folder nor a link is skipped.
pub(super) fn by_type(file_type: FileType) -> SkipReason {
    if file_type.is_fifo() {
        SkipReason::Pipe
    } else if file_type.is_socket() {
        SkipReason::Socket
    } else {
        SkipReason::Device
    }
}

/// Extensions of downloads and copies in progress.
const UNFINISHED: [&str; 7] = ["part", "partial", "crdownload", "download", "opdownload", "tmp", "temp"];

/// Whether the first bytes of a file are those of an audio or video container. MPEG audio without a tag has no such
/// bytes.
fn has_audio_content(path: &Path) -> bool {
    let mut head = [0; 12];
    let Ok(mut file) = File::open(path) else { return false };
    if file.read_exact(&mut head).is_err() {
        return false;
    }
    let (first, kind) = (&head[..4], &head[8..12]);
    match first {
        b"RIFF" | b"RF64" => kind == b"WAVE",
        b"FORM" => kind == b"AIFF" || kind == b"AIFC",
        b"OggS" | b"fLaC" | b".snd" | b"caff" | b"#!AM" => true,
        [0x1A, 0x45, 0xDF, 0xA3] => true,
        [b'I', b'D', b'3', _] => true,
        // Pictures (HEIC, AVIF) have the same kind of container with other brands.
        _ => {
            let brands = [b"3gp", b"3g2", b"M4A", b"M4B", b"mp4", b"iso", b"qt "];
            &head[4..8] == b"ftyp" && brands.iter().any(|brand| kind.starts_with(*brand))
        }
    }
}
