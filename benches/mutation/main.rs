//! Mutated files of every format through `earwitness run`: no panic, no hang, bounded memory and disk, and no sound lost
//! without a warning.
//!
//! `cargo bench -p earwitness --bench mutation -- [--seconds 1800] [--seed N] [--batch 200] [--report FILE] [--keep DIR]`
//!
//! The sources are a few seconds of speech in every container and codec that an installed ffmpeg writes. The seed
//! determines all mutations. `--report` writes the result as Markdown, `--keep` copies the mutants that failed a check.
//! The exit code is 1 if there is one.
#![expect(clippy::unwrap_used, reason = "a test or bench may panic")]

mod session;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use session::{Options, Session};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str, default: u64| value(name).map_or(default, |text| text.parse().unwrap());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let options = Options {
        program: env!("CARGO_BIN_EXE_earwitness").into(),
        seed: number("--seed", clock & 0xffff_ffff) as u32,
        batch: number("--batch", 200) as usize,
        keep: value("--keep").map(PathBuf::from),
    };
    let Some(mut session) = Session::new(options) else { return ExitCode::SUCCESS };
    session.run_for(Duration::from_secs(number("--seconds", 60)));
    let report = session.report();
    println!("{report}");
    if let Some(path) = value("--report") {
        std::fs::write(path, &report).unwrap();
    }
    if session.findings().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
