//! Decode's second artifact: what the container of a file states about its own making, for the comparison of these
//! statements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the container of a file states about its own making, beyond [`Recording`](crate::Recording), whose tags are part of
/// it. Fields that its format does not have are empty. Of recordings that were joined in a file, those of the first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ContainerFacts {
    /// Brands of an ISO base media file, the major one first (`mp42`, `isom`).
    pub brands: Vec<String>,
    /// Boxes of an ISO base media file that are not inside others, in the order of the file; the first 100 of them.
    pub boxes: Vec<BoxFacts>,
    /// Times of the movie header (`mvhd`).
    pub movie: Option<HeaderTimes>,
    /// Tracks of an ISO base media file, in the order of the file.
    pub tracks: Vec<TrackFacts>,
    /// The header that MP3 encoders write into the first frame.
    pub mp3_header: Option<Mp3Header>,
}

/// A box of an ISO base media file (ISO/IEC 14496-12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BoxFacts {
    /// Type, with other bytes than printable ASCII as `?`.
    pub kind: String,
    /// Place of its first byte in the file.
    pub start: u64,
    /// Size in bytes with its header, as it states; that up to the end of the file if it states none.
    pub size: u64,
}

/// Times of a header box, in seconds since 1970 in UTC; `None` where the header has 0. Some recorders write local time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HeaderTimes {
    /// When it was created.
    pub created_s: Option<i64>,
    /// When it was last changed.
    pub modified_s: Option<i64>,
    /// Length that it states, in seconds; `None` if it states none, or if its unit is that of another header.
    pub duration_s: Option<f64>,
}

/// A track of an ISO base media file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TrackFacts {
    /// Kind of the track (`soun`).
    pub handler: String,
    /// Times of the track header (`tkhd`).
    pub header: HeaderTimes,
    /// Times of the media header (`mdhd`).
    pub media: HeaderTimes,
    /// Edit list (`elst`).
    pub edits: Vec<EditFacts>,
}

/// An entry of an edit list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EditFacts {
    /// Its length, in seconds; 0: up to the end.
    pub duration_s: f64,
    /// Where it starts in the media, in seconds; `None` if it is empty.
    pub media_start_s: Option<f64>,
}

/// The header in the first frame of an MP3 file ("Xing" or "Info"), with LAME's extension.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Mp3Header {
    /// The encoder that it names (`LAME3.100`, `Lavf58.76`).
    pub encoder: Option<String>,
    /// Number of frames that it states.
    pub frames: Option<u64>,
}
