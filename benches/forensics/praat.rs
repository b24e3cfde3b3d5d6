//! CPU time of the same features in Praat.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes the seconds of each feature as `name<TAB>seconds`, and the F0 of each frame to the second file.
const SCRIPT: &str = r#"
import sys, time, numpy, parselmouth
from parselmouth.praat import call
sound = parselmouth.Sound(numpy.fromfile(sys.argv[1], '<f4').astype(float), 16000)
def timed(name, work):
    begin = time.process_time()
    done = work()
    print(name, time.process_time() - begin, sep='\t')
    return done
pitch = timed('F0', lambda: sound.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=500))
pitch.selected_array['frequency'].astype('<f8').tofile(sys.argv[2])
def periods():
    pulses = call([sound, pitch], 'To PointProcess (cc)')
    for kind in ('local', 'rap', 'ppq5', 'ddp'):
        call(pulses, f'Get jitter ({kind})', 0, 0, 0.0001, 0.02, 1.3)
    for kind in ('local', 'apq3', 'apq5', 'apq11'):
        call([sound, pulses], f'Get shimmer ({kind})', 0, 0, 0.0001, 0.02, 1.3, 1.6)
timed('pulses, jitter, shimmer', periods)
timed('harmonics-to-noise ratio', lambda: sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=75))
timed('intensity', lambda: sound.to_intensity(minimum_pitch=75, time_step=0.01))
timed('formants', lambda: sound.to_formant_burg(time_step=0.01, maximum_formant=5500))
timed('long-term spectrum', lambda: call(sound, 'To Ltas', 100))
timed('cepstral peak prominence', lambda: call(call(sound, 'To PowerCepstrogram', 75, 0.01, 5000, 50), 'Get CPPS', False,
      0.02, 0.0005, 75, 500, 0.05, 'Parabolic', 0.001, 0.05, 'Straight', 'Least squares'))
"#;

/// What Praat measured.
pub(crate) struct Praat {
    /// CPU seconds by the name of the feature.
    pub(crate) seconds: BTreeMap<String, f64>,
    /// F0 of the frames, 10 ms apart.
    pub(crate) f0_hz: Vec<Option<f64>>,
}

/// Runs Praat over samples at 16 kHz; `None` without a Python that has parselmouth.
pub(crate) fn measure(root: &Path, samples: Vec<f32>) -> Option<Praat> {
    let folder = tempfile::tempdir().ok()?;
    let [sound, contour] = ["samples.f32", "f0.f64"].map(|name| folder.path().join(name));
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&sound, bytes).ok()?;
    let named = std::env::var_os("EARWITNESS_ORACLE_PYTHON");
    let python = named.map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let output = Command::new(python).args(["-c", SCRIPT]).arg(&sound).arg(&contour).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let line = |line: &str| line.split_once('\t').and_then(|(name, s)| Some((name.to_owned(), s.parse().ok()?)));
    let bytes = std::fs::read(contour).ok()?;
    let f0_hz = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
    let f0_hz = f0_hz.map(|f0_hz| (f0_hz > 0.0).then_some(f0_hz)).collect();
    Some(Praat { seconds: text.lines().filter_map(line).collect(), f0_hz })
}
