//! Writes the encoder's states of the embedded model for training: `encoder_states FOLDER OUT` reads every WAV file (16 kHz,
//! mono, at most 30 s) of a folder in the order of the names, and writes its states to `OUT/NAME.f16`, as f16 values of
//! `[positions, width]`, little-endian.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use models::whisper::{WhisperFiles, WhisperRecognizer};
use models::{Compute, ModelSource, Precision, TranscribeConfig, TypedRecognizer, WindowAudio};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: encoder_states FOLDER OUT".into());
    };
    let compute = Compute { precision: Precision::Int8, ..Compute::default() };
    let recognizer =
        WhisperFiles::resolve(&ModelSource::Embedded)?.typed_recognizer(TranscribeConfig::default(), compute)?;
    recognizer.load()?;
    fs::create_dir_all(&out)?;
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    paths.sort();
    for path in paths {
        let target = out.join(path.file_stem().unwrap_or_default()).with_extension("f16");
        if !target.exists() {
            fs::write(target, states(&recognizer, &path)?)?;
        }
    }
    Ok(())
}

fn states(recognizer: &WhisperRecognizer, path: &PathBuf) -> Result<Vec<u8>, Box<dyn Error>> {
    let samples = hound::WavReader::open(path)?
        .into_samples::<i16>()
        .map(|sample| sample.map(|sample| f32::from(sample) / 32_768.0))
        .collect::<Result<Vec<f32>, _>>()?;
    let states = recognizer.encoder_states(&WindowAudio::of_samples(samples))?.flatten_all()?.to_vec1::<f32>()?;
    Ok(states.into_iter().flat_map(|value| half::f16::from_f32(value).to_le_bytes()).collect())
}
