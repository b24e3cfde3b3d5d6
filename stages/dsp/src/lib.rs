//! Signal processing shared by the stages: levels of frames.

mod level;

pub use level::{dbfs, frame_rms, mean_square, rms};
