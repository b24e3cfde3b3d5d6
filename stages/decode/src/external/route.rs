//! Who decodes a file: the built-in decoder or ffmpeg.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::ffmpeg::{self, Ffmpeg, NoFfmpeg};
use super::names::{self, Foreign};
use crate::config::{DecodeConfig, DecodeSettings, DecoderChoice};
use crate::error::DecodeError;
use crate::input::InputFile;
use crate::stage::{Decoded, Probe};

/// Why ffmpeg did not decode a file that has no built-in decoder, and what the user can do.
#[derive(Debug)]
pub(crate) enum Advice {
    /// `--decoder native`.
    Allow,
    Install,
    /// The program that is set cannot be used.
    Repair(NoFfmpeg),
    /// ffmpeg cannot decode the file either.
    Failed {
        program: String,
        reason: String,
    },
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("use --decoder auto or --decoder ffmpeg, for which ffmpeg must be installed"),
            Self::Install => f.write_str(
                "install ffmpeg, which --decoder auto (the default) then uses, or convert the file to wav or flac",
            ),
            Self::Repair(problem) => problem.fmt(f),
            Self::Failed { program, reason } => write!(f, "ffmpeg ({program}) cannot decode it either: {reason}"),
        }
    }
}

/// Decodes a file with the built-in decoder or with ffmpeg.
///
/// # Errors
/// Neither of those that the settings allow can decode it.
pub(crate) fn decode(
    path: &Path,
    file: &Arc<InputFile>,
    config: &DecodeConfig,
    native: impl FnOnce() -> Result<Decoded, DecodeError>,
) -> Result<Decoded, DecodeError> {
    let external = |program: &Arc<Ffmpeg>, format| super::decode::decode(program, file, format, config);
    route(path, file, &config.settings, native, external)
}

/// Reads the header of a file with the built-in decoder or with ffmpeg.
///
/// # Errors
/// As [`decode`], if the header shows the problem.
pub(crate) fn probe(
    path: &Path,
    file: &Arc<InputFile>,
    config: &DecodeSettings,
    native: impl FnOnce() -> Result<Probe, DecodeError>,
) -> Result<Probe, DecodeError> {
    route(path, file, config, native, |program, format| super::decode::probe(program, file, format))
}

fn route<T>(
    path: &Path,
    file: &Arc<InputFile>,
    config: &DecodeSettings,
    native: impl FnOnce() -> Result<T, DecodeError>,
    external: impl FnOnce(&Arc<Ffmpeg>, Option<&'static str>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let foreign = file.unless_changed(names::foreign(path, file))?;
    let format = foreign.as_ref().and_then(|foreign| foreign.format);
    if config.decoder == DecoderChoice::Ffmpeg {
        let program = ffmpeg::find(config).map_err(DecodeError::NoFfmpeg)?;
        return external(&program, format);
    }
    let refusal = match foreign {
        Some(Foreign { codec, .. }) => DecodeError::UnsupportedCodec(codec),
        None => match native() {
            Err(error) if error.is_refusal() => named(error, file),
            result => return result,
        },
    };
    if matches!(refusal, DecodeError::Encrypted(_)) {
        return Err(refusal);
    }
    let refuse = |advice| DecodeError::Refused { refusal: Box::new(refusal), advice };
    if config.decoder == DecoderChoice::Native {
        return Err(refuse(Advice::Allow));
    }
    let program = match ffmpeg::find(config) {
        Ok(program) => program,
        Err(NoFfmpeg::NotInstalled) => return Err(refuse(Advice::Install)),
        Err(problem) => return Err(refuse(Advice::Repair(problem))),
    };
    external(&program, format).map_err(|error| match error {
        DecodeError::External { program, reason, is_transient: false } => refuse(Advice::Failed { program, reason }),
        error => error,
    })
}

/// The refusal with the name of the codec, if the container states it.
fn named(refusal: DecodeError, file: &Arc<InputFile>) -> DecodeError {
    match (names::codec(file), refusal) {
        (Some(names::Codec::Encrypted(scheme)), _) => DecodeError::Encrypted(scheme),
        (
            Some(names::Codec::Named(codec)),
            DecodeError::UnsupportedCodec(_) | DecodeError::UnknownContainer | DecodeError::NoAudioTrack,
        ) => DecodeError::UnsupportedCodec(codec),
        (_, refusal) => refusal,
    }
}
