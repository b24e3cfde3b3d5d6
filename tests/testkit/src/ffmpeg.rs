//! ffmpeg, as the reference for decoding and levels, and to make files in many formats.

use std::path::Path;
use std::process::{Command, Output};

use crate::{f32_samples, skipped};

/// File extension and encoder arguments of the common formats.
pub const FORMATS: [(&str, &[&str]); 5] = [
    ("wav", &["-c:a", "pcm_s16le"]),
    ("flac", &["-c:a", "flac"]),
    ("mp3", &["-c:a", "libmp3lame"]),
    ("m4a", &["-c:a", "aac"]),
    ("ogg", &["-c:a", "libvorbis"]),
];

/// Sample rates that recordings have.
pub const RATES_HZ: [&str; 6] = ["8000", "11025", "16000", "22050", "44100", "48000"];

/// An installed ffmpeg.
#[derive(Debug)]
pub struct Ffmpeg(());

impl Ffmpeg {
    /// Finds ffmpeg. Reports the test as skipped and returns `None` if it is not installed.
    #[must_use]
    pub fn find() -> Option<Self> {
        if Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success()) {
            return Some(Self(()));
        }
        skipped("ffmpeg is not installed", "apt-get install ffmpeg");
        None
    }

    /// Runs ffmpeg and returns its standard output.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn output(&self, arguments: &[&str]) -> Vec<u8> {
        self.run(&["-v", "error"], arguments).stdout
    }

    /// Runs ffmpeg and returns its messages, among them what its measuring filters print.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn messages(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.run(&["-hide_banner"], arguments).stderr).into_owned()
    }

    /// Runs ffmpeg to write files.
    ///
    /// # Panics
    /// If it fails.
    pub fn write(&self, arguments: &[&str]) {
        self.run(&["-v", "error"], arguments);
    }

    /// Encodes a source of the `lavfi` device with these encoder arguments, in the format that the path implies.
    ///
    /// # Panics
    /// If ffmpeg fails.
    pub fn encode(&self, source: &str, arguments: &[&str], path: &Path) {
        self.write(&[&["-f", "lavfi", "-i", source], arguments, &[path.to_str().unwrap()]].concat());
    }

    /// Decodes the first audio stream of a file, interleaved. `codec` is its codec's name, `arguments` precede the
    /// output.
    ///
    /// # Panics
    /// If ffmpeg fails.
    #[must_use]
    pub fn decode(&self, path: &Path, codec: &str, arguments: &[&str]) -> Vec<f32> {
        let input = ["-i", path.to_str().unwrap(), "-map", "0:a:0"];
        f32_samples(&self.output(&[Self::decoder(codec), &input, arguments, &["-f", "f32le", "-"]].concat()))
    }

    /// Input arguments that select the decoder of a codec. For Opus it is libopus: ffmpeg's own decoder resamples SILK
    /// frames differently, with an offset of half a sample.
    #[must_use]
    pub fn decoder(codec: &str) -> &'static [&'static str] {
        if codec == "opus" { &["-c:a", "libopus"] } else { &[] }
    }

    fn run(&self, verbosity: &[&str], arguments: &[&str]) -> Output {
        let output = Command::new("ffmpeg").args(["-nostdin", "-y"]).args(verbosity).args(arguments).output().unwrap();
        assert!(output.status.success(), "ffmpeg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}
