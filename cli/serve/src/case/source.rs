//! What a case offers to its server.

use serde::Serialize;
use serde_json::Value;

use super::content::Content;
use super::name::{FileName, RecordingId};

/// A case as its server sees it.
///
/// All methods may block: the server calls them on threads for blocking work, several at once. Names come from the
/// network. They are looked up among the names that the case knows, and are never joined to a path.
///
/// The server sends pages with a Content-Security-Policy that permits inline scripts and styles, and further files,
/// audio and requests of the same server alone. A page is at `/case/NAME`: it names other pages by `./NAME`, audio by
/// `../audio/SHA256`, and reviews by `../api/reviews`.
pub trait CaseSource: Send + Sync + 'static {
    /// A file of the case for browsers: a page, or what it loads. Without a name, the page of the case. Nothing else is
    /// offered: not the store, not the log, and no file that the case does not know.
    ///
    /// # Errors
    /// The case or the file cannot be read.
    fn page(&self, name: Option<&FileName>) -> Result<Option<Content>, CaseError>;

    /// The audio of a recording, as a browser can play it. Its hash must be that of the bytes that are sent, since
    /// clients join parts of a file with that hash.
    ///
    /// # Errors
    /// The case or the file cannot be read, or the file is not the one that was recorded.
    fn audio(&self, recording: &RecordingId) -> Result<Option<Content>, CaseError>;

    /// All recordings, in the order of the case.
    ///
    /// # Errors
    /// The case cannot be read.
    fn recordings(&self) -> Result<Vec<RecordingSummary>, CaseError>;

    /// Where a text occurs, in the order of recordings and time.
    ///
    /// # Errors
    /// The case cannot be read.
    fn search(&self, query: &SearchQuery) -> Result<SearchResults, CaseError>;

    /// The review entries of a recording or of the whole case, as a review file has them.
    ///
    /// # Errors
    /// The case cannot be read, or has no such recording ([`CaseError::Unknown`]).
    fn reviews(&self, recording: Option<&RecordingId>) -> Result<Value, CaseError>;

    /// Checks and stores review entries, through the same layer and log as the command line. The answer, such as the
    /// IDs of what was stored, is for the client.
    ///
    /// # Errors
    /// The entries are wrong ([`CaseError::Invalid`]) or contradict what is stored ([`CaseError::Conflict`]), or the
    /// case cannot be written. Then nothing is stored.
    fn add_reviews(&self, entries: Value, caller: &Caller) -> Result<Value, CaseError>;

    /// Whether the case can be read at present.
    ///
    /// # Errors
    /// Why not. The reason is logged.
    fn ready(&self) -> Result<(), CaseError>;
}

/// Who sends a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The name that a reverse proxy has identified, if there is one.
    pub user: Option<String>,
}

/// A recording in the list of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordingSummary {
    /// SHA-256 of the file.
    pub recording: RecordingId,
    /// Its name in the case.
    pub name: String,
    /// The name of its page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<FileName>,
    /// Seconds of audio, if it was decoded.
    pub duration_s: Option<f64>,
    /// Its state in the case, such as `complete` or `failed`.
    pub state: String,
    /// Whether [`CaseSource::audio`] has its audio.
    pub has_audio: bool,
}

/// A search in the text of all recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// The text, not empty.
    pub text: String,
    /// The only recording to search, if not all.
    pub recording: Option<RecordingId>,
    /// The number of hits to skip.
    pub offset: usize,
    /// The largest number of hits to return.
    pub limit: usize,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchResults {
    /// The number of all hits, also of those that were not returned.
    pub total: usize,
    /// The hits from `offset` on, at most `limit`.
    pub hits: Vec<SearchHit>,
    /// Recordings without text, which were not searched.
    pub not_searched: Vec<RecordingId>,
}

/// A place where a text occurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchHit {
    /// The recording.
    pub recording: RecordingId,
    /// Its name in the case.
    pub name: String,
    /// The name of its page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<FileName>,
    /// Start in seconds from the start of the recording.
    pub start_s: f64,
    /// End in seconds from the start of the recording.
    pub end_s: f64,
    /// The speaker, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// The text around the hit.
    pub text: String,
}

/// Why a case does not answer.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The request names something that the case does not have. The text is for the client.
    #[error("{0}")]
    Unknown(String),
    /// The request is wrong. The text names the reason and the remedy, for the client.
    #[error("{0}")]
    Invalid(String),
    /// The request contradicts what is stored. The text is for the client.
    #[error("{0}")]
    Conflict(String),
    /// Not possible at present, such as while another program writes the case. The text is for the client.
    #[error("{0}")]
    Unavailable(String),
    /// The case or one of its files cannot be used. The text is for the log alone. It must not have text of calls, and
    /// names recordings by their hashes.
    #[error("{0}")]
    Failed(String),
}
