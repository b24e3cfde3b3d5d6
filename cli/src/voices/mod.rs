//! The voices of a case: embeddings of its speakers, groups of similar ones, and the names that people gave to groups.
//!
//! ```text
//! turns of each speaker -> embedding -> groups by similarity -> voices.json, which `voices forget` deletes
//! ```
//!
//! Embeddings of voices are biometric data. They are computed only by `earwitness voices`, and kept in one file that is
//! neither in the store nor in any result. Similar voices may belong to different people: a group is no identification.

mod file;
mod group;

pub(crate) use self::file::{FILE, Name, SpeakerVoice, Voices, path};
pub(crate) use self::group::{GroupedVoice, groups};

/// Similarity (cosine) at which two speakers are in one group, unless the user chooses another: that of the equal error
/// rate below.
pub(crate) const THRESHOLD: f64 = 0.75;

/// What is known about the error of that threshold. Measured by `benches/speakers/eer.py`.
pub(crate) const ERROR_NOTE: &str = "not measured yet";

/// What the law says about voices, for users.
pub(crate) const LEGAL_NOTE: &str = "\
Embeddings of voices are biometric data. Before you compute or keep them, make sure that the law permits it: in Korea, \
Article 23 of the Personal Information Protection Act (sensitive information) requires separate consent or a statute; in \
the EU, Article 9 of the GDPR applies. Delete them with `earwitness voices forget DIR` when they are no longer needed.";
