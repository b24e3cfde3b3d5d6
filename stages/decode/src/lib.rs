//! Decodes common audio containers to PCM at 16 kHz, with separate channels.
//!
//! ```text
//! file, hashed -> container and track (symphonia) -> packets -> codec (symphonia, ropus) -> timeline (delay, padding,
//!      edits) -> SHA-256 of the decoder's output -> resampler (rubato) -> Pcm
//!             -> NativePacket                                            (a second pass, where a consumer asks for it)
//! ```
//!
//! The file is opened once, and every read is checked against its hash (see `input`). A new container is one module
//! and one entry of the list in `container`; a new codec is one module and one entry of the list in `codec`.
//!
//! Formats: wav (8 to 32 bit, float, mu-law, A-law, ADPCM), flac, mp1 to mp3, Ogg Vorbis and Opus, MP4/M4A (AAC-LC,
//! ALAC, Opus, mp3), raw ADTS, aiff, caf, WebM/Matroska. A recording is read in bounded blocks and in one pass. Its
//! times are those of a player: encoder delay and padding are removed and edit lists are applied. The decoders run
//! without CPU-specific code paths, so that their output and its hash do not depend on the CPU's features. The samples
//! at 16 kHz may differ by rounding (about 1e-7).

mod codec;
mod config;
mod container;
mod error;
mod input;
mod native;
mod resample;
mod sink;
mod source;
mod stage;
mod stream;
mod timeline;

pub use config::DecodeConfig;
pub use container::audio_extensions;
pub use stage::{DecodeInput, Decoded, Decoder, Probe, probe};
