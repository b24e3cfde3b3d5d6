//! Signal processing shared by the stages: levels of frames.

mod biquad;
mod level;

pub use level::{LevelMeter, SILENCE_DBFS, dbfs, frame_rms, mean_square, rms};
