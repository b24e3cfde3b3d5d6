//! Signal processing shared by the stages: levels of frames, and sound activity.
//!
//! ```text
//! samples -> LevelMeter (band-pass, one level per hop) -> Activity (noise floor, threshold) -> sound or silence per 5 ms
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`Activity`] | which frames of 5 ms are louder than the noise around them; word edges and pauses are measured with it |
//! | [`LevelMeter`] | levels of a stream in a frequency band |
//! | [`rms`], [`mean_square`], [`frame_rms`], [`dbfs`] | levels of slices |
//! | [`amplify`], [`QUIET_SPEECH_DBFS`] | raising quiet speech |
//! | [`vectorized!`], [`dot`], [`sum`] | loops on the widest vectors of the CPU |
//!
//! # Example
//!
//! Half a second of a tone, then half a second of silence:
//!
//! ```
//! use dsp::{ACTIVITY_HOP, Activity};
//!
//! let tone = (0..8_000).map(|n| 0.5 * (n as f32 * 0.1).sin());
//! let samples: Vec<f32> = tone.chain(std::iter::repeat_n(0.0, 8_000)).collect();
//!
//! let activity = Activity::of_samples(&samples, 0, 16_000.0, [(0.0, 1.0)].into_iter());
//! let sounding = activity.sounding();
//! assert!(sounding[10] && !sounding[150]);
//!
//! let sound_s = sounding.iter().filter(|sounds| **sounds).count() as f64 * ACTIVITY_HOP as f64 / 16_000.0;
//! assert!((sound_s - 0.5).abs() < 0.02, "{sound_s}");
//! ```

mod activity;
mod level;
mod vector;

pub use activity::{ACTIVITY_HOP, Activity, PAUSE_MIN_MS, runs};
pub use level::{BandPass, LevelMeter, QUIET_SPEECH_DBFS, SILENCE_DBFS, amplify, dbfs, frame_rms, mean_square, rms};
#[doc(hidden)]
pub use pulp::NullaryFnOnce;
#[doc(hidden)]
pub use vector::dispatch;
pub use vector::{dot, dot_inline, sum, sum_inline};
