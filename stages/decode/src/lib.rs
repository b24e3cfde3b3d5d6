//! Decode: turns audio files into PCM at 16 kHz, with separate channels. The first stage of the pipeline.
//!
//! ```text
//! file, hashed -> scan (parts, what they hold) -> tracks -> packets -> codec (symphonia, ropus) -> timeline (delay,
//!      padding, edits) -> SHA-256 of the decoder's output -> parts and tracks joined -> resampler (rubato) -> Pcm
//!      -> account: every byte is sound, something else, or left out with a warning
//!      -> NativePacket                                            (a second pass, where a consumer asks for it)
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`Decoder`] | the stage: [`DecodeInput`] to [`Decoded`], the facts about a recording and its samples |
//! | [`SampleHash`] | the hash of the decoder's output |
//! | [`probe`] | container, codec and length from the header, for planning |
//! | [`audio_extensions`] | the file name extensions to search folders for |
//! | [`DecodeConfig`] | the memory for samples, and the folder for longer recordings |
//!
//! # Example
//!
//! ```
//! use std::path::Path;
//!
//! use decode::{DecodeConfig, DecodeInput, Decoder};
//! use stage_core::{Stage, sha256_file};
//!
//! let path = Path::new("../../fixtures/calls/two-speakers_261105_142530.m4a");
//! let decoder = Decoder::new(DecodeConfig { memory_budget_bytes: 64 << 20, ..DecodeConfig::default() });
//!
//! // The second input is the recording as an earlier run stored it, to compare with.
//! let decoded = decoder.run((DecodeInput { path, sha256: &sha256_file(path)? }, None))?;
//! assert_eq!((decoded.recording.codec.as_str(), decoded.recording.channels), ("aac", 2));
//! assert_eq!(decoded.recording.sample_rate_hz, 8_000);
//!
//! let first_second = decoded.pcm.read_span(0, 0.0, 1.0)?;
//! assert_eq!(first_second.len(), 16_000, "the planes are at 16 kHz");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formats
//!
//! wav, RF64 and BW64 (8 to 32 bit, float, mu-law, A-law, ADPCM, GSM, mp3), flac, mp1 to mp3, Ogg Vorbis and Opus, MP4/M4A
//! (AAC-LC, ALAC, Opus, mp3), raw ADTS, aiff, au, caf, WebM/Matroska, raw GSM. A new container is one module and one entry
//! of the list in `container`; a new codec is one module and one entry of the list in `codec`. Other files are decoded by
//! ffmpeg, if it is installed (see `external` and docs/codecs.md).
//!
//! Sizes and counts in headers are claims: a scan of the container finds what the file holds before anything is decoded,
//! and what was decoded is compared with it (`account`). Recordings that were joined follow each other; the tracks of a
//! recording become channels, side by side.
//!
//! A recording is read in bounded blocks and in one pass. The file is opened once, and every read is checked against its
//! hash (see `input`). Its times are those of a player: encoder delay and padding are removed and edit lists are applied.
//! The decoders run without CPU-specific code paths, so that their output and its hash do not depend on the CPU's features.
//! The samples at 16 kHz may differ by rounding (about 1e-7).

mod account;
mod codec;
mod config;
mod container;
mod demux;
mod error;
mod external;
mod feed;
mod input;
mod native;
mod program;
mod resample;
mod sample_hash;
mod sink;
mod source;
mod stage;
mod stream;
mod timeline;

pub use config::{DecodeConfig, DecodeLimits, DecodeSettings, DecoderChoice, ParseDecoderChoiceError};
pub use container::audio_extensions;
pub use sample_hash::SampleHash;
pub use stage::{DecodeInput, Decoded, DecodedFile, Decoder, Probe, probe, probe_with};
