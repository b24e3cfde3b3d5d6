//! The external decoder: ffmpeg, for files without a built-in decoder, or for all files.
//!
//! It is used only if it is installed; nothing else needs it. It reads the open file that was hashed, never a name, a
//! network or another file, and its output goes through a pipe in bounded blocks. Path, version and arguments are part
//! of the recording.

mod arguments;
mod decode;
mod ffmpeg;
mod listing;
mod messages;
pub(crate) mod names;
mod process;
mod route;
mod stream;
mod track;

pub(crate) use self::ffmpeg::NoFfmpeg;
pub(crate) use self::route::{Advice, decode, probe};
pub(crate) use self::stream::{ExternalStream, Plan};

/// File name extensions of recordings that only the external decoder reads, in lower case and without the dot.
pub(crate) const EXTENSIONS: [&str; 32] = [
    "3g2", "3ga", "ac3", "amr", "ape", "asf", "awb", "dff", "ds2", "dsf", "dss", "dts", "eac3", "g722", "g729", "m4p",
    "m4r", "mpc", "oma", "qcp", "ra", "rm", "shn", "snd", "sph", "spx", "tak", "tta", "voc", "w64", "wma", "wv",
];
