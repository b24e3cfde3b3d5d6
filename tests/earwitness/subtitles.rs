//! The subtitles of the fixture calls: lines, widths, times and reading speed.

use std::fs;
use std::path::Path;

use testkit::fixture;

use crate::support::{call_names, calls, run};

/// The shortest time of a cue, where the next cue allows it.
const SHORTEST_S: f64 = 0.7;

/// A cue of a SubRip file.
struct Cue {
    start_s: f64,
    end_s: f64,
    lines: Vec<String>,
}

impl Cue {
    fn shown_s(&self) -> f64 {
        self.end_s - self.start_s
    }

    /// Characters per second, without the label of the speaker and the mark of low confidence.
    fn speed(&self) -> f64 {
        let text = self.lines.join(" ");
        let said = text.rsplit_once("] ").map_or(text.as_str(), |(_, said)| said);
        said.chars().count() as f64 / self.shown_s()
    }
}

fn seconds(clock: &str) -> f64 {
    let clock = clock.replace(',', ".");
    clock.split(':').fold(0.0, |total, part| total * 60.0 + part.parse::<f64>().unwrap())
}

fn cues(path: &Path) -> Vec<Cue> {
    let text = fs::read_to_string(path).unwrap();
    let cue = |block: &str| {
        let mut lines = block.lines().skip(1).map(str::to_owned);
        let (start, end) = lines.next().unwrap().split_once(" --> ").map(|(a, b)| (seconds(a), seconds(b))).unwrap();
        Cue { start_s: start, end_s: end, lines: lines.collect() }
    };
    text.split("\n\n").filter(|block| !block.is_empty()).map(cue).collect()
}

/// Width of a line, in Latin characters: 20 Hangul syllables are as wide as 42.
fn width(line: &str) -> f64 {
    line.chars().map(|c| if ('가'..='힣').contains(&c) { 2.1 } else { 1.0 }).sum()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[test]
fn subtitles_of_the_fixture_calls_are_readable() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture("models/whisper-base");
    run(&[&calls()], folder.path(), &["--model", model.to_str().unwrap(), "--format", "srt"]).with_code(0);
    println!("recording, cues, of two lines, median s, characters per second: median, highest");
    let mut all = 0;
    for name in call_names() {
        let cues = cues(&folder.path().join(format!("{name}.srt")));
        for cue in &cues {
            assert!((1..=2).contains(&cue.lines.len()), "{name}: {:?}", cue.lines);
            assert!(cue.lines.iter().all(|line| width(line) <= 42.0), "{name}: {:?}", cue.lines);
            // A cue is shorter only where the next one of the same speaker follows.
            let is_followed = cues.iter().any(|next| (next.start_s - cue.end_s).abs() < 1e-6);
            assert!(cue.shown_s() >= SHORTEST_S - 1e-6 || is_followed, "{name}: {:?}", cue.lines);
        }
        let mut shown: Vec<f64> = cues.iter().map(Cue::shown_s).collect();
        let mut speeds: Vec<f64> = cues.iter().map(Cue::speed).collect();
        let two_lines = cues.iter().filter(|cue| cue.lines.len() == 2).count();
        let (shown_s, speed) = (median(&mut shown), median(&mut speeds));
        let highest = speeds.last().copied().unwrap_or(0.0);
        println!("{name}, {}, {two_lines}, {shown_s:.1}, {speed:.0}, {highest:.0}", cues.len());
        all += cues.len();
    }
    assert!(all >= 20, "{all} cues");
}
