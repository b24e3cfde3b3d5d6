//! Tests of the coordinator, worker processes and store together. This executable is also the worker (`--worker`) and a
//! coordinator that can be killed (`--coordinator`), so it has its own `main`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod faults;
mod fixture;
mod follow_ups;
mod normal;
mod pipeline;
mod stages;
mod stops;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("--worker") => pipeline::worker_main(&args[1..]),
        Some("--coordinator") => stops::coordinator_main(&args[1]),
        _ => {
            let tests = [
                normal::tests(),
                follow_ups::tests(),
                stages::tests(),
                faults::tests(),
                stops::tests(),
                cluster::tests(),
            ]
            .concat();
            let trial = |(name, test): (&'static str, fn())| {
                Trial::test(name, move || {
                    test();
                    Ok(())
                })
            };
            libtest_mimic::run(&Arguments::from_args(), tests.into_iter().map(trial).collect()).exit();
        }
    }
}
