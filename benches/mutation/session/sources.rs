//! Short speech in every container and codec.

use std::path::Path;

use testkit::{Ffmpeg, Wav, fixture};

use super::Outcome;

/// A file without mutations.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Name of the format.
    pub(crate) format: &'static str,
    /// Extension of the file name.
    pub(crate) extension: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// How the program ended on it.
    pub(crate) whole: Option<Outcome>,
}

impl Source {
    pub(crate) fn file_name(&self) -> String {
        format!("whole-{}.{}", self.format, self.extension)
    }
}

/// Name of the format, extension, and encoder arguments. Formats that the installed ffmpeg does not write are left out.
const FORMATS: [(&str, &str, &[&str]); 42] = [
    ("wav-s16", "wav", &["-c:a", "pcm_s16le"]),
    ("wav-stereo", "wav", &["-c:a", "pcm_s16le", "-ac", "2"]),
    ("wav-u8", "wav", &["-c:a", "pcm_u8"]),
    ("wav-s24", "wav", &["-c:a", "pcm_s24le"]),
    ("wav-f32", "wav", &["-c:a", "pcm_f32le"]),
    ("wav-mulaw", "wav", &["-c:a", "pcm_mulaw"]),
    ("wav-alaw", "wav", &["-c:a", "pcm_alaw"]),
    ("wav-adpcm-ima", "wav", &["-c:a", "adpcm_ima_wav"]),
    ("wav-adpcm-ms", "wav", &["-c:a", "adpcm_ms"]),
    ("wav-gsm", "wav", &["-c:a", "libgsm_ms"]),
    ("wav-mp3", "wav", &["-c:a", "libmp3lame", "-ar", "16000"]),
    ("gsm", "gsm", &["-c:a", "libgsm", "-f", "gsm"]),
    ("rf64", "wav", &["-c:a", "pcm_s16le", "-rf64", "always"]),
    ("w64", "w64", &["-c:a", "pcm_s16le"]),
    ("au", "au", &["-c:a", "pcm_mulaw"]),
    ("aiff", "aiff", &["-c:a", "pcm_s16be"]),
    ("caf-pcm", "caf", &["-c:a", "pcm_s16be"]),
    ("caf-alac", "caf", &["-c:a", "alac"]),
    ("flac", "flac", &["-c:a", "flac"]),
    ("flac-in-ogg", "ogg", &["-c:a", "flac"]),
    ("mp3-cbr", "mp3", &["-c:a", "libmp3lame", "-b:a", "32k"]),
    ("mp3-vbr", "mp3", &["-c:a", "libmp3lame", "-q:a", "6"]),
    ("mp3-44100-stereo", "mp3", &["-c:a", "libmp3lame", "-ar", "44100", "-ac", "2"]),
    ("adts", "aac", &["-c:a", "aac", "-ar", "16000"]),
    ("m4a", "m4a", &["-c:a", "aac", "-ar", "16000"]),
    ("m4a-moov-first", "m4a", &["-c:a", "aac", "-ar", "16000", "-movflags", "+faststart"]),
    ("m4a-alac", "m4a", &["-c:a", "alac"]),
    (
        "mp4-fragmented",
        "mp4",
        &[
            "-c:a",
            "aac",
            "-ar",
            "16000",
            "-movflags",
            "frag_keyframe+empty_moov+default_base_moof",
            "-frag_duration",
            "500000",
        ],
    ),
    ("mp4-opus", "mp4", &["-c:a", "libopus", "-strict", "-2"]),
    ("ogg-vorbis", "ogg", &["-c:a", "libvorbis", "-ar", "16000"]),
    ("ogg-opus", "opus", &["-c:a", "libopus", "-b:a", "16k"]),
    ("ogg-opus-stereo", "opus", &["-c:a", "libopus", "-b:a", "32k", "-ac", "2"]),
    ("webm-opus", "webm", &["-c:a", "libopus"]),
    ("webm-live", "webm", &["-c:a", "libopus", "-f", "webm", "-live", "1"]),
    ("mkv-aac", "mkv", &["-c:a", "aac", "-ar", "16000"]),
    ("mkv-flac", "mkv", &["-c:a", "flac"]),
    ("mkv-pcm", "mkv", &["-c:a", "pcm_s16le"]),
    ("mkv-mp3", "mkv", &["-c:a", "libmp3lame", "-ar", "16000"]),
    ("3gp-aac", "3gp", &["-c:a", "aac", "-ar", "16000"]),
    ("3gp-amr", "3gp", &["-c:a", "libopencore_amrnb"]),
    ("amr", "amr", &["-c:a", "libopencore_amrnb"]),
    ("wma", "wma", &["-c:a", "wmav2", "-ar", "16000"]),
];

/// The same three seconds of a reading in every format.
pub(crate) fn all(ffmpeg: &Ffmpeg) -> Vec<Source> {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("speech.wav");
    let call = Wav::read(&fixture("calls/reading.wav"));
    Wav::mono(call.rate_hz, call.samples.into_iter().take(3 * call.rate_hz as usize).collect()).write(&wav);
    let encoders = String::from_utf8_lossy(&ffmpeg.output(&["-encoders"])).into_owned();
    let exists = |arguments: &[&str]| encoders.split_whitespace().any(|word| word == arguments[1]);
    let formats = FORMATS.into_iter().filter(|(_, _, arguments)| exists(arguments));
    formats.map(|format| encoded(ffmpeg, &wav, folder.path(), format)).collect()
}

fn encoded(ffmpeg: &Ffmpeg, wav: &Path, folder: &Path, format: (&'static str, &'static str, &[&str])) -> Source {
    let (format, extension, arguments) = format;
    let path = folder.join(format!("{format}.{extension}"));
    ffmpeg.write(&[&["-i", wav.to_str().unwrap()], arguments, &[path.to_str().unwrap()]].concat());
    Source { format, extension, bytes: std::fs::read(path).unwrap(), whole: None }
}
