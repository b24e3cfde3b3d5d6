//! The voices of a case: embeddings of its speakers, groups of similar ones, and the names that people gave to groups.
//!
//! ```text
//! turns of each speaker -> embedding -> groups by similarity -> voices.json, which `voices forget` deletes
//! ```
//!
//! Embeddings of voices are biometric data. They are computed only by `earwitness voices`, and kept in one file that is
//! neither in the store nor in any result. Similar voices may belong to different people: a group does not identify anybody.

mod file;
mod group;

pub(crate) use self::file::{FILE, Name, SpeakerVoice, Voices, path};
pub(crate) use self::group::{GroupedVoice, groups};

/// Similarity (cosine) from which two speakers are in one group, unless the user chooses another. Above that of the equal
/// error rate, because a case has many more pairs of different people than of the same.
pub(crate) const THRESHOLD: f64 = 0.8;

/// What is known about errors. Measured by `benches/speakers/eer.py`.
pub(crate) const ERROR_NOTE: &str = "equal error rate 18 % (95 %: 6 to 28 %) at a similarity of 0.71, English through \
different telephones, 6 s per speaker: 8 voices, 49 pairs of one voice, 386 pairs of two. Korean was not measured.";

/// What the law says about voices, for users.
pub(crate) const LEGAL_NOTE: &str = "\
Embeddings of voices are biometric data. Before you compute or keep them, make sure that the law permits it: in Korea, \
Article 23 of the Personal Information Protection Act (sensitive information) requires separate consent or a statute; in \
the EU, Article 9 of the GDPR applies. Delete them with `earwitness voices forget DIR` when they are no longer needed.";
