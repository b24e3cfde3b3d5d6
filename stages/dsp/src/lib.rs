//! Signal processing shared by the stages: levels of frames, and where a channel sounds.

mod activity;
mod biquad;
mod level;

pub use activity::{ACTIVITY_HOP, Activity};
pub use level::{LevelMeter, SILENCE_DBFS, dbfs, frame_rms, mean_square, rms};
