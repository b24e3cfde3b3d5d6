//! A case for browsers: its pages, audio, search and reviews.
//!
//! ```text
//! GET  /case/                  the page of the case
//! GET  /case/NAME              a page of a recording, or a file that pages load
//! GET  /audio/SHA256           audio, whole or in ranges
//! GET  /api/recordings         the recordings
//! GET  /api/search?q=TEXT      hits in all text; recording, offset and limit are optional
//! GET  /api/reviews            review entries; recording is optional
//! POST /api/reviews            adds review entries (JSON), unless the server is read-only
//! ```

mod content;
mod name;
mod routes;
mod send;
mod source;

pub(crate) use self::content::hex;
pub use self::content::{Content, open_in_folder};
pub use self::name::{FileName, NameError, RecordingId};
pub(crate) use self::routes::{CaseState, routes};
pub use self::source::{Caller, CaseError, CaseSource, RecordingSummary, SearchHit, SearchQuery, SearchResults};
