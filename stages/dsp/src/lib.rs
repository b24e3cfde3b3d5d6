//! Signal processing shared by the stages: levels of frames, and sound activity.

mod activity;
mod level;

pub use activity::{ACTIVITY_HOP, Activity, PAUSE_MIN_MS};
pub use level::{LevelMeter, SILENCE_DBFS, dbfs, frame_rms, mean_square, rms};
