//! Whisper's front end: the log-mel spectrogram of one window.

mod filters;
mod spectrogram;

pub(crate) use spectrogram::{HOP, LogMel, N_FFT};
