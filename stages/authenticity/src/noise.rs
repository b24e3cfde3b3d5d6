//! The background noise of a channel, followed through speech.
//!
//! Speech leaves some bands of most frames free, so that the quieter bands of a frame, relative to the floor of the recording,
//! have the level of the noise. The floor is a low percentile, as in the minimum statistics of R. Martin, "Noise power spectral
//! density estimation based on optimal smoothing and minimum statistics", IEEE TSAP 9(5), 2001.

use crate::bands::{Bands, Level};

/// Frames at the start and the end that are left out, because codecs fill them.
pub(crate) const EDGE: usize = 10;
/// The floor of a band is this percentile of its levels.
const FLOOR: usize = 15;
/// Of the bands of a frame, relative to their floors, this percentile follows the noise.
const QUIETER: usize = 25;
/// Bands whose floor is this far below the highest, or below this level, do not count: they hold the noise of the codec.
const RANGE_DB: f32 = 45.0;
const LOWEST_DB: f32 = -97.0;
const BANDS_MIN: usize = 5;

/// The noise of a channel.
pub(crate) struct Noise<'a> {
    /// Levels of the bands that count, by frame.
    pub(crate) bands: Vec<&'a [Level]>,
    /// Level of the quieter bands relative to their floors, by frame.
    pub(crate) quieter: Vec<f32>,
}

impl<'a> Noise<'a> {
    pub(crate) fn of(bands: &'a Bands) -> Self {
        let frames = bands.frames();
        if frames <= 2 * EDGE {
            return Self { bands: Vec::new(), quieter: Vec::new() };
        }
        let inner = EDGE..frames - EDGE;
        let floors: Vec<f32> = (0..bands.count()).map(|band| floor_db(&bands.levels(band)[inner.clone()])).collect();
        let highest = floors.iter().fold(f32::MIN, |highest, floor| highest.max(*floor));
        let counts = |floor: f32| floor > LOWEST_DB && floor > highest - RANGE_DB;
        let all = floors.iter().filter(|floor| counts(**floor)).count() < BANDS_MIN;
        let used: Vec<usize> = (0..bands.count()).filter(|band| all || counts(floors[*band])).collect();
        let quieter = |frame: usize| {
            let above: Vec<f32> = used.iter().map(|band| bands.levels(*band)[frame].db() - floors[*band]).collect();
            percentiles(&above, [QUIETER])[0]
        };
        Self {
            quieter: (0..frames).map(quieter).collect(),
            bands: used.iter().map(|band| bands.levels(*band)).collect(),
        }
    }
}

/// The floor of a band.
pub(crate) fn floor_db(levels: &[Level]) -> f32 {
    let mut levels = levels.to_vec();
    let at = levels.len() * FLOOR / 100;
    levels.select_nth_unstable(at).1.db()
}

/// Percentiles, in rising order, of at least one value.
pub(crate) fn percentiles<const COUNT: usize>(values: &[f32], percentiles: [usize; COUNT]) -> [f32; COUNT] {
    let mut values = values.to_vec();
    let count = values.len();
    let mut from = 0;
    percentiles.map(|percentile| {
        let at = count * percentile / 100;
        let value = *values[from..].select_nth_unstable_by(at - from, f32::total_cmp).1;
        from = at;
        value
    })
}
